"""Telemetry of an operator's processes: metrics and, where asked for, traces.

Here is which metrics they have and under which names. Without a metrics port nothing is counted or
served, and without OTEL_EXPORTER_OTLP_ENDPOINT nothing is traced; what is not used is not imported
either.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from kopfkit.controller.identity import Identity

if TYPE_CHECKING:
    from kopfkit.conversion.observation import Counts
    from kopfkit.conversion.observation import Observer as ConversionObserver
    from kopfkit.migration.keeper import Report
    from kopfkit.runtime.api.client import Client
    from kopfkit.runtime.manager.events import Recorder
    from kopfkit.runtime.manager.queue import Observer, WorkQueue
    from kopfkit.runtime.manager.store import Key, Store
    from kopfkit.runtime.telemetry.exposition import Exposition
    from kopfkit.runtime.telemetry.metrics import Metrics
    from kopfkit.runtime.telemetry.otlp import Exporter
    from kopfkit.runtime.telemetry.tracing import Tracer

# Either of them asks for traces (OpenTelemetry's specification of the OTLP exporter).
_ASKING: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# Seconds that the last spans get at the end.
_DRAIN: Final = 2.0


class Telemetry:
    """Metrics and traces of one process.

    Args:
        identity: the operator's.
        port: of /metrics; 0 for none at all.
        service: the name of the process in traces; the operator's own by default.

    Raises:
        KopfkitError: a variable of OpenTelemetry's is not what it should be.
    """

    def __init__(self, identity: Identity, port: int, service: str = "") -> None:
        self._identity, self._port = identity, port
        self._by_controller: dict[str, Store] = {}
        self._exporter: Exporter | None = None
        self._tracer: Tracer | None = None
        self._exporting: asyncio.Task[None] | None = None
        if any(name in os.environ for name in _ASKING):
            self._trace(service or identity.name)
        self._metrics: Metrics | None = None
        self._server: Exposition | None = None
        if port:
            from kopfkit.runtime.telemetry import metrics

            self._metrics = metrics.Metrics(identity.metrics_prefix, identity.version)

    def _trace(self, service: str) -> None:
        from kopfkit.runtime.telemetry import otlp, tracing

        target = otlp.target(service, self._identity.version)
        if target is not None:
            self._exporter = otlp.Exporter(target)
            self._tracer = tracing.Tracer(self._exporter.add, ratio=target.ratio)
            for handler in logging.getLogger().handlers:
                handler.addFilter(tracing.TraceIds())

    async def start(self) -> None:
        """Serve /metrics and send traces. KopfkitError if the port is taken."""
        if self._exporter is not None:
            self._exporting = asyncio.create_task(self._exporter.run(), name="traces")
        if self._metrics is not None:
            from kopfkit.runtime.telemetry import exposition

            self._server = exposition.Exposition(self._metrics.registry)
            await self._server.start(self._port)

    async def stop(self) -> None:
        """End what `start` started."""
        if self._exporting is not None and self._exporter is not None:
            self._exporting.cancel()
            await asyncio.gather(self._exporting, return_exceptions=True)
            await self._exporter.drain(_DRAIN)
        if self._server is not None:
            await self._server.stop()

    def queue(self, name: str) -> "list[Observer[Any]]":
        """The observers of the queue of that controller; give the queue to `follow`.

        The name is the lower-case kind.
        """
        found: list[Observer[Any]] = []
        if self._tracer is not None:
            from kopfkit.runtime.telemetry import tracing

            found.append(
                tracing.QueueTracing(
                    name, self._tracer, generation=lambda key: self._generation(name, key)
                )
            )
        if self._metrics is not None:
            found.append(self._metrics.controller(name))
        return found

    def _generation(self, name: str, key: "Key") -> int:
        store = self._by_controller.get(name)
        known = store.get(key) if store is not None else None
        return int((known or {}).get("metadata", {}).get("generation", 0))

    def follow(self, observers: "list[Observer[Any]]", queue: "WorkQueue[Any]") -> None:
        """The queue that the observers watch."""
        for observer in observers:
            follow = getattr(observer, "follow", None)
            if follow is not None:
                follow(queue)

    def client(self, client: "Client") -> None:
        """Count and trace the requests of a client."""
        if self._tracer is not None:
            client.observers.append(self._tracer.request)
        if self._metrics is not None:
            client.observers.append(self._metrics.requests())

    def stores(self, stores: "Mapping[str, Store]", most: int) -> None:
        """Count objects by kind and condition; series of their own for `most` of each kind."""
        self._by_controller = {kind.lower(): store for kind, store in stores.items()}
        if self._metrics is not None:
            from kopfkit.runtime.telemetry.metricobjects import ObjectMetrics

            ObjectMetrics(self._metrics, stores, most, self._identity.conditions)

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
        """Count Events that were sent and dropped."""
        if self._metrics is not None:
            self._metrics.read_counter(
                "events_sent", "Events written to the API.", lambda: recorder.sent
            )
            self._metrics.read_counter(
                "events_dropped",
                "Events given up: too many about an object, or refused.",
                lambda: recorder.dropped,
            )

    def migration(self, report: "Callable[[], Report | None]") -> None:
        """Measure the storage version migration; the last report is asked for at each scrape."""
        if self._metrics is None:
            return

        def is_so(state: "Callable[[Report], bool]") -> Callable[[], float]:
            return lambda: float((last := report()) is not None and state(last))

        def objects() -> dict[tuple[str, ...], float]:
            state = last.state if (last := report()) is not None else None
            return {
                ("pending",): state.total - state.done if state else 0,
                ("rewritten",): state.rewritten if state else 0,
                ("current",): state.current if state else 0,
                ("gone",): state.gone if state else 0,
                ("refused",): state.refused if state else 0,
            }

        self._metrics.read(
            "storage_migration_running",
            "1 while stored objects are written in another version, else 0.",
            is_so(lambda last: not (last.done or last.problem)),
        )
        self._metrics.read(
            "storage_migration_blocked",
            "1 where the last storage migration could not be finished, else 0.",
            is_so(lambda last: bool(last.problem)),
        )
        self._metrics.read_each(
            "storage_migration_objects",
            "Objects of the storage migration that runs or ran last, by what became of them.",
            ("result",),
            objects,
        )

    def conversion(self, versions: tuple[str, ...]) -> "ConversionObserver":
        """The observer of a conversion server."""
        found: list[ConversionObserver] = []
        if self._metrics is not None:
            from kopfkit.runtime.telemetry import conversionmetrics

            found.append(conversionmetrics.ConversionMetrics(self._metrics, versions))
        if self._tracer is not None:
            from kopfkit.runtime.telemetry import tracing

            found.append(tracing.ConversionTracing(self._tracer))
        return _All(found)


class _All:
    """Conversion observers, one after the other."""

    def __init__(self, observers: "list[ConversionObserver]") -> None:
        self._observers = observers

    def reviewed(self, counts: "Counts", seconds: float, failed: bool) -> None:
        for each in self._observers:
            each.reviewed(counts, seconds, failed)

    def refused(self) -> None:
        for each in self._observers:
            each.refused()

    def admitted(self, webhook: str, result: str) -> None:
        for each in self._observers:
            each.admitted(webhook, result)

    def active(self, reviews: int) -> None:
        for each in self._observers:
            each.active(reviews)

    def connections(self, open: int, sent_away: int) -> None:
        for each in self._observers:
            each.connections(open, sent_away)

    def certificate(self, expires: float) -> None:
        for each in self._observers:
            each.certificate(expires)
