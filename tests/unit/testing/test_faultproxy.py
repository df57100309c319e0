"""The faulty proxy passes everything on, but for what it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from kopfkit.testing.faultproxy import Answer, Drop, FaultProxy, Forward, Request, Send

WATCH = {"watch": "true"}


@pytest.fixture
async def proxy() -> AsyncIterator[FaultProxy]:
    """A proxy before a server that echoes writes and says two lines on every watch."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.query.get("watch") != "true":
            headers = {"Retry-After": "7"} if request.method == "PUT" else {}
            text = f"{request.method} {request.path_qs} {await request.text()}"
            return web.Response(status=203, text=text, headers=headers)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one\ntwo\n")
        await asyncio.sleep(3600)
        return response

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    made = await asyncio.to_thread(FaultProxy, url, ssl.create_default_context())
    yield made
    await asyncio.to_thread(made.close)
    await runner.cleanup()


async def test_it_passes_requests_on(proxy: FaultProxy) -> None:
    async with (
        aiohttp.ClientSession(proxy.url) as session,
        session.put("/things/x?a=1", data="body") as answer,
    ):
        assert (answer.status, await answer.text()) == (203, "PUT /things/x?a=1 body")
        assert answer.headers["Retry-After"] == "7"


async def test_a_hook_may_answer_itself_or_drop_the_connection(proxy: FaultProxy) -> None:
    async def hook(request: Request, forward: Forward) -> Answer:
        assert str(request) == "POST /things"
        assert request.write
        if request.body == b"drop":
            await forward()
            raise Drop
        return Answer(429, b"later", {"Retry-After": "1"})

    proxy.on_request = hook
    async with aiohttp.ClientSession(proxy.url) as session:
        async with session.post("/things", data="x") as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post("/things", data="drop")


async def test_a_watch_passes_line_by_line_through_its_hook(proxy: FaultProxy) -> None:
    async def hook(request: Request, line: bytes, send: Send) -> None:
        await send(b"<" + line.strip() + b">\n")
        if line == b"two\n":
            raise Drop

    proxy.on_line = hook
    async with (
        aiohttp.ClientSession(proxy.url) as session,
        session.get("/things", params=WATCH) as answer,
    ):
        assert await answer.read() == b"<one>\n<two>\n"
    assert proxy.watches == 1


async def test_a_line_can_be_said_into_a_watch_and_ends_it(proxy: FaultProxy) -> None:
    async with (
        aiohttp.ClientSession(proxy.url) as session,
        session.get("/things", params=WATCH) as answer,
    ):
        assert await answer.content.readline() == b"one\n"
        assert await answer.content.readline() == b"two\n"
        await asyncio.to_thread(proxy.say, "others", b"not for it\n")
        await asyncio.to_thread(proxy.say, "things", b"last\n")
        assert await answer.read() == b"last\n"


async def test_all_watches_can_be_cut(proxy: FaultProxy) -> None:
    async with (
        aiohttp.ClientSession(proxy.url) as session,
        session.get("/things", params=WATCH) as answer,
    ):
        assert await answer.content.readline() == b"one\n"
        proxy.cut()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()


async def test_a_watch_may_be_refused(proxy: FaultProxy) -> None:
    async def hook(request: Request, forward: Forward) -> Answer:
        return Answer(503)

    proxy.on_request = hook
    async with (
        aiohttp.ClientSession(proxy.url) as session,
        session.get("/things", params=WATCH) as answer,
    ):
        assert answer.status == 503
    assert proxy.watches == 0
