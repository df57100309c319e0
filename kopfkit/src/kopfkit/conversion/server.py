"""The HTTPS server that the API server sends ConversionReviews to, and its health probes.

POST /convert, POST /guard and the paths of admission webhooks over TLS on one port; GET /healthz
and /readyz in plain HTTP on another, where the kubelet asks without a certificate. Ready means: a
certificate is loaded and the server is not on its way out.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from kopfkit.conversion import bodies, guard
from kopfkit.conversion.converters import AnyConverter
from kopfkit.conversion.listening import bind, start, start_tls
from kopfkit.conversion.observation import Observer, Silent
from kopfkit.conversion.review import answer, refusal
from kopfkit.conversion.tls import ServingCertificate
from kopfkit.repeats import often
from kopfkit.uids import uid_hint

logger = logging.getLogger(__name__)

PATH: Final = "/convert"
# Where AdmissionReviews of the CRDs are sent to; see `guard`.
GUARD_PATH: Final = "/guard"
# Answers the bodies that are sent to a path of its own: the body, and why it could not be read or
# "". It must not raise.
Reviewer = Callable[[bytes, str], Awaitable[bytes]]
# Seconds that reviews under way get to finish when the server stops; the API server's own timeout
# is longer, a pod's default grace period as long.
DRAIN_TIMEOUT: Final = 25.0
# Seconds between the last new connection and the first look whether anything is under way: what a
# client has sent by then has been read.
_SETTLE: Final = 0.5
# Seconds without a new request after which connections that clients keep are closed. Whoever sends
# a review on one at that moment gets no answer, and Go repeats no POST; on a busy machine a review
# takes a while from the client's choice of a connection until it is read here.
_QUIET: Final = 3.0
# Seconds between two looks whether any of them is left.
_LOOK: Final = 0.05
# Bytes of an answer that are handed to the connection at once.
_PIECE: Final = 256 * 1024


class ConversionServer:
    """The two applications of one server; `serve` runs them.

    Args:
        converter: what answers ConversionReviews; None where nothing is converted.
        certificate: where the TLS certificate comes from.
        reviewers: what answers AdmissionReviews, by path.
        body_limit: bytes of one request.
        body_timeout: seconds for a request's body to arrive.
        observer: told of reviews.
    """

    def __init__(
        self,
        converter: AnyConverter | None,
        certificate: ServingCertificate,
        *,
        reviewers: Mapping[str, Reviewer] | None = None,
        body_limit: int = bodies.LIMIT,
        body_timeout: float = bodies.TIMEOUT,
        observer: Observer | None = None,
    ) -> None:
        self._converter, self._reviewers = converter, reviewers or {}
        self._certificate = certificate
        self._bodies = bodies.Bodies(body_limit, body_timeout)
        self.listening = False
        self.draining = False
        self._observer = observer or Silent()
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._begun = 0.0

    def conversion_app(self) -> web.Application:
        """The application behind the TLS port."""
        app = web.Application(client_max_size=self._bodies.limit)
        if self._converter is not None:
            app.router.add_post(PATH, self.convert)
            app.router.add_post(GUARD_PATH, self.guard)
        for path, reviewer in self._reviewers.items():
            app.router.add_post(path, partial(self.review, reviewer))
        return app

    def health_app(self) -> web.Application:
        """The application behind the plain port."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def convert(self, request: web.Request) -> web.StreamResponse:
        """Answer one review. The HTTP status is 200 also for a failure, as the API wants it."""
        return await self._counted(self._convert(request))

    async def guard(self, request: web.Request) -> web.StreamResponse:
        """Answer one AdmissionReview of a CRD; always with permission."""
        return await self._counted(self._guard(request))

    async def review(self, reviewer: Reviewer, request: web.Request) -> web.StreamResponse:
        """Answer one AdmissionReview of an object."""
        return await self._counted(self._review(reviewer, request))

    async def _counted(self, work: Coroutine[Any, Any, web.StreamResponse]) -> web.StreamResponse:
        """Do what has to be finished before the server may stop."""
        self._active += 1
        self._begun = time.monotonic()
        self._observer.active(self._active)
        self._idle.clear()
        try:
            return await work
        finally:
            self._active -= 1
            self._observer.active(self._active)
            if not self._active:
                self._idle.set()

    async def drain(self, kept: Callable[[], int]) -> None:
        """Wait until no review is under way, and until clients keep no connection or have sent
        nothing for a while; DRAIN_TIMEOUT seconds at most. Each answer closes its connection.

        aiohttp's own shutdown does not do: it stops reading, so that a request whose body is still
        on its way would never end.

        Args:
            kept: the number of open connections that were answered before.
        """
        await asyncio.sleep(_SETTLE)
        self._begun = max(self._begun, time.monotonic() - _SETTLE)
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT):
                await self._idle.wait()
                while kept() and time.monotonic() < self._begun + _QUIET:
                    await asyncio.sleep(_LOOK)
                    await self._idle.wait()
        except TimeoutError:
            if self._active:
                logger.error("Stopping with %d unanswered reviews", self._active)

    async def _convert(self, request: web.Request) -> web.StreamResponse:
        assert self._converter is not None
        started = time.perf_counter()
        async with self._bodies.place(request) as full:
            body, problem = (bytearray(), full) if full else await self._bodies.read(request)
            if problem:
                reply = refusal(uid_hint(body), problem)
            elif len(body) < bodies.LARGE:
                reply = answer(body, self._converter)
            else:
                # In a thread, so that probes are answered meanwhile.
                reply = await asyncio.to_thread(answer, body, self._converter)
            del body  # the answer is as large
            seconds = time.perf_counter() - started
            if reply.refused:
                # Whoever reaches the port can send this, as often as he likes.
                self._observer.refused()
                logger.warning(
                    "Request refused: %s", reply.failure, extra=often("conversion refused")
                )
                return await self._respond(request, reply.body, problem)
            self._observer.reviewed(reply.counts, seconds, bool(reply.failure))
            if reply.failure:
                logger.error(
                    "Conversion failed: %s", reply.failure, extra=often("conversion failed")
                )
            else:
                logger.debug("Converted %d objects in %.1f ms", reply.objects, seconds * 1000)
            return await self._respond(request, reply.body, problem)

    async def _guard(self, request: web.Request) -> web.StreamResponse:
        body, problem = await self._bodies.read(request)
        verdict = guard.allowed(uid_hint(body), problem) if problem else guard.answer(bytes(body))
        if verdict.problem:
            logger.error("Guard: %s", verdict.problem, extra=often("guard"))
        if verdict.kept:
            logger.info("Guard: %s %s", verdict.kept, verdict.change)
        return await self._respond(request, verdict.body, problem)

    async def _review(self, reviewer: Reviewer, request: web.Request) -> web.StreamResponse:
        async with self._bodies.place(request) as full:
            body, problem = (bytearray(), full) if full else await self._bodies.read(request)
            reply = await reviewer(bytes(body), problem)
            return await self._respond(request, reply, problem)

    async def _respond(
        self, request: web.Request, body: bytes | bytearray, problem: str
    ) -> web.StreamResponse:
        """The answer; a large one goes out in pieces, because TLS copies what it is given."""
        if len(body) < bodies.LARGE:
            response: web.StreamResponse = web.Response(
                body=bytes(body), content_type="application/json"
            )
        else:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.content_length = len(body)
        if self.draining or problem:
            # After a problem the rest of the body is still in the connection.
            response.force_close()
        if isinstance(response, web.Response):
            return response
        try:
            async with asyncio.timeout(self._bodies.seconds(len(body))):
                await response.prepare(request)
                for at in range(0, len(body), _PIECE):
                    await response.write(bytes(memoryview(body)[at : at + _PIECE]))
                await response.write_eof()
        except TimeoutError:
            logger.error(
                "A client did not read a response of %d bytes in time",
                len(body),
                extra=often("answer not taken in time"),
            )
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError as error:
            logger.error(
                "A client did not read a response of %d bytes: %s",
                len(body),
                error,
                extra=often("answer not taken"),
            )
        return response

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self.draining:
            return web.Response(status=503, text="stopping")
        if not self.listening:
            return web.Response(status=503, text=self._certificate.problem or "starting")
        return web.Response(text="ok")


