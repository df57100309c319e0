"""`kopfkit run local` and `kopfkit dev` as a person starts them, for the tests of them."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.controlplane import controlplane
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, ports
from kopfkit.testing.client import Api
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[1]
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/helloworlds.test.jiaozi.com"
PATIENCE = 240.0
_PATH = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]


class Command:
    """A `kopfkit` that runs until Ctrl-C, and what it has printed."""

    def __init__(self, world: "World", *words: str, root: Path = ROOT) -> None:
        self.world = world
        self.lines: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from kopfkit.cli import main; main()", *words],
            cwd=root,
            env={**world.env, "PYTHONPATH": os.pathsep.join((str(root / "operator"), *_PATH))},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self, text: str) -> str:
        """The next line with `text`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found = self._fresh.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                found = None
            assert found is not None, f"no {text!r} in\n{self.output}"
            if text in found:
                return found

    @property
    def output(self) -> str:
        """All that it has printed."""
        return "\n".join(self.lines)

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end:\n{self.output}") from None
        self._reader.join(PATIENCE)
        return status

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.terminate()
            self.wait()
        daemon.sweep(self.world.state, 1.0)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(self.lines[-1])
        self._fresh.put(None)


class Run(Command):
    """One `kopfkit run local`."""

    def __init__(self, world: "World", *flags: str, root: Path = ROOT) -> None:
        self.port = ports.free(1)[0]
        super().__init__(world, "run", "local", f"--webhook-port={self.port}", *flags, root=root)

    def ready(self) -> "Run":
        """Wait until it says that everything runs."""
        self.line("all processes are running")
        return self

    def children(self) -> dict[str, int]:
        """The pids of its processes by their command."""
        found = {}
        for pid in daemon.owned(self.world.state):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "helloworld_operator" in words:
                found[words[words.index("helloworld_operator") + 1]] = pid
        return found


class World:
    """A control plane for these tests alone: CRD and Deployments have fixed names."""

    def __init__(self, plane: ControlPlane, state: Path) -> None:
        self.plane, self.state = plane, state
        self.api = Api(plane.kubeconfig)
        self.kubectl = Kubectl.at(plane.kubeconfig)
        self.env = {
            **os.environ,
            "KUBECONFIG": str(plane.kubeconfig),
            "KOPFKIT_STATE_DIR": str(state),
        }
        self.env.pop("RELATED_IMAGE_HELLOWORLD", None)

    def install(self) -> None:
        """What `make install` does."""
        self.kubectl.run("apply", "--server-side", "--force-conflicts", "-k", "config/crd")

    def conversion(self) -> Any:
        """The CRD's spec.conversion as it is now."""
        return self.api.get(CRD)["spec"]["conversion"]

    def client_config(self) -> Any:
        """How the API server reaches the webhook."""
        return self.conversion()["webhook"]["clientConfig"]


@contextlib.contextmanager
def running(factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world whose control plane runs; the test is skipped where none can be had."""
    try:
        toolchain.ensure((*controlplane.TOOLS, "kubectl"))
    except KopfkitError as error:
        pytest.skip(f"no control plane: {error}")
    plane = ControlPlane(factory.mktemp("plane"), tied=True)
    plane.start()
    world = World(plane, factory.mktemp("state"))
    try:
        yield world
    finally:
        world.api.close()
        plane.stop()


Start = Callable[..., Run]


@contextlib.contextmanager
def starting(world: World, *flags: str, root: Path = ROOT) -> Iterator[Start]:
    """Starts `kopfkit run local` with these flags and more; all of them end at the end."""
    runs: list[Run] = []

    def new(*more: str) -> Run:
        runs.append(Run(world, *flags, *more, root=root))
        return runs[-1]

    yield new
    for run in runs:
        run.close()
