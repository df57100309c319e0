"""The processes of a run outside the cluster: their output on ours, each line with a prefix, and
their end with ours, however ours comes."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from kopfkit.errors import KopfkitError
from kopfkit.host import daemon

# Seconds that children get to end in order: a webhook finishes the reviews under way within 25.
GRACE = 30.0
# Lines of a dead child's output that the error repeats: the cause without a scroll back.
TAIL_LINES = 15
# A kill of the parent, which no handler sees, must not leave its children behind (Linux).
_TIED = (
    "import ctypes,os,signal,sys;ctypes.CDLL(None).prctl(1,signal.SIGTERM);"
    "os.getppid()==int(sys.argv[1]) or sys.exit(1);os.execv(sys.argv[2],sys.argv[2:])"
)
_COLOURS = {"webhook": "36", "operator": "35", "kopfkit": "32"}


class Output:
    """One stream that several processes write to, a line at a time.

    Args:
        stream: where to; colour only if it is a terminal and NO_COLOR is not set.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()

    def line(self, name: str, text: str) -> None:
        """Write `name | text`."""
        head = f"{name} |"
        if self._colour:
            head = f"\033[{_COLOURS.get(name, '0')}m{head}\033[0m"
        with self._lock:
            print(f"{head} {text}", file=self._stream, flush=True)

    def say(self, text: str) -> None:
        """Write a line of the command itself."""
        self.line("kopfkit", text)


class Child:
    """A running process.

    Args:
        name: the prefix of its lines.
        argv: the program and its arguments.
        env: additions to this process's environment.
        directory: marks the process and all that it starts, for `daemon.sweep`.
        output: gets its standard output and error.

    Raises:
        KopfkitError: it cannot be started.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        directory: Path,
        output: Output,
    ) -> None:
        self.name = name
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        words = list(argv)
        if sys.platform == "linux":
            words = [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *words]
        try:
            self._process = subprocess.Popen(
                words,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **env, daemon.OWNER: str(directory)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # A session of its own: Ctrl-C at the terminal is for us, and we end it in order.
                start_new_session=True,
            )
        except OSError as error:
            raise KopfkitError(name, f"cannot be started ({error.strerror})") from error
        self._reader = threading.Thread(target=self._pump, args=(output.line,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def status(self) -> int:
        """The exit status, or minus the signal that killed it; waits for its end."""
        return self._process.wait()

    def fate(self) -> str:
        """How it ended."""
        code = self.status()
        if code >= 0:
            return f"exited with status {code}"
        return f"was killed by {signal.Signals(-code).name}"

    def told(self, text: str) -> bool:
        """Whether `text` is in its last lines."""
        return any(text in line for line in [*self._lines])

    def last(self) -> str:
        """The last line that it has printed, "" before there is one."""
        return self._lines[-1] if self._lines else ""

    def death(self) -> KopfkitError:
        """Why it is over, with the end of its output."""
        why = self.fate()
        self._reader.join(2.0)  # a grandchild may hold the pipe open
        told = "".join(f"\n  | {line}" for line in self._lines)
        return KopfkitError(f"the {self.name} process", f"{why}{told}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        self._process.send_signal(number)

    def close(self) -> None:
        """Take in its last lines, once it is over."""
        self._reader.join(2.0)

    def _pump(self, line: Callable[[str, str], None]) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for raw in stream:
                text = raw.decode(errors="replace").rstrip()
                self._lines.append(text)
                # Our own output may be gone (a closed pipe); the child must not block for it.
                with contextlib.suppress(OSError, ValueError):
                    line(self.name, text)


def end(children: Sequence[Child], directory: Path, output: Output, grace: float = GRACE) -> bool:
    """End the children as `stop` does, then whatever they started themselves. A Ctrl-C meanwhile
    kills them; whether there was one, which the caller may have to follow."""
    hurried = False
    try:
        stop(children, output, grace)
    except KeyboardInterrupt:
        hurried = True
        stop(children, output, 0.0)
    daemon.sweep(directory, 2.0)
    return hurried


def stop(children: Sequence[Child], output: Output, grace: float) -> None:
    """End the children: SIGTERM, then SIGKILL after `grace` seconds."""
    for child in children:
        child.signal(signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(child.running() for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in children:
        if child.running():
            output.say(f"{child.name} did not stop: killed")
            child.signal(signal.SIGKILL)
    for child in children:
        while child.running():
            time.sleep(0.02)
        child.close()
