"""Bodies are limited in size, in time, and in how many large ones are in memory."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from kopfkit.conversion.bodies import GRACE, LARGE, PACE, Bodies

Client = TestClient[Any, Any]


class Counting:
    """An application that keeps each request in its place until it is told to go on."""

    def __init__(self, bodies: Bodies) -> None:
        self.bodies = bodies
        self.inside = 0
        self.most = 0
        self.go_on = asyncio.Event()
        self._came = asyncio.Event()

    async def until(self, inside: int) -> None:
        """Wait until so many requests are inside."""
        async with asyncio.timeout(60):
            while self.inside < inside:
                self._came.clear()
                await self._came.wait()

    async def handle(self, request: web.Request) -> web.Response:
        async with self.bodies.place(request) as full:
            body, problem = (b"", full) if full else await self.bodies.read(request)
            self.inside += 1
            self.most = max(self.most, self.inside)
            self._came.set()
            await self.go_on.wait()
            self.inside -= 1
        return web.Response(text=problem or str(len(body)))

    def client(self) -> Client:
        app = web.Application(client_max_size=2**30)
        app.router.add_post("/", self.handle)
        return TestClient(TestServer(app))


async def text(client: Client, data: Any) -> str:
    async with client.post("/", data=data) as response:
        return await response.text()


async def test_large_bodies_are_in_memory_one_at_a_time_and_small_ones_pass_them() -> None:
    counting = Counting(Bodies())
    async with counting.client() as client:
        large = [asyncio.create_task(text(client, b"x" * LARGE)) for _ in range(3)]
        small = [asyncio.create_task(text(client, b"x")) for _ in range(4)]
        await counting.until(5)  # one large and all small ones
        counting.go_on.set()
        assert await asyncio.gather(*large) == [str(LARGE)] * 3
        assert await asyncio.gather(*small) == ["1"] * 4
    assert counting.most == 5


async def test_a_large_body_that_waits_too_long_for_its_place_is_told_so() -> None:
    counting = Counting(Bodies(timeout=0.2))
    async with counting.client() as client:
        first = asyncio.create_task(text(client, b"x" * LARGE))
        second = asyncio.create_task(text(client, b"x" * LARGE))
        await counting.until(2)  # the second one with a problem
        counting.go_on.set()
        answers = sorted(await asyncio.gather(first, second))
    assert "waited 0 s for others" in answers[1]


async def test_a_body_of_unknown_length_may_not_be_large() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * (LARGE // 4)

    counting = Counting(Bodies())
    counting.go_on.set()
    async with counting.client() as client:
        answer = await text(client, chunks())
    assert answer == f"the request is larger than {LARGE} bytes and has no Content-Length"


@pytest.mark.parametrize(
    ("size", "seconds"),
    [(0, 30), (LARGE - 1, 30), (PACE, GRACE + 1), (8 * PACE, GRACE + 8), (100 * PACE, 30)],
)
def test_a_large_body_has_time_by_its_size(size: int, seconds: float) -> None:
    assert Bodies().seconds(size) == seconds
