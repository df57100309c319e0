"""Processes that outlive the command that started them, and that a later command can still find.

A process is known by its pid *and* the moment it started: a pid alone may belong to somebody else
after a crash or a reboot. Each daemon has a small JSON file with both. And every daemon carries an
environment variable with the directory it belongs to, so that `sweep` finds it even when the file
was never written, or was lost: a kill between two system calls leaves nothing behind for ever.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host import files

# The mark that `sweep` looks for in a process's environment.
OWNER = "KOPFKIT_DAEMON_OF"
# Seconds a process gets to end after SIGTERM before SIGKILL.
GRACE = 10.0
# Looks, a hundredth of a second apart, at a process that is about to have an environment.
_EXECS = 100
# The parent's death ends the daemon: what the pytest fixtures want, whatever ends pytest.
_TIED = (
    "import ctypes,os,signal,sys;ctypes.CDLL(None).prctl(1,signal.SIGKILL);"
    "os.getppid()==int(sys.argv[1]) or sys.exit(1);os.execv(sys.argv[2],sys.argv[2:])"
)


def started_at(pid: int) -> str | None:
    """When the process `pid` started, as an opaque text that no other process with that pid has
    had since the machine was made; None if there is no such process or it is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return _started_by_ps(pid) if sys.platform != "linux" else None
    # Fields after the command name, which is in parentheses and may contain any character.
    fields = stat.rpartition(")")[2].split()
    # The first thread of a killed process is a zombie at once, while others still hold its files
    # and ports for a moment: the process is over when only that one is left.
    if fields[0] in "ZX" and _threads(pid) <= 1:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[19]}"  # field 22 of proc(5): start time in clock ticks since boot


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _started_by_ps(pid: int) -> str | None:
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() or None


@dataclass
class Daemon:
    """A long-lived process with a log.

    Args:
        name: what messages call it; also the name of its files.
        directory: where `<name>.pid` and `<name>.log` are kept.
        argv: the program and its arguments; needed by `start` only.
        env: additions to this process's environment.
        tied: end it when the process that started it ends, however that ends (Linux).
    """

    name: str
    directory: Path
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    tied: bool = False

    @property
    def log(self) -> Path:
        """The file that gets the process's standard output and error."""
        return self.directory / f"{self.name}.log"

    @property
    def _pid_file(self) -> Path:
        return self.directory / f"{self.name}.pid"

    def pid(self) -> int | None:
        """The process's pid while it runs, else None."""
        try:
            record = json.loads(self._pid_file.read_text())
            pid, started = int(record["pid"]), record["started"]
        except (OSError, ValueError, TypeError, KeyError):
            return None
        # A process that ended at once has no moment of start on record: it never counts as alive.
        return pid if started is not None and started_at(pid) == started else None

    def alive(self) -> bool:
        """Whether the process that was started runs now."""
        return self.pid() is not None

    def start(self) -> None:
        """Start the process, unless it runs. Raises KopfkitError if it cannot be executed."""
        if self.alive():
            return
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        argv = [os.fspath(word) for word in self.argv]
        if self.tied and sys.platform == "linux":
            argv = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *argv]
        environment = {**os.environ, **self.env, OWNER: str(self.directory)}
        try:
            with self.log.open("wb") as log:
                child = subprocess.Popen(
                    argv,
                    env=environment,
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    # A session of its own: a Ctrl-C at the terminal is not for it.
                    start_new_session=True,
                )
        except OSError as error:
            raise KopfkitError(self.name, f"cannot be started ({error.strerror})") from error
        pid = child.pid
        # Not waited for: it outlives this process. Without a status, Popen would warn of that.
        child.returncode = 0
        record = {"pid": pid, "started": started_at(pid), "program": str(self.argv[0])}
        files.write(self._pid_file, json.dumps(record))

    def stop(self, grace: float = GRACE) -> bool:
        """End the process: SIGTERM, then SIGKILL after `grace` seconds. True if one was running."""
        pid = self.pid()
        if pid is not None:
            terminate([pid], grace)
        self._reap()
        self._pid_file.unlink(missing_ok=True)
        return pid is not None

    def _reap(self) -> None:
        """Free the process table's entry if the process was this process's child."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            os.waitpid(int(json.loads(self._pid_file.read_text())["pid"]), os.WNOHANG)

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log, indented for an error message."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 65536))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join(f"  | {line}" for line in text.splitlines()[-lines:])


def terminate(pids: Sequence[int], grace: float = GRACE) -> None:
    """End the processes: SIGTERM to all, SIGKILL to those alive after `grace` seconds.

    A process is signalled only while it is the one that had the pid at the time of the call.
    """
    known = {pid: started for pid in pids if (started := started_at(pid)) is not None}
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        if number is signal.SIGTERM and grace <= 0:
            continue
        for pid, started in known.items():
            if started_at(pid) == started:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        while time.monotonic() < deadline:
            for pid in known:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if all(started_at(pid) != started for pid, started in known.items()):
                return
            time.sleep(0.02)


def owned(directory: Path) -> Iterator[int]:
    """The pids of the processes whose environment says that they belong under `directory`."""
    mark = f"{OWNER}={directory}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = environment(int(entry.name))
        except OSError:
            continue  # gone, or another user's
        if any(text == mark or text.startswith(mark + b"/") for text in variables):
            yield int(entry.name)


def environment(pid: int) -> list[bytes]:
    """The environment variables of a process, as "NAME=value".

    Within execve(2) a process shows none for a moment, although whoever started it has been told
    that it runs. A kernel thread and a zombie have no program, and no environment either.

    Raises:
        OSError: there is no such process, it has no program, or it is another user's.
    """
    entry = Path(f"/proc/{pid}")
    for _ in range(_EXECS):
        # Read first: a process with arguments is past execve, whatever its environment is.
        has_begun = (entry / "cmdline").read_bytes() != b""
        found = (entry / "environ").read_bytes()
        if found or has_begun or not os.readlink(entry / "exe"):
            return found.split(b"\0")
        time.sleep(0.01)
    return []


def sweep(directory: Path, grace: float = GRACE) -> list[int]:
    """End every process that a daemon under `directory` started, files or not; returns the pids."""
    pids = [pid for pid in owned(directory) if pid != os.getpid()]
    terminate(pids, grace)
    return pids
