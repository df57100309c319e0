"""The work queue."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable

from kopfkit.runtime.manager.queue import Observer, WorkQueue

Handle = Callable[[str], Awaitable[float | None]]


async def _settled(queue: WorkQueue[str]) -> None:
    async with asyncio.timeout(60):
        while not queue.settled:  # noqa: ASYNC110 - a queue tells nobody that it is empty
            await asyncio.sleep(0.001)


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.001)


def _queue(handle: Handle, **options: object) -> WorkQueue[str]:
    queue = WorkQueue(handle, **options)  # type: ignore[arg-type]
    queue.start(4)
    queue.resume()
    return queue


async def test_a_key_added_many_times_is_handled_once() -> None:
    seen: list[str] = []

    async def handle(key: str) -> None:
        seen.append(key)

    queue = _queue(handle)
    for _ in range(100):
        queue.add("a")
    await _settled(queue)
    await queue.drain(1)

    assert seen == ["a"]


async def test_a_key_is_never_handled_by_two_workers_and_news_meanwhile_is_not_lost() -> None:
    active, most, times = 0, 0, 0

    async def handle(key: str) -> None:
        nonlocal active, most, times
        active += 1
        most, times = max(most, active), times + 1
        queue.add(key) if times == 1 else None
        await asyncio.sleep(0.01)
        active -= 1

    queue = _queue(handle)
    queue.add("a")
    await _settled(queue)
    await queue.drain(1)

    assert (most, times) == (1, 2)


async def test_different_keys_are_handled_side_by_side() -> None:
    together = asyncio.Barrier(4)

    async def handle(key: str) -> None:
        await together.wait()

    queue = _queue(handle)
    for key in "abcd":
        queue.add(key)
    await _settled(queue)

    assert await queue.drain(1)


async def test_failures_wait_longer_each_time_and_success_forgets_them() -> None:
    delays: list[float] = []
    fails = iter([True, True, True, True, False, True, False])

    async def handle(key: str) -> None:
        if next(fails):
            raise ValueError(key)

    def failed(key: str, error: BaseException, delay: float) -> None:
        delays.append(delay)
        asyncio.get_running_loop().call_soon(queue.add, key)

    queue = _queue(handle, failed=failed)
    for _ in range(2):
        queue.add("a")
        await _settled(queue)
    await queue.drain(1)

    # Each is doubled, within the jitter of a quarter; after a success it begins anew.
    for number, delay in zip((0, 1, 2, 3, 0), delays, strict=True):
        assert 0.15 * 2**number <= delay <= 0.25 * 2**number


async def test_news_ends_the_wait_for_a_retry_at_once() -> None:
    handled: list[str] = []
    failed = asyncio.Event()

    class Slow(Exception):
        retry_after = 3600.0

    async def handle(key: str) -> None:
        handled.append(key)
        if len(handled) == 1:
            failed.set()
            raise Slow

    queue = _queue(handle)
    queue.add("a")
    await failed.wait()
    await asyncio.sleep(0)
    assert not queue.settled
    queue.add("a")
    await _settled(queue)
    await queue.drain(1)

    assert handled == ["a", "a"]


async def test_a_server_that_asks_for_time_gets_it() -> None:
    delays: list[float] = []

    class Busy(Exception):
        retry_after = 30.0

    async def handle(key: str) -> None:
        raise Busy

    queue = _queue(handle, failed=lambda key, error, delay: delays.append(delay))
    queue.add("a")
    await until(lambda: delays)
    await queue.drain(1)

    assert delays == [30.0]


async def test_a_paused_queue_gathers_keys() -> None:
    seen: list[str] = []

    async def handle(key: str) -> None:
        seen.append(key)

    queue = _queue(handle)
    queue.pause()
    queue.add("a")
    await asyncio.sleep(0.02)
    assert seen == []
    queue.resume()
    await _settled(queue)

    assert seen == ["a"]
    await queue.drain(1)


async def test_draining_lets_what_runs_end_and_takes_nothing_new() -> None:
    ended: list[str] = []
    started = asyncio.Event()

    async def handle(key: str) -> None:
        started.set()
        await asyncio.sleep(0.02)
        ended.append(key)

    queue = _queue(handle)
    queue.add("a")
    await started.wait()
    queue.add("a")

    assert await queue.drain(5)
    assert ended == ["a"]


async def test_draining_cancels_what_does_not_end() -> None:
    started = asyncio.Event()

    async def handle(key: str) -> None:
        started.set()
        await asyncio.Event().wait()

    queue = _queue(handle)
    queue.add("a")
    await started.wait()

    assert not await queue.drain(0.01)


async def test_a_cancelled_helper_task_is_a_failure_and_not_the_end_of_a_worker() -> None:
    seen: list[str] = []

    async def handle(key: str) -> None:
        seen.append(key)
        if len(seen) == 1:
            helper = asyncio.create_task(asyncio.sleep(10))
            asyncio.get_running_loop().call_soon(helper.cancel)
            await helper

    queue = WorkQueue(handle)
    queue.start(1)
    queue.resume()
    queue.add("a")
    await _settled(queue)
    await queue.drain(1)

    assert seen == ["a", "a"]


async def test_an_observer_is_told_of_everything_in_the_task_that_handles() -> None:
    told: list[tuple[object, ...]] = []
    seen: list[str] = []
    here: contextvars.ContextVar[str] = contextvars.ContextVar("here", default="")

    class Teller(Observer[str]):
        def added(self, key: str) -> None:
            told.append(("added", key))

        def retried(self, key: str, delay: float) -> None:
            told.append(("retried", key))

        def started(self, key: str, waited: float) -> None:
            here.set(key)
            told.append(("started", key, waited >= 0))

        def ended(
            self, key: str, took: float, again: float | None, error: BaseException | None
        ) -> None:
            told.append(("ended", key, took >= 0, again, str(error or "")))

    async def handle(key: str) -> float | None:
        seen.append(here.get())
        if len(seen) == 1:
            raise RuntimeError("once")
        return 0.001 if len(seen) == 2 else None

    queue = _queue(handle, observers=[Teller()])
    queue.add("a")
    queue.add("a")
    await _settled(queue)
    await queue.drain(1)

    handled = [("added", "a"), ("started", "a", True)]
    assert told == [
        *handled,
        ("retried", "a"),
        ("ended", "a", True, None, "once"),
        *handled,
        ("ended", "a", True, 0.001, ""),
        *handled,
        ("ended", "a", True, None, ""),
    ]
    assert seen == ["a"] * 3


async def test_the_queue_tells_how_long_the_oldest_handler_has_run() -> None:
    go = asyncio.Event()

    async def handle(key: str) -> None:
        await go.wait()

    queue = _queue(handle)
    assert (queue.active, queue.longest) == (0, 0.0)
    queue.add("a")
    async with asyncio.timeout(60):
        while not queue.longest:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert queue.active == 1
    go.set()
    await _settled(queue)
    await queue.drain(1)
    assert (queue.active, queue.longest) == (0, 0.0)


class Blameless(Exception):
    transient = True


async def test_what_the_server_kept_from_being_done_is_done_when_it_is_back() -> None:
    handled: list[str] = []
    delays: dict[str, list[float]] = {"server's": [], "own": []}
    well = False

    async def handle(key: str) -> None:
        if key == "own":
            raise ValueError("bad object")
        if not well:
            raise Blameless("away")
        handled.append(key)

    queue = WorkQueue(handle, failed=lambda key, _, delay: delays[key].append(delay))
    queue._failures |= {"server's": 8, "own": 8}  # both have failed for long
    queue.start(2)
    queue.resume()
    queue.add("server's")
    queue.add("own")
    await until(lambda: delays["server's"] and delays["own"])
    assert delays["server's"][0] > 30
    well = True
    queue.hurry()

    await until(lambda: handled)
    assert len(delays["own"]) == 1
    await queue.drain(1)


async def test_hurrying_keeps_the_delay_that_the_server_asked_for() -> None:
    tried = 0

    async def handle(key: str) -> None:
        nonlocal tried
        tried += 1
        error = Blameless("too many requests")
        error.retry_after = 1000.0  # type: ignore[attr-defined]
        raise error

    queue = WorkQueue(handle)
    queue.start(1)
    queue.resume()
    queue.add("x")
    await until(lambda: tried)
    await asyncio.sleep(0)
    queue.hurry()

    assert queue._timers["x"].when() > asyncio.get_running_loop().time() + 900
    await queue.drain(1)


async def test_an_error_may_limit_the_delay() -> None:
    delays: list[float] = []

    async def handle(key: str) -> None:
        error = ValueError("another writer was first")
        error.longest_delay = 4.0  # type: ignore[attr-defined]
        raise error

    queue = WorkQueue(handle, failed=lambda _, __, delay: delays.append(delay))
    queue._failures["x"] = 20
    queue.start(1)
    queue.resume()
    queue.add("x")
    await until(lambda: delays)

    assert 3.0 <= delays[0] <= 5.0
    await queue.drain(1)
