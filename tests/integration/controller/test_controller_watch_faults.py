"""Watches that fail in ways a real API server and what is between can make them fail.

A proxy before the real API server passes everything on and, when told to, puts its own line into
the watches of HelloWorlds, or holds their events back.
"""

import asyncio
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

Create = Callable[..., Any]


def error(code: int) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


class Proxy:
    """The proxy, in a thread of its own. `url` is plain HTTP."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        self._target, self._context = target, context
        self._loop = asyncio.new_event_loop()
        self._streams: set[asyncio.Queue[bytes]] = set()
        self.blind = False
        self.watches = 0
        self.url = ""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        ready.wait(10)

    def say(self, line: bytes) -> None:
        """Put a line into each open watch of HelloWorlds, and end it."""
        self._loop.call_soon_threadsafe(self._say, line)

    def _say(self, line: bytes) -> None:
        for stream in self._streams:
            stream.put_nowait(line)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._stop())
        self._loop.close()

    async def _start(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._loop.shutdown_asyncgens()
        # aiohttp's advice: TLS connections need a moment of the loop to close.
        await asyncio.sleep(0.25)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "content-length")
        }
        async with self._session.request(
            request.method,
            self._target + request.path_qs,
            headers=headers,
            data=await request.read() or None,
            ssl=self._context,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            if "watch=true" in request.query_string and "/helloworlds" in request.path:
                return await self._watch(request, answer)
            if "watch=true" not in request.query_string:
                kind = answer.headers.get("Content-Type", "")
                body = await answer.read()
                return web.Response(status=answer.status, body=body, headers={"Content-Type": kind})
            response = web.StreamResponse(status=answer.status)
            await response.prepare(request)
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async for line in answer.content:
                    await response.write(line)
            return response

    async def _watch(
        self, request: web.Request, answer: aiohttp.ClientResponse
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status)
        await response.prepare(request)
        lines: asyncio.Queue[bytes] = asyncio.Queue()

        async def read() -> None:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                async for line in answer.content:
                    if not self.blind:
                        await response.write(line)

        reader = asyncio.create_task(read())
        self._streams.add(lines)
        self.watches += 1
        said = asyncio.create_task(lines.get())
        try:
            await asyncio.wait({reader, said}, return_when=asyncio.FIRST_COMPLETED)
            if said.done():
                await response.write(said.result())
        finally:
            said.cancel()
            self._streams.discard(lines)
            reader.cancel()
            await asyncio.gather(reader, said, return_exceptions=True)
        return response


@pytest.fixture
def proxy(plane: Any) -> Iterator[Proxy]:
    context = ssl.create_default_context(cafile=plane.control.certificates / "ca.crt")
    made = Proxy(plane.control.url, context)
    yield made
    made.close()


@pytest.fixture
def operator(plane: Any, proxy: Proxy, start: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An operator whose API server is the proxy, with its watches open."""
    original = type(plane).kubeconfig

    def through_proxy(self: Any, name: str) -> Any:
        path, jti = original(self, name)
        config = yaml.safe_load(path.read_text())
        config["clusters"][0]["cluster"] = {"server": proxy.url}
        path.write_text(yaml.safe_dump(config))
        return path, jti

    monkeypatch.setattr(type(plane), "kubeconfig", through_proxy)
    made = start()
    made.says("leads")
    eventually(lambda: proxy.watches)
    return made


@pytest.mark.parametrize(
    "line",
    [
        error(500),
        error(504),
        error(410),
        b'{"type": "MODIFIED", "obj\n',
        b"<html>\n",
        b"\x00\xff\n",
    ],
    ids=["500", "504", "410", "cut off", "html", "binary"],
)
def test_it_goes_on_after_a_watch_said(
    line: bytes, operator: Any, proxy: Proxy, hello: Create
) -> None:
    hello("before").settled()
    before = proxy.watches
    proxy.say(line)
    eventually(lambda: proxy.watches > before, timeout=60)

    hello("after").settled()
    assert operator.process.poll() is None


def test_an_object_that_vanished_while_it_could_not_see_stays_gone(
    operator: Any, proxy: Proxy, hello: Create, api: Api
) -> None:
    one = hello("vanishes")
    one.settled()
    written = len(operator.writes())
    proxy.blind = True
    api.delete(one.path)
    eventually(lambda: not api.exists(one.deployment_path), timeout=60)
    eventually(lambda: not api.exists(one.service_path), timeout=60)
    proxy.blind = False
    proxy.say(error(410))

    hello("after").settled()
    assert not api.exists(one.deployment_path)
    assert [write for write in operator.writes()[written:] if "vanishes" in write] == []


def test_what_a_watch_kept_back_is_found_by_comparing_with_a_list(
    operator: Any, proxy: Proxy, hello: Create, api: Api
) -> None:
    one = hello("kept-back")
    one.settled()
    proxy.blind = True
    api.patch(one.path, {"spec": {"replicas": 3}})
    proxy.blind = False
    proxy.say(error(410))

    one.settled()
    assert one.deployment()["spec"]["replicas"] == 3
