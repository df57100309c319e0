"""The running operator and the volume of a guest book: made, grown, restored, left alone."""

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
MINE = {"fieldManager": "somebody-else"}


def test_a_volume_comes_with_the_pod_and_the_status_says_how_large_it_is(
    hello: Create, world: Any
) -> None:
    hello(persistence=SMALL)

    now = world.rolled_out()
    claim = world.get("persistentvolumeclaims", "x-data")
    deployment = world.get("deployments", "x")
    pod = deployment["spec"]["template"]["spec"]
    assert claim["metadata"]["ownerReferences"][0]["uid"] == now["metadata"]["uid"]
    assert now["status"]["volumeCapacity"] == "10Mi"
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == "x-data"
    assert pod["securityContext"]["fsGroup"] == 65532
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert environment["DATA_DIR"] == "/data"


def test_a_volume_and_its_snapshot_need_few_writes(
    hello: Create, world: Any, operator: Any
) -> None:
    hello("frugal", persistence=SMALL)
    world.rolled_out("frugal")
    world.snapshot("frugal-copy", "frugal")
    world.reason("helloworldsnapshots", "frugal-copy", "Ready", "Completed")
    eventually(lambda: world.get("helloworlds", "frugal")["status"]["lastSnapshot"])

    made = [
        "create persistentvolumeclaims frugal-data",
        "create services frugal",
        "create deployments frugal",
        "create persistentvolumeclaims frugal-copy-snapshot",
        "create jobs frugal-copy-snapshot",
    ]
    others = {
        "patch persistentvolumeclaims frugal-data",  # which image its pods have proven
        "patch helloworlds status frugal",
        "patch helloworldsnapshots status frugal-copy",
    }

    def written() -> bool:
        found = [each for each in operator.writes() if "frugal" in each and "event" not in each]
        assert [each for each in found if each.startswith("create")] == made
        assert set(found) - set(made) == others
        return True

    eventually(written)  # the audit log comes after the answer


def test_a_volume_grows_and_never_asks_for_less(hello: Create, api: Api, world: Any) -> None:
    one = hello(persistence={"size": "10Mi", "storageClassName": "grows"})
    world.rolled_out()

    api.patch(one.path, {"spec": {"persistence": {"size": "20Mi"}}})

    told = world.reason("helloworlds", "x", "Progressing", "VolumeGrowing")
    assert told["message"].startswith("the volume grows from 10Mi to 20Mi")
    claim = world.get("persistentvolumeclaims", "x-data")
    assert claim["spec"]["resources"]["requests"]["storage"] == "20Mi"
    # What the storage and the node do.
    status = world.path("persistentvolumeclaims", "x-data") + "/status"
    api.patch(status, {"status": {"capacity": {"storage": "20Mi"}}})
    assert world.rolled_out()["status"]["volumeCapacity"] == "20Mi"
    # Removed and added again, smaller: a volume stays as large as it is.
    api.patch(one.path, {"spec": {"persistence": None}})
    eventually(lambda: "volumes" not in world.get("deployments", "x")["spec"]["template"]["spec"])
    small = {"size": "15Mi", "storageClassName": "grows"}
    api.patch(one.path, {"spec": {"persistence": small}})
    assert world.rolled_out()["status"]["volumeCapacity"] == "20Mi"
    assert (
        world.get("persistentvolumeclaims", "x-data")["metadata"]["uid"]
        == (claim["metadata"]["uid"])
    )


def test_a_class_that_cannot_grow_is_a_condition_and_the_rest_goes_on(
    hello: Create, api: Api, world: Any
) -> None:
    one = hello(persistence=SMALL)
    world.rolled_out()

    change = {"persistence": {"size": "20Mi"}, "greeting": {"message": "still here"}}
    api.patch(one.path, {"spec": change})

    told = world.reason("helloworlds", "x", "Degraded", "VolumeCannotGrow")
    assert "StorageClass fixed cannot grow" in told["message"]
    assert "spec.persistence.size back to 10Mi" in told["message"]
    environment = one.deployment()["spec"]["template"]["spec"]["containers"][0]["env"]
    assert environment[0]["value"] == "still here"
    eventually(lambda: world.condition("helloworlds", "x", "Available")["status"] == "True")


