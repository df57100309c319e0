"""A kind cluster of one node, made by pytest-kind's KindCluster with a current kind.

On a node image made here (no registry in reach) the node gets a plain bridge network; on the public
image it keeps kind's own. Either way containerd is told where the local registry is.
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from kopfkit.cluster import nodeimage, ownengine, process, registry, toolchain
from kopfkit.cluster.docker import Engine
from kopfkit.cluster.progress import Progress
from kopfkit.cluster.state import ClusterState
from kopfkit.errors import KopfkitError

# kind's pod network for one node: the first /24 of kubeadm's default 10.244.0.0/16.
POD_SUBNET = "10.244.0.0/24"
# Seconds until the node is Ready and CoreDNS runs: 35 on two idle cores.
READY_TIMEOUT = 240.0


def up(state: ClusterState, progress: Progress) -> None:
    """Start the cluster, or take up the one that runs; fills in and saves the state.

    Raises KopfkitError; the caller then calls `down`.
    """
    engine = Engine.ensure(progress)
    state.docker_host = engine.host
    state.save()
    image = nodeimage.ensure(engine, progress)
    toolchain.ensure(["kind", "kubectl"], progress)
    with progress.step("Starting the kind cluster") as step:
        if _containers(engine, state.name):
            step.note("it is there already")
            engine.docker("start", node(state.name))
        else:
            step.note(f"node image {image}")
        _create(state, engine, image)
        if not _public(image):
            _give_network(engine, state.name)
    state.registry = registry.up(engine, state.name, progress)
    state.webhook_host = gateway(engine)
    state.save()
    with progress.step("Waiting for the node and CoreDNS"):
        _await_ready(state)
    registry.announce(state)


def down(state: ClusterState, progress: Progress) -> None:
    """End the cluster, its registry and, if it is ours and no other cluster uses it, the engine."""
    engine = _engine_of(state, progress)
    if engine is not None:
        with progress.step("Deleting the kind cluster"):
            if names := _containers(engine, state.name):
                engine.docker("rm", "--force", "--volumes", *names)
        registry.down(engine, state.name)
        others = _containers(engine)
        if not others:
            # Docker refuses it while anything else is attached to it.
            with contextlib.suppress(process.CommandFailed):
                engine.docker("network", "rm", "kind")
        if not engine.own or others:
            return
    ownengine.stop(progress)


def _engine_of(state: ClusterState, progress: Progress) -> Engine | None:
    """The engine that the cluster was made on: ours is started again if it was killed."""
    if state.docker_host == ownengine.address():
        return ownengine.revive(progress)
    found = Engine.detect() or ownengine.revive(progress)
    if found is None and not ownengine.directory().exists() and _config_file(state).exists():
        raise KopfkitError(
            f"kind cluster {state.name}",
            "cannot be deleted, as its Docker engine does not answer",
            "Start Docker, or set DOCKER_HOST to where it was made.",
        )
    return found


def _containers(engine: Engine, name: str = "", *, all: bool = True) -> list[str]:
    """Ids of the nodes of the cluster `name` (without one, of every kind cluster)."""
    label = "io.x-k8s.kind.cluster" + (f"={name}" if name else "")
    return engine.docker(
        "ps", f"--all={str(all).lower()}", "--quiet", f"--filter=label={label}"
    ).split()


def node(name: str) -> str:
    """Name of the container that is the cluster's node."""
    return f"{name}-control-plane"


def running(state: ClusterState) -> bool:
    """Whether the cluster's node runs."""
    engine = Engine.detect()
    return engine is not None and bool(_containers(engine, state.name, all=False))


def gateway(engine: Engine) -> str:
    """The address at which a pod or the API server reaches this machine."""
    configured = json.loads(engine.docker("network", "inspect", "kind"))[0]["IPAM"]["Config"]
    for entry in configured:
        address = str(entry.get("Gateway", ""))
        if "." in address:
            return address
    raise KopfkitError("Docker network kind", "has no IPv4 gateway")


