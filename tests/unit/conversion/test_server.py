"""The server on real sockets of this machine: certificates come late and change, bodies are bad."""

import asyncio
import contextlib
import gzip
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives import serialization

from kopfkit import pki
from kopfkit.conversion import Converter, Spoke, serve
from kopfkit.conversion.observation import Counts, Silent
from kopfkit.conversion.server import ConversionServer
from kopfkit.conversion.tls import ServingCertificate
from kopfkit.errors import KopfkitError
from kopfkit.host import ports
from kopfkit.repeats import Repeats

LOCALHOST = "127.0.0.1"
CA = pki.make_ca("test", now=datetime.now(UTC))


def same(content: dict[str, Any]) -> dict[str, Any]:
    return content


@pytest.fixture
def converter() -> Converter:
    return Converter(
        group="example.com",
        kind="Box",
        hub="v2",
        spokes=[Spoke("v1", to_hub=same, from_hub=same)],
        annotation="example.com/kept",
    )


def review(*names: str) -> dict[str, Any]:
    objects = [
        {"apiVersion": "example.com/v1", "kind": "Box", "metadata": {"name": name}}
        for name in names
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {"uid": "u-1", "desiredAPIVersion": "example.com/v2", "objects": objects},
    }


def make_pair() -> pki.KeyPair:
    return pki.make_serving_cert(CA, ["localhost"], [LOCALHOST], now=datetime.now(UTC))


def write(directory: Path, pair: pki.KeyPair) -> None:
    (directory / "tls.crt").write_bytes(pair.certificate)
    (directory / "tls.key").write_bytes(pair.key)


async def eventually(read: Callable[[], Awaitable[Any]], good: Callable[[Any], bool]) -> None:
    """Return when what is read is good; fail after a minute, which no machine needs."""
    async with asyncio.timeout(60):
        while True:
            if good(await read()):
                return
            await asyncio.sleep(0.02)


@dataclass
class Running:
    """A server under test and a client that trusts it."""

    cert_dir: Path
    port: int
    health_port: int
    stop: asyncio.Event
    task: asyncio.Task[None]
    client: aiohttp.ClientSession

    async def ready(self) -> tuple[int, str]:
        """Status and text of /readyz."""
        url = f"http://{LOCALHOST}:{self.health_port}/readyz"
        async with self.client.get(url) as response:
            return response.status, await response.text()

    async def until_ready(self) -> None:
        await eventually(self.ready, lambda found: found[0] == 200)

    async def post(self, data: Any, path: str = "/convert", **headers: str) -> dict[str, Any]:
        url = f"https://{LOCALHOST}:{self.port}{path}"
        async with self.client.post(url, data=data, headers=headers) as response:
            assert response.status == 200
            reply: dict[str, Any] = await response.json()
            return reply

    async def certificate(self) -> bytes:
        """The certificate (DER) of a new connection."""
        return await seen(self.port)


