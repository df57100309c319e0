"""A node and a storage provisioner, played through the API: no kubelet runs here.

What they do is write status: volumes are made and bound, pods become ready, a Job's pod ends with
the message its command would leave. What the command itself does is shown by the unit tests, and on
a real node by the e2e tests.
"""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually

SHA256 = "5" * 64
SUCCESS = {"sha256": SHA256, "bytes": 16384, "entries": 7}
# A class that binds at once to the volumes the node makes, and one that may grow.
CLASSES = ({"name": "fixed", "grows": False}, {"name": "grows", "grows": True})


def _place(obj: Any) -> tuple[str, str]:
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


@dataclass
class Node:
    """Plays until it is stopped.

    Attributes:
        namespace: where it plays; "" for everywhere.
        bad: images whose pods never become ready.
        jobs: what a Job's pod does: "succeed", "fail" (finally), or "hang".
        binds: whether volumes are made.
    """

    api: Api
    namespace: str
    bad: set[str] = field(default_factory=set)
    jobs: str = "succeed"
    binds: bool = True
    _stop: threading.Event = field(default_factory=threading.Event)
    _failed: list[BaseException] = field(default_factory=list)

    def run(self) -> None:
        """Play."""
        while not self._stop.wait(0.1):
            try:
                self._turn()
            except ApiError as error:
                if error.status not in (404, 409, 422, 403):  # gone, or changed meanwhile
                    self._failed.append(error)

    def stop(self) -> None:
        """Stop; AssertionError if something went wrong."""
        self._stop.set()
        assert not self._failed, self._failed

    def _turn(self) -> None:
        scope = f"/namespaces/{self.namespace}" if self.namespace else ""
        claims = self.api.get(f"/api/v1{scope}/persistentvolumeclaims")["items"]
        for claim in claims:
            if claim["status"].get("phase") == "Pending" and self.binds:
                self._provision(claim)
        bound = {_place(each) for each in claims if each["status"].get("phase") == "Bound"}
        for pod in self.api.get(f"/api/v1{scope}/pods")["items"]:
            volumes = [each.get("persistentVolumeClaim") for each in pod["spec"].get("volumes", [])]
            namespace, name = _place(pod)
            mounted = {(namespace, each["claimName"]) for each in volumes if each}
            if pod["metadata"].get("deletionTimestamp") or not mounted <= bound:
                continue
            status = self._status(pod)
            if status and status["phase"] != pod["status"].get("phase"):
                path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
                self.api.patch(path, {"status": status})

    def _provision(self, claim: Any) -> None:
        # No controller binds here: the controllers of disks are switched off.
        namespace, name = _place(claim)
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{name}"
        self.api.patch(path, {"spec": {"volumeName": f"pv-{claim['metadata']['uid']}"}})
        status = {
            "phase": "Bound",
            "accessModes": claim["spec"]["accessModes"],
            "capacity": claim["spec"]["resources"]["requests"],
        }
        self.api.patch(f"{path}/status", {"status": status})

    def _status(self, pod: Any) -> Any:
        container = pod["spec"]["containers"][0]
        if container["name"] == "greeting":
            if container["image"] in self.bad:
                return None
            ready = {"type": "Ready", "status": "True"}
            return {"phase": "Running", "conditions": [ready]}
        if self.jobs == "hang":
            return None
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        success = {**SUCCESS, "taken": now}
        told = success if self.jobs == "succeed" else {"error": "the disk: is broken"}
        code = 0 if self.jobs == "succeed" else 3
        terminated = {
            "exitCode": code,
            "message": json.dumps(told),
            "startedAt": now,
            "finishedAt": now,
        }
        entry = {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        return {"phase": "Failed" if code else "Succeeded", "containerStatuses": [entry]}


@pytest.fixture(scope="module", autouse=True)
def classes(plane: Any) -> None:
    """The StorageClasses of these tests."""
    for each in CLASSES:
        plane.api.apply(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {"name": each["name"]},
                "provisioner": "example.com/none",
                "allowVolumeExpansion": each["grows"],
            }
        )


