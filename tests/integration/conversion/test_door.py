"""The webhook's port meets those who mean ill, or know no better, and serves the others meanwhile.

Each kind of intruder has a process of its own, so that what it does costs the server and not the
one who measures. How long the others wait is recorded (`pytest -s` shows it), and asserted nowhere:
a busy machine would fail for its own reasons. What is asserted: every review is answered rightly,
the process lives, and its memory has an upper limit.
"""

import asyncio
import contextlib
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit import pki

from . import intruders
from .conftest import Process

GROUP = "test.jiaozi.com"
MEGABYTE = 1_000_000
# Reviews that are answered while each kind of intruder is at it.
REVIEWS = 60
# Bytes of memory that idlers and deep bodies may cost.
IDLERS = 20 * MEGABYTE
# Handshakes that fail, hundreds a second, leave what only the garbage collector takes away.
CHURN = 40 * MEGABYTE
# A body of the largest size may stay in memory while it is refused.
HOARDERS = 90 * MEGABYTE


def review(uid: str = "u", count: int = 1) -> bytes:
    obj = {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "HelloWorld",
        "metadata": {"name": "a"},
        "spec": {"size": 2, "message": "Hi"},
    }
    request = {"uid": uid, "desiredAPIVersion": f"{GROUP}/v1", "objects": [obj] * count}
    return msgspec.json.encode(
        {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": request}
    )


CONVERTED = {"replicas": 2, "greeting": {"message": "Hi"}}


@pytest.fixture(scope="module")
def server(webhook_process: Any) -> tuple[Process, ssl.SSLContext]:
    """The server as a process, and what a client needs to trust it."""
    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=now)
    context = ssl.create_default_context(cadata=ca.certificate.decode())
    return webhook_process(GROUP, pair), context


async def convert(session: aiohttp.ClientSession, port: int, count: int = 1) -> float:
    """One review, checked; how many seconds it took."""
    started = time.perf_counter()
    url = f"https://127.0.0.1:{port}/convert"
    async with session.post(url, data=review(count=count)) as response:
        reply = msgspec.json.decode(await response.read())["response"]
    assert reply["result"] == {"status": "Success"}
    assert [obj["spec"] for obj in reply["convertedObjects"]] == [CONVERTED] * count
    return time.perf_counter() - started


@contextlib.asynccontextmanager
async def clients(context: ssl.SSLContext) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


def invade(port: int, kind: str, count: int) -> subprocess.Popen[bytes]:
    argv = [sys.executable, str(Path(intruders.__file__)), str(port), kind, str(count)]
    return subprocess.Popen(argv, stderr=subprocess.DEVNULL)


async def measured(session: aiohttp.ClientSession, process: Process) -> tuple[list[float], int]:
    """The seconds of reviews over old and new connections, and the most memory seen meanwhile."""
    seconds, memory = [], 0
    for number in range(REVIEWS):
        seconds.append(await convert(session, process.port, count=1 if number % 10 else 800))
        memory = max(memory, process.resident())
        await asyncio.sleep(0.01)
    return seconds, memory


@pytest.mark.parametrize(
    ("kind", "count", "allowed"),
    [
        ("silent", 200, IDLERS),
        ("garbled", 30, CHURN),
        ("old", 30, CHURN),
        ("mute", 200, IDLERS),
        ("slow_head", 100, IDLERS),
        ("slow_body", 100, IDLERS),
        ("lists", 2, IDLERS),
        ("objects", 2, IDLERS),
        ("wide", 1, HOARDERS),
        ("hoarder", 3, HOARDERS),
    ],
)
async def test_others_are_served_while_somebody_misbehaves(
    server: tuple[Process, ssl.SSLContext], kind: str, count: int, allowed: int
) -> None:
    process, context = server
    async with clients(context) as session:
        alone, before = await measured(session, process)
        crowd = invade(process.port, kind, count)
        try:
            await asyncio.sleep(1.5)  # until most of them are there; nothing depends on it
            among, most = await measured(session, process)
            async with clients(context) as newcomer:
                await convert(newcomer, process.port)
        finally:
            crowd.kill()
            crowd.wait()
        await convert(session, process.port)
    print(
        f"\n{kind} x {count}: p50 {middle(alone):.1f} -> {middle(among):.1f} ms, "
        f"p95 {tail(alone):.1f} -> {tail(among):.1f} ms, RSS +{(most - before) / MEGABYTE:.1f} MB"
    )
    assert most - before < allowed
    assert process.popen.poll() is None
    assert "Traceback" not in process.log.read_text()


def middle(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 2] * 1000


def tail(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)] * 1000


async def test_tls_1_2_is_not_let_in(server: tuple[Process, ssl.SSLContext]) -> None:
    process, context = server
    assert not await intruders.old(process.port)
    _, writer = await asyncio.open_connection("127.0.0.1", process.port, ssl=context)
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    writer.transport.abort()


