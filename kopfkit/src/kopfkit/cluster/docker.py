"""The Docker engine: the one that answers, or, as root on Debian, one that we start ourselves.

Our own engine has a socket and a run-time directory in the state directory and its images in the
cache directory: taking it down ends every process, mount and network it made, and the next start
is warm. All clusters of this user share it.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kopfkit.cluster import daemon, debian, network, ociruntime, paths, process
from kopfkit.cluster.daemon import Daemon
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError

# Seconds: a cold start takes 2 to 8 on two cores.
START_TIMEOUT = 60.0
# The capability's number in linux/capability.h.
_SYS_RESOURCE = 24


@dataclass(frozen=True)
class Engine:
    """One Docker engine.

    Attributes:
        host: its DOCKER_HOST, or None for the client's default.
        own: whether we started it (and may stop it).
        version: the server's version.
    """

    host: str | None
    own: bool
    version: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    @classmethod
    def detect(cls) -> "Engine | None":
        """The engine that answers now: DOCKER_HOST's or the default one, else ours. Or None."""
        for host, own in ((None, False), (_socket(), True)):
            if own and not _daemon().alive():
                continue
            version = _answer(host)
            if version:
                return cls(host, own, version)
        return None

    @classmethod
    def ensure(cls, progress: Progress) -> "Engine":
        """An engine that answers; ours is started where there is none.

        Raises KopfkitError if there is none and this is not root on Debian, or it does not start.
        """
        found = cls.detect()
        if found:
            return found
        if reason := own_impossible():
            raise KopfkitError(
                "Docker",
                f"no engine answers, and none can be started here: {reason}",
                "Start Docker, set DOCKER_HOST, or do without: CLUSTER=control-plane.",
            )
        return _start(progress)

    def env(self) -> dict[str, str]:
        """The environment in which `docker` and `kind` talk to this engine."""
        # Debian's engine has no BuildKit; no Dockerfile here needs one.
        own = {"DOCKER_HOST": self.host, "DOCKER_BUILDKIT": "0"} if self.host else {}
        return {**os.environ, **own, **self.extra}

    def docker(
        self, *arguments: str, input: str | None = None, timeout: float | None = None
    ) -> str:
        """Run the docker client; returns what it prints. Raises process.CommandFailed."""
        return process.run([_client(), *arguments], env=self.env(), input=input, timeout=timeout)

    def stream(self, source: Sequence[str], sink: Sequence[str]) -> None:
        """Run two docker commands, the second one reading what the first one prints.

        Raises KopfkitError if either fails.
        """
        client, env = _client(), self.env()
        with subprocess.Popen([client, *source], stdout=subprocess.PIPE, env=env) as first:
            try:
                done = subprocess.run(
                    [client, *sink], stdin=first.stdout, capture_output=True, env=env, check=False
                )
            except BaseException:
                first.kill()
                raise
            assert first.stdout is not None
            first.stdout.close()
        if first.returncode or done.returncode:
            output = (done.stderr + done.stdout).decode(errors="replace")
            raise process.CommandFailed(["docker", *source, "|", "docker", *sink], "failed", output)

    def has(self, image: str) -> bool:
        """Whether the engine has `image`."""
        try:
            self.docker("image", "inspect", "--format", "{{.Id}}", image)
        except process.CommandFailed:
            return False
        return True

    def pull(self, image: str, timeout: float = 120.0) -> bool:
        """Pull `image` unless the engine has it; False if it cannot be had."""
        if self.has(image):
            return True
        try:
            self.docker("pull", "--quiet", image, timeout=timeout)
        except KopfkitError:
            return False
        return True

    def build(self, tag: str, context: Path, arguments: Sequence[str] = ()) -> None:
        """Build the Dockerfile in `context` as `tag`."""
        self.docker("build", "--quiet", "--tag", tag, *arguments, str(context))


def own_impossible() -> str:
    """Why we cannot start an engine here, as a clause; "" if we can."""
    if os.geteuid() != 0:
        return "we are not root"
    if not debian.find("dockerd") and not debian.is_debian():
        return "dockerd is not installed, and this is not Debian"
    return ""


def directory() -> Path:
    """Where our engine's socket, run-time files, log and pid file are."""
    return paths.state_root() / "engine"


def data_root() -> Path:
    """Where our engine keeps images."""
    return paths.cache_dir() / "docker"


def stop(progress: Progress) -> bool:
    """End our engine and everything it started or made, also after a crash. True if it ran."""
    place = directory()
    if not place.exists():
        return False
    with progress.step("Ending the Docker engine"):
        engine = Engine.detect()
        if engine is not None and engine.own:
            running = engine.docker("ps", "--quiet", "--all").split()
            if running:
                engine.docker("rm", "--force", "--volumes", *running)
            engine.docker("network", "prune", "--force")
        _daemon().stop(grace=30.0)
        daemon.sweep(place)
        debian.unmount(place)
        debian.unmount(data_root())
        network.remove_docker_leftovers()
        shutil.rmtree(place, ignore_errors=True)
    return True


def _start(progress: Progress) -> Engine:
    debian.install(
        {"dockerd": "docker.io", "runc": "runc", "iptables": "iptables", "ip": "iproute2"}, progress
    )
    place = directory()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with progress.step("Starting a Docker engine of our own") as step:
        step.note(f"no other one answers; socket {_socket()}")
        # What an engine that was killed left behind: its containers' shims, mounts.
        if not _daemon().alive():
            daemon.sweep(place)
            (place / "docker.pid").unlink(missing_ok=True)
        words = [
            debian.find("dockerd") or "dockerd",
            f"--host={_socket()}",
            f"--data-root={data_root()}",
            f"--exec-root={place / 'run'}",
            f"--pidfile={place / 'docker.pid'}",
        ]
        if lacks_sys_resource():
            words += [f"--add-runtime=kopfkit={_runtime(place)}", "--default-runtime=kopfkit"]
        server = _daemon(words)
        try:
            server.start()
            version = _await(server)
        except BaseException:
            server.stop()
            daemon.sweep(place)
            raise
    return Engine(_socket(), True, version)


def _await(server: Daemon) -> str:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if version := _answer(_socket()):
            return version
        if not server.alive():
            break
        time.sleep(0.2)
    raise KopfkitError(
        "dockerd",
        f"did not start\n{server.log_tail()}",
        f"The whole log is in {server.log}.",
    )


def lacks_sys_resource() -> bool:
    """Whether CAP_SYS_RESOURCE is missing from this process's bounding set."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return not int(line.split()[1], 16) >> _SYS_RESOURCE & 1
    return False


def _runtime(place: Path) -> Path:
    """Write the OCI runtime that asks for less. A copy: the checkout may move while it is used."""
    program = place / "ociruntime.py"
    shutil.copyfile(ociruntime.__file__, program)
    wrapper = place / "runc-lessened"
    # The system's Python starts without the environment's site-packages, in 20 ms.
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    wrapper.write_text(f'#!/bin/sh\nexec {python} -I -S {program} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def _daemon(argv: Sequence[str] = ()) -> Daemon:
    return Daemon("dockerd", directory(), argv)


def _socket() -> str:
    return f"unix://{directory() / 'docker.sock'}"


def _client() -> str:
    found = shutil.which("docker")
    if found is None:
        raise KopfkitError("docker", "is not on PATH", "Install Docker's client.")
    return found


def _answer(host: str | None) -> str:
    if shutil.which("docker") is None:
        return ""
    env = {**os.environ, "DOCKER_HOST": host} if host else None
    words = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        return process.run(words, env=env, timeout=15).strip()
    except KopfkitError:
        return ""
