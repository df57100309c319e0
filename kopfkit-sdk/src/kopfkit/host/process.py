"""Commands that are waited for. A failing one becomes an error that shows the end of its output,
and an interrupted one takes its children with it. Long-lived processes are in `daemon`."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host.daemon import Daemon

__all__ = ["CommandFailed", "Daemon", "run", "tail"]

# How many of a failed command's last lines the error shows: a screenful.
TAIL_LINES = 20
# Seconds that an interrupted command gets to clean up before it is killed.
GRACE = 5.0


class CommandFailed(KopfkitError):
    """A command ended with a non-zero exit status; `output` is all that it printed."""

    def __init__(self, argv: Sequence[str], why: str, output: str) -> None:
        shown = tail(output)
        super().__init__(_name(argv), f"{why}\n{shown}" if shown else why)
        self.output = output


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    input: str | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> str:
    """Run a command to its end and return its standard output.

    Args:
        argv: the program and its arguments; no shell is involved.
        env: the whole environment; this process's own unless given.
        cwd: the directory to run it in.
        input: text for its standard input, which is empty otherwise.
        timeout: seconds after which the command and its children are ended.
        on_line: called with each line of standard error as it appears.

    Raises:
        KopfkitError: the program does not exist, or the time is over.
        CommandFailed: it exited with another status than 0.
    """
    words = [os.fspath(word) for word in argv]
    try:
        child = subprocess.Popen(
            words,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            # A group of its own, so that ending the command ends what it started too.
            process_group=0,
        )
    except FileNotFoundError as error:
        raise KopfkitError(words[0], "was not found", "Install it, or put it on PATH.") from error
    except OSError as error:
        raise KopfkitError(words[0], f"cannot be run ({error.strerror})") from error
    with child:
        try:
            out, err = _communicate(child, input, timeout, on_line)
        except subprocess.TimeoutExpired as error:
            _end(child)
            raise KopfkitError(_name(words), f"took longer than {timeout:.0f} s") from error
        except BaseException:
            _end(child)
            raise
    if child.returncode:
        why = (
            f"exited with status {child.returncode}"
            if child.returncode > 0
            else f"was killed by {signal.Signals(-child.returncode).name}"
        )
        raise CommandFailed(words, why, err + out)
    return out


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last `lines` lines of `text` that are not empty, indented for an error message."""
    kept = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"  | {line}" for line in kept)


def _communicate(
    child: subprocess.Popen[str],
    input: str | None,
    timeout: float | None,
    on_line: Callable[[str], None] | None,
) -> tuple[str, str]:
    if on_line is None:
        return child.communicate(input, timeout=timeout)
    lines: list[str] = []
    stream = child.stderr
    assert stream is not None
    child.stderr = None  # communicate() must not read what the thread reads

    def pump() -> None:
        with stream:
            for line in stream:
                lines.append(line)
                on_line(line.rstrip())

    reader = threading.Thread(target=pump, daemon=True)
    reader.start()
    out, _ = child.communicate(input, timeout=timeout)
    reader.join()
    return out, "".join(lines)


def _end(child: subprocess.Popen[str]) -> None:
    for number, patience in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
    child.wait()
    # The others of the group are not ours to wait for, but a killed one may hold files a moment
    # longer, and who called wants to remove them. Where nobody reaps orphans, a zombie keeps the
    # group: hence the limit.
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:
        try:
            os.killpg(child.pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(0.01)


def _name(argv: Sequence[str]) -> str:
    words = [Path(argv[0]).name, *argv[1:]]
    text = " ".join(words)
    return text if len(text) <= 120 else text[:117] + "..."
