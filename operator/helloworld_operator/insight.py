"""What our two long-running processes tell about themselves: metrics and, where asked for, traces.

Here is which of kopfkit's metrics they have and under which names; docs/dashboards and the alerts
(`helloworld_operator.alerts`) read them. Without a metrics port nothing is imported, counted or
served.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from helloworld_operator import __version__

if TYPE_CHECKING:
    from kopfkit.runtime.client import Client
    from kopfkit.runtime.conversionmetrics import ConversionMetrics
    from kopfkit.runtime.events import Recorder
    from kopfkit.runtime.exposition import Exposition
    from kopfkit.runtime.metrics import Metrics
    from kopfkit.runtime.queue import Observer, WorkQueue
    from kopfkit.runtime.store import Store

PREFIX: Final = "helloworld_operator"


class Insight:
    """Metrics of one process.

    Args:
        port: of /metrics; 0 for none at all.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._metrics: Metrics | None = None
        self._server: Exposition | None = None
        if port:
            from kopfkit.runtime import metrics

            self._metrics = metrics.Metrics(PREFIX, __version__)

    async def start(self) -> None:
        """Serve /metrics. KopfkitError if the port is taken."""
        if self._metrics is not None:
            from kopfkit.runtime import exposition

            self._server = exposition.Exposition(self._metrics.registry)
            await self._server.start(self._port)

    async def stop(self) -> None:
        """End what `start` started."""
        if self._server is not None:
            await self._server.stop()

    def queue(self, name: str) -> "list[Observer[Any]]":
        """The observers of the queue of that controller; give the queue to `follow`."""
        return [] if self._metrics is None else [self._metrics.controller(name)]

    def follow(self, observers: "list[Observer[Any]]", queue: "WorkQueue[Any]") -> None:
        """The queue that the observers watch."""
        for observer in observers:
            follow = getattr(observer, "follow", None)
            if follow is not None:
                follow(queue)

    def client(self, client: "Client") -> None:
        """Count the requests of a client."""
        if self._metrics is not None:
            client.observers.append(self._metrics.requests())

    def stores(self, stores: "Mapping[str, Store]", most: int) -> None:
        """Count objects by kind and condition; series of their own for `most` of each kind."""
        if self._metrics is not None:
            from kopfkit.runtime.metricobjects import ObjectMetrics

            ObjectMetrics(self._metrics, stores, most)

    def watches(self, heard_at: Mapping[str, float]) -> None:
        """When each watch was heard last."""
        if self._metrics is not None:
            self._metrics.watches(heard_at)

    def leader(self, leading: Callable[[], bool]) -> None:
        """Whether this process leads."""
        if self._metrics is not None:
            self._metrics.read(
                "leader", "1 where this process may write, else 0.", lambda: float(leading())
            )

    def events(self, recorder: "Recorder") -> None:
        """What became of the Events."""
        if self._metrics is not None:
            self._metrics.read_counter(
                "events_sent", "Events written to the API.", lambda: recorder.sent
            )
            self._metrics.read_counter(
                "events_dropped",
                "Events given up: too many about an object, or refused.",
                lambda: recorder.dropped,
            )

    def conversion(self, versions: tuple[str, ...]) -> "ConversionMetrics | None":
        """The observer of a conversion server."""
        if self._metrics is None:
            return None
        from kopfkit.runtime import conversionmetrics

        return conversionmetrics.ConversionMetrics(self._metrics, versions)