def test_a_claim_of_somebody_else_is_never_mounted_nor_changed(
    hello: Create, api: Api, world: Any, namespace: str
) -> None:
    theirs = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "x-data", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "fixed",
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }
    api.create(theirs)
    path = world.path("persistentvolumeclaims", "x-data")
    eventually(lambda: api.get(path)["status"]["phase"] == "Bound")
    before = api.get(path)
    hello(persistence=SMALL)

    told = world.reason("helloworlds", "x", "Degraded", "NameCollision")
    assert "x-data" in told["message"]
    assert not api.exists(world.path("deployments", "x"))
    assert api.get(path) == before
    api.delete(path)
    world.rolled_out()


def test_a_deleted_claim_is_told_and_made_again_when_the_pod_is_gone(
    hello: Create, api: Api, world: Any, node: Any
) -> None:
    hello(persistence=SMALL)
    world.rolled_out()
    path = world.path("persistentvolumeclaims", "x-data")
    # As the protection of used claims does it, which asks for pods on nodes.
    held = {"metadata": {"finalizers": ["test.example.com/held"]}}
    api.patch(path, held)
    uid = api.get(path)["metadata"]["uid"]
    api.delete(path)

    world.reason("helloworlds", "x", "Progressing", "VolumeTerminating")
    api.patch(path, {"metadata": {"finalizers": None}})

    eventually(lambda: api.get(path)["metadata"]["uid"] != uid)
    world.rolled_out()


def _stored_snapshot(world: Any, hello: Create) -> None:
    hello("source", persistence=SMALL)
    world.rolled_out("source")
    world.snapshot("copy", "source")
    world.reason("helloworldsnapshots", "copy", "Ready", "Completed")


def test_everything_is_destroyed_and_a_new_one_is_restored_before_its_first_pod(
    hello: Create, api: Api, world: Any, node: Any
) -> None:
    _stored_snapshot(world, hello)
    api.delete(world.path("helloworlds", "source"))
    gone = world.path("persistentvolumeclaims", "source-data")
    eventually(lambda: not api.exists(gone), timeout=COLLECTED)
    node.jobs = "hang"

    hello(persistence=SMALL, restoreFrom={"snapshotName": "copy"})

    world.reason("helloworlds", "x", "Progressing", "Restoring")
    assert not api.exists(world.path("deployments", "x"))
    job = world.get("jobs", "x-restore")["spec"]["template"]["spec"]
    claims = [each["persistentVolumeClaim"]["claimName"] for each in job["volumes"]]
    assert claims == ["copy-snapshot", "x-data"]
    assert f"--sha256={'5' * 64}" in job["containers"][0]["args"]
    mounts = job["containers"][0]["volumeMounts"]
    assert [each.get("readOnly", False) for each in mounts] == [True, False]
    node.jobs = "succeed"
    world.rolled_out()
    claim = world.get("persistentvolumeclaims", "x-data")
    assert claim["metadata"]["annotations"]["test.jiaozi.com/filled-from"] == "copy"
    # It is needed no longer.
    api.delete(world.path("helloworldsnapshots", "copy"))
    gone = world.path("persistentvolumeclaims", "copy-snapshot")
    eventually(lambda: not api.exists(gone), timeout=COLLECTED)
    assert world.condition("helloworlds", "x", "Degraded")["status"] == "False"


def test_a_snapshot_that_is_missing_is_waited_for(hello: Create, api: Api, world: Any) -> None:
    hello(persistence=SMALL, restoreFrom={"snapshotName": "copy"})

    told = world.reason("helloworlds", "x", "Degraded", "SnapshotMissing")
    assert "HelloWorldSnapshot copy" in told["message"]
    assert not api.exists(world.path("deployments", "x"))

    _stored_snapshot(world, hello)
    world.rolled_out()
    assert api.exists(world.path("jobs", "x-restore"))


def test_a_restore_that_fails_is_told_and_tried_again_after_a_change(
    hello: Create, api: Api, world: Any, node: Any
) -> None:
    _stored_snapshot(world, hello)
    node.jobs = "fail"
    one = hello(
        persistence={"size": "10Mi", "storageClassName": "grows"},
        restoreFrom={"snapshotName": "copy"},
    )

    told = world.reason("helloworlds", "x", "Degraded", "RestoreFailed")
    assert "the disk: is broken" in told["message"]
    node.jobs = "succeed"
    api.patch(one.path, {"spec": {"persistence": {"size": "20Mi"}}})
    eventually(lambda: api.exists(world.path("deployments", "x")))


def test_a_volume_with_data_is_not_restored(hello: Create, api: Api, world: Any) -> None:
    one = hello(persistence=SMALL)
    world.rolled_out()

    api.patch(one.path, {"spec": {"restoreFrom": {"snapshotName": "nothing"}}})

    world.rolled_out()
    assert not api.exists(world.path("jobs", "x-restore"))
