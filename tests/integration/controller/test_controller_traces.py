"""The operator with a collector: an OTLP/HTTP receiver of the test's own."""

import http.server
import json
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.host import ports
from kopfkit.testing.waiting import eventually


@dataclass
class Collector:
    """Keeps the spans it gets."""

    url: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list)
    services: set[str] = field(default_factory=set)

    def of(self, name: str, **attributes: str) -> list[dict[str, Any]]:
        """The spans of that name with these attributes."""
        return [
            span
            for span in self.spans
            if span["name"] == name and attributes.items() <= values(span).items()
        ]


def values(span: dict[str, Any]) -> dict[str, Any]:
    """A span's attributes by name."""
    return {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A receiver; processes that start now send their traces there."""
    found = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for resource in body["resourceSpans"]:
                found.services.add(values(resource["resource"])["service.name"])
                for scope in resource["scopeSpans"]:
                    found.spans.extend(scope["spans"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found
        server.shutdown()
        thread.join()


def test_a_creation_is_a_trace_of_its_writes_and_its_log_lines_lead_to_it(
    collector: Collector, start: Callable[..., Any], hello: Callable[..., Any]
) -> None:
    operator = start()
    operator.says("Became leader")
    one = hello("traced", replicas=1)
    one.settled()
    assert operator.stop() == 0  # what waits is sent at the end

    about = {"object.name": "traced", "k8s.namespace.name": one.namespace}
    spans = collector.of("reconcile helloworld", **about)
    assert {values(span)["object.generation"] for span in spans} == {"1"}
    below = {span["parentSpanId"]: span for span in collector.of("POST API server")}
    creating = [span for span in spans if span["spanId"] in below]
    assert creating
    posted = [
        values(span)["url.path"]
        for span in collector.of("POST API server")
        if span["parentSpanId"] == creating[0]["spanId"]
    ]
    assert any(path.endswith("/deployments") for path in posted)
    # The Lease is renewed every second and traces nothing.
    assert not [span for span in collector.spans if "leases" in str(values(span))]


def test_log_lines_of_a_reconcile_name_their_trace(
    collector: Collector,
    start: Callable[..., Any],
    hello: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOG_FORMAT", "json")
    operator = start()
    operator.says("Became leader")
    hello("logged", replicas=1).settled()
    eventually(lambda: collector.of("reconcile helloworld", **{"object.name": "logged"}))
    assert operator.stop() == 0
    lines = [json.loads(line) for line in operator.logs().splitlines()]
    ours = [line for line in lines if line.get("object", "").endswith("/logged")]
    assert ours
    assert {line["generation"] for line in ours} == {1}
    traces = {span["traceId"] for span in collector.spans}
    assert {line["trace_id"] for line in ours} <= traces


def test_the_webhook_traces_reviews_under_a_name_of_its_own(
    collector: Collector, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    pair = pki.make_serving_cert(pki.make_ca("test", now=now), ["localhost"], now=now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    (port,) = ports.free(1)
    command = [sys.executable, "-m", "helloworld_operator", "webhook", "--health-port=0"]
    process = subprocess.Popen([*command, f"--cert-dir={tmp_path}", f"--port={port}"])
    try:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

        # Of a version that the webhook does not know: a review that fails.
        other = {"apiVersion": "test.jiaozi.com/v9", "kind": "HelloWorld", "metadata": {}}
        asked = {"uid": "u", "desiredAPIVersion": "test.jiaozi.com/v1", "objects": [other]}
        review = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
        body = json.dumps({**review, "request": asked}).encode()

        def refused() -> bool:
            try:
                with opener.open(f"https://127.0.0.1:{port}/convert", body, timeout=30) as reply:
                    return json.loads(reply.read())["kind"] == "ConversionReview"
            except OSError as error:
                raise AssertionError(str(error)) from error

        assert eventually(refused)
        process.terminate()
        assert process.wait(120) == 0
    finally:
        process.kill()
    (span,) = collector.of("convert")
    assert span["status"] == {"code": 2, "message": "failed"}
    assert collector.services == {"helloworld-operator-webhook"}


def test_what_is_not_used_is_not_imported() -> None:
    code = (
        "import sys\n"
        "from helloworld_operator.identity import IDENTITY\n"
        "from kopfkit.controller.telemetry import Telemetry\n"
        "Telemetry(IDENTITY, 0)\n"
        "loaded = {name for name in sys.modules if 'otlp' in name or 'tracing' in name"
        " or 'prometheus' in name}\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