async def serve(
    converter: AnyConverter | None,
    *,
    reviewers: Mapping[str, Reviewer] | None = None,
    cert_dir: Path,
    port: int,
    health_port: int,
    stop: asyncio.Event,
    host: str = "0.0.0.0",
    observer: Observer | None = None,
    beside: Callable[[ServingCertificate], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Serve conversions until `stop` is set, then finish what is under way.

    Args:
        converter: what answers ConversionReviews; None where nothing is converted.
        reviewers: what answers AdmissionReviews, by path.
        cert_dir: holds tls.crt and tls.key; may be empty at first: then the server waits for them
            and is not ready.
        port: TLS port of POST /convert.
        health_port: plain HTTP port of /healthz and /readyz.
        stop: set it to stop; requests under way get DRAIN_TIMEOUT seconds.
        host: address to listen on.
        observer: told of reviews and of each certificate that is taken up.
        beside: runs meanwhile, and may hand in certificates before they are in cert_dir.

    Raises:
        KopfkitError: a port cannot be used, or the converter cannot judge what a version takes.
    """
    if converter is not None:
        converter.prepare()
    observer = observer or Silent()
    certificate = ServingCertificate(cert_dir, loaded=observer.certificate)
    server = ConversionServer(converter, certificate, reviewers=reviewers, observer=observer)
    async with contextlib.AsyncExitStack() as stack:
        tls_socket = stack.enter_context(bind(host, port, "--port"))
        health_socket = stack.enter_context(bind(host, health_port, "--health-port"))
        watcher = asyncio.create_task(certificate.watch())
        stack.callback(watcher.cancel)
        if beside is not None:
            stack.push_async_callback(_end, asyncio.create_task(beside(certificate)))
        await start(stack, server.health_app(), health_socket)
        logger.info("Answering probes on port %d", health_socket.getsockname()[1])
        if await _first(certificate.loaded, stop):
            door = await start_tls(
                stack, server.conversion_app(), tls_socket, certificate.context(), observer
            )
            server.listening = True
            what = "conversions" if converter is not None else "admission reviews"
            logger.info("Serving %s on port %d", what, tls_socket.getsockname()[1])
            await stop.wait()
            server.draining = True
            await door.close()
            await server.drain(door.kept)
    logger.info("Conversion server stopped")


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _first(loaded: asyncio.Event, stop: asyncio.Event) -> bool:
    """Wait for either; True if there is a certificate and no reason to stop."""
    waits = [asyncio.create_task(event.wait()) for event in (loaded, stop)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return loaded.is_set() and not stop.is_set()
