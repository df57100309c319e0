"""Sockets that are bound early and served on late: clients are refused until there is a
certificate."""

import contextlib
import errno
import logging
import socket
import ssl
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from kopfkit.conversion.door import Door, attend
from kopfkit.conversion.observation import Observer
from kopfkit.errors import KopfkitError


class _NoStranger(logging.Filter):
    """Keeps out what aiohttp says of requests that are no HTTP: a page of traceback for each, and
    anybody may send as many as they like. Its answer to them is 400."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, HttpProcessingError)


_log = logging.getLogger(__name__)
_log.addFilter(_NoStranger())

# Seconds for connections to close once nothing is under way on them.
_CLOSE_TIMEOUT: Final = 1.0
# Seconds until a connection that idles is closed: longer than the 90 s after which the API server
# (Go's http.Transport) does it itself, or a request could meet a connection that is being closed.
_KEEP_ALIVE: Final = 300.0
# Seconds to read on after an answer that did not need the rest of the request.
_LINGER: Final = 2.0


async def start(
    stack: contextlib.AsyncExitStack, app: web.Application, sock: socket.socket
) -> None:
    """Serve an application in plain HTTP on a socket until the stack is closed."""
    runner = await _runner(stack, app)
    await web.SockSite(runner, sock).start()


async def start_tls(
    stack: contextlib.AsyncExitStack,
    app: web.Application,
    sock: socket.socket,
    context: ssl.SSLContext,
    observer: Observer,
) -> Door:
    """Serve an application over TLS until the stack is closed; the door can be closed before."""
    tell = attend(app)
    runner = await _runner(stack, app)
    assert runner.server is not None
    door = Door(runner.server, sock, context, observer=observer)
    tell(door)
    stack.push_async_callback(door.abandon)
    stack.push_async_callback(door.close)
    await door.open()
    return door


async def _runner(stack: contextlib.AsyncExitStack, app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_log,
        handle_signals=False,
        keepalive_timeout=_KEEP_ALIVE,
        lingering_time=_LINGER,
        shutdown_timeout=_CLOSE_TIMEOUT,
        # A few bytes could otherwise unfold to more than memory holds; the API server sends plain.
        auto_decompress=False,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


def bind(host: str, port: int, flag: str) -> socket.socket:
    """A bound socket that does not listen yet: clients are refused until there is a certificate."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        why = "is already in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise KopfkitError(
            f"port {port}", why, f"Stop the program that uses it, or choose another with {flag}."
        ) from None
    return sock
