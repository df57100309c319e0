"""Brings a cluster up, looks at it, takes it down; the backends do the work.

What every backend can rely on: one command at a time works on a cluster; a start that fails or is
interrupted is undone; a start that was killed is cleared away by the next command.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from kopfkit.cluster import choice, existing
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, files, paths, process, state
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState, Kind
from kopfkit.toolchain import toolchain

DEFAULT_NAME = "kopfkit"
# Directories beside the clusters' own that are something else.
_RESERVED = ("engine", "run-local")


@dataclass(frozen=True)
class Status:
    """What runs of a cluster. `rows` are (what, how it is), in the order to show them."""

    name: str
    up: bool
    rows: list[tuple[str, str]]


def up(
    kind: str = "auto",
    olm: bool = False,
    name: str = DEFAULT_NAME,
    progress: Progress | None = None,
    *,
    port: int | None = None,
    workers: int = 0,
) -> ClusterState:
    """Start the cluster `name`, or repair and take up the one that is there.

    Args:
        kind: "existing", "kind", "control-plane", or "auto": $CLUSTER, else what fits.
        olm: install OLM too.
        name: an RFC 1123 label.
        progress: shows the steps.
        port: a fixed port for a control plane's API server.
        workers: how many nodes a new kind cluster has besides its control plane.

    Raises KopfkitError. What was not there before is not there after a failure or an interrupt.
    """
    progress = progress or Progress()
    with _locked(name, progress):
        previous = state.load(name)
        if state.exists(name) and (previous is None or not previous.ready):
            progress.say(f"Cluster {name}: an earlier start was interrupted; cleaning up")
            _clear(name, previous, progress)
            previous = None
        chosen = choice.choose(kind, olm=olm, previous=previous)
        progress.say(f"Cluster {name}: {chosen.kind}, because {chosen.why}")
        if port is not None and chosen.kind != "control-plane":
            why = f"goes with a control plane only, and this is {chosen.kind}"
            raise KopfkitError(f"port {port}", why, "Leave it out.")
        if workers and chosen.kind != "kind":
            why = f"go with a kind cluster only, and this is {chosen.kind}"
            raise KopfkitError(f"{workers} workers", why, "Leave them out.")
        current = previous or _new(name, chosen.kind, workers)
        if workers > current.workers:
            why = f"cannot be added: cluster {name} runs, with {current.workers}"
            hint = f"Delete it first (kopfkit cluster down --name {name}), or name another."
            raise KopfkitError(f"{workers} workers", why, hint)
        if previous is None:
            _refuse_foreign(current)
            current.save()
        try:
            _start(current, progress, port)
            if olm:
                _install_olm(current, progress)
        except BaseException:
            if previous is None:
                _clear(name, current, progress)
            raise
        current.ready = True
        current.save()
        return current


def down(name: str = DEFAULT_NAME, progress: Progress | None = None) -> bool:
    """End the cluster `name` and remove everything that was started or written for it, also after
    a crash, and the Docker engine if it is ours and no cluster is left. True if there was any."""
    progress = progress or Progress()
    with _locked(name, progress):
        found = state.exists(name)
        if found:
            _clear(name, state.load(name), progress)
        return _stop_idle_engine(progress) or found


def status(name: str = DEFAULT_NAME) -> Status:
    """What there is of the cluster `name`, asked of the processes and the API server."""
    current = state.load(name)
    if current is None:
        what = "its state file is damaged" if state.exists(name) else "does not exist"
        return Status(name, False, [("cluster", f"{name}: {what}")])
    reachable = _reachable(current)
    rows = [
        ("cluster", current.name),
        ("kind", current.kind if current.ready else f"{current.kind} (its start was interrupted)"),
        ("API server", "ready" if reachable else "does not answer"),
        ("kubeconfig", current.kubeconfig),
        ("registry", current.registry or "none"),
        ("OLM", _olm(current) if reachable else "unknown"),
        ("processes", _processes(current)),
    ]
    return Status(name, reachable, rows)


def kubeconfig(name: str = DEFAULT_NAME) -> Path:
    """The kubeconfig of the cluster `name`. Raises KopfkitError if it was not started."""
    current = state.load(name)
    if current is None or not current.ready:
        raise KopfkitError(
            f"cluster {name}", "is not up", f"Start it: kopfkit cluster up --name {name}"
        )
    return Path(current.kubeconfig)


def _new(name: str, kind: Kind, workers: int = 0) -> ClusterState:
    path = paths.state_dir(name) / "kubeconfig"
    if kind == "control-plane":
        path = _control_plane(name).kubeconfig
    return ClusterState(name, kind, str(path), workers=workers)


def _start(current: ClusterState, progress: Progress, port: int | None) -> None:
    if current.kind == "control-plane":
        plane = _control_plane(current.name, progress)
        plane.port = port
        plane.start()
    elif current.kind == "existing":
        existing.up(current, progress)
    else:
        from kopfkit.kind import kind

        kind.up(current, progress)


def _install_olm(current: ClusterState, progress: Progress) -> None:
    from kopfkit.olm import olm

    olm.install(Path(current.kubeconfig), progress, registry=current.registry)
    current.olm = True


def _clear(name: str, known: ClusterState | None, progress: Progress) -> None:
    """Remove all of a cluster. Without a readable state, what its directory tells is removed."""
    directory = paths.state_dir(name)
    # kind's backend writes this file before it makes a container: a kind cluster of this name
    # without it was made by somebody else.
    if (known and known.kind == "kind") or (directory / "kind.yaml").exists():
        from kopfkit.kind import kind

        kind.down(known or _new(name, "kind"), progress)
    _control_plane(name, progress).stop()
    daemon.sweep(directory)
    state.remove(name)


def _refuse_foreign(current: ClusterState) -> None:
    if current.kind != "kind":
        return
    from kopfkit.kind import kind

    if kind.running(current):
        raise KopfkitError(
            f"kind cluster {current.name}",
            "runs already and was not made by kopfkit",
            "Choose another name with --name, or use it with --kind existing.",
        )


def _stop_idle_engine(progress: Progress) -> bool:
    """End our Docker engine, which a build may have started without any cluster."""
    root = paths.state_root()
    if not (root / "engine").exists():
        return False
    clusters = [entry for entry in root.iterdir() if entry.is_dir()]
    if [entry for entry in clusters if entry.name not in _RESERVED]:
        return False
    from kopfkit.docker import ownengine

    return ownengine.stop(progress)


def _control_plane(name: str, progress: Progress | None = None) -> ControlPlane:
    directory = paths.state_dir(name) / "control-plane"
    return ControlPlane(directory, name=name, progress=progress or Progress())


def _reachable(current: ClusterState) -> bool:
    if current.kind == "control-plane":
        return _control_plane(current.name).ready()
    words = ["--kubeconfig", current.kubeconfig, "get", "--raw=/readyz", "--request-timeout=5s"]
    try:
        return process.run([toolchain.tool("kubectl"), *words], timeout=20).strip() == "ok"
    except KopfkitError:
        return False


def _olm(current: ClusterState) -> str:
    if current.kind == "control-plane":
        return f"no ({choice.NO_OLM})"
    from kopfkit.olm import olm

    return str(olm.status(Path(current.kubeconfig))["detail"])


def _processes(current: ClusterState) -> str:
    if current.kind == "existing":
        return "none of ours"
    if current.kind == "control-plane":
        daemons = list(_control_plane(current.name).daemons().values())
    else:
        from kopfkit.host.daemon import Daemon
        from kopfkit.kind import kind

        node = "runs" if kind.running(current) else "is not running"
        daemons = [Daemon("dockerd", paths.state_root() / "engine")]
        if not daemons[0].alive():
            return f"node {node}"
    told = [f"{d.name} {d.pid() or 'is not running'}" for d in daemons]
    return ", ".join([f"node {node}", *told] if current.kind == "kind" else told)


def _locked(name: str, progress: Progress) -> AbstractContextManager[None]:
    if name in _RESERVED:
        raise KopfkitError(f"cluster name {name}", "is taken by kopfkit itself", "Choose another.")
    lock = paths.state_dir(name).parent / f".{name}.lock"
    return files.locked(
        lock, lambda: progress.say(f"Cluster {name}: waiting for another kopfkit command")
    )
