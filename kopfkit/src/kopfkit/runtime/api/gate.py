"""Writes only while we lead: what a request asks before it leaves, and while it waits.

A Lease may be lost while a request waits for its connection or for its answer, and in a process
that was stopped for a while. So leadership is asked three times: at the start, when the bytes are
about to leave, and again and again until the answer is there.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import aiohttp

from kopfkit.runtime.api.errors import NotLeading

# What a request of this task asks once more when its connection stands and its bytes are to leave.
LAST_LOOK: ContextVar[Callable[[], float] | None] = ContextVar("last_look", default=None)


class GatedRequest(aiohttp.ClientRequest):
    """A request that is not sent if the Lease was lost while it waited for its connection.

    A process that is stopped and goes on later finds its requests where it left them. Between this
    look and the kernel lie microseconds, and nothing that waits.
    """

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        look = LAST_LOOK.get()
        if look is not None:
            look()
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        # The headers wait for the body and leave with it, in another turn of the loop.
        look = LAST_LOOK.get()
        try:
            if look is not None:
                look()
        except NotLeading as error:
            if conn.protocol is not None:
                conn.protocol.set_exception(aiohttp.ClientConnectionError(str(error)))
            conn.close()
            return
        await super().write_bytes(writer, conn, content_length)


class WhileWeMay:
    """Lets a request wait for its answer as long as the gate gives time, asking again and again.

    A write that is cut off would be sent once more, and that when the API server is slow. So it may
    go on while the Lease is renewed, and no longer than that.

    Args:
        gate: gives seconds, or raises `NotLeading`.

    Raises:
        NotLeading: it gives none at the start. TimeoutError where it gives none later.
    """

    def __init__(self, gate: Callable[[], float]) -> None:
        self._gate, self._first = gate, gate()
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(self._first)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._next = self._loop.call_later(self._first / 2, self._look)

    async def __aexit__(self, *error: Any) -> None:
        self._next.cancel()
        await self._limit.__aexit__(*error)

    def _look(self) -> None:
        try:
            left = self._gate()
        except NotLeading:
            return
        if not self._limit.expired():
            self._limit.reschedule(self._loop.time() + left)
            self._next = self._loop.call_later(left / 2, self._look)
