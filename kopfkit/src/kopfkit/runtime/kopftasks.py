"""Ending kopf for certain: knows every task that kopf started, and no other.

kopf 1.45 expects that its end is the process's end. When one watch fails, the others go on; they
are cancelled after five seconds, swallow that once their pause flag is cancelled with them, and
wait for credentials that nobody will bring. And it takes every task of the event loop for its own.
So kopf's own `run_tasks` is not used: tasks that descend from kopf are told apart by a context
variable, which each task inherits from the one that made it, and are cancelled until they are gone.

A task of kopf's that waits for a pause ends with the watch that it belongs to, so it is cancelled
only when it is left over: the end of its own kind is what a watch takes for a pause, and while the
watch waits for an answer, kopf's `stream` answers a pause with a failing assertion.
"""

import asyncio
import contextvars
import logging
import weakref
from collections.abc import Coroutine
from typing import Any, Final, Self

log = logging.getLogger(__name__)

_DESCENDANT: Final = contextvars.ContextVar("descends_from_kopf", default=False)
# Seconds between two cancellations, and how many are tried before the rest is left behind.
_ROUND: Final = 0.1
_ROUNDS: Final = 100
# How kopf's `streaming_block` names its waiting for a pause.
_PAUSE_WAITER: Final = "pause-waiter for "


class KopfTasks:
    """The tasks of one start of kopf. A context manager: inside, new tasks are looked at."""

    def __init__(self) -> None:
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        self._before = self._loop.get_task_factory()
        self._loop.set_task_factory(self._make)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.set_task_factory(self._before)

    def start(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a coroutine as the forefather of all tasks that count as kopf's."""
        context = contextvars.copy_context()
        context.run(_DESCENDANT.set, True)
        task = self._loop.create_task(coroutine, name="kopf", context=context)
        self._tasks.add(task)
        return task

    async def end(self) -> None:
        """Cancel them all until they are gone."""
        for _ in range(_ROUNDS):
            alive = [task for task in self._tasks if not task.done()]
            if not alive:
                break
            waiters = [task for task in alive if task.get_name().startswith(_PAUSE_WAITER)]
            for task in set(alive).difference(waiters) or waiters:
                task.cancel()
            await asyncio.wait(alive, timeout=_ROUND)
        else:
            log.error("kopf left tasks behind: %s", alive)
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.exception()  # looked at, so that asyncio does not complain

    def _make(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any
    ) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        if _DESCENDANT.get():
            self._tasks.add(task)
        return task
