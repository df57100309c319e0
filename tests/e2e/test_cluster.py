"""The kind cluster itself: its node, its network, its registry, OLM, and that `up` takes it up."""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kopfkit.cli import kopfkit
from kopfkit.cluster import manager
from kopfkit.docker import context, engines, priority
from kopfkit.docker.engine import Engine
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.image import baseimage
from kopfkit.olm import olm
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

# Seconds for a pod to be pulled, started and ended; 3 on idle cores.
POD = 120.0


@pytest.fixture(scope="module")
def kube(kind_cluster: ClusterState) -> Kubectl:
    """kubectl for the cluster."""
    return Kubectl.at(Path(kind_cluster.kubeconfig))


@pytest.fixture(scope="module")
def engine(kind_cluster: ClusterState) -> Engine:
    """The engine that the cluster runs on."""
    found = engines.detect()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def image(kind_cluster: ClusterState, engine: Engine) -> str:
    """An image that only the cluster's registry has: Python, and a file to know it by."""
    pushed = f"{kind_cluster.registry}/try/told:{time.time_ns()}"
    base = baseimage.ensure(engine, Progress())
    context.build(engine, pushed, f"FROM {base}\nCOPY told /told\n", {"told": "from the registry"})
    engine.docker("push", "--quiet", pushed)
    engine.docker("image", "rm", pushed)
    return pushed


def _run(kube: Kubectl, image: str, code: str, **spec: Any) -> str:
    """What the Python `code` prints in a pod of the image, on a node and with a volume at /data if
    `spec` says so."""
    name = f"try-{time.time_ns()}"
    container: dict[str, Any] = {"name": "it", "image": image, "command": ["python3", "-c", code]}
    container["volumeMounts"] = [
        {"name": volume["name"], "mountPath": "/data"} for volume in spec.get("volumes", [])
    ]
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"restartPolicy": "Never", "containers": [container], **spec},
    }
    eventually(lambda: kube.get("serviceaccounts", "default", "default"))
    kube.apply(pod)

    def ended() -> bool:
        status = (kube.get("pods", name, "default") or {})["status"]
        assert status.get("phase") in ("Succeeded", "Failed"), json.dumps(status)
        return True

    try:
        eventually(ended, timeout=POD, interval=0.5)
        said = kube.run("logs", name, "--namespace=default")
        ran = (kube.get("pods", name, "default") or {})["status"]["phase"]
        assert ran == "Succeeded", said
        return said
    finally:
        kube.run("delete", "pod", name, "--namespace=default", "--wait=false")


def test_the_containers_of_our_engine_weigh_more_than_one_process(engine: Engine) -> None:
    if not engine.own:
        pytest.skip("somebody else's Docker engine runs the cluster")
    group = Path("/sys/fs/cgroup")
    version_1 = group / "cpu/docker/cpu.shares"
    file, one = (version_1, 1024) if version_1.exists() else (group / "docker/cpu.weight", 100)
    assert int(file.read_text()) == one * priority.PROCESSES


def test_the_nodes_are_ready(kube: Kubectl, kind_cluster: ClusterState) -> None:
    nodes = kube.list("nodes")
    assert len(nodes) == 1 + kind_cluster.workers
    for node in nodes:
        conditions = {each["type"]: each["status"] for each in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert conditions["DiskPressure"] == conditions["MemoryPressure"] == "False"
        assert not node["spec"].get("taints"), "pods may run everywhere"


def test_a_pod_runs_an_image_that_was_pushed_from_this_machine(kube: Kubectl, image: str) -> None:
    assert _run(kube, image, "print(open('/told').read())") == "from the registry\n"


def test_a_pod_finds_and_reaches_a_service_by_its_name(kube: Kubectl, image: str) -> None:
    code = (
        "import socket, sys; name = 'kubernetes.default.svc.cluster.local';"
        "socket.create_connection((name, 443), 10).close(); print(socket.gethostbyname(name))"
    )
    service = kube.get("services", "kubernetes", "default")
    assert service is not None
    assert _run(kube, image, code).strip() == service["spec"]["clusterIP"]


def test_a_connection_to_a_service_that_is_not_there_ends_on_the_node(
    kube: Kubectl, image: str
) -> None:
    code = (
        "import socket\ntry: socket.create_connection(('10.96.255.250', 443), 10)\n"
        "except ConnectionRefusedError: print('refused')"
    )
    assert _run(kube, image, code) == "refused\n"
    assert _run(kube, image, code, hostNetwork=True) == "refused\n"


def test_a_pod_reaches_a_pod_on_another_node(kube: Kubectl, image: str) -> None:
    # CoreDNS is on some node, so that from one node at least the way leads across.
    pods = kube.list("pods", "kube-system", "k8s-app=kube-dns")
    addresses = [pod["status"]["podIP"] for pod in pods]
    code = f"import socket; [socket.create_connection((a, 53), 10).close() for a in {addresses}]"
    for node in kube.list("nodes"):
        _run(kube, image, f"{code}; print('reached')", nodeName=node["metadata"]["name"])


def test_a_volume_of_the_default_class_keeps_what_an_unprivileged_pod_writes(
    kube: Kubectl, image: str
) -> None:
    claim = f"try-{time.time_ns()}"
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim, "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Mi"}},
            },
        }
    )
    spec = {
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        "securityContext": {"runAsUser": 65532, "runAsNonRoot": True, "fsGroup": 65532},
    }
    try:
        _run(kube, image, "open('/data/kept', 'w').write('kept')", **spec)
        assert _run(kube, image, "print(open('/data/kept').read())", **spec) == "kept\n"
    finally:
        kube.run("delete", "pvc", claim, "--namespace=default", "--wait=false")


