"""What is kept beside serving is kept again after any failure."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.olm import keeping
from kopfkit.runtime.olm.ownership import SECRETS, Owned
from kopfkit.runtime.olm.ownership import run as own
from kopfkit.runtime.olm.renewal import Renewed
from kopfkit.runtime.olm.renewal import run as renew

NO_TOKEN = KopfkitError("service account", "cannot be read")


@pytest.fixture
async def server() -> AsyncIterator[tuple[str, list[str]]]:
    """An API server that takes the second token and no other, and what was asked of it."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        asked.append(token)
        if token == "second":
            return web.json_response({"metadata": {"name": "cert"}})
        return web.json_response({"message": "Unauthorized"}, status=401)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


async def kept(client: Client, *tasks: keeping.Task, until: Callable[[], bool]) -> None:
    """Keep until the condition holds."""
    running = asyncio.create_task(keeping.keep(client, "it", *tasks, first=0.01, longest=0.02))
    try:
        async with asyncio.timeout(60):
            while not until():
                assert not running.done()
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


def credentials(url: str, *found: str | Exception) -> Callable[[], object]:
    """What is read at each look: a token or a failure, the last one for ever."""
    left = list(found)

    async def load() -> Credentials:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return Credentials(server=url, authorization=f"Bearer {one}")

    return load


async def test_missing_credentials_are_looked_for_again(
    server: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    url, asked = server
    client = Client(credentials(url, NO_TOKEN, NO_TOKEN, "second"), manager="t")  # type: ignore[arg-type]
    await kept(
        client, lambda client: own(client, Owned("ns", "cert", "web")), until=lambda: bool(asked)
    )
    assert caplog.text.count("cannot keep it through upgrades: service account: cannot be") == 2
    assert "trying to keep it again in 0.01 s" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_token_that_cannot_be_read_when_the_old_one_has_ended_is_read_later(
    server: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    url, asked = server
    client = Client(credentials(url, "first", NO_TOKEN, "second"), manager="t")  # type: ignore[arg-type]

    async def read(client: Client) -> None:
        while True:
            await client.get(SECRETS, "ns", "cert")
            await asyncio.sleep(0.01)

    await kept(client, read, until=lambda: "second" in asked)
    assert "cannot keep it through upgrades: service account: cannot be read" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_watch_takes_a_new_token_when_the_old_one_has_ended(
    server: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.runtime.olm.renewal.AGAIN", 0.01)
    url, asked = server
    client = Client(credentials(url, "first", "second"), manager="t")  # type: ignore[arg-type]
    renewed = Renewed("ns", "cert", ())
    await kept(
        client,
        lambda client: renew(client, renewed, lambda certificate, key: True),
        until=lambda: "second" in asked,
    )


async def test_an_error_in_the_code_is_told_with_its_traceback_and_tried_again(
    server: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    url, _ = server
    client = Client(credentials(url, "second"), manager="t")  # type: ignore[arg-type]
    runs: list[str] = []

    async def fail(client: Client) -> None:
        runs.append("fail")
        raise ZeroDivisionError

    await kept(client, fail, until=lambda: len(runs) == 3)
    assert caplog.text.count("not kept through upgrades") >= 2
    assert "ZeroDivisionError" in caplog.text
