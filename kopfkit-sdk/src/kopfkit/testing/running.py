"""The operator of a checkout as a process of a test session."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kopfkit import project as projects
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.host import ports
from kopfkit.local.local import READY
from kopfkit.packaging.crds import crd
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

_KOPFKIT = [sys.executable, "-c", "from kopfkit.cli import main; main()"]


@contextlib.contextmanager
def operator(plane: ControlPlane, api: Api, directory: Path) -> Iterator[Path]:
    """Install the CRDs of the checkout of the current directory and run its operator.

    Args:
        plane: whose API server it talks to.
        api: an administrator's client of it.
        directory: for its log.

    Raises:
        RuntimeError: it ends; with its log.
        AssertionError: it is not ready in two minutes; with its log.
    """
    project = projects.load()
    for resource in project.resources:
        # As kubectl, from which `kopfkit run local` takes the conversion over.
        api.apply(crd(project, resource), manager="kubectl", force=True)
        for version in resource.versions:
            served = f"/apis/{resource.group}/{version.name}/{resource.plural}"
            eventually(partial(api.exists, served))
    log = directory / "operator.log"
    (port,) = ports.free(1)
    argv = [*_KOPFKIT, "run", "local", f"--kubeconfig={plane.kubeconfig}", f"--webhook-port={port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        eventually(lambda: _ready(process, log))
        yield log
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    text = log.read_text("utf-8", errors="replace")
    if process.poll() is not None:
        raise RuntimeError(f"the operator ended with {process.returncode}:\n{text}")
    assert READY in text, text
    return True
