"""Leader election by Lease (coordination.k8s.io/v1), with client-go's meaning of every field.

A candidate never compares clocks with another: it takes the Lease when it has itself seen no change
of it for the duration the holder wrote. The holder stops writing (`gate`) some time before others
may take over, also if this process was suspended meanwhile. A lost Lease makes it a candidate
again; the caches stay warm. client-go's own defaults (15 s, 10 s, 2 s) leave objects unattended for
a quarter of a minute after a node is lost; the values here cost one small request a second.
"""

import asyncio
import logging
import random
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import AlreadyExists, ApiError, Conflict, NotFound, NotLeading

LEASES: Final = Resource("coordination.k8s.io", "v1", "leases")
log = logging.getLogger(__name__)

# Seconds. After DURATION without a renewal others take over; after DEADLINE without one the holder
# writes no more; PERIOD lies between two renewals or looks.
DURATION: Final = 4
DEADLINE: Final = 3.0
PERIOD: Final = 1.0


def identity() -> str:
    """A name for this process that no other has: host name and a random part, as client-go's."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def _now() -> str:
    """metav1.MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Election:
    """One candidate for one Lease.

    Args:
        client: its `gate` is replaced by ours.
        namespace, name: the Lease.
        me: the holder identity of this process.
        changed: called with True when the Lease is ours and with False when it no longer is.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        me: str,
        *,
        changed: Callable[[bool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._namespace, self._name, self._me = namespace, name, me
        self._changed = changed
        self._clock = clock
        self._leading = False
        self._renewed = 0.0  # when our last successful renewal was sent
        self._seen: Object = {}  # the Lease as last seen
        self._seen_at = 0.0
        self._told = ""  # the last holder or trouble logged, to say each once

    @property
    def leading(self) -> bool:
        """Whether we may write now."""
        return self._leading and self._clock() < self._renewed + DEADLINE

    def gate(self) -> float:
        """Seconds for which a write may go on; raises `NotLeading` where there are none."""
        left = self._renewed + DEADLINE - self._clock()
        if not self._leading or left <= 0:
            raise NotLeading("the Lease is not held by this process")
        # Others wait until DURATION, so an answer may take a little longer than we may start one.
        return left + (DURATION - DEADLINE) / 2

    async def run(self) -> None:
        """Campaign for ever. Ends by cancellation only; call `release` then."""
        self._client.gate = self.gate
        while True:
            started = self._clock()
            try:
                async with asyncio.timeout(DEADLINE):
                    held = await self._try()
                self._told = "" if held else self._told
            except (ApiError, TimeoutError) as error:
                held = self.leading  # not refused: still ours until the deadline
                self._tell(f"Cannot reach Lease {self._namespace}/{self._name}: {error}")
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                held = self.leading  # kopf's stop cancelled what we awaited; go on
            if held and not self._leading:
                log.info("Became leader: holds Lease %s/%s", self._namespace, self._name)
            if not held and self._leading:
                log.warning("Lost Lease %s/%s: no longer the leader", self._namespace, self._name)
            if held != self._leading:
                self._leading = held
                self._changed(held)
            await asyncio.sleep(max(0.05, self._pause(held) - (self._clock() - started)))

    def _pause(self, held: bool) -> float:
        if held:
            return PERIOD
        # Wake exactly when the holder's time is up rather than a period later.
        left = self._seen_at + self._duration() - self._clock()
        return max(0.05, min(PERIOD * random.uniform(0.9, 1.1), left if left > 0 else PERIOD))

    def _duration(self) -> float:
        seconds = self._spec().get("leaseDurationSeconds")
        return float(seconds) if isinstance(seconds, int) and seconds > 0 else DURATION

    def _spec(self) -> dict[str, Any]:
        spec = self._seen.get("spec")
        return spec if isinstance(spec, dict) else {}

    def _tell(self, text: str) -> None:
        if text != self._told:
            log.warning("%s", text) if "cannot" in text else log.info("%s", text)
            self._told = text

    async def _try(self) -> bool:
        started = self._clock()
        if not self._leading:
            try:
                self._observe(await self._client.get(LEASES, self._namespace, self._name))
            except NotFound:
                return await self._create(started)
            holder = self._spec().get("holderIdentity") or ""
            if holder not in ("", self._me) and started < self._seen_at + self._duration():
                self._tell(f"Standing by: {holder} holds Lease {self._namespace}/{self._name}")
                return False
        return await self._take(started)

    def _observe(self, lease: Object) -> None:
        if lease.get("spec") != self._seen.get("spec"):
            self._seen_at = self._clock()
        self._seen = lease

    async def _create(self, started: float) -> bool:
        metadata = {"namespace": self._namespace, "name": self._name}
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": self._record({}, taking=True),
        }
        try:
            self._observe(await self._send("POST", LEASES.path(self._namespace), body))
        except AlreadyExists:
            return False
        self._renewed = started
        return True

    async def _take(self, started: float) -> bool:
        taking = self._spec().get("holderIdentity") != self._me
        body = {**self._seen, "spec": self._record(self._spec(), taking=taking)}
        path = LEASES.path(self._namespace, self._name)
        try:
            self._observe(await self._send("PUT", path, body))
        except NotFound:
            return await self._create(started)
        except Conflict:
            # Another writer; it may be a person's label or a new holder. Look.
            self._observe(await self._client.get(LEASES, self._namespace, self._name))
            return self.leading and self._spec().get("holderIdentity") == self._me
        self._renewed = started
        return True

    async def _send(self, method: str, path: str, body: Object) -> Object:
        return await self._client.request(method, path, body=body, gated=False)

    def _record(self, old: dict[str, Any], *, taking: bool) -> dict[str, Any]:
        now = _now()
        transitions = old.get("leaseTransitions") or 0
        return {
            **old,
            "holderIdentity": self._me,
            "leaseDurationSeconds": DURATION,
            "renewTime": now,
            "acquireTime": now if taking else old.get("acquireTime") or now,
            "leaseTransitions": transitions + 1 if taking and old else transitions,
        }

    async def release(self) -> None:
        """Give the Lease back, so that a standby need not wait. Failing to is no error."""
        if not self._leading:
            return
        self._leading = False
        spec = {
            **self._record(self._spec(), taking=True),
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "leaseTransitions": self._spec().get("leaseTransitions") or 0,
        }
        try:
            async with asyncio.timeout(DEADLINE):
                path = LEASES.path(self._namespace, self._name)
                await self._send("PUT", path, {**self._seen, "spec": spec})
            log.info("Released Lease %s/%s", self._namespace, self._name)
        except (ApiError, TimeoutError) as error:
            log.info("Cannot release the Lease: %s", error)
