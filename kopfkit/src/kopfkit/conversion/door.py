"""Who may come in: a listening socket that nobody can keep others out of.

Anybody in the cluster's network reaches a webhook's port, and a TLS connection costs memory before
its first byte is understood. So there is room for a fixed number of connections, and when all is
taken, one that only waits makes room. Whom the server is answering is never sent away.
"""

import asyncio
import logging
import socket
import ssl
from asyncio import sslproto
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from kopfkit.conversion.observation import Observer, Silent
from kopfkit.repeats import often

logger = logging.getLogger(__name__)

# Connections, of 80 KB each. An API server has one for each conversion under way and keeps some
# for 90 s; after each change of a CRD it begins anew, so that under load it may have a hundred.
CONNECTIONS: Final = 192
# Seconds for a handshake.
HANDSHAKE: Final = 15.0
# Seconds from a connection's first packet to the end of its first request's headers. Go's clients
# open connections that they do not need in the end, and close them after 90 s: before we do.
FIRST_REQUEST: Final = 100.0
# Seconds that a connection has in any case: for a handshake and a small review on a busy machine.
GRACE: Final = 1.0
# The same, where most of the others have been answered before, and so nobody seems to mean ill.
PATIENCE: Final = 5.0
# Seconds between a look for room and the next.
_LOOK: Final = 0.05
# Seconds for the other side to say goodbye.
_GOODBYE: Final = 2.0
# Connections that wait in the kernel.
_BACKLOG: Final = 128
# Bytes that asyncio reads of a connection at once, the size of a TLS record. It sets them aside for
# each one beforehand: with its own 256 KiB, a hundred connections that say nothing are 25 MB.
_BUFFER: Final = 16 * 1024


class Guest(asyncio.Protocol):
    """One connection: passes everything on to aiohttp, and knows how far it has come.

    Attributes:
        since: when it came, or last began a request or was answered after that, on the loop's
            clock.
        request: the one whose headers it has sent and that is not answered yet.
        asked: whether there ever was one.
        answered: whether it was ever answered.
    """

    def __init__(self, door: "Door", now: float) -> None:
        self.since = now
        self.request: web.Request | None = None
        self.asked = False
        self.answered = False
        self.inner = door.make()
        self.entering: asyncio.Task[None] | None = None
        self._door = door
        self._transport: asyncio.BaseTransport | None = None

    @property
    def waits(self) -> bool:
        """Whether it is up to the other side to go on."""
        return self.request is None or not self.request.content.is_eof()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        self.inner.eof_received()
        return None

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.left(self)
        self.inner.connection_lost(exc)

    def send_away(self, *, at_once: bool) -> None:
        """End the connection: in order, or without waiting for the other side."""
        if isinstance(self._transport, asyncio.Transport):
            if at_once:
                self._transport.abort()
            else:
                self._transport.close()
        elif self.entering is not None:
            self.entering.cancel()