def test_a_pod_reaches_this_machine_at_the_webhook_host(
    kube: Kubectl, image: str, kind_cluster: ClusterState
) -> None:

    with socket.create_server((kind_cluster.webhook_host, 0)) as server:
        address = server.getsockname()
        _run(kube, image, f"import socket; socket.create_connection({address!r}, 10).close()")
        server.settimeout(1)
        server.accept()[0].close()


def test_olms_package_server_has_succeeded(kind_cluster: ClusterState) -> None:
    told = olm.status(Path(kind_cluster.kubeconfig))
    assert told == {"installed": True, "ready": True, "detail": "package server Succeeded"}


def test_olm_status_names_the_version_and_every_part(kind_cluster: ClusterState) -> None:
    for where in (f"--name={kind_cluster.name}", f"--kubeconfig={kind_cluster.kubeconfig}"):
        done = CliRunner().invoke(kopfkit, ["olm", "status", "--output=json", where])
        told = json.loads(done.stdout)
        assert (done.exit_code, told["ready"]) == (0, True)
        assert told["version"] == toolchain.version("olm")
        assert all(part["there"] for part in told["parts"])
        assert {"Deployment", "CustomResourceDefinition"} <= {one["kind"] for one in told["parts"]}


def test_the_cluster_says_where_its_registry_is(kube: Kubectl, kind_cluster: ClusterState) -> None:
    found = kube.get("configmaps", "local-registry-hosting", "kube-public")
    assert found is not None
    assert f'"{kind_cluster.registry}"' in found["data"]["localRegistryHosting.v1"]


def test_a_second_up_takes_up_what_runs(kube: Kubectl, kind_cluster: ClusterState) -> None:
    def nodes() -> set[tuple[str, str]]:
        found = kube.list("nodes")
        return {(n["metadata"]["uid"], n["status"]["nodeInfo"]["bootID"]) for n in found}

    before = nodes()
    again = manager.up(kind="kind", olm=True, name=kind_cluster.name)
    assert again == kind_cluster
    assert nodes() == before


def test_kinds_files_are_not_in_the_working_directory(kind_cluster: ClusterState) -> None:
    assert not Path(os.getcwd(), ".pytest-kind").exists()
    assert not (Path(__file__).parents[2] / ".pytest-kind").exists()


def test_a_container_ends_although_something_stands_frozen_in_it(
    engine: Engine, image: str, request: pytest.FixtureRequest
) -> None:
    # A process of the container's, and below it the one that is frozen.
    code = "import os, time; os.fork(); time.sleep(3600)"
    made = engine.docker("run", "--detach", "--entrypoint=python3", image, "-c", code).strip()
    request.addfinalizer(lambda: engine.remove(made))
    child = eventually(lambda: _child(engine, made))
    frozen = _freeze(child)
    assert frozen is None or (frozen / "freezer.state").read_text().strip() == "FROZEN"
    engine.remove(made)
    assert made not in engine.docker("ps", "--all", "--quiet", "--no-trunc")
    assert not Path(f"/proc/{child}").exists()


def _child(engine: Engine, container: str) -> str:
    """The process below a container's first, by its number here; "" before it is there."""
    first = engine.docker("inspect", "--format={{.State.Pid}}", container).strip()
    rows = map(str.split, engine.docker("top", container, "-eo", "pid,ppid").splitlines())
    return next((pid for pid, parent in rows if parent == first), "")


def _freeze(pid: str) -> Path | None:
    """Freeze a process in a cgroup of its own, as runc does; None where cgroup v2 is in use, which
    ends it all the same."""
    lines = [line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
    where = [path for _, controllers, path in lines if controllers == "freezer"]
    if not where:
        return None
    made = Path("/sys/fs/cgroup/freezer") / where[0].lstrip("/") / "try"
    made.mkdir()
    (made / "cgroup.procs").write_text(pid)
    (made / "freezer.state").write_text("FROZEN")
    eventually(lambda: (made / "freezer.state").read_text().strip() == "FROZEN")
    return made
