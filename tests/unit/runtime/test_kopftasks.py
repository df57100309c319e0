"""Telling kopf's tasks from ours, and ending them."""

import asyncio

import pytest

from kopfkit.runtime import kopftasks
from kopfkit.runtime.kopftasks import KopfTasks


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


async def test_one_that_will_not_end_is_named_and_does_not_hold_the_others_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kopftasks, "_ROUND", 0.001)
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
    assert tried == kopftasks._ROUNDS
    assert "kopf left tasks behind" in caplog.text


async def test_a_wait_for_a_pause_is_left_to_the_watch_it_belongs_to() -> None:
    cancelled: list[str] = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(name)
            raise

    async def watch() -> None:
        waiter = asyncio.create_task(wait("waiter"), name="pause-waiter for x")
        try:
            await wait("watch")
        finally:
            waiter.cancel()

    async def leave_behind() -> None:
        asyncio.create_task(wait("left over"), name="pause-waiter for y")  # noqa: RUF006
        await watch()

    with KopfTasks() as tasks:
        tasks.start(leave_behind())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await tasks.end()

    assert cancelled == ["watch", "waiter", "left over"]