class Door:
    """Accepts the connections of one socket.

    Args:
        make: makes aiohttp's protocol for a connection.
        sock: bound; listens from `open` on, and is closed by `close`.
        context: TLS.
        connections: at most so many at once.
        first_request: seconds, see FIRST_REQUEST.
        observer: told of connections.
    """

    def __init__(
        self,
        make: Callable[[], web.RequestHandler],
        sock: socket.socket,
        context: ssl.SSLContext,
        *,
        connections: int = CONNECTIONS,
        first_request: float = FIRST_REQUEST,
        observer: Observer | None = None,
    ) -> None:
        self.make = make
        self._sock = sock
        self._context = context
        self._connections = connections
        self._first_request = first_request
        self._observer = observer or Silent()
        self._guests: dict[int, Guest] = {}
        self._accepting: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Start to listen."""
        if getattr(sslproto.SSLProtocol, "max_size", 0) > _BUFFER:
            sslproto.SSLProtocol.max_size = _BUFFER
        self._sock.setblocking(False)
        self._sock.listen(_BACKLOG)
        self._accepting = asyncio.create_task(self._accept())

    async def close(self) -> None:
        """Let nobody in any more; who is inside stays."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._accepting = None
        self._sock.close()

    async def abandon(self) -> None:
        """Give up the handshakes under way."""
        entering = [guest.entering for guest in self._guests.values() if guest.entering]
        for task in entering:
            task.cancel()
        await asyncio.gather(*entering, return_exceptions=True)

    def kept(self) -> int:
        """The number of connections whose last request is answered."""
        return sum(guest.answered for guest in self._guests.values())

    def heard(self, request: web.Request) -> None:
        """A guest has sent a request's headers."""
        if guest := self._guests.get(id(request.protocol)):
            guest.request = request
            guest.asked = True
            if guest.answered:
                guest.since = asyncio.get_running_loop().time()

    def served(self, request: web.Request) -> None:
        """That request is answered."""
        if guest := self._guests.get(id(request.protocol)):
            guest.request = None
            guest.answered = True
            guest.since = asyncio.get_running_loop().time()

    def left(self, guest: Guest) -> None:
        """The guest's connection has ended."""
        if self._guests.pop(id(guest.inner), None) is not None:
            self._observer.connections(len(self._guests), 0)

    async def _accept(self) -> None:
        while True:
            try:
                await self._admit()
            except OSError as error:  # too many open files, or a client that is gone already
                logger.warning(
                    "A connection cannot be accepted: %s", error, extra=often("not accepted")
                )
                await asyncio.sleep(_LOOK)
            except Exception:  # whatever it is, nobody would ever come in again
                logger.exception("A connection cannot be accepted", extra=often("not accepted"))
                await asyncio.sleep(_LOOK)

    async def _admit(self) -> None:
        """Let the next one in, once there is room."""
        loop = asyncio.get_running_loop()
        while len(self._guests) >= self._connections:
            if not self._make_room(loop.time()):
                await asyncio.sleep(_LOOK)
        connection, _ = await loop.sock_accept(self._sock)
        guest = Guest(self, loop.time())
        self._guests[id(guest.inner)] = guest
        self._observer.connections(len(self._guests), 0)
        guest.entering = asyncio.create_task(self._enter(guest, connection))
        # Before it ran, a cancelled task would leave the connection open.
        await asyncio.sleep(0)

    async def _enter(self, guest: Guest, connection: socket.socket) -> None:
        """The handshake; what fails in it is the other side's business."""
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: guest,
                connection,
                ssl=self._context,
                ssl_handshake_timeout=HANDSHAKE,
                ssl_shutdown_timeout=_GOODBYE,
            )
        except (OSError, asyncio.CancelledError) as error:
            connection.close()
            self.left(guest)
            logger.debug("TLS handshake failed: %s", error)
            return
        finally:
            guest.entering = None
        left = guest.since + self._first_request - loop.time()
        loop.call_later(max(0.0, left), self._too_late, guest)

    def _too_late(self, guest: Guest) -> None:
        if not guest.asked and id(guest.inner) in self._guests:
            self._observer.connections(len(self._guests), 1)
            guest.send_away(at_once=False)

    def _make_room(self, now: float) -> bool:
        """Send away whom it costs least; False if nobody has waited long enough.

        Where most have never been answered they are no API server's: the oldest of them goes, one
        that has asked nothing first. Else a crowd of good clients has left connections behind: the
        one that has idled longest goes.
        """
        guests = [guest for guest in self._guests.values() if guest.waits]
        strangers = [guest for guest in guests if not guest.answered]
        crowded = len(strangers) * 2 > len(self._guests)
        patience = GRACE if crowded else PATIENCE
        first = min(
            (g for g in (strangers if crowded else guests) if now - g.since >= patience),
            key=lambda guest: (guest.asked and crowded, guest.since),
            default=None,
        )
        if first is None:
            return False
        logger.warning(
            "Connection limit reached (%d open): closed an idle one",
            len(self._guests),
            extra=often("sent away"),
        )
        self.left(first)
        self._observer.connections(len(self._guests), 1)
        first.send_away(at_once=True)
        return True


def attend(app: web.Application) -> Callable[[Door], None]:
    """Have an application tell a door of its requests; the result is called with the door."""
    doors: list[Door] = []

    @web.middleware
    async def tell(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        for door in doors:
            door.heard(request)
        try:
            return await handler(request)
        finally:
            for door in doors:
                door.served(request)

    app.middlewares.append(tell)
    return doors.append
