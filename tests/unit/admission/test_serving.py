"""The webhook's process where nothing is converted: real sockets, real TLS, admission alone."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from kopfkit import pki
from kopfkit.controller import Identity
from kopfkit.controller.webhooks import run
from kopfkit.host import ports
from kopfkit.testing import admission as ask

from .caches import ADMISSION, cache


async def test_admission_alone_is_served_over_tls_and_ends_when_told(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    port, health = ports.free(2)
    stop = asyncio.Event()
    serving = asyncio.create_task(
        run(
            Identity("cache-operator", "1.0.0", ()),
            None,
            admission=[ADMISSION],
            cert_dir=tmp_path,
            port=port,
            health_port=health,
            stop=stop,
        )
    )
    context = ssl.create_default_context(cadata=ca.certificate.decode())
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, force_close=True),
        base_url=f"https://127.0.0.1:{port}",
    ) as client:

        async def post(path: str, body: Any) -> tuple[int, Any]:
            async with client.post(path, json=body) as response:
                return response.status, await response.json(content_type=None)

        review = ask.review(ADMISSION, "CREATE", cache(image="a b"))
        async with asyncio.timeout(60):
            while True:
                try:
                    status, reply = await post("/validate-cache-example-com-v1-cache", review)
                    break
                except aiohttp.ClientConnectorError:
                    assert not serving.done()
                    await asyncio.sleep(0.02)
        assert status == 200
        assert reply["response"]["status"]["reason"] == "Invalid"
        status, reply = await post("/mutate-cache-example-com-v1-cache", review)
        assert (status, reply["response"]["patchType"]) == (200, "JSONPatch")
        status, reply = await post("/mutate-cache-example-com-v1-cache", ["junk"])
        assert (status, reply["response"]["allowed"]) == (200, False)
        for path in ("/convert", "/guard"):
            async with client.post(path, json=review) as response:
                assert response.status == 404
    stop.set()
    await serving
