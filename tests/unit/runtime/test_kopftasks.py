"""Telling kopf's tasks from ours, and ending them."""

import asyncio

from kopfkit.runtime.kopftasks import KopfTasks


async def test_descendants_are_ended_even_if_they_swallow_a_cancellation() -> None:
    children: list[asyncio.Task[None]] = []

    async def stubborn() -> None:
        for _ in range(3):
            try:
                await asyncio.Event().wait()
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

    assert children[0].done()


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
