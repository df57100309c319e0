"""GET /metrics over plain HTTP, on a port of its own.

Served by the event loop whose process it tells about: a scrape sees the stores between two steps of
a reconcile and never in the middle of one, and a loop that does not turn is a failed scrape, which
Prometheus tells as `up == 0`. No TLS and no login: the metrics name objects and counts, nothing of
their content; a NetworkPolicy says who may ask.
"""

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from kopfkit.runtime.telemetry.listening import listen

PATH: Final = "/metrics"


class Exposition:
    """The server of one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on all addresses; returns the port.

        Raises:
            KopfkitError: the port is taken.
        """
        listening = listen(
            "metrics", port, "choose another with --metrics-port, or 0 for no metrics."
        )
        application = web.Application()
        application.router.add_get(PATH, self._metrics)
        self._runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()
        return int(listening.getsockname()[1])

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
