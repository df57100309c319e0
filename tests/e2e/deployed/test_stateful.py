"""The guest book on a real volume: it outlives its pods, is copied, comes back, grows, and survives
an upgrade that goes wrong."""

import contextlib
import http.client
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from helloworld_operator.api import SNAPSHOT
from kopfkit.testing.client import ApiError
from kopfkit.testing.waiting import eventually

HWS = SNAPSHOT.plural
# Seconds for a snapshot: a volume, a Job's pod, and two cores that do it.
SNAPPED = 300.0
# Seconds until a pod with a volume answers: the volume is made first.
READY = 300.0
# Seconds until an image that never becomes ready is given up and the one before answers again.
ROLLED_BACK = 420.0
MADE_BY = "test.jiaozi.com/made-by"


class Book:
    """The guest book of a HelloWorld, through the API server's proxy."""

    def __init__(self, world: Any, name: str) -> None:
        self.world, self.name = world, name
        path = f"/api/v1/namespaces/{world.namespace}/services/{name}:80/proxy"
        self._path = f"{path}/guestbook"

    def sign(self, message: str) -> Any:
        """Write an entry; ApiError with what the server answered if it is not taken."""
        return self.world.api.post(self._path, {"name": "e2e", "message": message})

    def fill(self) -> None:
        """Write until an entry is not taken; ApiError then."""
        for _ in range(1000):
            # The API server's proxy once broke an answer off; whether that was the server's death,
            # the test sees by `pod`.
            with contextlib.suppress(http.client.IncompleteRead):
                self.sign("\N{WAVING HAND SIGN}" * 1000)  # four bytes each

    def pod(self) -> tuple[str, int]:
        """The pod that answers, and how often its container was started again."""
        selector = self.world.read(self.name)["status"]["selector"]
        pods = f"/api/v1/namespaces/{self.world.namespace}/pods"
        [pod] = self.world.api.get(pods, labelSelector=selector)["items"]
        return pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"]

    def total(self) -> int:
        """How many entries there are."""
        return int(self.world.api.get(self._path)["total"])

    def messages(self) -> list[str]:
        """The entries' messages, the oldest first; waits until the server answers."""
        found = eventually(lambda: self.world.api.get(self._path), timeout=READY, interval=0.5)
        return [entry["message"] for entry in reversed(found["entries"])]


def open_book(world: Any, name: str, **spec: Any) -> Book:
    """A HelloWorld with a volume, ready to be signed."""
    world.create(name, {"replicas": 1, "persistence": {"size": "1Mi"}, **spec})
    eventually(lambda: world.ready(name, 1), timeout=READY)
    book = Book(world, name)
    book.messages()
    return book


def snap(world: Any, name: str, of: str) -> dict[str, Any]:
    """Take a snapshot as a person does, and wait for it with kubectl; its status."""
    manifest = {
        "apiVersion": f"{SNAPSHOT.group}/v1",
        "kind": SNAPSHOT.kind,
        "metadata": {"name": name, "namespace": world.namespace},
        "spec": {"helloWorldName": of},
    }
    world.kubectl.run("apply", "--filename=-", input=json.dumps(manifest))
    world.run("wait", "--for=condition=Ready", f"hws/{name}", f"--timeout={SNAPPED:.0f}s")
    status: dict[str, Any] = world.child(HWS, name)["status"]
    return status


def pod(world: Any) -> dict[str, Any]:
    """The one pod of the greeting that is not on its way out."""
    listed = world.kubectl.list("pods", world.namespace, "app.kubernetes.io/component=greeting")
    found = [each for each in listed if "deletionTimestamp" not in each["metadata"]]
    assert len(found) == 1, found
    return dict(found[0])


@pytest.fixture(scope="module", autouse=True)
def scheduled(module_world: Any) -> Any:
    """A guest book that is copied every minute while the other tests run; one copy is kept. Its
    namespace."""
    module_world.create(
        "book",
        {"persistence": {"size": "1Mi"}, "snapshots": {"schedule": "* * * * *", "keep": 1}},
    )
    eventually(lambda: module_world.ready("book", 1), timeout=READY)
    snap(module_world, "by-hand", "book")
    return module_world


