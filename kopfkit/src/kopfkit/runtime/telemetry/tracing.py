"""Traces: one span for each reconcile, with the API requests it made below it.

A span is opened by the queue's observer in the task that handles the key and found by the client's
observer through a context variable, so that reconcilers know nothing of it. Requests outside of a
reconcile (the Lease's, lists) make no span: one a second would say nothing. `otlp` sends the spans;
without a collector none of this is imported.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from kopfkit.runtime.manager.queue import Observer

# OTLP's SpanKind.
INTERNAL: Final = 1
SERVER: Final = 2
CLIENT: Final = 3

Attribute = str | int | float | bool


@dataclass
class Span:
    """What took how long. Times are Unix nanoseconds, ids lower-case hex of 16 and 8 bytes."""

    name: str
    trace_id: str
    span_id: str
    start: int
    parent_id: str = ""
    kind: int = INTERNAL
    end: int = 0
    attributes: dict[str, Attribute] = field(default_factory=dict)
    error: str = ""


_CURRENT: ContextVar[Span | None] = ContextVar("current span", default=None)


def current() -> Span | None:
    """The span of the reconcile that this task is in, or None."""
    return _CURRENT.get()


def _id(size: int) -> str:
    return f"{random.getrandbits(size * 8) or 1:0{size * 2}x}"


class Tracer:
    """Makes spans and gives those that ended to `sink`.

    Args:
        sink: takes a finished span; must not wait or raise.
        ratio: of traces that are kept, 0.0 to 1.0.
    """

    def __init__(self, sink: Callable[[Span], None], *, ratio: float = 1.0) -> None:
        self._sink, self._ratio = sink, ratio

    def root(self, name: str, kind: int = INTERNAL, **attributes: Attribute) -> Span | None:
        """The first span of a trace, or None if this trace is not kept."""
        if random.random() >= self._ratio:
            return None
        return Span(name, _id(16), _id(8), time.time_ns(), kind=kind, attributes=attributes)

    def finish(self, span: Span, error: str = "") -> None:
        """The span ends now."""
        span.end, span.error = time.time_ns(), error
        self._sink(span)

    def past(
        self, name: str, seconds: float, kind: int, error: str = "", **attributes: Attribute
    ) -> None:
        """A span that ended now and took so long: below the current one, or a root."""
        above = _CURRENT.get()
        span = (
            self.root(name)
            if above is None
            else Span(name, above.trace_id, _id(8), 0, parent_id=above.span_id)
        )
        if span is not None:
            span.kind, span.attributes = kind, attributes
            span.start = time.time_ns() - int(seconds * 1e9)
            self.finish(span, error)

    def request(self, method: str, _path: str, code: int, seconds: float) -> None:
        """Observer of a `Client`."""
        if _CURRENT.get() is not None:
            bad = "no answer" if not code else f"HTTP {code}" if code >= 400 else ""
            attributes: Mapping[str, Any] = {
                "http.request.method": method,
                "url.path": _path,
                "http.response.status_code": code,
            }
            self.past(f"{method} API server", seconds, CLIENT, bad, **attributes)


class QueueTracing(Observer[tuple[str, str]]):
    """A span for each reconcile of a queue of (namespace, name).

    Args:
        name: of the controller.
        tracer: keeps the spans.
        generation: of the object under a key, as far as is known.
    """

    def __init__(
        self,
        name: str,
        tracer: Tracer,
        *,
        generation: Callable[[tuple[str, str]], int] = lambda key: 0,
    ) -> None:
        self._name, self._tracer, self._generation = name, tracer, generation

    def started(self, key: tuple[str, str], waited: float) -> None:
        attributes: Mapping[str, Any] = {
            "k8s.namespace.name": key[0],
            "object.name": key[1],
            "object.generation": self._generation(key),
            "queue.waited_seconds": waited,
        }
        _CURRENT.set(self._tracer.root(f"reconcile {self._name}", **attributes))

    def ended(
        self,
        key: tuple[str, str],
        took: float,
        again: float | None,
        error: BaseException | None,
    ) -> None:
        span = _CURRENT.get()
        _CURRENT.set(None)
        if span is not None:
            if again is not None:
                span.attributes["queue.again_after_seconds"] = again
            self._tracer.finish(span, f"{type(error).__name__}: {error}" if error else "")


class ConversionTracing:
    """A span for each review of a conversion server; has the shape of its observer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def reviewed(
        self, counts: Mapping[tuple[str, str, bool], int], seconds: float, failed: bool
    ) -> None:
        """A review was answered."""
        attributes: Mapping[str, Any] = {"objects": sum(counts.values())}
        self._tracer.past("convert", seconds, SERVER, "failed" if failed else "", **attributes)

    def refused(self) -> None:
        """A stranger's request is no work of ours."""

    def admitted(self, webhook: str, result: str) -> None:
        """It takes less time than its span would."""

    def active(self, reviews: int) -> None:
        """Nothing that a span would tell."""

    def connections(self, open: int, sent_away: int) -> None:
        """Nothing that a span would tell."""

    def certificate(self, expires: float) -> None:
        """Nothing that a span would tell."""


class TraceIds(logging.Filter):
    """Puts the ids of the current span on a log record, so that a line leads to its trace."""

    def filter(self, record: logging.LogRecord) -> bool:
        span = _CURRENT.get()
        if span is not None:
            record.trace_id, record.span_id = span.trace_id, span.span_id
        return True
