"""A small real HTTP server, and a client of it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.credentials import Credentials

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[Client]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a server that answers as told, and gives a client of it."""
    runners: list[web.AppRunner] = []
    clients: list[Client] = []
    logins = iter(range(100))

    async def start(answer: Answer) -> Client:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"

        async def login() -> Credentials:
            return Credentials(server=url, authorization=f"Bearer {next(logins)}")

        client = Client(login, manager="tester")
        await client.open()
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()
    for runner in runners:
        await runner.cleanup()
