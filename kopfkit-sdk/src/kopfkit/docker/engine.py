"""A Docker engine: what is asked of it through its client."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kopfkit.docker import freezer, reach
from kopfkit.errors import KopfkitError
from kopfkit.host import process

# Seconds: a client that finds a socket but no engine behind it must not wait for ever.
ANSWER_TIMEOUT = 15.0


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

    def remove(self, *containers: str) -> None:
        """Remove containers and their volumes, running or not. Raises process.CommandFailed."""
        removal = ("rm", "--force", "--volumes", *containers)
        try:
            self.docker(*removal)
        except process.CommandFailed:
            # Only these: what somebody has paused in another container stays so.
            rows = self.docker("ps", "--no-trunc", "--format={{.ID}} {{.Names}}").splitlines()
            left = [
                identifier
                for identifier, name in map(str.split, rows)
                if any(each == name or identifier.startswith(each) for each in containers)
            ]
            if not sum(map(freezer.thaw, left)):
                raise
            self.docker(*removal)

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
        """Pull `image` unless the engine has it; False if it cannot be had.

        A "no" is remembered for an hour (see `reach`), so that a closed network is asked once.
        """
        if self.has(image):
            return True
        if reach.refused(image):
            return False
        given = False
        # Another engine may be on another machine or have a mirror: only it can tell.
        if not self.own or reach.answers(image):
            with contextlib.suppress(KopfkitError):
                self.docker("pull", "--quiet", image, timeout=timeout)
                given = True
        reach.remember(image, given)
        return given

    def build(self, tag: str, context: Path, arguments: Sequence[str] = ()) -> None:
        """Build the Dockerfile in `context` as `tag`."""
        self.docker("build", "--quiet", "--tag", tag, *arguments, str(context))


def _client() -> str:
    found = shutil.which("docker")
    if found is None:
        raise KopfkitError("docker", "is not on PATH", "Install Docker's client.")
    return found


def answer(host: str | None) -> str:
    """The version of the engine at `host` (None: the client's default); "" if none answers."""
    if shutil.which("docker") is None:
        return ""
    env = {**os.environ, "DOCKER_HOST": host} if host else None
    words = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        return process.run(words, env=env, timeout=ANSWER_TIMEOUT).strip()
    except KopfkitError:
        return ""
