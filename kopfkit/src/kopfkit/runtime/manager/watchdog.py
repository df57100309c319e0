"""Notices a watch that has gone silent, and tells it from one that is only waiting for us.

The API server says something on every watch once a minute (a bookmark, where nothing happens), so a
watch from which not one byte comes for longer is dead, whatever its TCP connection says. Silence is
counted in turns of the event loop: while this process is busy, stopped or swapped out, what has
arrived could not be read, and no time passes here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final

import aiohttp

# Seconds between two turns that are counted, and the most that one turn counts.
_TURN: Final = 0.5
_MOST: Final = 1.0


class Watchdog:
    """Seconds of silence of each expected watch.

    Args:
        paths: the URL path of each watch that is expected to be heard.
        listed: called when one of the paths was listed, whatever the list held.
        wall: Unix time, for `heard_at`.

    Attributes:
        heard_at: Unix time at which a watch was last heard, by path; 0.0 for never.
        counted: seconds counted since the start.
    """

    def __init__(
        self,
        paths: Iterable[str],
        *,
        listed: Callable[[], None] = lambda: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._silent: dict[str, float] = {}
        self.heard_at: dict[str, float] = {}
        self.expect(paths)
        self._listed, self._wall = listed, wall
        self.counted = 0.0

    def expect(self, paths: Iterable[str]) -> None:
        """Expect these watches from now on, and no others; what is known of them stays."""
        wanted = list(paths)
        for known in (self._silent, self.heard_at):
            before = dict(known)
            known.clear()  # the same mapping: metrics read it
            known.update({path: before.get(path, 0.0) for path in wanted})

    async def run(self) -> None:
        """Count, for ever."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(_TURN)
            now = loop.time()
            self.passed(now - before)
            before = now

    def passed(self, seconds: float) -> None:
        """A turn has taken so long."""
        counts = min(seconds, _MOST)
        self.counted += counts
        for path in self._silent:
            self._silent[path] += counts

    def heard(self, path: str) -> None:
        """Something came from a watch."""
        if path in self._silent:
            self._silent[path] = 0.0
            self.heard_at[path] = self._wall()

    def longest(self) -> tuple[str, float]:
        """The most silent watch's path, and the seconds."""
        return max(self._silent.items(), key=lambda item: item[1], default=("", 0.0))

    def stalled(self, limit: float) -> str:
        """What is silent for longer than `limit` seconds, in words; "" for nothing."""
        path, seconds = self.longest()
        return f"nothing heard on {path} for {seconds:.0f} s" if seconds > limit else ""

    async def middleware(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """For aiohttp's ClientSession: takes note of lists, and of what comes on watches."""
        response = await handler(request)
        # The server's address may have a path of its own before the API's.
        asked = request.url.path
        path = next((path for path in self._silent if asked.endswith(path)), "")
        if path and request.url.query.get("watch") != "true" and response.status < 400:
            self._listed()
        elif path and request.url.query.get("watch") == "true":
            if response.status < 400:
                self.heard(path)
            response.content = _Noted(response.content, lambda: self.heard(path))  # type: ignore[assignment]
        return response


class _Noted:
    """A response's content that tells when something was read from it."""

    def __init__(self, content: aiohttp.StreamReader, heard: Callable[[], None]) -> None:
        self._content, self._heard = content, heard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """What kopf reads watches with."""
        async for data in self._content.iter_chunked(size):
            self._heard()
            yield data
