"""The Docker engine of our own, for a machine (root, Debian) where no other one answers.

Its socket and run-time directory are in the state directory and its images in the cache directory:
taking it down ends every process, mount and network it made, and the next start is warm. All
clusters of this user share it.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from kopfkit.docker import debian, leftovers, network, ociruntime, priority
from kopfkit.docker.engine import Engine, answer
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, paths
from kopfkit.host.daemon import Daemon
from kopfkit.host.progress import Progress

# Seconds: a cold start takes 2 to 8 on two cores.
START_TIMEOUT = 60.0
# Seconds that dockerd gets to end its containers and itself.
STOP_TIMEOUT = 30.0
# Bytes that the path of a Unix socket may have (unix(7): 108 with the final zero), and the longest
# one that dockerd and its containerd make in the run-time directory.
_SOCKET_PATH = 107
_LONGEST = "run/containerd/containerd-debug.sock"
_PROGRAMS = {"dockerd": "docker.io", "runc": "runc", "iptables": "iptables", "ip": "iproute2"}


def impossible() -> str:
    """Why we cannot start an engine here, as a clause; "" if we can."""
    if os.geteuid() != 0:
        return "not running as root"
    if not debian.find("dockerd") and not debian.is_debian():
        return "dockerd is not installed, and this is not Debian"
    return ""


def directory() -> Path:
    """Where its socket, run-time files, log and pid file are."""
    return paths.state_root() / "engine"


def data_root() -> Path:
    """Where it keeps images."""
    return paths.cache_dir() / "docker"


def address() -> str:
    """Its DOCKER_HOST."""
    return f"unix://{directory() / 'docker.sock'}"


def alive() -> bool:
    """Whether its process runs."""
    return _daemon().alive()


def install(progress: Progress) -> None:
    """Install what it needs with apt. Raises KopfkitError where that fails."""
    debian.install(_PROGRAMS, progress)


def start(progress: Progress) -> Engine:
    """Start it, after clearing away what one that was killed has left.

    Raises KopfkitError if it does not start; nothing of it runs then.
    """
    place = directory()
    _check_path(place)
    if other := _other_user():
        raise KopfkitError(
            f"image directory {data_root()}",
            f"is in use by the engine of process {other}",
            "Set KOPFKIT_CACHE_DIR to another directory, or use that engine's state directory.",
        )
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with progress.step("Starting a private Docker engine") as step:
        step.note(f"no other engine answers; socket {address()}")
        _end_processes(place)
        network.remember(_record(place))
        words = [
            debian.find("dockerd") or "dockerd",
            f"--host={address()}",
            f"--data-root={data_root()}",
            f"--exec-root={place / 'run'}",
            f"--pidfile={place / 'docker.pid'}",
        ]
        if ociruntime.wanted():
            runtime = ociruntime.install(place)
            words += [f"--add-runtime=kopfkit={runtime}", "--default-runtime=kopfkit"]
        server = _daemon(words)
        try:
            server.start()
            version = _await(server)
        except BaseException:
            _end_processes(place)
            raise
        priority.prefer_containers()
    return Engine(address(), True, version)


def running() -> Engine | None:
    """Our own engine, if it runs and answers."""
    version = answer(address()) if alive() else ""
    return Engine(address(), True, version) if version else None


def revive(progress: Progress) -> Engine | None:
    """Our engine, started again if it was killed with containers that are to be removed in order;
    None if there is nothing of it, or it cannot be started."""
    if found := running():
        return found
    if not directory().exists() or not leftovers.containers(data_root()):
        return None
    with contextlib.suppress(KopfkitError):
        return start(progress)
    return None


def stop(progress: Progress) -> bool:
    """End it and everything it started or made, also after a crash. True if there was any of it."""
    place = directory()
    if not place.exists():
        return False
    with progress.step("Stopping the Docker engine"):
        engine = revive(progress)
        if engine is not None:
            if made := engine.docker("ps", "--quiet", "--all").split():
                engine.remove(*made)
            engine.docker("network", "prune", "--force")
        _daemon().stop(grace=STOP_TIMEOUT)
        _end_processes(place)
        network.restore(_record(place))
        shutil.rmtree(place, ignore_errors=True)
    return True


def _end_processes(place: Path) -> None:
    """End whatever runs of an engine that does not answer, and what it mounted."""
    _daemon().stop(grace=STOP_TIMEOUT)
    daemon.sweep(place)
    (place / "docker.pid").unlink(missing_ok=True)
    if not _other_user():
        leftovers.end(leftovers.containers(data_root()))
        debian.unmount(data_root())
    debian.unmount(place)


def _other_user() -> int | None:
    """The pid of an engine that another state directory started on our image directory."""
    own = _daemon().pid()
    word = f"--data-root={data_root()}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int(entry.name) != own and word in (entry / "cmdline").read_bytes().split(b"\0"):
                return int(entry.name)
    return None


def _check_path(place: Path) -> None:
    longest = os.fsencode(place / _LONGEST)
    if len(longest) > _SOCKET_PATH:
        raise KopfkitError(
            f"state directory {place.parent}",
            f"is {len(longest) - _SOCKET_PATH} bytes too long for the engine's sockets",
            "Set KOPFKIT_STATE_DIR to a shorter one.",
        )


def _await(server: Daemon) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if version := answer(address()):
            return version
        if not server.alive():
            break
        time.sleep(0.2)
    raise KopfkitError(
        "dockerd",
        f"did not start\n{server.log_tail()}",
        f"The whole log is in {server.log}.",
    )


def _record(place: Path) -> Path:
    """What the machine was like before the first start."""
    return place / "machine.json"


def _daemon(argv: Sequence[str] = ()) -> Daemon:
    return Daemon("dockerd", directory(), argv)
