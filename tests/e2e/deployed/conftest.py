"""The operator deployed with kustomize, once for all tests of this directory; images that a
HelloWorld may be told to run, and storage that grows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.docker import context, engines
from kopfkit.docker.engine import Engine
from kopfkit.host.process import CommandFailed
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.image import digests
from kopfkit.kind import metricsserver
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

# Everything that config/default makes outside its namespace.
CLUSTER_WIDE = (
    "customresourcedefinitions.apiextensions.k8s.io,clusterroles,clusterrolebindings,namespaces"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last of this directory, the test that removes what all others use."""
    here = [index for index, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    ours = sorted((items[i] for i in here), key=lambda item: item.path.name == "test_undeploy.py")
    for index, item in zip(here, ours, strict=True):
        items[index] = item


@pytest.fixture(scope="package")
def measures(kind_cluster: ClusterState) -> None:
    """The cluster measures what pods use, for autoscaling; it stays so."""
    metricsserver.install(Path(kind_cluster.kubeconfig), Progress(), registry=kind_cluster.registry)


@pytest.fixture(scope="package", autouse=True)
def deployed(
    sweep: Callable[[], None],
    measures: None,
    make: Callable[[str], str],
    kubectl: Kubectl,
    converts: Callable[[], None],
) -> Iterator[str]:
    """The operator, deployed with kustomize and ready; its value is what was there before."""
    sweep()
    before = kubectl.run("get", CLUSTER_WIDE, "--output=name")
    make("deploy")
    wait_until_ready(kubectl)
    converts()
    yield before
    if kubectl.get("namespaces", PROJECT.namespace) is not None:
        make("undeploy")


def wait_until_ready(kubectl: Kubectl) -> None:
    """Wait for both Deployments."""
    for deployment in PROJECT.deployments:
        kubectl.run(
            "rollout",
            "status",
            f"deployment/{deployment.name}",
            f"--namespace={PROJECT.namespace}",
            "--timeout=180s",
            timeout=200,
        )


@dataclass(frozen=True)
class Variants:
    """Images to name in spec.image, by digest.

    Attributes:
        other: the greeting server again, as another image.
        broken: a program that ends at once.
        missing: one that the registry does not have.
    """

    other: str
    broken: str
    missing: str


@pytest.fixture(scope="session")
def engine(kind_cluster: ClusterState) -> Engine:
    """The engine that the nodes run on."""
    found = engines.detect()
    assert found is not None
    return found


@pytest.fixture(scope="session")
def variants(kind_cluster: ClusterState, engine: Engine, images: Any) -> Variants:
    """The images, pushed."""
    base = f"{kind_cluster.registry}/e2e/greeting"
    made = {
        "other": 'CMD ["serve"]',
        "broken": 'ENTRYPOINT ["python3", "-c", "raise SystemExit(\'broken on purpose\')"]',
    }
    for tag, line in made.items():
        context.build(engine, f"{base}:{tag}", f"FROM {images.operator}\nLABEL e2e={tag}\n{line}\n")
        engine.docker("push", "--quiet", f"{base}:{tag}")
    return Variants(digests.pin(f"{base}:other"), digests.pin(f"{base}:broken"), f"{base}:missing")


# Bytes of the volume of the class `growing`: too small for many entries.
SMALL = 1 << 20
_DRIVER = Path(__file__).with_name("growing.sh")
_PLUGINS = "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/e2e~growing"


@pytest.fixture
def growing(kubectl: Kubectl, engine: Engine) -> Iterator[str]:
    """A StorageClass whose volumes have the size that they should and can grow, with one volume of
    SMALL bytes. The class of kind clusters can neither."""
    [node, *_] = sorted(node["metadata"]["name"] for node in kubectl.list("nodes"))
    install = f"mkdir -p {_PLUGINS} && cat > {_PLUGINS}/growing && chmod 755 {_PLUGINS}/growing"
    # The one that the controller manager is on asks the driver, too: the control plane's.
    engine.docker("exec", "-i", node, "sh", "-c", install, input=_DRIVER.read_text())
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    kubectl.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "growing"},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
            "allowVolumeExpansion": True,
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "growing"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": str(SMALL)},
                "storageClassName": "growing",
                "persistentVolumeReclaimPolicy": "Retain",
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
                "flexVolume": {"driver": "e2e/growing", "options": {"size": str(SMALL)}},
            },
        },
    )
    yield "growing"
    unused = "! grep -q 'volumes/e2e~growing' /proc/mounts"
    eventually(lambda: _succeeds(engine, node, unused), timeout=180, interval=0.5)
    kubectl.run("delete", "pv,sc", "growing", "--wait=false")
    gone = f"umount /var/growing/*; rm -rf {_PLUGINS} /var/growing"
    engine.docker("exec", node, "sh", "-c", gone)


def _succeeds(engine: Engine, node: str, command: str) -> bool:
    """Whether a shell command does, on a node."""
    try:
        engine.docker("exec", node, "sh", "-c", command)
    except CommandFailed:
        return False
    return True


@pytest.fixture
def run_pod(world: Any, images: Any) -> Callable[..., None]:
    """Starts a pod of a name that runs Python code with arguments in the test's namespace."""

    def run(name: str, code: str, *arguments: str) -> None:
        container = {
            "name": name,
            "image": images.operator,
            "command": ["python3", "-c", code, *arguments],
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": world.namespace},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
        }
        world.api.create(pod)
        eventually(
            lambda: world.child("pods", name)["status"]["phase"] == "Running",
            timeout=60,
            interval=0.3,
        )

    return run
