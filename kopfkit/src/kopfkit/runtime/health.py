"""/healthz and /readyz over plain HTTP.

/healthz answers as long as the event loop turns; /readyz says which of the named checks fails. Both
are for the kubelet, so an answer names states and never objects.
"""

import socket
from collections.abc import Callable
from typing import Final

from aiohttp import web

from kopfkit.errors import KopfkitError

# The kubelet asks in short intervals; a connection left open would hold the process up at its end.
_HEADERS: Final = {"Connection": "close"}


class Health:
    """The server, and the checks it asks.

    `checks` maps a name to a function that returns "" or what is missing.
    """

    def __init__(self) -> None:
        self.checks: dict[str, Callable[[], str]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on all addresses; returns the port (another than 0, if 0 was asked for).

        Raises:
            KopfkitError: the port is taken.
        """
        application = web.Application()
        application.router.add_get("/healthz", self._alive)
        application.router.add_get("/readyz", self._ready)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            # One socket for both address families: with port 0 two would get two ports.
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            listening = socket.create_server(("", port), family=family, dualstack_ipv6=both)
            await web.SockSite(self._runner, listening).start()
        except OSError as error:
            await self._runner.cleanup()
            raise KopfkitError(
                f"health port {port}",
                f"cannot listen ({error.strerror or error})",
                "choose another with --health-port.",
            ) from error
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=_HEADERS)

    async def _ready(self, request: web.Request) -> web.Response:
        lines, status = [], 200
        for name, check in self.checks.items():
            missing = check()
            lines.append(f"{name}: {missing or 'ok'}")
            status = 503 if missing else status
        return web.Response(text="\n".join(lines) + "\n", status=status, headers=_HEADERS)