async def shown(context: ssl.SSLContext) -> bytes:
    """The certificate (DER) that a new connection is shown."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), LOCALHOST, 0, ssl=context)
    async with server:
        return await seen(server.sockets[0].getsockname()[1])


async def seen(port: int) -> bytes:
    """The certificate (DER) of a new connection to a port."""
    _, writer = await asyncio.open_connection(LOCALHOST, port, ssl=trusting())
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return found


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=CA.certificate.decode())


def der(pair: pki.KeyPair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.decode())


@pytest.fixture
async def server(
    tmp_path: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    monkeypatch.setattr("kopfkit.conversion.tls.INTERVAL", 0.02)
    stop = asyncio.Event()
    port, health_port = ports.free(2)
    task = asyncio.create_task(
        serve(
            converter,
            cert_dir=tmp_path,
            port=port,
            health_port=health_port,
            stop=stop,
            host=LOCALHOST,
        )
    )
    connector = aiohttp.TCPConnector(ssl=trusting())
    async with aiohttp.ClientSession(connector=connector) as client:
        running = Running(tmp_path, port, health_port, stop, task, client)
        while not task.done():
            try:
                await running.ready()
                break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)
        yield running
    stop.set()
    await task


async def test_without_a_certificate_it_lives_names_the_file_and_is_not_ready(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    status, text = await server.ready()
    assert status == 503
    assert str(server.cert_dir / "tls.crt") in text
    async with server.client.get(f"http://{LOCALHOST}:{server.health_port}/healthz") as response:
        assert response.status == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        await server.post(b"{}")
    write(server.cert_dir, make_pair())
    await server.until_ready()
    reply = await server.post(msgspec.json.encode(review("a")))
    assert reply["response"]["result"] == {"status": "Success"}


async def test_a_changed_certificate_is_used_while_old_connections_stay(server: Running) -> None:
    first, second = make_pair(), make_pair()
    write(server.cert_dir, first)
    await server.until_ready()
    assert await server.certificate() == der(first)
    reader, writer = await asyncio.open_connection(LOCALHOST, server.port, ssl=trusting())
    write(server.cert_dir, second)
    await eventually(server.certificate, lambda found: found == der(second))
    writer.write(b"GET /convert HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 405")
    writer.close()
    await writer.wait_closed()


async def test_a_swapped_data_symlink_is_noticed_as_in_a_mounted_secret(server: Running) -> None:
    pairs = [make_pair(), make_pair()]
    for number, pair in enumerate(pairs):
        (server.cert_dir / f"..{number}").mkdir()
        write(server.cert_dir / f"..{number}", pair)
    (server.cert_dir / "..data").symlink_to("..0")
    for name in ("tls.crt", "tls.key"):
        (server.cert_dir / name).symlink_to(f"..data/{name}")
    await server.until_ready()
    assert await server.certificate() == der(pairs[0])
    (server.cert_dir / "..new").symlink_to("..1")
    (server.cert_dir / "..new").rename(server.cert_dir / "..data")
    await eventually(server.certificate, lambda found: found == der(pairs[1]))


@pytest.mark.parametrize("broken", ["mismatch", "half", "empty", "text"])
async def test_a_broken_pair_is_logged_once_and_the_old_one_stays(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    good, other = make_pair(), make_pair()
    certificate = ServingCertificate(tmp_path)
    write(tmp_path, good)
    assert certificate.look()
    context = certificate.context()
    broken_key = {"mismatch": other.key, "half": good.key[:60], "empty": b"", "text": b"hello"}
    (tmp_path / "tls.key").write_bytes(broken_key[broken])
    with caplog.at_level(logging.ERROR):
        assert not certificate.look()
        assert not certificate.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert str(tmp_path / "tls.key") in caplog.text
    assert "the certificate in use stays" in caplog.text
    assert certificate.loaded.is_set()
    assert certificate.context() is context
    write(tmp_path, other)
    assert certificate.look()


async def test_a_pair_that_is_handed_in_is_used_until_the_files_have_a_newer_one(
    tmp_path: Path,
) -> None:
    mounted, newer, newest = make_pair(), make_pair(), make_pair()
    certificate = ServingCertificate(tmp_path)
    write(tmp_path, mounted)
    assert certificate.look()
    context = certificate.context()
    assert certificate.take(newer.certificate, newer.key)
    assert not certificate.take(newer.certificate, newer.key)
    assert not certificate.look()  # the files are as they were
    assert await shown(context) == der(newer)

    write(tmp_path, newer)  # the kubelet brings the same one
    assert not certificate.look()
    write(tmp_path, newest)
    assert certificate.look()
    assert await shown(context) == der(newest)


async def test_what_a_handed_in_pair_replaced_does_not_come_back_late(tmp_path: Path) -> None:
    mounted, newer = make_pair(), make_pair()
    certificate = ServingCertificate(tmp_path)
    write(tmp_path, mounted)
    assert certificate.look()
    assert certificate.take(newer.certificate, newer.key)
    write(tmp_path, mounted)
    assert not certificate.look()
    assert await shown(certificate.context()) == der(newer)
    # Whoever put the Secret back meant it.
    assert certificate.take(mounted.certificate, mounted.key)
    assert await shown(certificate.context()) == der(mounted)


async def test_a_handed_in_pair_that_does_not_fit_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good, other = make_pair(), make_pair()
    certificate = ServingCertificate(tmp_path)
    write(tmp_path, good)
    assert certificate.look()
    assert not certificate.take(other.certificate, good.key)
    assert "The Secret's pair cannot be loaded" in caplog.text
    assert await shown(certificate.context()) == der(good)


async def test_an_encrypted_key_is_an_error_not_a_question(tmp_path: Path) -> None:
    pair = make_pair()
    key = serialization.load_pem_private_key(pair.key, None)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    write(tmp_path, pki.KeyPair(pair.certificate, encrypted))
    certificate = ServingCertificate(tmp_path)
    assert not certificate.look()
    assert "the key is encrypted" in certificate.problem


async def test_clients_below_tls_1_3_are_refused(server: Running) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    old = trusting()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(LOCALHOST, server.port, ssl=old)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"null"])
async def test_nonsense_is_answered_with_a_review(server: Running, body: bytes) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    reply = await server.post(body)
    assert reply["kind"] == "ConversionReview"
    assert reply["response"]["result"]["status"] == "Failure"


class Counting(Silent):
    """Counts what an alert would be made of."""

    def __init__(self) -> None:
        self.strange, self.failed, self.good = 0, 0, 0

    def refused(self) -> None:
        self.strange += 1

    def reviewed(self, counts: Counts, seconds: float, failed: bool) -> None:
        self.failed += failed
        self.good += not failed


async def test_a_strangers_junk_is_one_line_of_the_log_and_no_failed_conversion(
    tmp_path: Path, converter: Converter, caplog: pytest.LogCaptureFixture
) -> None:
    observer = Counting()
    server = ConversionServer(converter, ServingCertificate(tmp_path), observer=observer)
    caplog.handler.addFilter(repeats := Repeats())
    try:
        async with TestClient(TestServer(server.conversion_app())) as client:
            for body in [b"junk"] * 20 + [msgspec.json.encode(review("a"))]:
                await client.post("/convert", data=body)
    finally:
        caplog.handler.removeFilter(repeats)

    assert (observer.strange, observer.failed, observer.good) == (20, 0, 1)
    assert caplog.text.count("\n") == 1
    assert "Request refused: the request is not JSON" in caplog.text


async def test_a_compressed_body_is_not_unfolded(server: Running) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    body = gzip.compress(msgspec.json.encode(review("a")))
    reply = await server.post(body, **{"Content-Encoding": "gzip"})
    assert reply["response"]["result"]["message"].startswith("the request is not JSON")


async def test_a_failed_review_is_logged_with_the_objects_name(
    server: Running, caplog: pytest.LogCaptureFixture
) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    body = review("good")
    body["request"]["objects"].append({"kind": "Tin", "metadata": {"name": "bad"}})
    with caplog.at_level(logging.ERROR):
        reply = await server.post(msgspec.json.encode(body))
    assert "Tin bad" in reply["response"]["result"]["message"]
    assert "Tin bad" in caplog.text


async def test_other_paths_and_methods_are_not_found_or_not_allowed(server: Running) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    base = f"https://{LOCALHOST}:{server.port}"
    async with server.client.get(f"{base}/convert") as response:
        assert response.status == 405
    async with server.client.post(f"{base}/other") as response:
        assert response.status == 404


async def test_a_large_review_is_converted_off_the_loop(server: Running) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    names = [f"name-{number}" for number in range(5000)]
    reply = await server.post(msgspec.json.encode(review(*names)))
    assert [one["metadata"]["name"] for one in reply["response"]["convertedObjects"]] == names


async def send(server: ConversionServer, body: bytes, size: int) -> dict[str, Any]:
    """POST over a plain socket, where a client's own checks are not in the way."""
    runner = web.AppRunner(
        server.conversion_app(), access_log=None, shutdown_timeout=0.1, lingering_time=0.1
    )
    await runner.setup()
    site = web.TCPSite(runner, LOCALHOST, 0)
    await site.start()
    reader, writer = await asyncio.open_connection(LOCALHOST, runner.addresses[0][1])
    writer.write(b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + body)
    async with asyncio.timeout(60):  # for a server that wrongly waits for more
        text = await reader.read()
    writer.close()
    await writer.wait_closed()
    await runner.cleanup()
    reply: dict[str, Any] = msgspec.json.decode(text.partition(b"\r\n\r\n")[2])
    return reply


