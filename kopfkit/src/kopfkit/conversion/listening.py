"""Sockets that are bound early and served on late: clients are refused until there is a
certificate."""

import contextlib
import errno
import socket
import ssl
from typing import Final

from aiohttp import web

from kopfkit.errors import KopfkitError

# Seconds for connections to close once nothing is under way on them.
_CLOSE_TIMEOUT: Final = 1.0


async def start(
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
            f"port {port}", why, f"End the program that uses it, or choose another with {flag}."
        ) from None
    return sock
