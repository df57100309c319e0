"""A proxy before a real API server that fails as networks and API servers do, when told to.

It passes everything on unchanged but for what its two hooks decide: one is asked about every
request, the other sees every line of every watch. Left out: deciding what goes wrong (the tests),
and TLS towards the client: its kubeconfig names `url` and a token.
"""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiohttp
from aiohttp import web

_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True)
class Request:
    """A request as the proxy saw it.

    Attributes:
        number: counts the requests from 1.
        method, path, query, body: of the request.
    """

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    body: bytes

    @property
    def watch(self) -> bool:
        """Whether it opens a watch."""
        return self.query.get("watch") == "true"

    @property
    def write(self) -> bool:
        """Whether it changes something."""
        return self.method in _WRITES

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """An answer of the proxy's own or the server's, as it reaches the client."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Drop(Exception):
    """Raised by a hook: close the client's connection without an answer."""


Forward: TypeAlias = Callable[[], Awaitable[Answer]]
OnRequest: TypeAlias = Callable[[Request, Forward], Awaitable[Answer]]
Send: TypeAlias = Callable[[bytes], Awaitable[None]]
OnLine: TypeAlias = Callable[[Request, bytes, Send], Awaitable[None]]


async def _forward(request: Request, forward: Forward) -> Answer:
    return await forward()


async def _pass(request: Request, line: bytes, send: Send) -> None:
    await send(line)


class FaultProxy:
    """The proxy, in a thread of its own.

    Args:
        target: the API server's URL.
        context: how to trust it.

    Attributes:
        url: where the proxy listens, plain HTTP.
        on_request: called for each request that is no watch, and for the opening of each watch,
            with a function that forwards it; returns the answer. For a watch the answer counts only
            if its status is an error.
        on_line: called for each line of a watch with a function that sends bytes to the client;
            raises `Drop` to end the watch.
        watches: how many watches were opened so far.
    """

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        self._target, self._context = target, context
        self._loop = asyncio.new_event_loop()
        self._count = 0
        self._open: dict[asyncio.Task[Any], tuple[Request, web.StreamResponse]] = {}
        self._ending: set[asyncio.Task[Any]] = set()
        self.on_request: OnRequest = _forward
        self.on_line: OnLine = _pass
        self.watches = 0
        self.url = ""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        if not ready.wait(30):
            raise RuntimeError("the proxy did not start")

    def close(self) -> None:
        """End it and every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def cut(self) -> None:
        """Close all open watches, as a network that goes away."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._open])

    def say(self, plural: str, line: bytes) -> None:
        """Put a line into each open watch of a resource ("helloworlds"), and end the watch."""
        asyncio.run_coroutine_threadsafe(self._say(plural, line), self._loop).result(30)

    async def _say(self, plural: str, line: bytes) -> None:
        for task, (request, response) in list(self._open.items()):
            if request.path.rpartition("/")[2] == plural:
                with contextlib.suppress(ConnectionError):
                    await response.write(line)
                self._ending.add(task)
                task.cancel()

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
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True
        )
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

    async def _handle(self, incoming: web.Request) -> web.StreamResponse:
        self._count += 1
        body = await incoming.read()
        request = Request(self._count, incoming.method, incoming.path, dict(incoming.query), body)
        headers = {
            name: value
            for name, value in incoming.headers.items()
            if name.lower() not in ("host", "content-length", "accept-encoding")
        }
        try:
            if request.watch:
                return await self._watch(incoming, request, headers)
            answer = await self.on_request(request, lambda: self._ask(incoming, request, headers))
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        except (Drop, aiohttp.ClientError, ConnectionError):
            if incoming.transport is not None:
                incoming.transport.close()
            return web.Response(status=502)

    def _request(self, incoming: web.Request, request: Request, headers: Mapping[str, str]) -> Any:
        return self._session.request(
            request.method,
            self._target + incoming.path_qs,
            headers=headers,
            data=request.body or None,
            ssl=self._context,
            timeout=aiohttp.ClientTimeout(total=None),
        )

    async def _ask(
        self, incoming: web.Request, request: Request, headers: Mapping[str, str]
    ) -> Answer:
        async with self._request(incoming, request, headers) as answer:
            kept = ("Content-Type", "Retry-After")
            told = {name: answer.headers[name] for name in kept if name in answer.headers}
            return Answer(answer.status, await answer.read(), told)

    async def _watch(
        self, incoming: web.Request, request: Request, headers: Mapping[str, str]
    ) -> web.StreamResponse:
        async def opens() -> Answer:
            return Answer(200)

        verdict = await self.on_request(request, opens)
        if verdict.status >= 400:
            return web.Response(status=verdict.status, body=verdict.body, headers=verdict.headers)
        async with self._request(incoming, request, headers) as answer:
            response = web.StreamResponse(status=answer.status)
            await response.prepare(incoming)
            self.watches += 1
            task = asyncio.current_task()
            assert task is not None
            self._open[task] = (request, response)
            try:
                async for line in answer.content:
                    await self.on_line(request, line, response.write)
            except (Drop, aiohttp.ClientError, ConnectionError):
                pass
            except asyncio.CancelledError:
                if task not in self._ending:
                    if incoming.transport is not None:
                        incoming.transport.abort()
                    raise
            finally:
                self._open.pop(task, None)
                self._ending.discard(task)
            return response