def config(image: str) -> dict[str, Any]:
    """The kind configuration (kind.x-k8s.io/v1alpha4) for a node image."""
    networking: dict[str, Any] = {"ipFamily": "ipv4"}
    if not _public(image):
        networking["disableDefaultCNI"] = True
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [{"role": "control-plane"}],
        "kubeadmConfigPatches": [
            # Kubernetes 1.34's kubelet refuses cgroup v1 unless told otherwise (KEP-5573).
            yaml.safe_dump(
                {
                    "kind": "KubeletConfiguration",
                    "apiVersion": "kubelet.config.k8s.io/v1beta1",
                    "failCgroupV1": False,
                }
            )
        ],
        "containerdConfigPatches": [
            '[plugins."io.containerd.grpc.v1.cri".registry]\n'
            '  config_path = "/etc/containerd/certs.d"\n'
        ],
    }


def cni() -> dict[str, Any]:
    """A CNI configuration list: one bridge, addresses from the node's pod subnet, host ports."""
    return {
        "cniVersion": "0.4.0",
        "name": "kopfkit",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipMasq": True,
                # A pod may be behind the Service that it calls.
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_SUBNET}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _public(image: str) -> bool:
    return not image.startswith("kopfkit/")


def _create(state: ClusterState, engine: Engine, image: str) -> None:
    file, log = _config_file(state), state.directory / "kind.log"
    state.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(config(image), sort_keys=False))
    with _inside(state.directory, engine.env()):
        cluster = _pytest_kind(state, image, _logged(toolchain.tool("kind"), log))
        try:
            cluster.create(file)
        except (subprocess.CalledProcessError, OSError, ValueError) as error:
            text = process.tail(log.read_text()) if log.exists() else ""
            raise KopfkitError("kind cluster", f"could not be made ({error})\n{text}") from error


def _config_file(state: ClusterState) -> Path:
    return state.directory / "kind.yaml"


def _logged(kind: Path, log: Path) -> Path:
    """A kind whose progress display (its standard error) goes to a file: ours has the terminal."""
    wrapper = log.with_name("kind-logged")
    said, program = shlex.quote(str(log)), shlex.quote(str(kind))
    wrapper.write_text(f'#!/bin/sh\nexec {program} "$@" 2>> {said}\n')
    wrapper.chmod(0o755)
    return wrapper


def _pytest_kind(state: ClusterState, image: str, kind: Path) -> Any:
    with warnings.catch_warnings():
        # pykube, which it imports, uses what newer Pythons deprecate.
        warnings.simplefilter("ignore")
        from pytest_kind import KindCluster
    return KindCluster(
        state.name,
        kubeconfig=Path(state.kubeconfig),
        image=image,
        kind_path=kind,
        kubectl_path=toolchain.tool("kubectl"),
    )


@contextlib.contextmanager
def _inside(directory: Path, env: dict[str, str]) -> Iterator[None]:
    """KindCluster writes into the working directory and takes DOCKER_HOST from the environment."""
    here, before = os.getcwd(), dict(os.environ)
    os.chdir(directory)
    os.environ.update(env)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(directory / ".pytest-kind", ignore_errors=True)


def _give_network(engine: Engine, name: str) -> None:
    target = "/etc/cni/net.d/10-kopfkit.conflist"
    words = ["exec", "--interactive", node(name), "sh", "-c"]
    engine.docker(*words, f"mkdir -p /etc/cni/net.d && cat > {target}", input=json.dumps(cni()))


def _await_ready(state: ClusterState) -> None:
    kubectl = [str(toolchain.tool("kubectl")), "--kubeconfig", state.kubeconfig]
    wanted = (
        ("node", ["wait", "--for=condition=Ready", "node", "--all"]),
        ("CoreDNS", ["-n", "kube-system", "rollout", "status", "deployment/coredns"]),
    )
    deadline = time.monotonic() + READY_TIMEOUT
    for what, words in wanted:
        left = max(1, int(deadline - time.monotonic()))
        try:
            process.run([*kubectl, *words, f"--timeout={left}s"])
        except process.CommandFailed as error:
            pods = process.run([*kubectl, "get", "nodes,pods", "-A", "-o", "wide"])
            raise KopfkitError(what, f"is not ready\n{error.output}\n{pods}") from error
