"""What `kopfkit dev` makes of Deployments, and PID 1 of its pods."""

import base64
import io
import os
import queue
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.host import daemon
from kopfkit.local import dev, devpods, podloader
from kopfkit.local.localchildren import Output
from kopfkit.testing.waiting import eventually

SECOND = 1_700_000_000


class Pod:
    """PID 1 as a pod has it, and what has been sent to it.

    Args:
        place: the pod's directory for code.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.lines: queue.Queue[str] = queue.Queue()
        # How often it has told that it starts the code.
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start it, and wait until it can handle signals: its PID is not the one spared them.

        /proc does not tell: while a process is in sigwait, SigBlk lacks the signals it waits for.
        """
        loader = Path(podloader.__file__).read_text()
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", loader, str(self.place), "-m", "tea"],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                daemon.OWNER: str(self.place),
                "PYTHONUNBUFFERED": "1",
                # As some images have it: the bytecode outlives the files that were sent.
                "PYTHONPYCACHEPREFIX": str(self.place.parent / "bytecode"),
            },
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        if not (self.place / "src").exists():
            assert self.line() == "waiting for the code"

    def stop(self) -> None:
        """Kill it and what it has started."""
        self.process.kill()
        self.process.wait()
        daemon.sweep(self.place, 0.0)
        self.reader.join(60)

    def send(self, text: str) -> None:
        """Do what `kopfkit dev` has the pod do, where PID 1 is this process."""
        package = self.place.parent / "sources" / "tea"
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
        (package / "__main__.py").write_text(text)
        # All saves of a test are within one second.
        os.utime(package / "__main__.py", (SECOND, SECOND))
        receive = devpods.RECEIVE.replace(f'"{devpods.PLACE}/"', repr(f"{self.place}/"))
        receive = receive.replace("os.kill(1,", f"os.kill({self.process.pid},")
        archive = devpods.archive([package])
        subprocess.run([sys.executable, "-c", receive], input=archive, text=True, check=True)

    def line(self) -> str:
        """The next line that it prints."""
        return self.lines.get(timeout=120)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                if line.strip() == podloader.STARTS:
                    self.starts += 1
                else:
                    self.lines.put(line.strip())


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    place = tmp_path / "place"
    place.mkdir()
    made = Pod(place)
    yield made
    made.stop()


SERVES = "import time\nprint({!r})\ntime.sleep(600)\n"


def test_each_code_that_is_sent_ends_the_one_before(pod: Pod) -> None:
    for text in ("one", "two", "three"):
        pod.send(SERVES.format(text))
        assert pod.line() == text
    assert pod.starts == 3
    # PID 1 and the last process.
    eventually(lambda: len(list(daemon.owned(pod.place))) == 2)


def test_code_that_came_before_pid_1_could_be_told_is_started(pod: Pod) -> None:
    pod.send(SERVES.format("early"))
    assert pod.line() == "early"
    pod.stop()
    pod.start()
    assert pod.line() == "early"


def test_a_process_that_ends_is_told_and_the_next_code_starts(pod: Pod) -> None:
    pod.send("raise SystemExit(3)")
    assert pod.line() == "exited with status 3; waits for the next save"
    pod.send(SERVES.format("mended"))
    assert pod.line() == "mended"


def test_a_process_that_does_not_end_is_killed_with_what_it_started(pod: Pod) -> None:
    stubborn = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    )
    pod.send(stubborn + SERVES.format("stubborn"))
    assert pod.line() == "stubborn"
    pod.send(SERVES.format("after"))
    assert pod.line() == "after"
    eventually(lambda: len(list(daemon.owned(pod.place))) == 2)


def test_the_end_of_a_pod_ends_its_process_in_order(pod: Pod) -> None:
    orderly = "import signal\nprint('runs')\nsignal.sigwait([signal.SIGTERM])\nprint('in order')\n"
    pod.send("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [15])\n" + orderly)
    assert pod.line() == "runs"
    pod.process.send_signal(signal.SIGTERM)
    assert pod.line() == "in order"
    assert pod.process.wait(60) == 0
    assert list(daemon.owned(pod.place)) == []


