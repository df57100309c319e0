"""Background tasks that run as long as the process, and the signals that end it.

None of the tasks may end by itself: without one of them the process is of no use, so it exits.
"""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Tasks:
    """The tasks of a process.

    Args:
        stop: is set when one of them ends.

    Attributes:
        broken: the name of the one that ended, "" while all run.
    """

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._tasks: list[asyncio.Task[None]] = []
        self.broken = ""

    def start(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run a coroutine in the background."""
        self._tasks.append(asyncio.create_task(self._guard(coroutine, name), name=name))

    async def end(self) -> None:
        """Cancel all tasks and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _guard(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await coroutine
        except Exception:
            log.exception("%s failed: stopping the process", name)
            self.broken = name
            self._stop.set()


async def until(stop: asyncio.Event, coroutine: Coroutine[Any, Any, None]) -> None:
    """Await it, but no longer than until `stop` is set. Raises what it raises."""
    work = asyncio.create_task(coroutine)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if work.done():
        await work
    else:
        work.cancel()
    await asyncio.gather(work, stopped, return_exceptions=True)


def on_signals(stop: asyncio.Event) -> None:
    """Have SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
