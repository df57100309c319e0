"""The running operator and another image: snapshot first, then the pods, and back if they fail."""

from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

Create = Callable[..., Any]
# Seconds: the garbage collector looks for new kinds every 30 s, and ours are new.
COLLECTED = 90.0
SMALL = {"size": "10Mi", "storageClassName": "fixed"}
HWS = "helloworldsnapshots"
DEFAULT = "localhost:5001/helloworld-operator:test"
NEXT = "localhost:5001/helloworld-operator:next"
BAD = "example.com/broken:1"
UPGRADES = "test.jiaozi.com/made-by=upgrade"


@pytest.fixture
def running(hello: Create, world: Any, start: Any) -> Any:
    """A HelloWorld with a volume, rolled out by an operator of this test's own."""
    world.start = start
    world.operator = start()
    one = hello(persistence=SMALL)
    world.rolled_out(image=DEFAULT)
    return one


def wish(api: Api, one: Any, image: str | None) -> None:
    api.patch(one.path, {"spec": {"image": image}})


def test_a_snapshot_is_ready_before_the_first_pod_of_another_image(
    running: Any, world: Any, api: Api, node: Any
) -> None:
    node.jobs = "hang"

    wish(api, running, NEXT)

    told = world.reason("helloworlds", "x", "Progressing", "WaitingForSnapshot")
    (name,) = eventually(lambda: world.names(HWS, UPGRADES))
    assert f"HelloWorldSnapshot {name} is not ready" in told["message"]
    assert world.image() == DEFAULT
    node.jobs = "succeed"
    world.rolled_out(image=NEXT)
    assert world.names(HWS, UPGRADES) == [name]
    assert world.condition(HWS, name, "Ready")["status"] == "True"


def test_a_failed_snapshot_stops_the_upgrade_until_somebody_decides(
    running: Any, world: Any, api: Api, node: Any
) -> None:
    node.jobs = "fail"

    wish(api, running, NEXT)

    told = world.reason("helloworlds", "x", "Degraded", "SnapshotFailed")
    assert "the disk: is broken" in told["message"]
    assert world.image() == DEFAULT
    assert world.condition("helloworlds", "x", "Available")["status"] == "True"
    # Either of the two ways on that the message names.
    note = {"test.jiaozi.com/upgrade-without-snapshot": NEXT}
    api.patch(running.path, {"metadata": {"annotations": note}})
    world.rolled_out(image=NEXT)


def test_a_deleted_failed_snapshot_is_taken_again(
    running: Any, world: Any, api: Api, node: Any
) -> None:
    node.jobs = "fail"
    wish(api, running, NEXT)
    world.reason("helloworlds", "x", "Degraded", "SnapshotFailed")
    node.jobs = "succeed"

    (name,) = world.names(HWS, UPGRADES)
    api.delete(world.path(HWS, name))

    world.rolled_out(image=NEXT)


def _time_out(world: Any, api: Api) -> None:
    """Let the Deployment's deadline pass while no operator is there to set it right."""
    path = world.path("deployments", "x")

    def reasons() -> set[str]:
        found = api.get(path)
        assert found["status"]["observedGeneration"] == found["metadata"]["generation"], found
        return {each["reason"] for each in found["status"]["conditions"]}

    # Not before its controller has noted the rollout: if our write makes that note fail with a
    # conflict, it takes the rollout for a complete one and counts no time (docs/reliability.md).
    eventually(lambda: "NewReplicaSetAvailable" not in reasons())
    api.patch(path, {"spec": {"progressDeadlineSeconds": 1}})
    eventually(lambda: "ProgressDeadlineExceeded" in reasons())


def test_an_image_that_does_not_become_ready_is_taken_back_also_by_the_next_operator(
    running: Any, world: Any, api: Api, node: Any, start: Any
) -> None:
    node.bad.add(BAD)
    wish(api, running, BAD)
    eventually(lambda: world.image() == BAD)
    world.operator.kill()
    _time_out(world, api)

    second = start()

    told = world.reason("helloworlds", "x", "Degraded", "RolledBack")
    assert BAD in told["message"]
    eventually(lambda: world.image() == DEFAULT)
    status = eventually(lambda: world.get("helloworlds", "x")["status"])
    assert (status["image"], status["rejectedImage"]) == (DEFAULT, BAD)
    eventually(lambda: world.condition("helloworlds", "x", "Available")["status"] == "True")
    # A change of something else goes through, and the image is not tried again.
    api.patch(running.path, {"spec": {"greeting": {"message": "on the old image"}}})

    def message() -> bool:
        pod = world.get("deployments", "x")["spec"]["template"]["spec"]
        return bool(pod["containers"][0]["env"][0]["value"] == "on the old image")

    eventually(message)
    assert world.image() == DEFAULT
    assert second.process.poll() is None
    # Another wish ends it.
    wish(api, running, NEXT)
    now = world.rolled_out(image=NEXT)
    assert "rejectedImage" not in now["status"]
    assert world.condition("helloworlds", "x", "Degraded")["status"] == "False"