@pytest.fixture
def node(plane: Any, namespace: str) -> Iterator[Node]:
    """A node that plays in this test's namespace."""
    with Api(plane.control.kubeconfig) as api:
        playing = Node(api, namespace)
        thread = threading.Thread(target=playing.run, daemon=True)
        thread.start()
        yield playing
        playing.stop()
        thread.join()


@dataclass
class World:
    """The objects of one namespace."""

    api: Api
    namespace: str

    def path(self, plural: str, name: str = "") -> str:
        """URL path of what these tests look at."""
        groups = {
            "helloworlds": "/apis/test.jiaozi.com/v1",
            "helloworldsnapshots": "/apis/test.jiaozi.com/v1",
            "jobs": "/apis/batch/v1",
            "deployments": "/apis/apps/v1",
        }
        base = f"{groups.get(plural, '/api/v1')}/namespaces/{self.namespace}/{plural}"
        return f"{base}/{name}" if name else base

    def get(self, plural: str, name: str) -> Any:
        """One object."""
        return self.api.get(self.path(plural, name))

    def names(self, plural: str, labels: str = "") -> list[str]:
        """Names of all objects, by age."""
        found = self.api.get(self.path(plural), labelSelector=labels)["items"]
        return [each["metadata"]["name"] for each in found]

    def snapshot(self, name: str, of: str = "x", **spec: Any) -> Any:
        """Make a HelloWorldSnapshot."""
        return self.api.create(
            {
                "apiVersion": "test.jiaozi.com/v1",
                "kind": "HelloWorldSnapshot",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": {"helloWorldName": of, **spec},
            }
        )

    def condition(self, plural: str, name: str, kind: str) -> Any:
        """A condition, or {}."""
        for each in self.get(plural, name).get("status", {}).get("conditions", []):
            if each["type"] == kind:
                return each
        return {}

    def reason(self, plural: str, name: str, kind: str, reason: str, timeout: float = 120.0) -> Any:
        """Wait for a reason; the condition."""

        def look() -> Any:
            found = self.condition(plural, name, kind)
            assert found.get("reason") == reason, (found, self.get(plural, name))
            return found

        return eventually(look, timeout=timeout)

    def rolled_out(self, name: str = "x", image: str | None = None) -> Any:
        """Wait until a HelloWorld's pods are there; the object."""

        def look() -> Any:
            found = self.get("helloworlds", name)
            status = found.get("status", {})
            assert status.get("observedGeneration") == found["metadata"]["generation"], found
            states = {each["type"]: each for each in status["conditions"]}
            assert states["Available"]["status"] == "True", found
            assert states["Progressing"]["reason"] == "RolloutComplete", found
            assert image is None or status.get("image") == image, found
            return found

        return eventually(look)

    def image(self, name: str = "x") -> str:
        """What the Deployment runs."""
        template = self.get("deployments", name)["spec"]["template"]["spec"]
        image: str = template["containers"][0]["image"]
        return image


@pytest.fixture
def world(api: Api, namespace: str, node: Node) -> World:
    """This test's namespace, with a node."""
    return World(api, namespace)


@pytest.fixture
def make_world(plane: Any, api: Api) -> Iterator[Callable[[], World]]:
    """Makes namespaces, with one node for all of them; they are deleted without waiting."""
    made: list[str] = []

    def make() -> World:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "kill-"}}
        made.append(api.post("/api/v1/namespaces", body)["metadata"]["name"])
        return World(api, made[-1])

    with Api(plane.control.kubeconfig) as own:
        node = Node(own, "")
        thread = threading.Thread(target=node.run, daemon=True)
        thread.start()
        yield make
        node.stop()
        thread.join()
    for namespace in made:
        api.delete(f"/api/v1/namespaces/{namespace}")
