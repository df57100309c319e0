"""Runs parts of the test suite side by side: processes that depend on each other, one log each.

Each part is a process group of its own: a Ctrl-C reaches it once, as SIGINT to its first process,
and whatever it leaves behind ends with it.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_PERCENT = re.compile(rb"\[ *(\d+)%\]")
# Seconds for a part to end what it has started after Ctrl-C, before it is killed.
_GRACE = 60.0
_POLL = 0.2


@dataclass(frozen=True)
class Part:
    """One process of the suite.

    Attributes:
        name: for people, and of its log.
        command: the program and its arguments.
        needs: parts that must have succeeded before; without them this one is left out.
        after: parts that must have ended before, however.
        environment: variables that this part has beside those of all parts.
    """

    name: str
    command: Sequence[str | Path]
    needs: Sequence[str] = ()
    after: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """How a part ended.

    Attributes:
        part: which one.
        log: the file with all that it printed.
        code: its exit code, negative for a signal; None if it was never started.
        seconds: from its start to its end.
        processor: processor seconds of its processes, as far as their parents waited for them.
    """

    part: Part
    log: Path
    code: int | None = None
    seconds: float = 0.0
    processor: float = 0.0

    @property
    def progress(self) -> str:
        """How far pytest has come, such as "43%"; "" where nothing says so."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
                found = _PERCENT.findall(file.read())
        except OSError:
            return ""
        return f"{int(found[-1])}%" if found else ""


@dataclass
class Run:
    """Runs parts as soon as those before them have ended.

    Args:
        parts: in the order in which they are started where several may.
        directory: where the logs go.
        environment: of all parts.
    """

    parts: Sequence[Part]
    directory: Path
    environment: Mapping[str, str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    _running: dict[str, tuple["subprocess.Popen[bytes]", float]] = field(default_factory=dict)

    def __call__(self, watch: Callable[["Run"], None]) -> None:
        """Run all parts; `watch` is called several times a second, and when a part has ended.

        KeyboardInterrupt ends the parts that run and is raised again.
        """
        self.outcomes = {
            part.name: Outcome(part, self.directory / f"{part.name}.log") for part in self.parts
        }
        waiting = list(self.parts)
        try:
            while waiting or self._running:
                for part in [each for each in waiting if self._may_start(each, waiting)]:
                    waiting.remove(part)
                    if self._succeeded(part.needs):
                        self._start(part)
                self._collect()
                watch(self)
                time.sleep(_POLL)
        except BaseException:
            self._interrupt()
            raise

    def running(self) -> list[Outcome]:
        """The parts that run now."""
        for name, (_, started) in self._running.items():
            self.outcomes[name].seconds = time.monotonic() - started
        return [self.outcomes[name] for name in self._running]

    def _may_start(self, part: Part, waiting: Sequence[Part]) -> bool:
        pending = {each.name for each in waiting} | set(self._running)
        return not pending & {*part.needs, *part.after}

    def _succeeded(self, names: Sequence[str]) -> bool:
        return all(self.outcomes[name].code == 0 for name in names if name in self.outcomes)

    def _start(self, part: Part) -> None:
        with self.outcomes[part.name].log.open("wb") as log:
            process = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**self.environment, **part.environment},
                start_new_session=True,
            )
        self._running[part.name] = process, time.monotonic()

    def _collect(self) -> None:
        for name, (process, started) in list(self._running.items()):
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                outcome = self.outcomes[name]
                outcome.code = process.returncode = os.waitstatus_to_exitcode(status)
                outcome.seconds = time.monotonic() - started
                outcome.processor = usage.ru_utime + usage.ru_stime
                del self._running[name]
                _kill_group(process.pid)

    def _interrupt(self) -> None:
        for process, _ in self._running.values():
            process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _GRACE
        try:
            while self._running and time.monotonic() < deadline:
                self._collect()
                time.sleep(_POLL)
        finally:
            for process, _ in self._running.values():
                _kill_group(process.pid)
                process.wait()


def _kill_group(leader: int) -> None:
    """End what is left of the process group of a part that has ended, or that must."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