@pytest.fixture(scope="module", autouse=True)
def broken(module_world: Any, scheduled: Any, variants: Any) -> Book:
    """A guest book whose image was changed to a broken one, which takes its time to be given up:
    the other tests run meanwhile."""
    book = open_book(module_world, "broken")
    book.sign("before")
    module_world.change("broken", {"image": variants.broken})
    return book


def test_entries_outlive_the_death_of_the_pod_however_it_comes(world: Any, engine: Any) -> None:
    book = open_book(world, "book")
    book.sign("first")
    victim = pod(world)
    container = victim["status"]["containerStatuses"][0]["containerID"].partition("//")[2]
    words = ("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", container)
    engine.docker("exec", victim["spec"]["nodeName"], *words)
    assert book.messages() == ["first"]
    eventually(lambda: book.sign("second"), timeout=READY)
    world.run("delete", "pod", victim["metadata"]["name"], "--grace-period=0", "--force")
    eventually(lambda: pod(world)["metadata"]["uid"] != victim["metadata"]["uid"])
    eventually(lambda: world.ready("book", 1), timeout=READY)
    assert book.messages() == ["first", "second"]


def test_a_snapshot_on_demand_has_what_was_written_until_then(world: Any) -> None:
    book = open_book(world, "book")
    for message in ("one", "two", "three"):
        book.sign(message)
    status = snap(world, "by-hand", "book")
    assert status["entries"] == 3
    assert len(status["sha256"]) == 64
    assert status["sizeBytes"] > 0
    assert world.child("pvc", status["claimName"])["status"]["phase"] == "Bound"
    eventually(lambda: world.read("book")["status"]["lastSnapshot"]["name"] == "by-hand")
    [header, row] = world.run("get", "hws").splitlines()
    assert header.split()[:5] == ["NAME", "OF", "READY", "REASON", "ENTRIES"]
    assert row.split()[:3] == ["by-hand", "book", "True"]


def test_when_everything_is_destroyed_the_snapshot_brings_it_back(world: Any) -> None:
    book = open_book(world, "book")
    book.sign("please")
    book.sign("remember")
    status = snap(world, "rescue", "book")
    book.sign("too late for the snapshot")
    volume = world.child("pvc", "book-data")["spec"]["volumeName"]

    world.run("delete", "hw", "book")

    def destroyed() -> bool:
        left = world.run("get", "deployments,pods,services,pvc,jobs", "--output=name").split()
        claim = f"persistentvolumeclaim/{status['claimName']}"
        kept = [name for name in left if name != claim and not name.startswith(("job", "pod/resc"))]
        assert claim in left
        return not kept and world.kubectl.get("pv", volume) is None

    eventually(destroyed, timeout=READY, interval=0.5)

    again = open_book(world, "book", restoreFrom={"snapshotName": "rescue"})
    assert again.messages() == ["please", "remember"]
    again.sign("and goes on")
    other = open_book(world, "copy", restoreFrom={"snapshotName": "rescue"})
    assert other.messages() == ["please", "remember"]
    assert again.messages() == ["please", "remember", "and goes on"]


def test_a_snapshot_that_is_not_there_is_named_and_nothing_starts_empty(world: Any) -> None:
    world.create(
        "book",
        {"persistence": {"size": "1Mi"}, "restoreFrom": {"snapshotName": "never-taken"}},
    )

    condition = world.becomes("book", "Degraded", "True", "SnapshotMissing")
    assert "never-taken" in condition["message"]
    assert world.run("get", "pods", "--output=name").strip() == ""


# In this order: the storage has to be there until the namespace's pods are gone.
def test_a_full_volume_refuses_and_a_larger_one_goes_on(growing: str, world: Any) -> None:
    book = open_book(world, "book", persistence={"size": str(1 << 20), "storageClassName": growing})
    pod = book.pod()
    with pytest.raises(ApiError) as refused:
        book.fill()
    assert refused.value.status == 507
    assert book.pod() == pod
    written = book.total()
    world.change("book", {"persistence": {"size": "4Mi"}})

    def grown() -> bool:
        assert world.child("pvc", "book-data")["status"]["capacity"]["storage"] == "4Mi"
        return bool(world.read("book")["status"].get("volumeCapacity") == "4Mi")

    eventually(grown, timeout=READY, interval=0.5)
    eventually(lambda: book.sign("there is room again"), timeout=READY)
    assert book.total() == written + 1
    world.becomes("book", "Degraded", "False", "AsExpected")


