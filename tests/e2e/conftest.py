"""The cluster with OLM, this checkout's images in its registry, and a namespace per test.

A HelloWorld operator is in a cluster for one module, or for the directory `deployed`, at a time:
each installs it and removes it again.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.olm import unsubscription
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "hack"))

import publish  # noqa: E402

from .autopsy import findings  # noqa: E402

GENERATED = ("bundle", "catalog", "config", "bundle.Dockerfile", "catalog.Dockerfile")
# Seconds until a greeting answers: a few on two idle cores, and a loaded machine gets far more.
READY = 300.0
# Seconds until conversion works: the kubelet brings a new certificate to a pod within its sync
# period, a minute or so.
CONVERTING = 300.0
# Conversions in a row, two a second, after which it is taken to work.
STEADY = 8


@dataclass
class World:
    """The cluster as a test uses it, and the test's own namespace."""

    api: Api
    kubectl: Kubectl
    namespace: str

    def path(self, name: str = "", version: str = "v1") -> str:
        """URL path of a HelloWorld, or of all in the namespace."""
        base = f"/apis/{HELLOWORLD.group}/{version}/namespaces/{self.namespace}"
        return f"{base}/{HELLOWORLD.plural}/{name}".rstrip("/")

    def create(self, name: str, spec: dict[str, Any], version: str = "v1") -> dict[str, Any]:
        """Create a HelloWorld; ApiError if it is refused."""
        body = {
            "apiVersion": f"{HELLOWORLD.group}/{version}",
            "kind": HELLOWORLD.kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        created: dict[str, Any] = self.api.post(self.path(version=version), body)
        return created

    def read(self, name: str, version: str = "v1") -> dict[str, Any]:
        """The HelloWorld in a version."""
        found: dict[str, Any] = self.api.get(self.path(name, version))
        return found

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        """A condition of the HelloWorld; LookupError while it is not there, or is about an older
        generation."""
        found = self.read(name)
        for condition in found.get("status", {}).get("conditions", []):
            if condition["type"] == kind:
                if condition["observedGeneration"] < found["metadata"]["generation"]:
                    break
                told: dict[str, Any] = condition
                return told
        raise LookupError(f"no {kind} for this generation in {found.get('status')}")

    def becomes(
        self, name: str, kind: str, status: str, reason: str, timeout: float = READY
    ) -> dict[str, Any]:
        """Wait for a condition with a status and a reason; returns it."""

        def check() -> dict[str, Any]:
            condition = self.condition(name, kind)
            assert (condition["status"], condition["reason"]) == (status, reason), condition
            return condition

        return eventually(check, timeout=timeout, interval=0.3)

    def change(self, name: str, spec: dict[str, Any]) -> None:
        """Merge `spec` into a HelloWorld's."""
        self.api.patch(self.path(name), {"spec": spec})

    def ready(self, name: str, count: int) -> dict[str, Any]:
        """Wait until exactly `count` pods are reported as ready for the newest generation."""

        def check() -> dict[str, Any]:
            found = self.read(name)
            status = found.get("status", {})
            assert status.get("observedGeneration") == found["metadata"]["generation"], status
            assert status.get("readyReplicas") == status.get("replicas") == count, status
            return found

        return eventually(check, timeout=READY, interval=0.3)

    def run(self, *arguments: str) -> str:
        """kubectl in the test's namespace."""
        return self.kubectl.run(*arguments, f"--namespace={self.namespace}", timeout=240)

    def child(self, resource: str, name: str) -> dict[str, Any]:
        """A child by resource and name; LookupError if it is not there."""
        found = self.kubectl.get(resource, name, self.namespace)
        if found is None:
            raise LookupError(f"no {resource} {name}")
        return found

    def greeting(self, name: str) -> dict[str, Any]:
        """What the greeting service answers, through the API server's proxy."""
        path = f"/api/v1/namespaces/{self.namespace}/services/{name}:80/proxy/"
        answer: dict[str, Any] = eventually(lambda: self.api.get(path), timeout=READY)
        return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds what the cluster looks like to the report of a test that failed with it."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    if report.failed and isinstance(fixtures.get("kubectl"), Kubectl):
        world = fixtures.get("world") or fixtures.get("module_world")
        place = world.namespace if isinstance(world, World) else PROJECT.namespace
        report.sections.append(("The cluster", findings(fixtures["kubectl"], place)))
    return report


@pytest.fixture(scope="session")
def kubectl(kind_cluster: ClusterState) -> Kubectl:
    """kubectl for the cluster."""
    return Kubectl.at(Path(kind_cluster.kubeconfig))


@pytest.fixture(scope="session")
def client(kind_cluster: ClusterState) -> Iterator[Api]:
    """A raw API client for the cluster."""
    with Api(Path(kind_cluster.kubeconfig)) as api:
        yield api


@pytest.fixture(scope="session")
def images(kind_cluster: ClusterState) -> publish.Images:
    """This checkout's images, pushed; by digest."""
    before = _generated()
    assert kind_cluster.registry is not None
    pushed = publish.publish(f"{kind_cluster.registry}/{PROJECT.name}", Progress())
    assert _generated() == before, "publishing changed generated files of the checkout"
    return pushed


@pytest.fixture(scope="session")
def converts(client: Api) -> Callable[[], None]:
    """Waits until the API server converts, and goes on doing so for some seconds.

    Between a pod's readiness and the Service that leads to it there is a moment; and while it
    installs, OLM writes the CRD and its CA more than once, also when the CSV has succeeded.
    """
    body = {
        "apiVersion": f"{HELLOWORLD.group}/v1alpha1",
        "kind": HELLOWORLD.kind,
        "metadata": {"name": "hello"},
    }
    path = f"/apis/{HELLOWORLD.group}/v1alpha1/namespaces/default/{HELLOWORLD.plural}"

    def steadily() -> bool:
        for _ in range(STEADY):
            client.post(path, body, dryRun="All")
            time.sleep(0.5)
        return True

    def wait() -> None:
        eventually(steadily, timeout=CONVERTING, interval=0.5)

    return wait


@pytest.fixture(scope="session")
def sweep(kind_cluster: ClusterState, kubectl: Kubectl) -> Callable[[], None]:
    """Takes any HelloWorld operator out of the cluster, whatever an interrupted run has left."""
    crds = "customresourcedefinitions.apiextensions.k8s.io"

    def clean() -> None:
        unsubscription.unsubscribe(
            Path(kind_cluster.kubeconfig),
            package=PROJECT.name,
            namespace=PROJECT.namespace,
            catalog_namespace=PROJECT.namespace,
            progress=Progress(),
            crds=True,
        )
        kubectl.delete(crds, *(resource.crd_name for resource in PROJECT.resources))
        kubectl.run("delete", "--ignore-not-found", "-k", str(ROOT / "config/default"), timeout=300)

    return clean


@pytest.fixture(scope="module")
def clean_cluster(sweep: Callable[[], None]) -> None:
    """No HelloWorld operator in the cluster."""
    sweep()


@contextlib.contextmanager
def namespace(client: Api, kubectl: Kubectl) -> Iterator[World]:
    """A namespace that enforces the restricted Pod Security Standard, gone afterwards."""
    name = f"e2e-{time.time_ns() // 1_000_000:x}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    client.post(
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
    )
    eventually(lambda: client.exists(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
    yield World(client, kubectl, name)
    client.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def world(client: Api, kubectl: Kubectl) -> Iterator[World]:
    """A namespace of the test's own."""
    with namespace(client, kubectl) as made:
        yield made


@pytest.fixture(scope="module")
def module_world(client: Api, kubectl: Kubectl) -> Iterator[World]:
    """A namespace for what goes on while a module's other tests run."""
    with namespace(client, kubectl) as made:
        yield made


@pytest.fixture(scope="session")
def make(kind_cluster: ClusterState, images: publish.Images) -> Callable[[str], str]:
    """Runs a target of the Makefile against the cluster, with the image that was pushed, in the
    copy of the checkout that it was built in. Returns what it prints."""

    def run(target: str) -> str:
        done = subprocess.run(
            publish.make(
                images.checkout, target, IMG=images.operator, CLUSTER_NAME=kind_cluster.name
            ),
            env=publish.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def _generated() -> str:
    """The state of the generated files: contents by hash."""
    found = {}
    for name in GENERATED:
        place = ROOT / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                found[str(path.relative_to(ROOT))] = hash(path.read_bytes())
    return json.dumps(found)
