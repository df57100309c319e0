"""Traces, as a collector gets them: over HTTP, read with OpenTelemetry's own message types."""

import asyncio
import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from kopfkit.errors import KopfkitError
from kopfkit.runtime.manager.queue import Observer, WorkQueue
from kopfkit.runtime.telemetry import otlp
from kopfkit.runtime.telemetry.logs import JsonFormatter
from kopfkit.runtime.telemetry.otlp import Exporter, Target, target, wanted
from kopfkit.runtime.telemetry.tracing import (
    ConversionTracing,
    QueueTracing,
    Span,
    TraceIds,
    Tracer,
    current,
)

Key = tuple[str, str]


@dataclass
class Collector:
    """An OTLP/HTTP receiver."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200

    def spans(self) -> list[Any]:
        """Every span that came, as OpenTelemetry's message."""
        found = []
        for body in self.bodies:
            for resource in parse(body).resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found


def parse(body: bytes) -> Any:
    """The request in a body. OTLP writes ids in hex where protobuf's JSON has base64."""
    document = json.loads(body)
    for resource in document["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return json_format.ParseDict(document, ExportTraceServiceRequest())


async def until(check: Callable[[], bool]) -> None:
    """Wait until something holds, half a minute at most."""
    for _ in range(3000):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 30 s")


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    found = Collector("")

    async def take(request: web.Request) -> web.Response:
        found.bodies.append(await request.read())
        found.headers.append({name.lower(): text for name, text in request.headers.items()})
        return web.json_response({}, status=found.status)

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
async def exporter(collector: Collector) -> AsyncIterator[Exporter]:
    where = target("my-operator", "1.2", {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    assert where is not None
    made = Exporter(where, interval=0.01)
    yield made
    await made.drain(5)


def values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


async def test_a_reconcile_is_a_span_with_its_requests_below_it(
    collector: Collector, exporter: Exporter
) -> None:
    tracer = Tracer(exporter.add)

    async def handle(key: Key) -> float | None:
        tracer.request("PATCH", "/apis/x", 200, 0.25)
        await asyncio.sleep(0)
        tracer.request("GET", "/apis/y", 0, 0.1)
        if key[1] == "bad":
            raise ValueError("no")
        return None

    ended: list[Key] = []

    class Last(Observer[Key]):
        def ended(self, key: Key, took: float, again: Any, error: Any) -> None:
            ended.append(key)

    observer = QueueTracing("box", tracer, generation=lambda key: 7)
    queue: WorkQueue[Key] = WorkQueue(handle, observers=[observer, Last()])
    queue.start(2)
    queue.resume()
    queue.add(("ns", "good"))
    queue.add(("ns", "bad"))
    await until(lambda: len(ended) == 2)
    await queue.drain(1)
    tracer.request("PUT", "/apis/lease", 200, 0.1)  # outside of any reconcile
    await exporter.drain(5)

    spans = collector.spans()
    roots = {values(span.attributes)["object.name"]: span for span in spans if span.kind == 1}
    assert set(roots) == {"good", "bad"}
    for name, root in roots.items():
        assert root.name == "reconcile box"
        assert values(root.attributes)["object.generation"] == 7
        assert values(root.attributes)["k8s.namespace.name"] == "ns"
        below = [span for span in spans if span.parent_span_id == root.span_id]
        assert [span.name for span in below] == ["PATCH API server", "GET API server"]
        assert {span.trace_id for span in below} == {root.trace_id}
        assert [span.kind for span in below] == [3, 3]
        first = below[0]
        assert 0.2e9 < first.end_time_unix_nano - first.start_time_unix_nano < 0.3e9
        assert values(first.attributes)["http.response.status_code"] == 200
        assert below[1].status.code == 2
        assert below[1].status.message == "no answer"
        assert root.status.code == (2 if name == "bad" else 0)
    assert roots["bad"].status.message == "ValueError: no"
    assert len(spans) == 6
    (resource,) = {str(parse(body).resource_spans[0].resource) for body in collector.bodies}
    assert "my-operator" in resource
    assert "1.2" in resource
    assert current() is None


async def test_a_review_is_a_span(collector: Collector, exporter: Exporter) -> None:
    observer = ConversionTracing(Tracer(exporter.add))
    observer.reviewed({("v1", "v2", True): 3}, 0.5, False)
    observer.reviewed({}, 0.5, True)
    await exporter.drain(5)
    good, bad = collector.spans()
    assert (good.name, good.kind, good.status.code, bad.status.code) == ("convert", 2, 0, 2)
    assert values(good.attributes) == {"objects": 3}


async def test_headers_and_timeouts_are_those_of_the_environment(collector: Collector) -> None:
    where = target(
        "x",
        "1",
        {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x=y",
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "2500",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=test",
            "OTEL_SERVICE_NAME": "other",
            "POD_NAME": "pod-1",
        },
    )
    assert where is not None
    assert where.timeout == 2.5
    assert where.resource == {
        "service.version": "1",
        "service.name": "other",
        "k8s.pod.name": "pod-1",
        "deployment.environment": "test",
    }
    exporter = Exporter(where)
    exporter.add(Span("a", "1" * 32, "2" * 16, 1, end=2, attributes={"t": True, "f": 0.5}))
    await exporter.drain(5)
    assert collector.headers[0]["authorization"] == "Bearer abc"
    assert collector.headers[0]["content-type"] == "application/json"
    (span,) = collector.spans()
    assert values(span.attributes) == {"t": True, "f": 0.5}


async def test_a_collector_that_refuses_costs_spans_and_one_line(
    collector: Collector, exporter: Exporter, caplog: pytest.LogCaptureFixture
) -> None:
    collector.status = 503
    running = asyncio.create_task(exporter.run())
    for number in range(1, 4):
        exporter.add(Span("a", "1" * 32, "2" * 16, 1))
        await until(lambda number=number: exporter.dropped == number)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (exporter.sent, exporter.dropped) == (0, 3)
    assert caplog.text.count("cannot send traces") == 1
    assert "503" in caplog.text
    collector.status = 200
    exporter.add(Span("a", "1" * 32, "2" * 16, 1))
    await exporter.drain(5)
    assert exporter.sent == 1


async def test_no_collector_is_no_failure_and_no_memory_without_end() -> None:
    exporter = Exporter(Target("http://127.0.0.1:9/v1/traces", timeout=1.0))
    for _ in range(otlp.MOST + 5):
        exporter.add(Span("a", "1" * 32, "2" * 16, 1))
    assert exporter.dropped == 5
    await exporter.drain(5)
    assert exporter.sent == 0


async def test_a_span_is_not_kept_beyond_the_ratio() -> None:
    kept: list[Span] = []
    none, some = Tracer(kept.append, ratio=0.0), Tracer(kept.append, ratio=0.5)
    ConversionTracing(none).reviewed({}, 0.1, False)
    assert kept == []
    for _ in range(400):
        ConversionTracing(some).reviewed({}, 0.1, False)
    assert 100 < len(kept) < 300


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_traces_are_off_until_they_are_asked_for(
    environment: dict[str, str], expected: bool
) -> None:
    assert wanted(environment) is expected
    assert (target("x", "1", environment) is not None) is expected


@pytest.mark.parametrize(
    ("environment", "ratio"),
    [
        ({}, 1.0),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0.0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, 0.0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"}, 0.1),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}, 1.0),
    ],
)
def test_the_sampler_is_that_of_the_environment(environment: dict[str, str], ratio: float) -> None:
    where = target("x", "1", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/", **environment})
    assert where is not None
    assert (where.url, where.ratio) == ("http://c:4318/v1/traces", ratio)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
    ],
)
def test_a_setting_that_cannot_be_is_named(name: str, text: str) -> None:
    with pytest.raises(KopfkitError, match=name):
        target("x", "1", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", name: text})


async def test_log_lines_of_a_reconcile_carry_the_trace() -> None:
    spans: list[Span] = []
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    handler.addFilter(TraceIds())
    log = logging.getLogger("test of traces")
    log.propagate = False
    log.addHandler(handler)

    async def handle(key: Key) -> None:
        log.warning("inside")
        raise ValueError("no")

    class Last(Observer[Key]):
        def ended(self, key: Key, took: float, again: Any, error: Any) -> None:
            log.warning("outside")

    queue: WorkQueue[Key] = WorkQueue(
        handle,
        failed=lambda key, error, delay: log.warning("failed"),
        observers=[QueueTracing("box", Tracer(spans.append)), Last()],
    )
    queue.start(1)
    queue.resume()
    queue.add(("ns", "a"))
    await until(lambda: "outside" in stream.getvalue())
    await queue.drain(1)

    inside, failed, outside = map(json.loads, stream.getvalue().splitlines())
    assert inside["trace_id"] == failed["trace_id"] == spans[0].trace_id
    assert inside["span_id"] == spans[0].span_id
    assert outside["message"] == "outside"
    assert "trace_id" not in outside