def test_a_class_that_cannot_grow_is_named(world: Any) -> None:
    open_book(world, "book")
    world.change("book", {"persistence": {"size": "2Mi"}})

    condition = world.becomes("book", "Degraded", "True", "VolumeCannotGrow")
    assert "standard" in condition["message"]
    assert world.read("book")["status"]["volumeCapacity"] == "1Mi"
    world.becomes("book", "Available", "True", "MinimumReplicasAvailable")


def upgrades(world: Any) -> list[dict[str, Any]]:
    """The snapshots that upgrades have made."""
    return list(world.kubectl.list(HWS, world.namespace, f"{MADE_BY}=upgrade"))


def test_an_upgrade_takes_a_snapshot_first(world: Any, variants: Any) -> None:
    book = open_book(world, "book")
    book.sign("before")
    world.change("book", {"image": variants.other})
    eventually(lambda: world.read("book")["status"].get("image") == variants.other, timeout=READY)
    [made] = upgrades(world)
    assert made["status"]["entries"] == 1
    new = pod(world)
    assert new["spec"]["containers"][0]["image"] == variants.other
    # Complete before the new pod was made.
    assert made["status"]["completedAt"] <= new["metadata"]["creationTimestamp"]
    assert book.messages() == ["before"]


def test_a_broken_upgrade_goes_back_by_itself_with_the_data(broken: Book, variants: Any) -> None:
    world, name = broken.world, broken.name
    condition = world.becomes(name, "Degraded", "True", "RolledBack", timeout=ROLLED_BACK)
    assert variants.broken in condition["message"]
    eventually(lambda: world.ready(name, 1), timeout=READY)
    assert world.read(name)["status"]["rejectedImage"] == variants.broken
    assert world.condition(name, "Available")["status"] == "True"
    assert broken.messages() == ["before"]
    broken.sign("after")
    # Another wish is tried again.
    world.change(name, {"image": variants.other})
    eventually(lambda: world.read(name)["status"].get("image") == variants.other, timeout=READY)
    world.becomes(name, "Degraded", "False", "AsExpected")
    assert broken.messages() == ["before", "after"]


def test_the_schedule_makes_snapshots_and_keeps_as_many_as_it_should(scheduled: Any) -> None:
    since = datetime.fromisoformat(scheduled.read("book")["metadata"]["creationTimestamp"])

    def kept() -> str:
        """The one that is kept, once it cannot be the first."""
        found = scheduled.kubectl.list(HWS, scheduled.namespace, f"{MADE_BY}=schedule")
        assert len(found) == 1, "the one that is in work goes, or the one before it does"
        [one] = found
        made = datetime.fromisoformat(one["metadata"]["creationTimestamp"])
        assert made - since > timedelta(seconds=60), "a schedule of minutes has made one before"
        assert one["status"]["completedAt"]
        return str(one["metadata"]["name"])

    # At once, where the tests before took two minutes.
    last = eventually(kept, timeout=240, interval=1)
    assert scheduled.child(HWS, "by-hand")["status"]["entries"] == 0, "a person's is never touched"

    def claims() -> bool:
        """The claims of the snapshots that are gone went with them."""
        snapshots = scheduled.kubectl.list(HWS, scheduled.namespace)
        mine = {snapshot["status"]["claimName"] for snapshot in snapshots}
        listed = scheduled.kubectl.list("pvc", scheduled.namespace)
        names = {claim["metadata"]["name"] for claim in listed}
        return names == {"book-data", "broken-data", *mine}

    eventually(claims, timeout=180, interval=0.3)
    eventually(lambda: scheduled.read("book")["status"]["lastSnapshot"]["name"] >= last)
