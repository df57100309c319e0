"""Kubernetes Events (events.k8s.io/v1) that tell people what mattered, and never flood them.

Recording takes no time and fails nothing: events are put down, `run` sends them, and what cannot be
sent is dropped and counted. The same thing said again becomes one Event with a series (KEP-383); an
object that has much to say is limited by a token bucket, as client-go's spam filter does. Events
are written through the client's gate like every write: a standby records none.
Left out: deciding what is worth an event.
"""

import asyncio
import logging
import random
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from kopfkit.runtime.api.client import Client, Object
from kopfkit.runtime.api.errors import ApiError, NotFound, NotLeading, Unavailable
from kopfkit.runtime.api.resources import EVENTS
from kopfkit.runtime.manager.eventbodies import Reporter, Said, event, micro_time

log = logging.getLogger(__name__)

# Events one object may cause at once, and seconds until it may cause one more.
BURST: Final = 10
REFILL: Final = 60.0
# Seconds between two updates of one series.
HEARTBEAT: Final = 60.0
# Series and objects remembered, and events waiting; beyond that the oldest is forgotten.
_REMEMBERED: Final = 1024
_WAITING: Final = 256
# Tries of one event, and seconds before the second; doubled then.
_TRIES: Final = 4
_PAUSE: Final = 0.5
# Seconds after which an event counts as new again: the API server forgets events after an hour.
_FORGET: Final = 1800.0

_Identity = tuple[str, str, str, str]


@dataclass
class _Series:
    """One thing said once or more often."""

    event: Object
    first: float
    count: int = 1
    sent: int = 0
    """The count the API server knows; 0 while it does not know the event."""
    sent_at: float = 0.0
    last: str = ""
    waiting: bool = False


@dataclass
class _Bucket:
    tokens: float = BURST
    filled: float = field(default=0.0)


class Recorder:
    """Records events about objects.

    Args:
        client: writes them; needs `create` and `patch` on events.k8s.io events.
        controller: who reports, a qualified name ("helloworld-operator").
        instance: which process of it; at most 128 bytes are used.
        now: wall-clock time.
        clock: monotonic seconds.

    Attributes:
        sent: how many events and updates of series were written.
        dropped: how many were not: the object's limit, a full queue, or a refusal.
    """

    def __init__(
        self,
        client: Client,
        controller: str,
        instance: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._reporter = Reporter(controller, instance)
        self._now, self._clock = now, clock
        self._series: OrderedDict[_Identity, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._queue: deque[_Series] = deque()
        self._news = asyncio.Event()
        self.sent = 0
        self.dropped = 0

    def normal(self, obj: Object, reason: str, note: str, *, action: str = "Reconcile") -> None:
        """Something went as it should. `reason` is a word for programs, `note` for people."""
        self._record(obj, Said("Normal", reason, note, action))

    def warning(self, obj: Object, reason: str, note: str, *, action: str = "Reconcile") -> None:
        """Something a person should look at."""
        self._record(obj, Said("Warning", reason, note, action))

    async def run(self) -> None:
        """Send what is recorded, for ever."""
        while True:
            self._due()
            if not self._queue:
                self._news.clear()
                try:
                    async with asyncio.timeout(HEARTBEAT / 4):
                        await self._news.wait()
                except TimeoutError:
                    pass
                continue
            await self._send(self._queue[0])

    async def drain(self, grace: float) -> None:
        """Send what still waits, for at most `grace` seconds. To be called when `run` has ended."""
        try:
            async with asyncio.timeout(grace):
                self._due(closing=True)
                while self._queue:
                    await self._send(self._queue[0])
        except TimeoutError:
            self.dropped += len(self._queue)
            self._queue.clear()

    def _record(self, obj: Object, said: Said) -> None:
        uid = str((obj.get("metadata") or {}).get("uid", ""))
        identity = (uid, said.kind, said.reason, said.note)
        known = self._series.get(identity)
        moment, at = self._clock(), micro_time(self._now())
        if known is not None and moment - known.first < _FORGET:
            known.count += 1
            known.last = at
            self._series.move_to_end(identity)
            return
        if not self._allowed(identity[0], moment):
            self.dropped += 1
            return
        made = _Series(event(obj, said, at, self._reporter), moment, last=at)
        self._series[identity] = made
        self._series.move_to_end(identity)
        while len(self._series) > _REMEMBERED:
            self._series.popitem(last=False)
        self._put(made)

    def _put(self, series: _Series) -> None:
        if len(self._queue) >= _WAITING:
            # The API server is away for long: what happened last says most.
            self._queue.popleft().waiting = False
            self.dropped += 1
        series.waiting = True
        self._queue.append(series)
        self._news.set()

    def _due(self, *, closing: bool = False) -> None:
        """Queue the series whose count the API server should learn."""
        moment = self._clock()
        for series in self._series.values():
            told = 0 < series.sent < series.count
            if told and not series.waiting and (closing or moment >= series.sent_at + HEARTBEAT):
                self._put(series)

    def _allowed(self, uid: str, moment: float) -> bool:
        bucket = self._buckets.setdefault(uid, _Bucket(filled=moment))
        self._buckets.move_to_end(uid)
        while len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        bucket.tokens = min(BURST, bucket.tokens + (moment - bucket.filled) / REFILL)
        bucket.filled = moment
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    async def _send(self, series: _Series) -> None:
        pause = _PAUSE
        for attempt in range(1, _TRIES + 1):
            try:
                await self._write(series)
                self.sent += 1
                break
            except NotLeading:
                self._give_up(series)
                break
            except Unavailable as error:
                if attempt == _TRIES:
                    self._give_up(series, error)
                    break
                await asyncio.sleep(max(pause * random.uniform(0.75, 1.25), error.retry_after or 0))
                pause *= 2
            except ApiError as error:
                # Refused: its namespace is going, or RBAC is without events.
                self._give_up(series, error)
                break
        if self._queue and self._queue[0] is series:  # else it was dropped meanwhile
            self._queue.popleft()
            series.waiting = False

    def _give_up(self, series: _Series, error: ApiError | None = None) -> None:
        self.dropped += 1
        # The next try is due like any other update. At once it would follow without an end, and
        # without a pause: a write that may not happen is refused before anything is awaited.
        series.sent_at = self._clock()
        if not series.sent:  # so that the next one of its kind is an event again
            self._series = OrderedDict(
                (identity, other) for identity, other in self._series.items() if other is not series
            )
        if error is not None:
            log.info("event %s not recorded: %s", series.event["reason"], error)

    async def _write(self, series: _Series) -> None:
        count, metadata = series.count, series.event["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        told = {"count": count, "lastObservedTime": series.last}
        if series.sent:
            try:
                await self._client.merge(EVENTS, namespace, name, {"series": told})
            except NotFound:
                series.sent = 0  # it has expired: tell it anew
                metadata["name"] = f"{name.rpartition('.')[0]}.{secrets.token_hex(8)}"
        if not series.sent:
            body: Object = {**series.event, **({"series": told} if count > 1 else {})}
            try:
                await self._client.create(EVENTS, namespace, body)
            except ApiError as error:
                if error.reason != "AlreadyExists":  # an earlier try whose answer was lost
                    raise
        series.sent, series.sent_at = count, self._clock()
