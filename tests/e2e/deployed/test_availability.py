"""Two controllers of which one acts: the leader's pod deleted, its process killed, its node lost.

How long a takeover may take is not judged here but by the benchmarks; the tests wait.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.cluster import manager
from kopfkit.docker.engine import Engine
from kopfkit.host.state import ClusterState
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

NAMESPACE, NAME = PROJECT.namespace, PROJECT.name
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{NAME}"
# Seconds until the pods of a lost node are made elsewhere: the grace of its heartbeat (16), the
# pods' toleration (5), and two cores that do it all.
LOST = 300.0


class Controllers:
    """The controller's pods, and who of them leads."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def pods(self) -> dict[str, str]:
        """Name of each ready pod -> its node."""
        listed = self._kubectl.list("pods", NAMESPACE, "app.kubernetes.io/component=controller")
        return {
            pod["metadata"]["name"]: pod["spec"]["nodeName"]
            for pod in listed
            if _is_ready(pod) and "deletionTimestamp" not in pod["metadata"]
        }

    def leader(self) -> str:
        """The pod that leads; LookupError while none of those that run does."""
        lease = self._kubectl.get("leases", NAME, NAMESPACE) or {}
        holder = str(lease.get("spec", {}).get("holderIdentity", ""))
        for name in self.pods():
            if holder.startswith(name):
                return name
        raise LookupError(f"the Lease is held by {holder!r}")

    def whole(self) -> str:
        """Wait until both run and one leads; returns that one."""
        eventually(lambda: len(self.pods()) == 2, timeout=LOST, interval=0.5)
        return eventually(self.leader, timeout=180, interval=0.5)

    def lead_from(self, node: str) -> str:
        """Make the pod on `node` the leader, by deleting whoever else is; returns it."""
        for _ in range(5):
            leader = self.whole()
            pods = self.pods()
            if pods[leader] == node:
                return leader
            assert node in pods.values(), f"no controller runs on {node}: {pods}"
            self._kubectl.run("delete", "pod", leader, f"--namespace={NAMESPACE}")
            time.sleep(1)
        raise AssertionError(f"the leader never was on {node}")


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.fixture
def controllers(kubectl: Kubectl) -> Controllers:
    """The controllers, both up."""
    found = Controllers(kubectl)
    found.whole()
    return found


def test_the_two_controllers_run_on_two_nodes(
    controllers: Controllers, kind_cluster: ClusterState
) -> None:
    assert len(set(controllers.pods().values())) == min(2, 1 + kind_cluster.workers)


def test_when_the_leaders_pod_is_deleted_the_other_one_acts(
    world: Any, controllers: Controllers, kubectl: Kubectl
) -> None:
    leader = controllers.leader()
    kubectl.run("delete", "pod", leader, f"--namespace={NAMESPACE}", "--wait=false")
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    assert eventually(controllers.leader) != leader
    controllers.whole()


def test_when_the_leaders_process_is_killed_the_greeting_comes_all_the_same(
    world: Any, controllers: Controllers, kubectl: Kubectl, engine: Engine
) -> None:
    leader = controllers.leader()
    [pod] = [p for p in kubectl.list("pods", NAMESPACE) if p["metadata"]["name"] == leader]
    kill(engine, pod)
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)

    def restarted() -> bool:
        found = kubectl.get("pods", leader, NAMESPACE) or {}
        return bool(found["status"]["containerStatuses"][0]["restartCount"])

    eventually(restarted)
    controllers.whole()


def kill(engine: Engine, pod: dict[str, Any]) -> None:
    """SIGKILL to the first process of a pod's container, from its node: it can tell nobody."""
    container = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    signal = ["ctr", "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", container]
    engine.docker("exec", pod["spec"]["nodeName"], *signal)


@pytest.fixture
def losing(kind_cluster: ClusterState, engine: Engine, kubectl: Kubectl) -> Iterator[Any]:
    """Takes a node's power away in a `with`; at its end the node starts anew."""

    @contextlib.contextmanager
    def lose(node: str) -> Iterator[None]:
        engine.docker("kill", node)
        try:
            yield
        finally:
            engine.docker("start", node)
            # The node's routes went with it.
            manager.up(kind="kind", name=kind_cluster.name)
            eventually(lambda: _node_ready(kubectl, node), timeout=LOST, interval=0.5)

    return lose


def _node_ready(kubectl: Kubectl, node: str) -> bool:
    return _is_ready(kubectl.get("nodes", node) or {})


@pytest.fixture
def worker(kind_cluster: ClusterState, kubectl: Kubectl) -> str:
    """A node that can be lost."""
    if not kind_cluster.workers:
        pytest.skip("the cluster has one node only; end it, and the tests make one with two")
    names = [node["metadata"]["name"] for node in kubectl.list("nodes")]
    return next(name for name in names if not name.endswith("control-plane"))


def test_when_the_leaders_node_is_lost_its_greetings_come_back_elsewhere(
    world: Any, controllers: Controllers, kubectl: Kubectl, worker: str, losing: Any
) -> None:
    leader = controllers.lead_from(worker)
    world.create("hello", {"replicas": 2, "greeting": {"message": "still here"}})
    world.ready("hello", 2)
    with losing(worker):
        eventually(lambda: controllers.leader() != leader, timeout=LOST, interval=0.5)

        def elsewhere() -> bool:
            pods = kubectl.list("pods", world.namespace)
            nodes = [pod["spec"].get("nodeName") for pod in pods if _is_ready(pod)]
            return len(nodes) == 2 and worker not in nodes

        eventually(elsewhere, timeout=LOST, interval=1)
        eventually(lambda: world.ready("hello", 2), timeout=LOST)
        assert world.greeting("hello")["message"] == "still here"
        # And it goes on working: a new wish is fulfilled.
        world.change("hello", {"replicas": 3})
        eventually(lambda: world.ready("hello", 3), timeout=LOST)
    controllers.whole()


def test_a_guest_book_comes_back_with_its_node(
    world: Any, kubectl: Kubectl, worker: str, losing: Any
) -> None:
    with only_on(kubectl, worker):
        world.create("book", {"replicas": 1, "persistence": {"size": "1Mi"}})
        eventually(lambda: world.ready("book", 1), timeout=LOST)
    book = f"/api/v1/namespaces/{world.namespace}/services/book:80/proxy/guestbook"
    eventually(lambda: world.api.post(book, {"name": "e2e", "message": "kept"}))
    with losing(worker):
        # Its volume is on the node, so that no other one can have the pod; and it is told.
        world.becomes("book", "Available", "False", "NoReplicasAvailable", timeout=LOST)
    eventually(lambda: world.ready("book", 1), timeout=LOST)
    found = eventually(lambda: world.api.get(book), timeout=LOST, interval=0.5)
    assert [entry["message"] for entry in found["entries"]] == ["kept"]


@contextlib.contextmanager
def only_on(kubectl: Kubectl, node: str) -> Iterator[None]:
    """New pods go to `node` meanwhile."""
    others = [n["metadata"]["name"] for n in kubectl.list("nodes")]
    others.remove(node)
    kubectl.run("cordon", *others)
    try:
        yield
    finally:
        kubectl.run("uncordon", *others)