def test_without_a_volume_an_image_is_taken_back_as_well(
    hello: Create, world: Any, api: Api, node: Any, start: Any
) -> None:
    first = start()
    one = hello(replicas=2)
    world.rolled_out(image=DEFAULT)
    node.bad.add(BAD)
    wish(api, one, BAD)
    eventually(lambda: world.image() == BAD)
    first.kill()
    _time_out(world, api)

    start()

    world.reason("helloworlds", "x", "Degraded", "RolledBack")
    assert world.names(HWS) == []
    eventually(lambda: world.image() == DEFAULT)


@pytest.mark.parametrize("more", [{}, {"persistence": SMALL}], ids=["without", "with a volume"])
def test_an_image_that_only_a_forged_status_names_never_runs(
    hello: Create, world: Any, api: Api, start: Any, more: dict[str, Any]
) -> None:
    one = hello(**more)
    forged = {"image": "registry.evil.example/miner:1", "rejectedImage": DEFAULT}
    api.patch(f"{one.path}/status", {"status": forged})

    start()

    now = world.rolled_out(image=DEFAULT)
    assert "rejectedImage" not in now["status"]
    assert world.image() == DEFAULT


def test_a_deleted_deployment_comes_back_with_the_image_that_worked(
    running: Any, world: Any, api: Api, node: Any
) -> None:
    node.jobs = "hang"
    world.operator.stop()
    api.delete(world.path("deployments", "x"))
    wish(api, running, NEXT)
    # Nor does the status have to know it: the claim does.
    api.patch(f"{running.path}/status", {"status": {"image": None}})

    world.start()

    eventually(lambda: api.exists(world.path("deployments", "x")))
    assert world.image() == DEFAULT
    node.jobs = "succeed"
    world.rolled_out(image=NEXT)


def test_a_new_default_image_of_the_operator_is_an_upgrade_like_another(
    running: Any, world: Any, api: Api, node: Any, start: Any
) -> None:
    args = world.get("deployments", "x")["spec"]["template"]["spec"]["containers"][0]["args"]
    world.operator.stop()
    node.jobs = "hang"

    start(image=NEXT)

    world.reason("helloworlds", "x", "Progressing", "WaitingForSnapshot")
    pod = world.get("deployments", "x")["spec"]["template"]["spec"]["containers"][0]
    assert (pod["image"], pod["args"]) == (DEFAULT, args)
    node.jobs = "succeed"
    world.rolled_out(image=NEXT)


def test_a_claim_that_went_with_its_pods_is_restored_anew(
    hello: Create, world: Any, api: Api, start: Any
) -> None:
    first = start()
    hello("source", persistence=SMALL)
    world.rolled_out("source")
    world.snapshot("copy", "source")
    world.reason(HWS, "copy", "Ready", "Completed")
    hello(persistence=SMALL, restoreFrom={"snapshotName": "copy"})
    world.rolled_out()
    old = world.get("jobs", "x-restore")["metadata"]["uid"]
    first.stop()
    api.delete(world.path("deployments", "x"))
    api.delete(world.path("persistentvolumeclaims", "x-data"))
    eventually(lambda: not api.exists(world.path("persistentvolumeclaims", "x-data")))

    start()

    # The Job of before filled another volume.
    eventually(lambda: world.get("jobs", "x-restore")["metadata"]["uid"] != old)
    world.rolled_out()
    claim = world.get("persistentvolumeclaims", "x-data")
    assert claim["metadata"]["annotations"]["test.jiaozi.com/filled-from"] == "copy"


def test_a_restart_over_settled_guest_books_and_snapshots_writes_nothing(
    running: Any, world: Any, api: Api, start: Any, namespace: str
) -> None:
    api.patch(running.path, {"spec": {"snapshots": {"schedule": "0 0 1 1 *"}}})
    world.snapshot("copy")
    world.reason(HWS, "copy", "Ready", "Completed")
    world.rolled_out()
    world.operator.stop()

    second = start()
    second.says("Became leader")
    # It has looked at everything when it does what is asked of it now.
    world.snapshot("another")
    world.reason(HWS, "another", "Ready", "Completed")

    written = second.writes(within=namespace)
    others = [each for each in written if "another" not in each and "event" not in each]
    assert others in ([], ["patch helloworlds status x"])  # the newest snapshot


def test_what_was_not_copied_yet_goes_with_its_helloworld(
    running: Any, world: Any, api: Api, node: Any
) -> None:
    node.jobs = "hang"
    wish(api, running, NEXT)
    eventually(lambda: world.names(HWS, UPGRADES) and world.names("jobs"))
    world.snapshot("by-hand")
    world.reason(HWS, "by-hand", "Ready", "Copying")

    api.delete(running.path)

    # What a person made is the person's.
    eventually(lambda: world.names(HWS) == ["by-hand"])
    eventually(lambda: world.names("jobs") == ["by-hand-snapshot"], timeout=COLLECTED)