async def test_pipelined_requests_are_answered_in_their_order(
    server: tuple[Process, ssl.SSLContext],
) -> None:
    process, _ = server
    bodies = [review(f"u-{number}") for number in range(30)]
    head = intruders.HEAD + b"Content-Length: %d\r\n\r\n"
    requests = b"".join(head % len(body) + body for body in bodies[:-1])
    found = await intruders.talk(process.port, requests + intruders.post(bodies[-1]))
    at = [found.find(b'"uid":"u-%d"' % number) for number in range(30)]
    assert -1 not in at
    assert at == sorted(at)
    assert found.count(b"HTTP/1.1 200 OK") == 30


# Requests that HTTP has no room for, or that two readers would read differently (request
# smuggling, RFC 9112 11.2). Whatever is answered, it is no conversion.
SMUGGLED = review("smuggled")
CRLF = b"\r\n"
AMBIGUOUS = ("length and chunks", "two lengths", "unknown coding", "space before colon")
NONSENSE: dict[str, bytes] = {
    "length and chunks": intruders.HEAD
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": intruders.HEAD + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
    "negative length": intruders.HEAD + b"Content-Length: -1\r\n\r\n",
    "hexadecimal length": intruders.HEAD + b"Content-Length: 0x10\r\n\r\n" + b"a" * 16,
    "huge length": intruders.HEAD + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n{}",
    "bad chunk size": intruders.HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "huge chunk size": intruders.HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 32 + CRLF,
    "unknown coding": intruders.HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "space before colon": b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\nabcd",
    "folded header": intruders.HEAD + b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "NUL in header": intruders.HEAD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "huge header": intruders.HEAD + b"X: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": intruders.HEAD + b"".join(b"X%d: a\r\n" % n for n in range(5000)) + CRLF,
    "long path": b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"POST /convert\r\n\r\n",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "upgrade": intruders.HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
    "connect": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "traversal": b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "expectation": intruders.HEAD + b"Expect: teapot\r\nContent-Length: 0\r\n\r\n",
    "lines without CR": b"POST /convert HTTP/1.1\nHost: x\nContent-Length: 0\n\n",
    "binary": bytes(range(256)) * 8,
}


@pytest.mark.parametrize("name", NONSENSE)
async def test_nonsense_is_refused_and_no_second_request_hides_in_it(
    server: tuple[Process, ssl.SSLContext], name: str
) -> None:
    process, context = server
    hidden = NONSENSE[name] + intruders.post(SMUGGLED)
    found = await intruders.talk(process.port, hidden, patience=1)
    assert not found or found.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 200")), found
    if name in AMBIGUOUS:
        assert b"smuggled" not in found
    async with clients(context) as session:
        await convert(session, process.port)
    assert "Traceback" not in process.log.read_text()


PIECES = st.one_of(
    st.sampled_from(
        [
            *(
                b"POST ",
                b"GET ",
                b"/convert",
                b"/guard",
                b" HTTP/1.1",
                b" HTTP/1.0",
                b"\r\n",
                b"\n",
            ),
            *(b"Host: x\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"0", b"5"),
            *(b"Connection: close\r\n", b"\r\n\r\n", b"0\r\n\r\n", b":", b" ", b"\0", b"\xff"),
            *(b"5\r\nhello\r\n", review()[:40], review(), intruders.post(b"{}"), b"[" * 2000),
        ]
    ),
    st.binary(max_size=30),
)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One event loop for all examples, which Hypothesis runs in a function without one."""
    with asyncio.Runner() as runner:
        yield runner


@budget(ci=50, soak=5000)
@given(pieces=st.lists(st.one_of(PIECES), max_size=12))
def test_no_bytes_whatever_make_it_stumble(
    server: tuple[Process, ssl.SSLContext], fuzzed: asyncio.Runner, pieces: list[bytes]
) -> None:
    process, context = server
    # An end that makes the server answer what is there, or give up.
    data = b"".join(pieces) + b"\r\n\r\n"

    async def example() -> None:
        with contextlib.suppress(OSError):
            await intruders.talk(process.port, data, patience=0.05)
        async with clients(context) as session:
            await convert(session, process.port)

    fuzzed.run(example())
    assert process.popen.poll() is None
    assert "Traceback" not in process.log.read_text()


async def test_who_has_been_answered_is_not_sent_away_for_want_of_room(
    server: tuple[Process, ssl.SSLContext], eventually: Callable[..., Any]
) -> None:
    """The API server keeps its connections: a request on one must not meet its end."""
    process, context = server
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port, ssl=context)

    async def ask() -> bytes:
        body = review()
        writer.write(intruders.HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        return await reader.readexactly(length)

    assert b"Success" in await ask()
    crowd = invade(process.port, "mute", 300)
    try:
        await asyncio.to_thread(
            eventually, process.log.read_text, lambda text: "Connection limit reached" in text
        )
        await asyncio.sleep(1)  # while they are sent away one after the other
        assert b"Success" in await ask()
        # A crowd is a line, not one for each of it.
        assert process.log.read_text().count("Connection limit reached") < 5
    finally:
        crowd.kill()
        crowd.wait()
        writer.transport.abort()
