"""Ending kopf for certain: knows every task that kopf started, and no other.

kopf 1.45 expects that its end is the process's end. When one watch fails, the others go on; they
are cancelled after five seconds, swallow that once their pause flag is cancelled with them, and
wait for credentials that nobody will bring. And it takes every task of the event loop for its own.
So kopf's own `run_tasks` is not used: tasks that descend from kopf are told apart by a context
variable, which each task inherits from the one that made it. Two starts may overlap: each ends its
own tasks only.

They are ended as they depend on each other: a task is cancelled, once, when the task that made it
is gone. Most end their own before they end, and being cancelled beside them is what breaks that: a
watch takes the end of its wait for a pause for a pause, and a scheduler forgets what it has not
started. What is left after a second is cancelled over and over until it is gone. Then asynchronous
generators that were left in the middle are closed, the outer before the inner: Python itself closes
them at the loop's end all at once, where the one trips over the other.
"""

import asyncio
import contextvars
import logging
import sys
import weakref
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Final, Self

log = logging.getLogger(__name__)

# The start of kopf that a task descends from.
_OWNER: Final = contextvars.ContextVar["KopfTasks | None"]("started_by", default=None)
# Seconds in which each task may end in its turn, and between two looks for whose turn it is.
_IN_TURN: Final = 1.0
_TURN: Final = 0.02
# Seconds between two cancellations after that, and how many are tried before the rest is left.
_ROUND: Final = 0.1
_ROUNDS: Final = 100


class KopfTasks:
    """The tasks of one start of kopf. A context manager: inside, new tasks are looked at."""

    def __init__(self) -> None:
        self._tasks: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._maker: weakref.WeakKeyDictionary[
            asyncio.Task[Any], weakref.ref[asyncio.Task[Any]]
        ] = weakref.WeakKeyDictionary()
        # In the order in which they began, which is from the outer to the inner.
        self._generators: weakref.WeakKeyDictionary[AsyncGenerator[Any, Any], None] = (
            weakref.WeakKeyDictionary()
        )
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        if not _inside:
            _before[:] = [self._loop.get_task_factory(), sys.get_asyncgen_hooks().firstiter]
            self._loop.set_task_factory(_make)
            sys.set_asyncgen_hooks(firstiter=_note)
        _inside.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        _inside.remove(self)
        if not _inside:
            self._loop.set_task_factory(_before[0])
            sys.set_asyncgen_hooks(firstiter=_before[1])

    def start(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a coroutine as the forefather of all tasks that count as kopf's."""
        context = contextvars.copy_context()
        context.run(_OWNER.set, self)
        task = self._loop.create_task(coroutine, name="kopf", context=context)
        self._tasks.add(task)
        return task

    async def end(self) -> None:
        """End them all, and what they left in the middle."""
        await self._end_in_turn()
        for _ in range(_ROUNDS):
            if not (alive := self._alive()):
                break
            for task in alive:
                task.cancel()
            await asyncio.wait(alive, timeout=_ROUND)
        else:
            log.error("kopf left tasks behind: %s", alive)
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.exception()  # looked at, so that asyncio does not complain
        for generator in list(self._generators):
            try:
                async with asyncio.timeout(_IN_TURN):  # the end of the process waits for it
                    await generator.aclose()
            except Exception as error:
                log.debug("a generator of kopf's did not close: %r", error)

    async def _end_in_turn(self) -> None:
        cancelled: set[asyncio.Task[Any]] = set()
        alive, until = self._alive(), self._loop.time() + _IN_TURN
        while alive and self._loop.time() < until:
            for task in alive.difference(cancelled):
                if self._made_by(task) not in alive:
                    cancelled.add(task)
                    task.cancel()
            await asyncio.wait(alive, timeout=_TURN)
            before, alive = alive, self._alive()
            if before - alive:  # one has ended: it is the next one's turn
                until = self._loop.time() + _IN_TURN

    def _alive(self) -> set[asyncio.Task[Any]]:
        return {task for task in self._tasks if not task.done()}

    def _made_by(self, task: asyncio.Task[Any]) -> asyncio.Task[Any] | None:
        reference = self._maker.get(task)
        return reference() if reference else None

    def add(self, task: "asyncio.Task[Any]") -> None:
        """Count a task that was just made as one of these."""
        self._tasks.add(task)
        if maker := asyncio.current_task(self._loop):
            self._maker[task] = weakref.ref(maker)

    def note(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Count a generator that has just begun as one of these."""
        self._generators[generator] = None


async def run_until(kopf: Coroutine[Any, Any, None], *ends: Coroutine[Any, Any, Any]) -> None:
    """Run kopf until it ends or one of `ends` does, then end all tasks of it.

    Args:
        kopf: starts kopf's tasks and waits for them.
        ends: run beside it; cancelled with it.

    Raises:
        Exception: what the first one that ended has raised.
    """
    others = {asyncio.create_task(each) for each in ends}
    with KopfTasks() as tasks:
        running = tasks.start(kopf)
        try:
            done, _ = await asyncio.wait({running, *others}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await tasks.end()


# The starts of kopf that are looked at now, and what the event loop had before the first of them.
_inside: Final[list[KopfTasks]] = []
_before: Final[list[Any]] = []


def _make(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    if owner := _OWNER.get():
        owner.add(task)
    return task


def _note(generator: AsyncGenerator[Any, Any]) -> None:
    if owner := _OWNER.get():
        owner.note(generator)
    if _before[1] is not None:
        _before[1](generator)
