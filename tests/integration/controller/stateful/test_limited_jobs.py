"""Jobs of snapshots and restores where the namespace limits what pods may ask for. The Job's
controller, the quota's and the admission plugins are real."""

from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

Create = Callable[..., Any]
SMALL = {"size": "10Mi", "storageClassName": "fixed"}
HWS = "helloworldsnapshots"


@pytest.fixture
def source(hello: Create, world: Any) -> Any:
    """A HelloWorld with a volume, running."""
    one = hello(persistence=SMALL)
    world.rolled_out()
    return one


def limit(api: Api, namespace: str, **item: Any) -> None:
    """A LimitRange; admission plugins learn of it within seconds."""
    api.create(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "limits", "namespace": namespace},
            "spec": {"limits": [{"type": "Container", **item}]},
        }
    )


def quota(api: Api, namespace: str, **hard: str) -> None:
    """A quota that is counted: before, the API server refuses everything that it names."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/tight"
    wanted = {name.replace("_", "."): amount for name, amount in hard.items()}
    metadata = {"name": "tight", "namespace": namespace}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata}

    def counted() -> bool:
        status = api.get(path).get("status", {})
        if status.get("hard") != wanted:
            return False
        if wanted.keys() <= status.get("used", {}).keys():
            return True
        # The quota controller meets a new kind within 30 s, and does not look at old quotas then.
        api.delete(path)
        api.create({**body, "spec": {"hard": wanted}})
        return False

    if api.exists(path):
        api.patch(path, {"spec": {"hard": wanted}})
    else:
        api.create({**body, "spec": {"hard": wanted}})
    eventually(counted)


def container(world: Any, name: str) -> Any:
    (found,) = world.get("jobs", name)["spec"]["template"]["spec"]["containers"]
    return found["resources"]


@pytest.mark.parametrize(
    "item",
    [
        {"max": {"memory": "64Mi"}},
        {"min": {"memory": "256Mi"}},
        {"maxLimitRequestRatio": {"memory": "1", "cpu": "1"}},
    ],
    ids=["max", "min", "ratio"],
)
def test_a_snapshot_keeps_the_limits_that_its_namespace_got_after_the_pods(
    source: Any, world: Any, api: Api, namespace: str, item: Any
) -> None:
    limit(api, namespace, **item)

    world.snapshot("copy")

    world.reason(HWS, "copy", "Ready", "Completed")


def test_a_snapshot_is_taken_where_a_quota_wants_limits(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    quota(api, namespace, limits_cpu="4", limits_memory="4Gi")

    world.snapshot("copy")

    world.reason(HWS, "copy", "Ready", "Completed")
    assert "cpu" in container(world, "copy-snapshot")["limits"]


def test_a_snapshot_asks_for_what_the_pods_ask_for(
    hello: Create, world: Any, api: Api, namespace: str
) -> None:
    limit(api, namespace, max={"memory": "64Mi", "cpu": "100m"})
    limits = {"cpu": "50m", "memory": "48Mi"}
    hello(persistence=SMALL, resources={"limits": limits})
    world.rolled_out()

    world.snapshot("copy")

    world.reason(HWS, "copy", "Ready", "Completed")
    assert container(world, "copy-snapshot")["limits"] == {"cpu": "50m", "memory": str(48 * 2**20)}


def test_why_a_snapshots_job_has_no_pod_is_told_and_it_is_taken_when_there_is_room(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    quota(api, namespace, pods="1")
    world.snapshot("copy")

    told = world.reason(HWS, "copy", "Ready", "QuotaExceeded")
    assert "exceeded quota: tight, requested: pods=1" in told["message"]
    assert "copy-snapshot-" not in told["message"]  # no pod's name
    quota(api, namespace, pods="2")

    world.reason(HWS, "copy", "Ready", "Completed")


def test_a_snapshot_follows_limits_that_were_too_narrow_for_it(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    # Nothing fits: at least more than at most.
    limit(api, namespace, min={"memory": "1Gi"})
    other = {"type": "Container", "max": {"memory": "64Mi"}}
    path = api.path_of(
        api.create(
            {
                "apiVersion": "v1",
                "kind": "LimitRange",
                "metadata": {"name": "other", "namespace": namespace},
                "spec": {"limits": [other]},
            }
        )
    )
    world.snapshot("copy")
    told = world.reason(HWS, "copy", "Ready", "PodsRefused")
    assert "memory usage per Container" in told["message"]

    api.delete(path)

    world.reason(HWS, "copy", "Ready", "Completed")


def test_an_upgrade_that_waits_for_a_snapshot_without_a_pod_says_why(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    before = world.image()
    quota(api, namespace, pods="1")
    api.patch(source.path, {"spec": {"image": "example.com/hello:2"}})

    told = world.reason("helloworlds", "x", "Degraded", "QuotaExceeded")
    assert "a snapshot is taken" in told["message"]
    assert "exceeded quota: tight" in told["message"]
    assert world.image() == before
    quota(api, namespace, pods="3")

    world.rolled_out(image="example.com/hello:2")


def test_an_upgrade_whose_snapshot_a_quota_refuses_says_so(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    counted = {"count/helloworldsnapshots.test.jiaozi.com": "0"}
    quota(api, namespace, **counted)
    api.patch(source.path, {"spec": {"image": "example.com/hello:2"}})

    told = world.reason("helloworlds", "x", "Degraded", "QuotaExceeded")
    assert "HelloWorldSnapshot" in told["message"]
    # Nothing else waits for it.
    api.patch(source.path, {"spec": {"service": {"port": 8080}}})
    eventually(lambda: world.get("services", "x")["spec"]["ports"][0]["port"] == 8080)
    quota(api, namespace, **dict.fromkeys(counted, "5"))

    world.rolled_out(image="example.com/hello:2")


def test_why_a_restore_has_no_pod_is_told_and_it_goes_on_when_there_is_room(
    source: Any, hello: Create, world: Any, api: Api, namespace: str
) -> None:
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Completed")
    # The pod of the snapshot's Job has ended, and is not counted.
    quota(api, namespace, pods="1")
    hello("y", persistence=SMALL, restoreFrom={"snapshotName": "copy"})

    told = world.reason("helloworlds", "y", "Degraded", "QuotaExceeded")
    assert "restores the volume has no pod" in told["message"]
    quota(api, namespace, pods="5")

    world.rolled_out("y")


def test_a_restore_keeps_the_limits_of_its_namespace(
    source: Any, hello: Create, world: Any, api: Api, namespace: str
) -> None:
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Completed")
    limit(api, namespace, max={"memory": "64Mi", "cpu": "100m"})
    quota(api, namespace, limits_cpu="4", limits_memory="4Gi")
    limits = {"cpu": "50m", "memory": "48Mi"}

    hello(
        "y",
        persistence=SMALL,
        resources={"limits": limits},
        restoreFrom={"snapshotName": "copy"},
    )

    world.rolled_out("y")


def test_jobs_that_a_quota_refuses_are_told_and_made_when_there_is_room(
    source: Any, hello: Create, world: Any, api: Api, namespace: str
) -> None:
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Completed")
    counted = {"count/jobs.batch": "0"}
    quota(api, namespace, **counted)
    world.snapshot("late")
    hello("y", persistence=SMALL, restoreFrom={"snapshotName": "copy"})

    assert "count/jobs.batch" in world.reason(HWS, "late", "Ready", "QuotaExceeded")["message"]
    told = world.reason("helloworlds", "y", "Degraded", "QuotaExceeded")
    assert "count/jobs.batch" in told["message"]
    quota(api, namespace, **dict.fromkeys(counted, "9"))

    world.reason(HWS, "late", "Ready", "Completed")
    world.rolled_out("y")
