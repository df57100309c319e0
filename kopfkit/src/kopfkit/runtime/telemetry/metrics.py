"""Prometheus metrics of a controller, under the names that controller-runtime made customary.

What happens (reconciles, requests) is counted when it happens; what is (queue depth, leadership,
ages) is read when somebody asks, so it costs nothing in between. One registry per process and none
of prometheus_client's global ones: two operators in one test do not mix. What is told about single
objects is in `metricobjects`, the HTTP server in `exposition`.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import disable_created_metrics as _no_created_series
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from kopfkit.runtime.api.errors import ApiError, NotLeading
from kopfkit.runtime.manager.queue import Observer, WorkQueue

# Upper bounds in seconds. A settled reconcile takes under a millisecond, a write some; what takes
# longer than a few seconds is a server in trouble.
_DURATIONS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_LATENCIES: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)

Labels = tuple[str, ...]


class Metrics:
    """The metrics of one process.

    Args:
        prefix: of every name but those of the process itself, e.g. "helloworld_operator".
        version: of the operator, for build_info.
    """

    def __init__(self, prefix: str, version: str) -> None:
        # One more series per counter, which no alert or dashboard reads.
        _no_created_series()  # type: ignore[no-untyped-call]
        self.prefix = prefix
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        info = self.gauge("build_info", "The running version; always 1.", ("version", "python"))
        info.labels(version, platform.python_version()).set(1)
        self._controllers: _Controllers | None = None

    def counter(self, name: str, text: str, labels: Labels = ()) -> Counter:
        """A counter; `name` without the prefix and with _total."""
        return Counter(f"{self.prefix}_{name}", text, labels, registry=self.registry)

    def gauge(self, name: str, text: str, labels: Labels = ()) -> Gauge:
        """A gauge; `name` without the prefix."""
        return Gauge(f"{self.prefix}_{name}", text, labels, registry=self.registry)

    def histogram(
        self, name: str, text: str, labels: Labels = (), buckets: tuple[float, ...] = _DURATIONS
    ) -> Histogram:
        """A histogram; `name` without the prefix; `buckets` are upper bounds."""
        return Histogram(
            f"{self.prefix}_{name}", text, labels, registry=self.registry, buckets=buckets
        )

    def read(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge whose value is asked for at each scrape."""
        self.gauge(name, text).set_function(value)

    def read_counter(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A counter that somebody else keeps; `name` without _total."""
        full = f"{self.prefix}_{name}"
        self.collect(lambda: [CounterMetricFamily(full, text, value=value())])

    def read_each(
        self, name: str, text: str, labels: Labels, values: Callable[[], Mapping[Labels, float]]
    ) -> None:
        """A gauge with a value for each combination of label values, asked for at each scrape."""

        def family() -> list[Metric]:
            found = GaugeMetricFamily(f"{self.prefix}_{name}", text, labels=labels)
            for each, value in values().items():
                found.add_metric(each, value)
            return [found]

        self.collect(family)

    def collect(self, families: Callable[[], Iterable[Metric]]) -> None:
        """Whole families, asked for at each scrape."""
        self.registry.register(_Asked(families))

    def controller(self, name: str) -> "Controller":
        """The observer of a controller's queue; see `Controller`."""
        if self._controllers is None:
            self._controllers = _Controllers(self)
        return Controller(self._controllers, name)

    def watches(self, heard_at: Mapping[str, float]) -> None:
        """When each watch was heard last: Unix times by URL path, 0.0 for never."""
        self.read_each(
            "watch_last_event_timestamp_seconds",
            "Unix time at which a watch was last heard (an event or a bookmark); 0 for never.",
            ("path",),
            lambda: {(path,): moment for path, moment in heard_at.items()},
        )

    def requests(self) -> Callable[[str, str, int, float], None]:
        """An observer of a `Client`: counts requests by method and HTTP status."""
        count = self.counter(
            "api_requests_total",
            "Requests to the API server by method and HTTP status; 0: no answer.",
            ("method", "code"),
        )
        duration = self.histogram(
            "api_request_duration_seconds", "From a request to its answer.", ("method",)
        )

        def observe(method: str, _path: str, code: int, seconds: float) -> None:
            count.labels(method, code).inc()
            duration.labels(method).observe(seconds)

        return observe


class _Asked(Collector):
    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


class _Controllers:
    """The metrics that all controllers of a process share, told apart by a label."""

    def __init__(self, metrics: Metrics) -> None:
        label = ("controller",)
        self.queues: dict[str, WorkQueue[Any]] = {}
        self.reconciles = metrics.counter(
            "reconcile_total",
            "Reconciles by result: success, requeue_after (looks again), error, "
            "aborted (the Lease was lost, or the process stops).",
            ("controller", "result"),
        )
        self.errors = metrics.counter(
            "reconcile_errors_total",
            "Failed reconciles by the kind of failure.",
            ("controller", "reason"),
        )
        self.duration = metrics.histogram(
            "reconcile_duration_seconds", "From a key's taking to its end.", label
        )
        self.adds = metrics.counter("queue_adds_total", "Keys put on the queue.", label)
        self.retries = metrics.counter("queue_retries_total", "Keys put back by failures.", label)
        self.latency = metrics.histogram(
            "queue_latency_seconds", "How long keys waited for a worker.", label, _LATENCIES
        )
        for name, text, value in (
            ("queue_depth", "Keys that wait.", len),
            ("reconciles_active", "Keys being reconciled.", lambda queue: queue.active),
            (
                "reconcile_longest_running_seconds",
                "For how long the oldest running reconcile has been running; 0 if none runs.",
                lambda queue: queue.longest,
            ),
        ):
            metrics.read_each(name, text, label, self._of(value))

    def _of(self, value: Callable[[WorkQueue[Any]], float]) -> Callable[[], dict[Labels, float]]:
        return lambda: {(name,): value(queue) for name, queue in self.queues.items()}


class Controller(Observer[Any]):
    """Counts what one queue does. Give it to the queue as an observer, and the queue to `follow`.

    Its series are there from the start, so that the first failure is an increase.
    """

    def __init__(self, shared: _Controllers, name: str) -> None:
        self._shared, self._name = shared, name
        self._adds = shared.adds.labels(name)
        self._retries = shared.retries.labels(name)
        self._duration = shared.duration.labels(name)
        self._latency = shared.latency.labels(name)
        self._results = {
            result: shared.reconciles.labels(name, result)
            for result in ("success", "requeue_after", "error", "aborted")
        }
        for kind in ApiError.__subclasses__():
            shared.errors.labels(name, kind.__name__)

    def follow(self, queue: WorkQueue[Any]) -> None:
        """The queue whose depth is to be told."""
        self._shared.queues[self._name] = queue

    def added(self, key: Any) -> None:
        self._adds.inc()

    def retried(self, key: Any, delay: float) -> None:
        self._retries.inc()

    def started(self, key: Any, waited: float) -> None:
        self._latency.observe(waited)

    def ended(
        self, key: Any, took: float, again: float | None, error: BaseException | None
    ) -> None:
        self._duration.observe(took)
        self._results[_result(again, error)].inc()
        if error is not None and _result(again, error) == "error":
            self._shared.errors.labels(self._name, type(error).__name__).inc()


def _result(again: float | None, error: BaseException | None) -> str:
    if error is None:
        return "success" if again is None else "requeue_after"
    ours = isinstance(error, NotLeading) or not isinstance(error, Exception)
    return "aborted" if ours else "error"
