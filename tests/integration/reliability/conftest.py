"""The operator between a real API server and things that go wrong.

How much is tried comes from the environment: RELIABILITY multiplies the counts of all tests here (1
by default, which is what CI runs; 20 in a soak), RELIABILITY_SEED starts the random numbers, which
are the same in every run but a soak. A failure names its seed; RELIABILITY_SEED=<that> tries the
same again first.
"""

import difflib
import importlib.util
import os
import random
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from budgets import examples
from kopfkit import yamls
from kopfkit.testing.client import Api
from kopfkit.testing.faultproxy import Drop, FaultProxy, Request
from kopfkit.testing.waiting import eventually


def _controller() -> Any:
    """The fixtures of the controller's tests, for a control plane of our own."""
    path = Path(__file__).parents[1] / "controller" / "conftest.py"
    spec = importlib.util.spec_from_file_location("reliability_controller", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


controller = _controller()
# Who holds the Lease is in the request's body.
controller.POLICY["rules"].insert(
    0,
    {
        "level": "Request",
        "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
    },
)
controller.DIRECTORY = "reliability"
plane, api, namespace = controller.plane, controller.api, controller.namespace

SCALE = float(os.environ.get("RELIABILITY") or examples(ci=1, soak=20))
_ANY = random.SystemRandom().randrange(1, 2**31)
SEED = int(os.environ.get("RELIABILITY_SEED") or examples(ci=1, soak=_ANY))
GROUP = "/apis/test.jiaozi.com/v1"
# What may differ between two runs with the same end.
_VOLATILE = {
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "generation",
    "observedGeneration",
    "lastTransitionTime",
    "lastUpdateTime",
    "clusterIP",
    "clusterIPs",
    "nodePort",
    "namespace",
    "selfLink",
    "deployment.kubernetes.io/revision",
    "test.jiaozi.com/desired-hash",  # covers the owner's uid, too
}
COLLECTIONS = {
    "HelloWorld": GROUP,
    "Deployment": "/apis/apps/v1",
    "Service": "/api/v1",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2",
    "PersistentVolumeClaim": "/api/v1",
    "Job": "/apis/batch/v1",
    "HelloWorldSnapshot": GROUP,
}


def pytest_report_header() -> str:
    return f"reliability: RELIABILITY={SCALE:g} RELIABILITY_SEED={SEED}"


@pytest.fixture(scope="session")
def times() -> Callable[[int], int]:
    """`times(n)`: how often to try what CI tries n times."""
    return lambda count: max(1, round(count * SCALE))


@pytest.fixture(scope="session")
def seeds() -> Callable[[int], Iterator[int]]:
    """`seeds(n)`: n seeds, each worth a try, the first from RELIABILITY_SEED."""

    def make(count: int) -> Iterator[int]:
        return iter(range(SEED, SEED + count))

    return make


@dataclass
class World:
    """One namespace, looked at as the administrator."""

    api: Api
    namespace: str

    def collection(self, kind: str) -> str:
        plural = kind.lower() + "s"
        return f"{COLLECTIONS[kind]}/namespaces/{self.namespace}/{plural}"

    def hello(self, name: str) -> str:
        return f"{self.collection('HelloWorld')}/{name}"

    def create(self, name: str, **spec: Any) -> Any:
        body = {
            "apiVersion": "test.jiaozi.com/v1",
            "kind": "HelloWorld",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": spec,
        }
        return self.api.post(self.collection("HelloWorld"), body)

    def items(self, kind: str) -> list[Any]:
        """All objects of a kind; none where the API server does not know it."""
        from kopfkit.testing.client import ApiError

        try:
            found: list[Any] = self.api.get(self.collection(kind))["items"]
        except ApiError as error:
            if error.status == 404:
                return []
            raise
        return found

    def orphans(self) -> list[str]:
        """Objects of ours that no living HelloWorld owns."""
        living = {item["metadata"]["uid"] for item in self.items("HelloWorld")}
        found = []
        for kind in ("Deployment", "Service", "HorizontalPodAutoscaler", "PersistentVolumeClaim"):
            for item in self.items(kind):
                owners = {ref["uid"] for ref in item["metadata"].get("ownerReferences", [])}
                if not owners & living:
                    found.append(f"{kind} {item['metadata']['name']}")
        return found

    def picture(self) -> str:
        """All that is there, without what differs from run to run."""
        documents = [
            _without_noise({"kind": kind, **item}, kind)
            for kind in COLLECTIONS
            for item in sorted(self.items(kind), key=lambda item: item["metadata"]["name"])
        ]
        text: str = yamls.dump(*documents)
        return text.replace(self.namespace, "<namespace>")

    def told(self) -> bool:
        """Whether every HelloWorld's status is about its newest spec."""
        return all(
            item.get("status", {}).get("observedGeneration") == item["metadata"]["generation"]
            for item in self.items("HelloWorld")
        )


def _without_noise(value: Any, kind: str = "") -> Any:
    if isinstance(value, dict):
        kept = {
            key: _without_noise(each)
            for key, each in value.items()
            if key not in _VOLATILE and not (key == "status" and kind not in ("", "HelloWorld"))
        }
        return {key: kept[key] for key in sorted(kept)}
    if isinstance(value, list):
        return [_without_noise(each) for each in value]
    return value


def same(found: str, wanted: str) -> None:
    """Fail with the difference where two pictures differ."""
    lines = difflib.unified_diff(
        wanted.splitlines(), found.splitlines(), "wanted", "found", lineterm="", n=2
    )
    assert found == wanted, "\n".join(lines)


@dataclass
class Lane:
    """A proxy, and the operator that sees the API server through it only."""

    plane: Any
    proxy: FaultProxy
    running: list[Any] = field(default_factory=list)

    def start(self, *arguments: str, image: str = controller.IMAGE) -> Any:
        """Start an operator; `--no-leader-elect` and the like as arguments."""
        proxy = self.proxy

        class Through(type(self.plane)):  # type: ignore[misc]
            def kubeconfig(self, name: str) -> Any:
                path, jti = super().kubeconfig(name)
                config = yamls.read(path)
                config["clusters"][0]["cluster"] = {"server": proxy.url}
                path.write_text(yamls.dump(config))
                return path, jti

        made = Through(self.plane.control, self.plane.api, self.plane.directory)
        return controller._starter(made, self.running)(*arguments, image=image)

    def end(self) -> None:
        """Nothing is left running."""
        for operator in self.running:
            if operator.process.poll() is None:
                operator.kill()
        self.proxy.close()


@pytest.fixture
def lane(plane: Any) -> Iterator[Callable[[], Lane]]:
    """Makes lanes, and ends them after the test."""
    lanes: list[Lane] = []

    def make() -> Lane:
        context = ssl.create_default_context(cafile=plane.control.certificates / "ca.crt")
        lanes.append(Lane(plane, FaultProxy(plane.control.url, context)))
        return lanes[-1]

    yield make
    for each in lanes:
        each.end()


@pytest.fixture
def start(plane: Any) -> Iterator[Any]:
    """Starts operators that see the API server itself, and ends them after the test."""
    running: list[Any] = []
    yield controller._starter(plane, running)
    controller._end(running)


@pytest.fixture
def world(api: Api) -> Iterator[Callable[[], World]]:
    """Makes namespaces; they are deleted after the test, without waiting."""
    worlds: list[World] = []

    def make() -> World:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "rely-"}}
        worlds.append(World(api, api.post("/api/v1/namespaces", body)["metadata"]["name"]))
        return worlds[-1]

    yield make
    for each in worlds:
        api.delete(f"/api/v1/namespaces/{each.namespace}")


def counts(request: Request) -> bool:
    """Whether a request is a write that a reconcile makes."""
    return request.write and not any(
        part in request.path for part in ("/leases", "/events", "selfsubject")
    )


@contextmanager
def seeded(seed: int) -> Iterator[random.Random]:
    """Random numbers; a failure inside is told with its seed."""
    try:
        yield random.Random(seed)
    except BaseException as error:
        error.add_note(f"to try it again first: RELIABILITY_SEED={seed}")
        raise


@pytest.fixture(scope="session")
def kit() -> Any:
    """The helpers above, for test modules (which cannot import a conftest)."""
    return _Kit


class _Kit:
    same = staticmethod(same)
    counts = staticmethod(counts)
    seeded = staticmethod(seeded)
    Drop = Drop
    eventually = staticmethod(eventually)
