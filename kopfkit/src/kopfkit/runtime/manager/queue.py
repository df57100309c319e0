"""The keyed work queue: what has to be looked at again, never what happened.

A key waits at most once however often it is added, is never handled by two workers at a time, and
is handled once more if it was added meanwhile. A failure puts it back after a delay that doubles,
with jitter; news (`add`) ends that delay at once, and so does the end of a trouble that was not the
key's own (`hurry`). The meaning is that of client-go's workqueue, but
for the last sentence: there, news is queued beside the delayed retry; here it also resets nothing,
so an object that keeps failing keeps its long delay.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

# Seconds before the first retry, and at most; factor 2 between.
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 60.0
# Seconds over which the retries are spread that `hurry` brings forward.
_SPREAD: Final = 1.0


class Observer(Generic[K]):
    """Told what a queue does, for metrics and traces. Here every method does nothing.

    `started` and `ended` are called in the task that handles the key, so that what `started` puts
    into a context variable is seen by the handler.
    """

    def added(self, key: K) -> None:
        """A key that did not wait yet waits now."""

    def retried(self, key: K, delay: float) -> None:
        """A key that failed is looked at again in `delay` seconds."""

    def started(self, key: K, waited: float) -> None:
        """A worker took a key that had waited so many seconds."""

    def ended(self, key: K, took: float, again: float | None, error: BaseException | None) -> None:
        """The handler returned `again` or failed with `error`, after so many seconds."""


class WorkQueue(Generic[K]):
    """Keys to be reconciled by a fixed number of workers.

    Args:
        handle: reconciles one key. Returns None when done, or seconds after which to look again.
        What it raises counts as a failure; an exception's attribute `retry_after` (seconds) is the
            least delay, `longest_delay` the longest, and with a true attribute `transient` it was
            not the key's fault.
        failed: told of each failure with its key, exception and the delay in seconds.
        observers: told of everything; see `Observer`.

    The queue starts paused: keys gather until `resume`.
    """

    def __init__(
        self,
        handle: Callable[[K], Awaitable[float | None]],
        *,
        failed: Callable[[K, BaseException, float], None] = lambda key, error, delay: None,
        observers: Sequence[Observer[K]] = (),
    ) -> None:
        self._handle = handle
        self._failed = failed
        self._observers = tuple(observers)
        self._order: deque[K] = deque()
        # Since when (monotonic seconds) a key waits, and is handled.
        self._dirty: dict[K, float] = {}
        self._active: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        # Keys whose retry waits for something that is not theirs, and when it may be at best.
        self._blameless: dict[K, float] = {}
        self._news = asyncio.Event()
        self._running = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._workers: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._dirty)

    @property
    def active(self) -> int:
        """How many keys are being handled."""
        return len(self._active)

    @property
    def longest(self) -> float:
        """Seconds for which the oldest running handler has been running; 0 if none runs."""
        return time.monotonic() - min(self._active.values()) if self._active else 0.0

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
        self._dirty[key] = time.monotonic()
        for observer in self._observers:
            observer.added(key)
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

    def hurry(self) -> None:
        """What kept keys from being handled is over (the API server is back, the Lease is ours):
        try those again within a second instead of after their long delays, as if it were their
        first retry. A delay that the server asked for is kept."""
        loop = asyncio.get_running_loop()
        for key, soonest in self._blameless.items():
            timer = self._timers.get(key)
            at = max(loop.time() + random.uniform(0, _SPREAD), soonest)
            self._failures[key] = 1
            if timer is not None and timer.when() > at:
                self.add_after(key, at - loop.time())

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
            started = time.monotonic()
            waited = started - self._dirty.pop(key, started)
            self._active[key] = started
            self._idle.clear()
            for observer in self._observers:
                observer.started(key, waited)
            try:
                await self._once(key, started)
            finally:
                self._active.pop(key, None)
                if not self._active:
                    self._idle.set()
                if key in self._dirty:  # added while it was handled
                    self._order.append(key)
                    self._news.set()

    async def _once(self, key: K, started: float) -> None:
        again: float | None = None
        failure: BaseException | None = None
        ending = False
        try:
            again = await self._handle(key)
        except asyncio.CancelledError as error:
            failure = error
            task = asyncio.current_task()
            ending = task is not None and task.cancelling() > 0
            if ending:
                raise
            # Something it awaited was cancelled, not this worker (kopf cancels every task of the
            # loop that it does not know when it stops): a failure as any other.
        except Exception as error:
            failure = error
        finally:
            took = time.monotonic() - started
            if failure is not None and not ending:
                # Before `ended`: what is logged about the failure belongs to its trace.
                self._retry(key, failure)
            for observer in self._observers:
                observer.ended(key, took, again, failure)
        if failure is not None:
            return
        self._failures.pop(key, None)
        self._blameless.pop(key, None)
        if again is not None:
            self.add_after(key, again)

    def _retry(self, key: K, error: BaseException) -> None:
        count = self._failures[key] = self._failures.get(key, 0) + 1
        # 2 ** 20 is far above the cap, and keeps the float finite for an object failing for years.
        longest = min(getattr(error, "longest_delay", LONGEST_DELAY), LONGEST_DELAY)
        delay = min(FIRST_DELAY * 2 ** min(count - 1, 20), longest)
        delay *= random.uniform(0.75, 1.25)  # objects that fail together shall not retry together
        asked = getattr(error, "retry_after", None) or 0.0
        delay = max(delay, asked)
        if getattr(error, "transient", False):
            self._blameless[key] = asyncio.get_running_loop().time() + asked
        else:
            self._blameless.pop(key, None)
        self._failed(key, error, delay)
        for observer in self._observers:
            observer.retried(key, delay)
        self.add_after(key, delay)