async def test_a_body_over_the_limit_is_refused_under_its_uid(
    tmp_path: Path, converter: Converter
) -> None:
    server = ConversionServer(converter, ServingCertificate(tmp_path), body_limit=2000)
    body = msgspec.json.encode({"request": {"uid": "u-7", "objects": ["x" * 4000]}})
    response = (await send(server, body, len(body)))["response"]
    assert response["uid"] == "u-7"
    assert response["result"]["message"] == "the request is larger than 2000 bytes"


async def test_a_body_that_does_not_arrive_is_refused(tmp_path: Path, converter: Converter) -> None:
    server = ConversionServer(converter, ServingCertificate(tmp_path), body_timeout=0.05)
    response = (await send(server, b'{"request":{"uid":"u-8"', 900))["response"]
    assert response["uid"] == "u-8"
    assert "did not arrive" in response["result"]["message"]


async def test_a_port_in_use_is_told_with_the_cure(tmp_path: Path, converter: Converter) -> None:
    with socket.socket() as sock:
        sock.bind((LOCALHOST, 0))
        sock.listen()
        port = sock.getsockname()[1]
        with pytest.raises(KopfkitError, match=rf"port {port}: is already in use\n.*--port"):
            await serve(
                converter,
                cert_dir=tmp_path,
                port=port,
                health_port=0,
                stop=asyncio.Event(),
                host=LOCALHOST,
            )


