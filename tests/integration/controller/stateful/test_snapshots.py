"""The running operator and HelloWorldSnapshots: taken, waited for, failed, deleted midway."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

Create = Callable[..., Any]
# Seconds: the garbage collector looks for new kinds every 30 s, and ours are new.
COLLECTED = 90.0
SMALL = {"size": "10Mi", "storageClassName": "fixed"}
HWS = "helloworldsnapshots"
CLAIMS = "persistentvolumeclaims"


@pytest.fixture
def source(hello: Create, world: Any) -> Any:
    """A HelloWorld with a volume, running."""
    one = hello(persistence=SMALL)
    world.rolled_out()
    return one


def test_a_snapshot_says_what_it_holds_and_survives_its_helloworld(
    source: Any, world: Any, api: Api
) -> None:
    world.snapshot("copy")

    world.reason(HWS, "copy", "Ready", "Completed")
    status = world.get(HWS, "copy")["status"]
    assert status["entries"] == 7
    assert status["sizeBytes"] == 16384
    assert status["sha256"] == "5" * 64
    assert status["completedAt"] >= world.get(HWS, "copy")["metadata"]["creationTimestamp"]
    assert status["claimName"] == "copy-snapshot"
    assert world.condition(HWS, "copy", "Failed")["status"] == "False"
    claim = world.get("persistentvolumeclaims", "copy-snapshot")
    assert claim["spec"]["resources"]["requests"]["storage"] == "10Mi"
    assert claim["spec"]["storageClassName"] == "fixed"
    api.delete(source.path)
    eventually(lambda: not api.exists(world.path(CLAIMS, "x-data")), timeout=COLLECTED)
    assert api.exists(world.path("persistentvolumeclaims", "copy-snapshot"))
    assert world.condition(HWS, "copy", "Ready")["status"] == "True"


def test_the_status_names_the_newest_snapshot(source: Any, world: Any, api: Api) -> None:
    def last() -> Any:
        return world.get("helloworlds", "x")["status"]["lastSnapshot"]["name"]

    world.snapshot("b-first")
    eventually(lambda: last() == "b-first")
    time.sleep(1.1)  # times are told in whole seconds
    world.snapshot("a-second")
    eventually(lambda: last() == "a-second")
    api.delete(world.path(HWS, "a-second"))
    eventually(lambda: last() == "b-first")


def test_the_job_is_admitted_where_the_restricted_profile_is_enforced_and_reads_the_service(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})
    world.snapshot("copy")

    world.reason(HWS, "copy", "Ready", "Completed")
    pod = world.get("jobs", "copy-snapshot")["spec"]["template"]
    container = pod["spec"]["containers"][0]
    assert f"--from=http://x.{namespace}.svc:80" in container["args"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["spec"]["automountServiceAccountToken"] is False
    # No Service sends requests to it.
    service = world.get("services", "x")["spec"]["selector"]
    assert not service.items() <= pod["metadata"]["labels"].items()


def test_a_snapshot_waits_for_a_helloworld_that_is_not_there_has_no_volume_or_no_pod(
    hello: Create, world: Any, api: Api
) -> None:
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "SourceMissing")

    one = hello(replicas=0)
    world.reason(HWS, "copy", "Ready", "SourceNotPersistent")
    api.patch(one.path, {"spec": {"persistence": SMALL}})
    world.reason(HWS, "copy", "Ready", "SourceNotAvailable")
    assert not world.names("jobs")
    api.patch(one.path, {"spec": {"replicas": 1}})

    world.reason(HWS, "copy", "Ready", "Completed")


def test_a_failed_snapshot_says_why_and_stays_failed(
    source: Any, world: Any, node: Any, api: Api
) -> None:
    node.jobs = "fail"
    world.snapshot("copy")

    told = world.reason(HWS, "copy", "Failed", "CopyFailed")
    assert "the disk: is broken" in told["message"]
    assert world.condition(HWS, "copy", "Ready")["status"] == "False"
    node.jobs = "succeed"
    api.delete(world.path("jobs", "copy-snapshot"), {"propagationPolicy": "Background"})
    eventually(lambda: not world.names("jobs"))
    # The next one succeeds: what the operator does after it had looked at the first again.
    world.snapshot("second")
    world.reason(HWS, "second", "Ready", "Completed")
    assert world.condition(HWS, "copy", "Failed")["status"] == "True"


def test_a_snapshot_deleted_in_the_middle_leaves_nothing(
    source: Any, world: Any, node: Any, api: Api
) -> None:
    node.jobs = "hang"
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Copying")
    eventually(lambda: world.names("pods", "app.kubernetes.io/component=snapshot"))

    api.delete(world.path(HWS, "copy"))

    def nothing() -> bool:
        pods = world.names("pods", "app.kubernetes.io/component=snapshot")
        return not (pods or world.names("jobs") or "copy-snapshot" in world.names(CLAIMS))

    eventually(nothing, timeout=COLLECTED)


def test_a_job_that_lost_its_pod_and_its_words_is_asked_again(
    source: Any, world: Any, node: Any, api: Api, operator: Any
) -> None:
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Completed")
    first = world.get("jobs", "copy-snapshot")["metadata"]["uid"]
    for name in world.names("pods", "app.kubernetes.io/component=snapshot"):
        api.delete(world.path("pods", name))
    # As if the operator had been away when the Job ended.
    api.patch(world.path(HWS, "copy") + "/status", {"status": {"conditions": []}})

    world.reason(HWS, "copy", "Ready", "Completed")
    assert world.get("jobs", "copy-snapshot")["metadata"]["uid"] != first


def test_the_loss_of_its_claim_makes_a_snapshot_fail(source: Any, world: Any, api: Api) -> None:
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Completed")

    api.delete(world.path(CLAIMS, "copy-snapshot"))

    told = world.reason(HWS, "copy", "Failed", "ClaimLost")
    assert "copy-snapshot is gone" in told["message"]
    assert world.condition(HWS, "copy", "Ready")["status"] == "False"


@pytest.mark.parametrize("kind", ["PersistentVolumeClaim", "Job"])
def test_an_object_of_somebody_else_with_the_childs_name_is_left_alone(
    source: Any, world: Any, api: Api, namespace: str, kind: str
) -> None:
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "theirs", "image": "example.com/theirs:1"}],
    }
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fixed",
        "resources": {"requests": {"storage": "1Mi"}},
    }
    theirs = {
        "apiVersion": "batch/v1" if kind == "Job" else "v1",
        "kind": kind,
        "metadata": {"name": "copy-snapshot", "namespace": namespace},
        "spec": {"template": {"spec": pod}, "suspend": True} if kind == "Job" else claim,
    }
    api.create(theirs)
    path = world.path("jobs" if kind == "Job" else CLAIMS, "copy-snapshot")
    world.snapshot("copy")

    told = world.reason(HWS, "copy", "Ready", "NameCollision")
    assert f"{kind} {namespace}/copy-snapshot" in told["message"]
    found = api.get(path)
    assert "ownerReferences" not in found["metadata"]
    api.delete(path, {"propagationPolicy": "Background"})
    world.reason(HWS, "copy", "Ready", "Completed")


def test_a_quota_is_told_and_the_snapshot_is_taken_when_there_is_room(
    source: Any, world: Any, api: Api, namespace: str
) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": namespace},
        "spec": {"hard": {"persistentvolumeclaims": "1"}},
    }
    api.create(quota)
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/few"
    eventually(lambda: api.get(path)["status"]["used"])
    world.snapshot("copy")

    told = world.reason(HWS, "copy", "Ready", "QuotaExceeded")
    assert "exceeded quota: few" in told["message"]
    api.delete(path)
    world.reason(HWS, "copy", "Ready", "Completed")


def test_long_names_work(hello: Create, world: Any) -> None:
    long = "-".join(["long"] * 50)
    hello(long, persistence=SMALL)

    def available() -> bool:
        return bool(world.condition("helloworlds", long, "Available").get("status") == "True")

    eventually(available)
    world.snapshot(f"{long}.x", long)
    world.reason(HWS, f"{long}.x", "Ready", "Completed")
