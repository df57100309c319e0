"""Clients that read and write through the version that is not stored, at a steady pace, and look
at every answer.

Their calls fail if one conversion fails. What every client library tries again by itself, a 429
with Retry-After while the API server swaps a CRD's storage, is counted apart.
"""

import asyncio
import collections
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

import aiohttp

# Calls under way at once; a machine that is slower than the pace gets no more on top.
AT_ONCE = 32
# Seconds to wait for calls that a machine under load answers late.
PATIENCE = 120.0


@dataclass
class Load:
    """Steady calls to one CRD.

    Args:
        url: of the API server.
        context: TLS with an administrator's certificate.
        paths: of objects, through the version that is not stored.
        expected: the spec that each of them must have there.
        pace: calls a second.
    """

    url: str
    context: ssl.SSLContext = field(repr=False)
    paths: dict[str, Any]
    pace: float = 100.0
    calls: int = 0
    retried: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)
    _session: aiohttp.ClientSession | None = None
    _pacing: asyncio.Task[None] | None = None
    _under_way: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> "Load":
        connector = aiohttp.TCPConnector(ssl=self.context, limit=AT_ONCE)
        self._session = aiohttp.ClientSession(self.url, connector=connector)
        self._pacing = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._pacing is not None
        assert self._session is not None
        self._pacing.cancel()
        await asyncio.gather(self._pacing, *self._under_way, return_exceptions=True)
        await self._session.close()

    async def more(self, calls: int) -> None:
        """Return after so many more calls were answered; AssertionError after PATIENCE."""
        wanted = self.calls + calls
        async with asyncio.timeout(PATIENCE):
            while self.calls < wanted:
                self._answered.clear()
                await self._answered.wait()

    async def _run(self) -> None:
        number = 0
        next_call = time.monotonic()
        while True:
            if len(self._under_way) < AT_ONCE:
                number += 1
                task = asyncio.create_task(self._call(number))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            next_call = max(next_call + 1 / self.pace, time.monotonic() - 1)
            await asyncio.sleep(max(0.0, next_call - time.monotonic()))

    async def _call(self, number: int) -> None:
        path = list(self.paths)[number % len(self.paths)]
        kind = ("get", "get", "get", "patch", "get", "get", "get", "list")[number % 8]
        started = time.monotonic()
        try:
            status, body = await self._exchange(kind, path, number)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            status, body = 0, repr(error)
        self.seconds.append(time.monotonic() - started)
        self.calls += 1
        self._answered.set()
        self.kinds[kind] += 1
        if status == 429:
            self.retried += 1
        elif status != 200:
            self.failures.append(f"{kind} {path}: {status} {str(body)[:300]}")
        elif kind != "list" and body["spec"] != self.paths[path]:
            self.failures.append(f"{kind} {path}: wrong content {body['spec']}")
        elif kind == "list" and len(body["items"]) != len(self.paths):
            self.failures.append(f"list: {len(body['items'])} objects")

    async def _exchange(self, kind: str, path: str, number: int) -> tuple[int, Any]:
        assert self._session is not None
        patch = {"metadata": {"labels": {"number": str(number)}}}
        if kind == "patch":
            call = self._session.patch(
                path, json=patch, headers={"Content-Type": "application/merge-patch+json"}
            )
        else:
            call = self._session.get(path.rpartition("/")[0] if kind == "list" else path)
        async with call as response:
            return response.status, await response.json(content_type=None)
