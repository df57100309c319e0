"""The keyed work queue: what has to be looked at again, never what happened.

A key waits at most once however often it is added, is never handled by two workers at a time, and
is handled once more if it was added meanwhile. A failure puts it back after a delay that doubles,
with jitter; news (`add`) ends that delay at once. The meaning is that of client-go's workqueue, but
for the last sentence: there, news is queued beside the delayed retry; here it also resets nothing,
so an object that keeps failing keeps its long delay.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# Seconds before the first retry, and at most; factor 2 between.
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 60.0


class WorkQueue(Generic[K]):
    """Keys to be reconciled by a fixed number of workers.

    Args:
        handle: reconciles one key. Returns None when done, or seconds after which to look again.
        What it raises counts as a failure; an exception's attribute `retry_after` (seconds) is the
            least delay.
        failed: told of each failure with its key, exception and the delay in seconds.

    The queue starts paused: keys gather until `resume`.
    """

    def __init__(
        self,
        handle: Callable[[K], Awaitable[float | None]],
        *,
        failed: Callable[[K, BaseException, float], None] = lambda key, error, delay: None,
    ) -> None:
        self._handle = handle
        self._failed = failed
        self._order: deque[K] = deque()
        self._dirty: set[K] = set()
        self._active: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._news = asyncio.Event()
        self._running = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._workers: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._dirty)

    @property
    def settled(self) -> bool:
        """Nothing waits, runs or is to be tried again."""
        return not (self._dirty or self._active or self._timers)

    def start(self, workers: int) -> None:
        """Start the workers (tasks of the running loop)."""
        self._workers = [
            asyncio.create_task(self._work(), name=f"queue worker {number}")
            for number in range(workers)
        ]

    def add(self, key: K) -> None:
        """There is news about a key: handle it as soon as a worker is free."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if self._closed or key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._active:
            self._order.append(key)
            self._news.set()

    def add_after(self, key: K, delay: float) -> None:
        """Look at a key again in `delay` seconds, or with the next news."""
        if self._closed or key in self._dirty:
            return
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self.add, key)

    def resume(self) -> None:
        """Let the workers take keys."""
        self._running.set()

    def pause(self) -> None:
        """Let no worker take another key. What runs goes on; its writes are the lease's matter."""
        self._running.clear()

    async def drain(self, grace: float) -> bool:
        """Take no more keys, let what runs end within `grace` seconds, then cancel it.

        Returns:
            Whether everything that ran came to its end.
        """
        self._closed = True
        self.pause()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        clean = True
        try:
            async with asyncio.timeout(grace):
                await self._idle.wait()
        except TimeoutError:
            clean = False
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return clean

    async def _work(self) -> None:
        while True:
            await self._running.wait()
            if not self._order:
                self._news.clear()
                await self._news.wait()
                continue
            key = self._order.popleft()
            self._dirty.discard(key)
            self._active.add(key)
            self._idle.clear()
            try:
                await self._once(key)
            finally:
                self._active.discard(key)
                if not self._active:
                    self._idle.set()
                if key in self._dirty:  # added while it was handled
                    self._order.append(key)
                    self._news.set()

    async def _once(self, key: K) -> None:
        try:
            again = await self._handle(key)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Something it awaited was cancelled, not this worker (kopf cancels every task of the
            # loop that it does not know when it stops): a failure as any other.
            self._retry(key, error)
        except Exception as error:
            self._retry(key, error)
        else:
            self._failures.pop(key, None)
            if again is not None:
                self.add_after(key, again)

    def _retry(self, key: K, error: BaseException) -> None:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        # 2 ** 20 is far above the cap, and keeps the float finite for an object failing for years.
        delay = min(FIRST_DELAY * 2 ** min(count - 1, 20), LONGEST_DELAY)
        delay *= random.uniform(0.75, 1.25)  # objects that fail together shall not retry together
        delay = max(delay, getattr(error, "retry_after", None) or 0.0)
        self._failed(key, error, delay)
        self.add_after(key, delay)