async def test_a_stop_lets_the_review_under_way_finish(server: Running) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()

    async def slowly() -> AsyncIterator[bytes]:
        text = msgspec.json.encode(review("a"))
        yield text[:20]
        server.stop.set()
        await asyncio.sleep(0.1)
        yield text[20:]

    reply = await server.post(slowly())
    assert reply["response"]["result"] == {"status": "Success"}
    await server.task
    with pytest.raises(aiohttp.ClientConnectorError):
        await server.ready()


async def test_a_review_on_a_kept_connection_is_answered_while_the_server_stops(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.conversion.server._SETTLE", 0.0)
    monkeypatch.setattr("kopfkit.conversion.server._QUIET", 60.0)
    write(server.cert_dir, make_pair())
    await server.until_ready()
    await server.post(msgspec.json.encode(review("a")))
    server.stop.set()
    # New connections are not taken any more, so the next review can only come on the kept one.
    await eventually(server.ready, lambda found: found[0] == 503)
    await asyncio.sleep(0.3)
    reply = await server.post(msgspec.json.encode(review("b")))
    assert reply["response"]["result"] == {"status": "Success"}
    # Its answer has closed the connection, and nothing is waited for.
    await server.task


async def test_a_connection_that_is_kept_and_not_used_does_not_keep_the_server(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.conversion.server._QUIET", 0.6)
    write(server.cert_dir, make_pair())
    await server.until_ready()
    await server.post(msgspec.json.encode(review("a")))
    server.stop.set()
    await server.task


async def test_a_stop_is_obeyed_while_a_certificate_is_awaited(server: Running) -> None:
    server.stop.set()
    await server.task


async def test_the_guard_answers_on_the_same_port_and_lets_too_much_pass(server: Running) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    old, new = (
        {"spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": client}}}}
        for client in ({"caBundle": "Q0E="}, {})
    )
    request = {"uid": "u-9", "name": "a", "oldObject": old, "object": new}
    reply = await server.post(msgspec.json.encode({"request": request}), "/guard")
    assert (reply["response"]["uid"], reply["response"]["allowed"]) == ("u-9", True)
    assert "patch" in reply["response"]
    reply = await server.post(b"{", "/guard")
    assert reply["response"] == {"uid": "", "allowed": True}


async def test_a_guard_request_that_is_too_large_is_allowed(tmp_path: Path, converter: Any) -> None:
    server = ConversionServer(converter, ServingCertificate(tmp_path), body_limit=100)
    async with TestClient(TestServer(server.conversion_app())) as client:
        body = b'{"request": {"uid": "u-8", "object": "' + b"x" * 200
        async with client.post("/guard", data=body) as response:
            reply = await response.json()
    assert reply["response"] == {"uid": "u-8", "allowed": True}


async def test_what_goes_wrong_with_one_connection_keeps_nobody_else_out(
    server: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(server.cert_dir, make_pair())
    await server.until_ready()
    accept = asyncio.get_running_loop().sock_accept
    troubles: list[Exception] = [OSError(24, "Too many open files"), RuntimeError("unheard of")]

    async def failing(sock: socket.socket) -> Any:
        connection = await accept(sock)
        if troubles:
            connection[0].close()
            raise troubles.pop(0)
        return connection

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", failing)
    for _ in range(10):  # the first ones meet the trouble, or were let in before it
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(LOCALHOST, server.port, ssl=trusting())
            writer.transport.abort()
    assert troubles == []
    assert "Too many open files" in caplog.text
    assert "unheard of" in caplog.text
    assert (await server.post(msgspec.json.encode(review("a"))))["response"]["uid"] == "u-1"
