"""Long work, shown: a live line with the elapsed time on a terminal, plain timed lines elsewhere.

Everything goes to standard error, so that `$(kopfkit tools path kubectl)` stays a path.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

# Seconds between two signs of life in plain output: CI systems end a job that is silent too long.
HEARTBEAT = 60.0
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


class Step:
    """One piece of work under way. `note` says what it is at now."""

    def __init__(self, progress: "Progress", title: str) -> None:
        self.title = title
        self.detail = ""
        self.started = time.monotonic()
        self._progress = progress

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started

    def note(self, text: str) -> None:
        """Show `text` beside the step's title until the next note."""
        if text != self.detail:
            self.detail = text
            self._progress._noted(self)

    def glance(self, text: str) -> None:
        """Like `note`, for what changes many times a second: plain output shows it now and then."""
        self.detail = text


class Progress:
    """Shows steps, which may nest.

    Args:
        stream: where to write; standard error unless given.
        live: redraw in place; by default only on a terminal and not under CI.
    """

    def __init__(self, stream: TextIO | None = None, *, live: bool | None = None) -> None:
        self._console = Console(
            file=stream or sys.stderr, highlight=False, soft_wrap=True, force_terminal=live
        )
        self._live_wanted = self._console.is_terminal if live is None else live
        self._live: Live | None = None
        self._steps: list[Step] = []

    def say(self, text: str) -> None:
        """Print one line that stays."""
        self._console.print(Text(text))

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show `title` while the body runs; then how long it took, or that it failed."""
        step = Step(self, title)
        self._steps.append(step)
        over = self._begin(step)
        try:
            yield step
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            self._end(step, over, "interrupted" if interrupted else "failed")
            raise
        self._end(step, over, "")

    def _begin(self, step: Step) -> threading.Event:
        over = threading.Event()
        if self._live_wanted:
            if self._live is None:
                self._live = Live(
                    get_renderable=self._render,
                    console=self._console,
                    refresh_per_second=8,
                    transient=True,
                )
                self._live.start()
        else:
            self.say(f"{self._indent(step)}{step.title} ...")
            threading.Thread(target=self._beat, args=(step, over), daemon=True).start()
        return over

    def _end(self, step: Step, over: threading.Event, trouble: str) -> None:
        over.set()
        indent = self._indent(step)
        self._steps.remove(step)
        if self._live is not None and not self._steps:
            self._live.stop()
            self._live = None
        spent = f"{step.elapsed:.1f} s"
        if trouble:
            self.say(f"{indent}✗ {step.title}: {trouble} after {spent}")
        else:
            detail = f": {step.detail}" if step.detail else ""
            self.say(f"{indent}✓ {step.title}{detail} ({spent})")

    def _noted(self, step: Step) -> None:
        if not self._live_wanted and step.detail:
            self.say(f"{self._indent(step)}  {step.title}: {step.detail} [{step.elapsed:.0f} s]")

    def _beat(self, step: Step, over: threading.Event) -> None:
        while not over.wait(HEARTBEAT):
            # Only the innermost step speaks: the ones around it wait for it.
            if self._steps and self._steps[-1] is step:
                what = step.detail or "still running"
                self.say(f"{self._indent(step)}  {step.title}: {what} [{step.elapsed:.0f} s]")

    def _indent(self, step: Step) -> str:
        return "  " * self._steps.index(step) if step in self._steps else ""

    def _render(self) -> Text:
        frame = _SPINNER[int(time.monotonic() * 8) % len(_SPINNER)]
        lines = []
        for step in list(self._steps):
            detail = f": {step.detail}" if step.detail else ""
            line = f"{self._indent(step)}{frame} {step.title}{detail}  {step.elapsed:.0f} s"
            lines.append(line[: self._console.width - 1])
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
