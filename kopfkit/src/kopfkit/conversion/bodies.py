"""Requests' bodies: limits in bytes, in seconds, and of what is in memory at once.

A LIST of everything is one request of many megabytes, and its answer is as large. One such pair
fits into a pod's memory; several do not. So large requests have one place: each waits until the one
before is answered, and must then come at a pace that only a client that idles misses. Small ones
never wait.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from kopfkit.uids import HEAD

# Bytes of one request. A LIST is sent in one review: 500 objects a page by default, everything
# where the client does not page. 64 MiB are 10,000 objects of 6 KiB, or 40 as large as etcd takes.
LIMIT: Final = 64 * 1024 * 1024
# Seconds for a body to arrive. The API server gives the whole conversion 30 s.
TIMEOUT: Final = 30.0
# Bytes; from this size on a request is large.
LARGE: Final = 256 * 1024
# A large request has GRACE seconds and a second for each PACE bytes: a tenth of what a busy core
# decrypts.
GRACE: Final = 2.0
PACE: Final = 8 * 1024 * 1024


class Bodies:
    """Reads the bodies of one server's requests.

    Args:
        limit: bytes of one body.
        timeout: seconds for a body to arrive, and to wait for the place of large ones.
    """

    def __init__(self, limit: int = LIMIT, timeout: float = TIMEOUT) -> None:
        self.limit = limit
        self._timeout = timeout
        self._place = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def place(self, request: web.Request) -> AsyncIterator[str]:
        """Hold the place of large requests while this one is read, converted and answered, if it
        is large; "" or why there was none."""
        size = request.content_length or 0
        if not LARGE <= size <= self.limit:
            yield ""
            return
        try:
            async with asyncio.timeout(self._timeout):
                await self._place.acquire()
        except TimeoutError:
            yield f"the request waited {self._timeout:.0f} s for others as large to be answered"
            return
        try:
            yield ""
        finally:
            self._place.release()

    async def read(self, request: web.Request) -> tuple[bytearray, str]:
        """The body and "", or the head of it and why there is no more."""
        body = bytearray()
        size = request.content_length
        # Who does not say how much will come gets no more than what never waits.
        most = self.limit if size is not None else min(self.limit, LARGE)
        seconds = self.seconds(size or 0)
        problem = ""
        try:
            async with asyncio.timeout(seconds):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if max(len(body), size or 0) > most and len(body) >= min(HEAD, most):
                        problem = f"is larger than {most} bytes"
                        if size is None and most < self.limit:
                            problem += " and has no Content-Length"
                        break
        except TimeoutError:
            problem = f"did not arrive within {seconds:.0f} s"
        except (web.RequestPayloadError, ConnectionError) as error:
            problem = f"cannot be read: {error}"
        if problem:
            return body[:HEAD], f"the request {problem}"
        return body, ""

    def seconds(self, size: int) -> float:
        """How long so many bytes may take on their way, in or out."""
        return self._timeout if size < LARGE else min(self._timeout, GRACE + size / PACE)
