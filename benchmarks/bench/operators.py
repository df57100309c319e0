"""The operators that are compared: how each is started, and what it is."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import machine, peerbuild, sites
from bench.plane import ACCOUNTS
from kopfkit.errors import KopfkitError
from kopfkit.host import ports
from kopfkit.host.progress import Progress

HERE: Final = Path(__file__).parents[1]
ROOT: Final = HERE.parent
IMAGE: Final = "localhost:5001/helloworld-operator:benchmark"
# Seconds an operator gets to end after SIGTERM.
_GRACE: Final = 20.0


@dataclass(frozen=True)
class Operator:
    """One operator to measure.

    Attributes:
        name: short; also its service account.
        argv: makes the command line, anew for each start (ports).
        env: additions to the environment.
    """

    name: str
    title: str
    argv: Callable[[], Sequence[str]]
    env: Mapping[str, str] = field(default_factory=dict)


def available(
    wanted: Sequence[str], work: Path, progress: Progress
) -> tuple[list[Operator], dict[str, str]]:
    """The operators that can be run here, and why the others cannot.

    Raises:
        KopfkitError: ours cannot be run.
    """
    # An interpreter without site-packages of its own, for those who run on this one's.
    python = bare_python(work)
    made: list[Operator] = []
    missing: dict[str, str] = {}
    for name in wanted:
        try:
            made.append(_MAKERS[name](python, work, progress))
        except KopfkitError as error:
            if name == "ours":
                raise
            missing[name] = str(error)
    return made, missing


class Running:
    """A started operator. `exec_at` is when, in seconds since 1970."""

    def __init__(self, operator: Operator, kubeconfig: Path, log: Path) -> None:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("PYTHON", "OTEL_", "LOG_")) and key != "KUBECONFIG"
        }
        environment |= {
            "KUBECONFIG": str(kubeconfig),
            "POD_NAMESPACE": ACCOUNTS,
            "RELATED_IMAGE_HELLOWORLD": IMAGE,
            **operator.env,
        }
        argv = [*operator.argv()]
        self.operator, self.log = operator, log
        with log.open("ab") as output:
            self.exec_at = time.time()
            self._process = subprocess.Popen(
                argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Ctrl-C is for this process, which ends the operator in order; and when this
                # process is killed, the kernel ends the operator.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def cpu(self) -> float:
        """Seconds of processor time used so far."""
        return machine.cpu_seconds(self.pid)

    def rss(self) -> float:
        """Resident memory, 10^6 bytes."""
        return machine.rss_megabytes(self.pid)

    def check(self) -> None:
        """Raises KopfkitError with the end of its log if it has ended."""
        if self._process.poll() is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise KopfkitError(f"operator {self.operator.name}", f"ended by itself\n{tail}")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if that does not help."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def bare_python(work: Path) -> Path:
    """An interpreter without packages of its own. KopfkitError if it cannot be made."""
    home = work / "python"
    if not home.exists():
        base = getattr(sys, "_base_executable", sys.executable)
        done = subprocess.run(
            [base, "-m", "venv", "--without-pip", home], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise KopfkitError("python venv", done.stderr.strip())
    return home / "bin" / "python"


def _ours(python: Path, work: Path, progress: Progress) -> Operator:
    # What the image has: the locked requirements of the operator and of kopfkit, no extras.
    site = sites.link(
        work / "ours",
        ["helloworld-operator", "kopfkit"],
        without=["helloworld-operator", "kopfkit"],
    )
    path = os.pathsep.join(map(str, (ROOT / "operator", ROOT / "kopfkit" / "src", site)))

    def argv() -> Sequence[str]:
        command = [python, "-m", "helloworld_operator", "run", "--health-port=0"]
        return [*map(str, command), f"--metrics-port={ports.free(1)[0]}"]

    return Operator("ours", "ours (raw events, keyed queue)", argv, {"PYTHONPATH": path})


def _kopf(name: str, title: str, needs: Sequence[str], kopfkit: bool) -> "_Maker":
    def make(python: Path, work: Path, progress: Progress) -> Operator:
        site = sites.link(work / name, needs, without=["kopfkit"])
        common = [HERE / "kopf_common", *([ROOT / "kopfkit" / "src"] if kopfkit else []), site]
        command = [python, "-m", "kopf", "run", "--standalone", "--all-namespaces"]
        argv = [*map(str, command), str(HERE / name / "handlers.py")]
        path = os.pathsep.join(map(str, common))
        return Operator(name.replace("_", "-"), title, lambda: argv, {"PYTHONPATH": path})

    return make


def _go(workers: int) -> "_Maker":
    def make(python: Path, work: Path, progress: Progress) -> Operator:
        executable = peerbuild.go("operator", HERE / "go", progress)
        argv = [str(executable), f"--workers={workers}", f"--lease-namespace={ACCOUNTS}"]
        title = f"controller-runtime, {workers} worker{'s' if workers > 1 else ''}"
        return Operator(f"go{workers}", title, lambda: argv)

    return make


def _rs(python: Path, work: Path, progress: Progress) -> Operator:
    argv = [str(peerbuild.rust(HERE / "rs", progress))]
    return Operator("rs", "kube-rs, 16 workers", lambda: argv)


_Maker = Callable[[Path, Path, Progress], Operator]
_MAKERS: Final[dict[str, _Maker]] = {
    "ours": _ours,
    "go1": _go(1),
    "go16": _go(16),
    "rs": _rs,
    "kopf0": _kopf("kopf0", "plain kopf, as its tutorial", ["kopf", "kubernetes"], False),
    "kopf-handlers": _kopf(
        "kopf_handlers", "kopf change handlers, tuned", ["kopf", "kopfkit"], True
    ),
}
NAMES: Final = tuple(_MAKERS)