def test_a_port_is_open_once_something_listens_on_it() -> None:
    def listens(port: int) -> bool:
        words = [sys.executable, "-c", devpods.LISTENS, f"{port}"]
        return subprocess.run(words, check=False).returncode == 0

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        assert not listens(port)
        one.listen()
        assert listens(port)
        # Being looked at is no connection.
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            one.accept()
    assert not listens(port)


class Log:
    """The `kubectl logs` of a pod, as far as its last line goes."""

    def __init__(self) -> None:
        self.line = ""

    def running(self) -> bool:
        return True

    def last(self) -> str:
        return self.line


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Looks at the pod of a Deployment that has just been sent the code; what is said of it."""
    metadata = {"name": "tea", "namespace": "kitchen"}
    pod = {
        "metadata": {"name": "tea-1", "namespace": "kitchen", "uid": "u"},
        "spec": {"volumes": [{"name": devpods.VOLUME}]},
        "status": {"containerStatuses": [{"state": {"running": {}}}]},
    }
    kubectl = SimpleNamespace(list=lambda *_: [pod])
    said, log, now = io.StringIO(), Log(), 1000.0
    monkeypatch.setattr(dev, "time", SimpleNamespace(monotonic=lambda: now))
    made: Any = dev._Dev(
        SimpleNamespace(controllers=["tea"]),  # type: ignore[arg-type]
        SimpleNamespace(kubectl=kubectl),  # type: ignore[arg-type]
        Output(said),
        None,  # type: ignore[arg-type]
        dev.Options(),
        plain=[{"metadata": metadata, "spec": {"selector": {"matchLabels": {"app": "tea"}}}}],
    )
    monkeypatch.setattr(made, "_send", lambda *_: None)
    made.children["log u"] = log

    def look(line: str, seconds: float) -> str:
        """What is said where the log ends with a line, some seconds later."""
        nonlocal now
        log.line, now, before = line, now + seconds, len(said.getvalue())
        made._look(None)
        return said.getvalue()[before:]

    return look


ENDED = "exited with status 3; waits for the next save"


def test_the_pods_are_said_to_run_the_code_once_its_processes_have_not_ended(looked: Any) -> None:
    assert looked(podloader.STARTS, 0) == ""
    assert looked(podloader.STARTS, 0.5) == ""
    assert dev.READY in looked("serves", 5)
    assert looked("serves", 5) == ""


def test_a_process_that_has_ended_at_once_is_told_in_place_of_it_with_where_its_log_is(
    looked: Any,
) -> None:
    # The log of the process before, which is behind.
    assert looked(ENDED, 0) == ""
    told = looked(ENDED, 5)
    assert "tea: its process exited with status 3" in told
    assert "kubectl logs --namespace=kitchen tea-1" in told
    assert looked(ENDED, 5) == ""
    # As after a restart of its container.
    assert dev.READY in looked("serves", 5)


def test_a_process_that_ends_later_is_told_too(looked: Any) -> None:
    looked("serves", 0)
    assert dev.READY in looked("serves", 5)
    assert "exited with status 3" in looked(ENDED, 60)


def deployments(root: Path) -> list[Any]:
    found = [*yamls.read_all(root / "config/manager/manager.yaml")]
    return [each for each in found if each["kind"] == "Deployment"]


def test_a_deployment_runs_what_is_sent_in_one_pod_and_keeps_the_rest(root: Path) -> None:
    (plain,) = deployments(root)
    before = yamls.dump(plain)
    made = devpods.developed(plain, ["-m", "tea"])
    assert yamls.dump(plain) == before
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][-3:] == [devpods.PLACE, "-m", "tea"]
    assert container["args"] == plain["spec"]["template"]["spec"]["containers"][0]["args"]
    assert made["spec"]["replicas"] == 1
    # The old pod ends before the new one starts. Recreate would be refused where the Deployment
    # exists: the API server keeps the rollingUpdate that it has filled in.
    assert made["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    # A saved mistake, or a breakpoint, does not end the container.
    assert "livenessProbe" not in container
    assert "startupProbe" not in container
    assert container["readinessProbe"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_bytecode_is_not_sent(tmp_path: Path) -> None:
    package = tmp_path / "tea"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__pycache__" / "x.pyc").touch()
    (package / "x.py").touch()
    sent = io.BytesIO(base64.b64decode(devpods.archive([package])))
    with tarfile.open(fileobj=sent) as archive:
        assert archive.getnames() == ["tea", "tea/x.py"]
