"""Clients that a conversion webhook should never meet, and may: anybody who reaches its port.

Each function behaves badly in one way until it is cancelled or the server has had enough of it.
None of them trusts or checks anything; what they get back is no matter unless they return it.
"""

import asyncio
import contextlib
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

HOST = "127.0.0.1"
Intruder = Callable[[int], Awaitable[object]]
HEAD = b"POST /convert HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def careless() -> ssl.SSLContext:
    """TLS that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reads no file, and so costs next to nothing
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.asynccontextmanager
async def connected(
    port: int, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is torn down without a word."""
    reader, writer = await asyncio.open_connection(HOST, port, ssl=context)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def talk(port: int, data: bytes, patience: float = 30.0) -> bytes:
    """Send bytes over TLS and say no more; what comes back until the server closes, or until
    nothing has come for a while."""
    async with connected(port, careless()) as (reader, writer):
        writer.write(data)
        found = b""
        with contextlib.suppress(TimeoutError, ConnectionError, ssl.SSLError):
            async with asyncio.timeout(patience):
                await writer.drain()
                while chunk := await reader.read(65536):
                    found += chunk
        return found


async def silent(port: int) -> None:
    """Connects and never begins the handshake."""
    async with connected(port) as (reader, _):
        await reader.read()


async def garbled(port: int) -> None:
    """Begins something that is no handshake."""
    async with connected(port) as (reader, writer):
        writer.write(os.urandom(512))
        await reader.read()


async def old(port: int) -> bool:
    """Speaks TLS 1.2 at most; whether it was let in."""
    context = careless()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        async with connected(port, context):
            return True
    except (ssl.SSLError, ConnectionError):
        return False


async def mute(port: int) -> None:
    """Shakes hands and never asks anything."""
    async with connected(port, careless()) as (reader, _):
        await reader.read()


async def slow_head(port: int) -> None:
    """Sends its headers a byte at a time."""
    async with connected(port, careless()) as (reader, writer):
        await dribble(reader, writer, HEAD + b"X-Long: " + b"x" * 6000)


async def slow_body(port: int) -> None:
    """Announces a body and sends it a byte at a time."""
    async with connected(port, careless()) as (reader, writer):
        writer.write(HEAD + b"Content-Length: 1000000\r\n\r\n")
        await dribble(reader, writer, b'{"kind":"ConversionReview","request":{"uid":"u' * 1000)


async def hoarder(port: int) -> None:
    """Announces the largest body there may be, sends nearly all of it, and waits."""
    size = 60 * 1024 * 1024
    async with connected(port, careless()) as (reader, writer):
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n[" % (size + 100))
        for _ in range(60):
            writer.write(b" " * (size // 60))
            await writer.drain()
        await reader.read()


async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> None:
    """A byte each tenth of a second, for as long as the other side bears it."""
    gone = asyncio.create_task(reader.read())
    try:
        for at in range(len(data)):
            writer.write(data[at : at + 1])
            if gone in (await asyncio.wait([gone], timeout=0.1))[0]:
                return
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


def deep(form: str, depth: int) -> bytes:
    """A body nested so deep, as a whole or inside an object of a review."""
    nested = {
        "lists": b"[" * depth + b"]" * depth,
        "objects": b'{"a":' * depth + b"1" + b"}" * depth,
        "open": b"[" * depth,
    }[form]
    return (
        b'{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{"uid":"u",'
        b'"desiredAPIVersion":"test.jiaozi.com/v1","objects":[{"apiVersion":"test.jiaozi.com/'
        b'v1alpha1","kind":"HelloWorld","metadata":{"name":"a"},"spec":{"size":' + nested + b"}}]}}"
    )


def post(body: bytes) -> bytes:
    """A request with this body, after which the connection is closed."""
    return HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def again_and_again(port: int, body: bytes) -> None:
    """Sends the same body twenty times a second, over one connection while it lasts."""
    async with connected(port, careless()) as (reader, writer):
        while True:
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split()[0]))
            await asyncio.sleep(0.05)


async def lists(port: int) -> None:
    """A body that is brackets only, 200 KB of them."""
    await again_and_again(port, b"[" * 200_000)


async def objects(port: int) -> None:
    """A review whose object is as deep as a converter goes, and no deeper."""
    await again_and_again(port, deep("objects", 400))


async def wide(port: int) -> None:
    """A body that unfolds to twenty times its size."""
    await again_and_again(port, b"[" + b"[]," * 5_000_000 + b"1]")


async def crowd(port: int, intruder: Intruder, count: int) -> None:
    """So many of a kind; each that was sent away comes again."""

    async def persistent() -> None:
        while True:
            with contextlib.suppress(OSError, EOFError):
                await intruder(port)
            await asyncio.sleep(0.05)

    await asyncio.gather(*(persistent() for _ in range(count)))


KINDS: dict[str, Intruder] = {
    kind.__name__: kind
    for kind in (
        *(silent, garbled, old, mute, slow_head, slow_body, hoarder, lists, objects, wide),
    )
}


if __name__ == "__main__":
    # A process of their own: what they do must not slow down who measures.
    _port, _name, _count = sys.argv[1:]
    asyncio.run(crowd(int(_port), KINDS[_name], int(_count)))
