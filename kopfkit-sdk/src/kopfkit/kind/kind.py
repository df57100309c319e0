"""A kind cluster, made by pytest-kind's KindCluster with a current kind: of one node, or with
workers, so that a node can be lost.

On a node image made here (no registry in reach) the nodes get a plain bridge network; on the public
image they keep kind's own. Either way containerd is told where the local registry is.
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

from kopfkit import yamls
from kopfkit.docker import engines, ownengine
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.kind import kindconfig, nodeimage, podnetwork, registry
from kopfkit.toolchain import toolchain

# Seconds until the nodes are Ready and CoreDNS runs: 35 on two idle cores.
READY_TIMEOUT = 240.0


def up(state: ClusterState, progress: Progress) -> None:
    """Start the cluster, or take up the one that runs; fills in and saves the state.

    Raises KopfkitError; the caller then calls `down`.
    """
    engine = engines.ensure(progress)
    state.docker_host = engine.host
    state.save()
    image = nodeimage.ensure(engine, progress)
    toolchain.ensure(["kind", "kubectl"], progress)
    with progress.step("Starting the kind cluster") as step:
        if _containers(engine, state.name):
            step.note("it is there already")
            engine.docker("start", *nodes(engine, state.name))
        else:
            step.note(f"node image {image}")
        _create(state, engine, image)
        names = nodes(engine, state.name)
        if not kindconfig.public(image):
            podnetwork.give(engine, names)
    state.registry = registry.up(engine, state.name, list(names), progress)
    state.webhook_host = gateway(engine)
    state.save()
    with progress.step("Waiting for the nodes and CoreDNS"):
        _await_ready(state)
    registry.announce(state)


def down(state: ClusterState, progress: Progress) -> None:
    """End the cluster, its registry and, if it is ours and no other cluster uses it, the engine."""
    engine = _engine_of(state, progress)
    if engine is not None:
        with progress.step("Deleting the kind cluster"):
            if names := _containers(engine, state.name):
                engine.remove(*names)
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
    found = engines.detect() or ownengine.revive(progress)
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


def nodes(engine: Engine, name: str) -> dict[str, bool]:
    """The containers that are the cluster's nodes, by name: True for a control plane."""
    listed = engine.docker(
        "ps", "--all", f"--filter=label=io.x-k8s.kind.cluster={name}",
        '--format={{.Names}} {{.Label "io.x-k8s.kind.role"}}',
    )  # fmt: skip
    pairs = (line.split() for line in listed.splitlines())
    return {node: role == "control-plane" for node, role in sorted(pairs)}


def running(state: ClusterState) -> bool:
    """Whether a node of the cluster runs."""
    engine = engines.detect()
    return engine is not None and bool(_containers(engine, state.name, all=False))


def gateway(engine: Engine) -> str:
    """The address at which a pod or the API server reaches this machine."""
    configured = json.loads(engine.docker("network", "inspect", "kind"))[0]["IPAM"]["Config"]
    for entry in configured:
        address = str(entry.get("Gateway", ""))
        if "." in address:
            return address
    raise KopfkitError("Docker network kind", "has no IPv4 gateway")


def _create(state: ClusterState, engine: Engine, image: str) -> None:
    file, log = _config_file(state), state.directory / "kind.log"
    state.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_text(yamls.dump(kindconfig.config(image, state.workers)))
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
