"""Sends spans to a collector by OTLP over HTTP, as JSON (opentelemetry-proto 1.x, "http/json").

Configured by OpenTelemetry's own environment variables. Written here rather than taken from the
SDK, which would double the packages of the image (protobuf, requests) for one POST; a test parses
what is sent with OpenTelemetry's own message types. Spans wait in a bounded queue and are dropped
when the collector does not take them: tracing never holds a reconcile up.
"""

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import aiohttp
import msgspec

from kopfkit.errors import KopfkitError
from kopfkit.runtime.telemetry.tracing import Attribute, Span

log = logging.getLogger(__name__)

# The SDK's defaults: seconds between two exports, spans in one, spans that wait at most.
INTERVAL: Final = 5.0
BATCH: Final = 512
MOST: Final = 2048
# Seconds between two lines about a collector that does not answer.
_QUIET: Final = 60.0


@dataclass(frozen=True)
class Target:
    """Where spans go.

    Attributes:
        url: of the POST.
        headers: to send with it.
        timeout: seconds for an answer.
        ratio: of traces that are kept.
        resource: what they are about (service.name, ...).
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 10.0
    ratio: float = 1.0
    resource: Mapping[str, Attribute] = field(default_factory=dict)


def wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment asks for traces."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if environment.get("OTEL_TRACES_EXPORTER", "otlp") == "none":
        return False
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return any(environment.get(name, "").strip() for name in names)


def target(
    service: str, version: str, environment: Mapping[str, str] = os.environ
) -> Target | None:
    """What OpenTelemetry's environment variables ask for; None where traces are not asked for.

    Args:
        service: default of OTEL_SERVICE_NAME.

    Raises:
        KopfkitError: a variable is not what it should be.
    """
    if not wanted(environment):
        return None

    def read(name: str, default: str = "") -> str:
        """OTEL_EXPORTER_OTLP_TRACES_<name>, or that without TRACES_."""
        prefix = "OTEL_EXPORTER_OTLP_"
        own = environment.get(f"{prefix}TRACES_{name}", "").strip()
        return own or environment.get(f"{prefix}{name}", "").strip() or default

    url = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    url = url or environment["OTEL_EXPORTER_OTLP_ENDPOINT"].strip().rstrip("/") + "/v1/traces"
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise KopfkitError(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            f"{url!r} is not an http(s) URL",
            "name the collector's OTLP/HTTP port, as in http://collector:4318.",
        )
    protocol = read("PROTOCOL", "http/json")
    if protocol == "grpc":
        log.warning("OTEL_EXPORTER_OTLP_PROTOCOL is grpc; traces go as http/json to %s", url)
    return Target(
        url,
        headers=_pairs(read("HEADERS")),
        timeout=_number("OTEL_EXPORTER_OTLP_TIMEOUT", read("TIMEOUT", "10000")) / 1000,
        ratio=_ratio(environment),
        resource={
            "service.version": version,
            "service.name": environment.get("OTEL_SERVICE_NAME", "").strip() or service,
            **({"k8s.pod.name": environment["POD_NAME"]} if "POD_NAME" in environment else {}),
            **_pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", "")),
        },
    )


def _ratio(environment: Mapping[str, str]) -> float:
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    if sampler == "traceidratio":
        text = environment.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or "1.0"
        return _number("OTEL_TRACES_SAMPLER_ARG", text)
    return 1.0


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise KopfkitError(name, f"{text!r} is not a number", "set or unset it.") from error


def _pairs(text: str) -> dict[str, str]:
    """ "a=1,b=2%203" as a mapping."""
    found = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): unquote(value.strip()) for name, _, value in found}


class Exporter:
    """Gathers spans and sends them in batches."""

    def __init__(self, target: Target, *, interval: float = INTERVAL) -> None:
        self._target, self._interval = target, interval
        self._waiting: deque[Span] = deque()
        self._session: aiohttp.ClientSession | None = None
        self._told = -_QUIET
        self.sent = 0
        self.dropped = 0

    def add(self, span: Span) -> None:
        """Take a finished span; the newest is dropped where too many wait."""
        if len(self._waiting) < MOST:
            self._waiting.append(span)
        else:
            self.dropped += 1

    async def run(self) -> None:
        """Send for ever."""
        while True:
            try:
                await asyncio.sleep(self._interval)
                await self._all()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise

    async def drain(self, seconds: float) -> None:
        """Send what waits, within that time, and close."""
        try:
            async with asyncio.timeout(seconds):
                await self._all()
        except TimeoutError:
            self.dropped += len(self._waiting)
        if self._session is not None:
            await self._session.close()

    async def _all(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            problem = await self._send(batch)
            if problem:
                self.dropped += len(batch)
                if time.monotonic() - self._told > _QUIET:
                    self._told = time.monotonic()
                    log.warning("cannot send traces to %s: %s", self._target.url, problem)
                return
            self.sent += len(batch)

    async def _send(self, batch: list[Span]) -> str:
        """Why the collector did not take the batch, or ""."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={**self._target.headers, "Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self._target.timeout),
            )
        body = msgspec.json.encode(request(batch, self._target.resource))
        try:
            async with self._session.post(self._target.url, data=body) as response:
                text = (await response.text(errors="replace"))[:200]
                return "" if response.status < 300 else f"HTTP {response.status} {text}".strip()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return str(error) or type(error).__name__


def request(spans: list[Span], resource: Mapping[str, Attribute]) -> dict[str, Any]:
    """An ExportTraceServiceRequest in OTLP's JSON form."""
    scope = {"scope": {"name": "kopfkit"}, "spans": [_span(span) for span in spans]}
    about = {"attributes": _attributes(resource)}
    return {"resourceSpans": [{"resource": about, "scopeSpans": [scope]}]}


def _span(span: Span) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        # 64-bit numbers are strings in protobuf's JSON.
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": _attributes(span.attributes),
    }
    if span.parent_id:
        found["parentSpanId"] = span.parent_id
    if span.error:
        found["status"] = {"code": 2, "message": span.error}
    return found


def _attributes(values: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Attribute) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value}
