"""`kopfkit dev` in pods: a saved file runs there, a debugger stops there, and both end in order."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import publish
from dap import Debugger
from helloworld_operator.project import PROJECT
from kopfkit.host import ports
from kopfkit.host.state import ClusterState
from kopfkit.local import devpods
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

PATIENCE = 300.0


class Dev:
    """One `kopfkit dev` in a copy of the checkout.

    Args:
        checkout: the copy, whose package it sends.
        cluster: where to.
        words: more of its arguments.
    """

    def __init__(self, checkout: Path, cluster: ClusterState, *words: str) -> None:
        self.log = checkout.parent / "dev.log"
        program = (sys.executable, "-c", "from kopfkit.cli import main; main()")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*program, "dev", f"--kubeconfig={cluster.kubeconfig}", *words],
                cwd=checkout,
                env={**os.environ, "PYTHONPATH": str(checkout / "operator")},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def tells(self, pattern: str) -> None:
        """Wait until it has printed what the pattern finds."""

        def check() -> bool:
            told = self.log.read_text()
            assert self.process.poll() is None, told
            assert re.search(pattern, told), f"no {pattern!r} in\n{told}"
            return True

        eventually(check, timeout=PATIENCE)

    def end(self) -> str:
        """Press Ctrl-C; all that it has printed."""
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()
        told = self.log.read_text()
        assert code == 0, told
        return told


@pytest.fixture
def checkout(images: publish.Images, tmp_path: Path) -> Path:
    """A copy whose files may be changed."""
    made = tmp_path / "checkout"
    shutil.copytree(images.checkout, made, ignore=shutil.ignore_patterns("build"))
    return made


@contextmanager
def developed(dev: Dev, kubectl: Kubectl) -> Iterator[None]:
    """Ends it, and looks that the Deployments are as they were generated."""
    try:
        yield
    finally:
        told = dev.end()
    assert "Traceback" not in told
    for each in PROJECT.deployments:
        found = kubectl.get("deployments.apps", each.name, PROJECT.namespace)
        assert found is not None
        assert found["spec"]["replicas"] == each.replicas
        assert devpods.VOLUME not in str(found["spec"])


def test_a_saved_file_runs_in_the_pods_and_a_mistake_ends_nothing(
    kind_cluster: ClusterState,
    kubectl: Kubectl,
    clean_cluster: None,
    images: publish.Images,
    checkout: Path,
    world: Any,
) -> None:
    package = checkout / "operator" / "helloworld_operator"
    start = package / "__main__.py"
    before = start.read_text()
    dev = Dev(checkout, kind_cluster, f"--img={images.operator}")
    with developed(dev, kubectl):
        dev.tells("the pods run the code of this checkout")
        world.create("hello", {"replicas": 1})
        world.ready("hello", 1)
        start.write_text(f'print("saved once")\n{before}')
        for each in PROJECT.deployments:
            dev.tells(rf"{each.name} \| saved once")
        start.write_text("raise SystemExit(3)\n")
        dev.tells(rf"{PROJECT.name} \| exited with status 3; waits for the next save")
        start.write_text(f'print("mended")\n{before}')
        for each in PROJECT.deployments:
            dev.tells(rf"{each.name} \| mended")
        # Both versions are served by what was sent.
        eventually(lambda: world.read("hello", "v1alpha1"), timeout=PATIENCE)
        world.change("hello", {"replicas": 2})
        world.ready("hello", 2)


def stopped(debugger: Debugger, source: Path, line: int) -> tuple[int, str]:
    """Wait until a thread stands at the line; its number, and the name of what it reconciles."""
    thread = debugger.until("event", "stopped")["body"]["threadId"]
    top = debugger.ask("stackTrace", threadId=thread)["stackFrames"][0]
    assert (top["source"]["path"], top["line"]) == (str(source), line)
    expression = "hello.raw['metadata']['name']"
    named = debugger.ask("evaluate", expression=expression, frameId=top["id"])
    return thread, named["result"]


def test_a_debugger_stops_the_operator_in_its_pod(
    kind_cluster: ClusterState,
    kubectl: Kubectl,
    images: publish.Images,
    checkout: Path,
    world: Any,
) -> None:
    source = checkout / "operator" / "helloworld_operator" / "controller" / "helloworlds.py"
    lines = source.read_text().splitlines()
    line = lines.index("    world = observe(hello.raw, hello.spec, ctx)") + 1
    (port,) = ports.free(1)
    dev = Dev(checkout, kind_cluster, f"--img={images.operator}", f"--debug={port}")
    with developed(dev, kubectl):
        # As soon as it says so; and again for the process that starts after a save.
        waits = f"the pod waits for a debugger on 127.0.0.1:{port}"
        dev.tells(waits)
        with closing(Debugger(port)) as debugger:
            place = (str(checkout / "operator"), f"{devpods.PLACE}/src")
            debugger.attach((source, line), [place])
            world.create("stopped", {"replicas": 1})
            thread, name = stopped(debugger, source, line)
            while name == "'hello'":  # of the test before, in a namespace that still goes
                debugger.ask("continue", threadId=thread)
                thread, name = stopped(debugger, source, line)
            assert name == "'stopped'"
            debugger.ask("setBreakpoints", source={"path": str(source)}, breakpoints=[])
            debugger.ask("continue", threadId=thread)
            world.ready("stopped", 1)
            source.write_text("\n".join(lines) + "\n# saved\n")
            dev.tells(rf"(?s){waits}.*{waits}")
        with closing(Debugger(port)) as debugger:
            debugger.attach()
