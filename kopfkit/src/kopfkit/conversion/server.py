"""The HTTPS server that the API server sends ConversionReviews to, and its health probes.

POST /convert over TLS on one port; GET /healthz and /readyz in plain HTTP on another, where the
kubelet asks without a certificate. Ready means: a certificate is loaded and the server is not on
its way out.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import time
from pathlib import Path
from typing import Final

from aiohttp import web

from kopfkit.conversion.converter import Converter
from kopfkit.conversion.observation import Observer, Silent
from kopfkit.conversion.review import HEAD, answer, refusal, uid_hint
from kopfkit.conversion.tls import ServingCertificate
from kopfkit.errors import KopfkitError

logger = logging.getLogger(__name__)

PATH: Final = "/convert"
# Bytes of one request. A LIST is sent in one review: 500 objects a page by default, everything
# where the client does not page. 64 MiB are 10,000 objects of 6 KiB, or 40 as large as etcd takes.
BODY_LIMIT: Final = 64 * 1024 * 1024
# Seconds for a body to arrive. The API server gives the whole conversion 30 s.
BODY_TIMEOUT: Final = 30.0
# Seconds that reviews under way get to finish when the server stops; the API server's own timeout
# is longer, a pod's default grace period as long.
DRAIN_TIMEOUT: Final = 25.0
# Seconds between the last new connection and the first look whether anything is under way: what a
# client has sent by then has been read.
_SETTLE: Final = 0.5
# Seconds for connections to close once nothing is under way on them.
_CLOSE_TIMEOUT: Final = 1.0
# Bytes; from this size on a review is converted in a thread, so that probes are answered meanwhile.
_THREAD_FROM: Final = 256 * 1024


class ConversionServer:
    """The two applications of one server; `serve` runs them.

    Args:
        converter: what answers the reviews.
        certificate: where the TLS certificate comes from.
        body_limit: bytes of one request.
        body_timeout: seconds for a request's body to arrive.
        observer: told of reviews.
    """

    def __init__(
        self,
        converter: Converter,
        certificate: ServingCertificate,
        *,
        body_limit: int = BODY_LIMIT,
        body_timeout: float = BODY_TIMEOUT,
        observer: Observer | None = None,
    ) -> None:
        self._converter = converter
        self._certificate = certificate
        self._body_limit = body_limit
        self._body_timeout = body_timeout
        self.listening = False
        self.draining = False
        self._observer = observer or Silent()
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def conversion_app(self) -> web.Application:
        """The application behind the TLS port."""
        app = web.Application(client_max_size=self._body_limit)
        app.router.add_post(PATH, self.convert)
        return app

    def health_app(self) -> web.Application:
        """The application behind the plain port."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def convert(self, request: web.Request) -> web.Response:
        """Answer one review. The HTTP status is 200 also for a failure, as the API wants it."""
        self._active += 1
        self._observer.active(self._active)
        self._idle.clear()
        try:
            return await self._convert(request)
        finally:
            self._active -= 1
            self._observer.active(self._active)
            if not self._active:
                self._idle.set()

    async def drain(self) -> None:
        """Wait until no review is under way, DRAIN_TIMEOUT seconds at most.

        aiohttp's own shutdown does not do: it stops reading, so that a request whose body is still
        on its way would never end.
        """
        await asyncio.sleep(_SETTLE)
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT):
                await self._idle.wait()
        except TimeoutError:
            logger.error("Stopping with %d reviews unanswered", self._active)

    async def _convert(self, request: web.Request) -> web.Response:
        started = time.perf_counter()
        body, problem = await self._read(request)
        if problem:
            reply = refusal(uid_hint(body), problem)
        elif len(body) < _THREAD_FROM:
            reply = answer(body, self._converter)
        else:
            reply = await asyncio.to_thread(answer, body, self._converter)
        seconds = time.perf_counter() - started
        self._observer.reviewed(reply.counts, seconds, bool(reply.failure))
        if reply.failure:
            logger.error("Conversion failed: %s", reply.failure)
        else:
            logger.debug("Converted %d objects in %.1f ms", reply.objects, seconds * 1000)
        response = web.Response(body=reply.body, content_type="application/json")
        if self.draining or problem:
            # After a problem the rest of the body is still in the connection.
            response.force_close()
        return response

    async def _read(self, request: web.Request) -> tuple[bytes, str]:
        """The body and "", or the head of it and why there is no more."""
        body = bytearray()
        problem = ""
        try:
            async with asyncio.timeout(self._body_timeout):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self._body_limit:
                        problem = f"is larger than {self._body_limit} bytes"
                        break
        except TimeoutError:
            problem = f"did not arrive within {self._body_timeout:.0f} s"
        except (web.RequestPayloadError, ConnectionError) as error:
            problem = f"cannot be read: {error}"
        if problem:
            return bytes(body[:HEAD]), f"the request {problem}"
        return bytes(body), ""

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self.draining:
            return web.Response(status=503, text="stopping")
        if not self.listening:
            return web.Response(status=503, text=self._certificate.problem or "starting")
        return web.Response(text="ok")


