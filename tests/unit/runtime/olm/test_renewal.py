"""A server that ends every watch at once is not asked without a pause."""

import asyncio
import base64

import pytest
from aiohttp import web

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.olm.renewal import Renewed, run, trusts


async def test_a_watch_that_ends_at_once_is_begun_again_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0
    pauses: list[float] = []

    async def answer(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()

    async def login() -> Credentials:
        return Credentials(server=f"http://127.0.0.1:{runner.addresses[0][1]}")

    client = Client(login, manager="tester")
    await client.open()
    monkeypatch.setattr("kopfkit.runtime.olm.renewal.asyncio.sleep", pause)
    try:
        async with asyncio.timeout(60):  # without a pause it would go on for ever
            with pytest.raises(asyncio.CancelledError):
                await run(client, Renewed("ns", "cert", ()), lambda certificate, key: True)
    finally:
        monkeypatch.undo()
        await client.close()
        await runner.cleanup()
    assert asked == 3
    assert min(pauses) > 0


def test_a_crd_may_trust_more_than_one_authority() -> None:
    bundle = base64.b64encode(b"BEFORE\nNEXT\n").decode()
    webhook = {"clientConfig": {"caBundle": bundle}}
    crd = {"spec": {"conversion": {"strategy": "Webhook", "webhook": webhook}}}
    assert trusts(crd, b"BEFORE\n")
    assert trusts(crd, b"NEXT\n")
    assert not trusts(crd, b"LATER\n")
