"""Telling kopf's tasks from ours, and ending them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kopfkit.runtime.manager import kopftasks
from kopfkit.runtime.manager.kopftasks import KopfTasks


async def _turns() -> None:
    """Let what was started come to where it waits: turns of the loop, not time."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_descendants_are_ended_even_if_they_swallow_a_cancellation() -> None:
    children: list[asyncio.Task[None]] = []
    over = asyncio.Event()

    async def stubborn() -> None:
        for _ in range(3):
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    async def forefather() -> None:
        children.append(asyncio.create_task(stubborn()))
        await asyncio.sleep(0)
        raise ValueError("failed, and left its child behind")

    with KopfTasks() as tasks:
        first = tasks.start(forefather())
        await asyncio.wait({first})
        await tasks.end()

    ended = children[0].done()
    over.set()  # nothing is left behind, whatever came of it
    await asyncio.wait(children)
    assert ended


async def test_tasks_of_others_are_left_alone() -> None:
    async def forefather() -> None:
        await asyncio.Event().wait()

    with KopfTasks() as tasks:
        tasks.start(forefather())
        ours = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        await tasks.end()

    assert not ours.done()
    ours.cancel()


async def test_two_starts_of_kopf_end_their_own_tasks_whichever_ends_first() -> None:
    made: dict[str, asyncio.Task[None]] = {}

    async def forever() -> None:
        await asyncio.Event().wait()

    def start(tasks: KopfTasks, name: str) -> None:
        async def forefather() -> None:
            made[name] = asyncio.create_task(forever())
            await forever()

        tasks.start(forefather())

    first, second = KopfTasks(), KopfTasks()
    before = asyncio.get_running_loop().get_task_factory()
    first.__enter__()
    with second:
        start(first, "first")
        start(second, "second")
        await _turns()
        await first.end()
        first.__exit__()
        assert (made["first"].done(), made["second"].done()) == (True, False)
        start(second, "later")
        await _turns()
        await second.end()
    assert made["second"].done()
    assert made["later"].done()
    assert asyncio.get_running_loop().get_task_factory() is before


async def test_one_that_will_not_end_is_named_and_does_not_hold_the_others_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kopftasks, "_ROUND", 0.001)
    monkeypatch.setattr(kopftasks, "_IN_TURN", 0.05)
    over, cancelled = asyncio.Event(), 0

    async def immortal() -> None:
        nonlocal cancelled
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                cancelled += 1

    with KopfTasks() as tasks:
        task = tasks.start(immortal())
        await asyncio.sleep(0)
        await tasks.end()

    tried = cancelled
    over.set()  # nothing is left behind, whatever came of it
    await asyncio.wait({task})
    assert tried == 1 + kopftasks._ROUNDS
    assert "kopf left tasks behind" in caplog.text


async def test_what_a_task_made_is_left_to_it_until_it_is_gone() -> None:
    cancelled: list[str] = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    async def watch() -> None:
        waiter = asyncio.create_task(wait("its own"))
        try:
            await wait("watch")
        finally:
            await asyncio.sleep(0.1)  # it takes its time, and is not hurried
            waiter.cancel()

    async def forefather() -> None:
        asyncio.create_task(wait("left over"))  # noqa: RUF006
        await watch()

    with KopfTasks() as tasks:
        tasks.start(forefather())
        await _turns()
        await tasks.end()

    assert cancelled == ["watch", "its own", "left over"]


async def test_generators_left_in_the_middle_are_closed_from_the_outer_to_the_inner() -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def block() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            closed.append("inner")

    async def stream() -> AsyncIterator[int]:
        try:
            async with block():
                yield 1
        finally:
            closed.append("outer")

    async def watch() -> None:
        async for _ in (left := stream()):
            keep.append(left)  # as a traceback in a cycle does
            await asyncio.Event().wait()

    keep: list[AsyncIterator[int]] = []
    for _ in range(20):  # Python closes them in any order
        with KopfTasks() as tasks:
            tasks.start(watch())
            await _turns()
            await tasks.end()
        assert closed == ["inner", "outer"]
        closed.clear()


async def test_a_generator_that_will_not_close_does_not_hold_the_end_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kopftasks, "_IN_TURN", 0.01)
    over = asyncio.Event()

    async def stream() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await over.wait()

    async def watch() -> None:
        async for _ in (left := stream()):
            keep.append(left)
            return

    keep: list[AsyncIterator[int]] = []
    with KopfTasks() as tasks:
        tasks.start(watch())
        await _turns()
        try:
            async with asyncio.timeout(60):
                await tasks.end()
        finally:
            over.set()  # the loop's own closing would wait for it


async def test_each_task_gets_the_same_time_to_end_however_many_are_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kopftasks, "_IN_TURN", 2.0)
    cancelled: list[int] = []
    inner: list[asyncio.Task[None]] = []

    async def link(left: int) -> None:
        if left:
            inner.append(asyncio.create_task(link(left - 1)))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(left)
        try:
            await asyncio.sleep(0.5)  # together longer than one turn
        except asyncio.CancelledError:
            cancelled.append(left)

    with KopfTasks() as tasks:
        tasks.start(link(4))
        await _turns()
        await tasks.end()

    assert cancelled == [4, 3, 2, 1, 0]