async def serve(
    converter: Converter,
    *,
    cert_dir: Path,
    port: int,
    health_port: int,
    stop: asyncio.Event,
    host: str = "0.0.0.0",
    observer: Observer | None = None,
) -> None:
    """Serve conversions until `stop` is set, then finish what is under way.

    Args:
        converter: what answers the reviews.
        cert_dir: holds tls.crt and tls.key; may be empty at first: then the server waits for them
            and is not ready.
        port: TLS port of POST /convert.
        health_port: plain HTTP port of /healthz and /readyz.
        stop: set it to stop; requests under way get DRAIN_TIMEOUT seconds.
        host: address to listen on.
        observer: told of reviews and of each certificate that is taken up.

    Raises:
        KopfkitError: a port cannot be used.
    """
    observer = observer or Silent()
    certificate = ServingCertificate(cert_dir, loaded=observer.certificate)
    server = ConversionServer(converter, certificate, observer=observer)
    async with contextlib.AsyncExitStack() as stack:
        tls_socket = stack.enter_context(_bind(host, port, "--port"))
        health_socket = stack.enter_context(_bind(host, health_port, "--health-port"))
        watcher = asyncio.create_task(certificate.watch())
        stack.callback(watcher.cancel)
        await _start(stack, server.health_app(), health_socket)
        logger.info("Answering probes on port %d", health_socket.getsockname()[1])
        if await _first(certificate.loaded, stop):
            site = await _start(
                stack, server.conversion_app(), tls_socket, context=certificate.context()
            )
            server.listening = True
            logger.info("Serving conversions on port %d", tls_socket.getsockname()[1])
            await stop.wait()
            server.draining = True
            await site.stop()
            await server.drain()
    logger.info("Conversion server stopped")


async def _start(
    stack: contextlib.AsyncExitStack,
    app: web.Application,
    sock: socket.socket,
    *,
    context: ssl.SSLContext | None = None,
) -> web.SockSite:
    """Serve an application on a socket until the stack is closed."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_CLOSE_TIMEOUT,
        # A few bytes could otherwise unfold to more than memory holds; the API server sends plain.
        auto_decompress=False,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.SockSite(runner, sock, ssl_context=context)
    await site.start()
    return site


async def _first(loaded: asyncio.Event, stop: asyncio.Event) -> bool:
    """Wait for either; True if there is a certificate and no reason to stop."""
    waits = [asyncio.create_task(event.wait()) for event in (loaded, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return loaded.is_set() and not stop.is_set()


def _bind(host: str, port: int, flag: str) -> socket.socket:
    """A bound socket that does not listen yet: clients are refused until there is a certificate."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        why = "is already in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise KopfkitError(
            f"port {port}", why, f"End the program that uses it, or choose another with {flag}."
        ) from None
    return sock
