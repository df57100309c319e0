"""What running processes export, beside what alerts and dashboard read; and the objects that make
Prometheus ask them."""

import json
import re
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from helloworld_operator.alerts import ALERTS
from kopfkit import pki, yamls
from kopfkit.host import ports
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

ROOT = Path(__file__).parents[3]
SYSTEM = "helloworld-operator-system"
APIS = "/apis/monitoring.coreos.com/v1"
# Labels that Prometheus and the ServiceMonitor add to every series of a pod.
TARGET = {"namespace", "pod", "instance", "job"}
METRIC = re.compile(r"\b((?:helloworld_operator|process)_\w+)(?:\{([^}]*)\})?")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Series = dict[str, list[dict[str, str]]]
Samples = list[tuple[str, dict[str, str], float]]


def scrape(port: int) -> Samples:
    """Name, labels and value of every sample."""
    try:
        with DIRECT.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as reply:
            text = reply.read().decode()
    except OSError as error:
        raise AssertionError(f"no metrics on port {port}: {error}") from error
    return [
        (one.name, one.labels, one.value)
        for family in text_string_to_metric_families(text)
        for one in family.samples
    ]


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of that name that have these labels. LookupError for none."""
    found = [
        each
        for one, theirs, each in samples
        if one == f"helloworld_operator_{name}" and labels.items() <= theirs.items()
    ]
    if not found:
        raise LookupError(f"{name}{labels}")
    return sum(found)


def expressions() -> dict[str, str]:
    """Every PromQL expression that is shipped, by where it is."""
    found = {f"alert {alert.name}": alert.expr for alert in ALERTS}
    for path in (ROOT / "docs/dashboards").glob("*.json"):
        for panel in json.loads(path.read_text())["panels"]:
            for number, target in enumerate(panel.get("targets", [])):
                found[f"{path.name}: {panel['title']} {number}"] = target["expr"]
    return found


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A running conversion webhook with a certificate: its TLS port and its metrics port."""
    now = datetime.now(UTC)
    pair = pki.make_serving_cert(pki.make_ca("test", now=now), ["localhost"], now=now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    port, metrics = ports.free(2)
    command = [sys.executable, "-m", "helloworld_operator", "webhook"]
    flags = [f"--cert-dir={tmp_path}", f"--port={port}", f"--metrics-port={metrics}"]
    process = subprocess.Popen([*command, *flags, "--health-port=0"])
    yield port, metrics
    process.terminate()
    process.wait(120)


def convert(port: int, *objects: Any) -> str:
    """Send a review; the result's status."""
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {
            "uid": "u",
            "desiredAPIVersion": "test.jiaozi.com/v1",
            "objects": list(objects),
        },
    }
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    url = f"https://127.0.0.1:{port}/convert"
    with opener.open(url, json.dumps(body).encode(), timeout=30) as reply:
        return str(json.loads(reply.read())["response"]["result"]["status"])


OBJECT = {
    "apiVersion": "test.jiaozi.com/v1alpha1",
    "kind": "HelloWorld",
    "metadata": {"name": "a", "namespace": "b"},
    "spec": {"size": 1},
}


def test_running_processes_export_what_alerts_and_dashboard_read(
    start: Callable[..., Any], hello: Callable[..., Any], webhook: tuple[int, int]
) -> None:
    (port,) = ports.free(1)
    operator = start(f"--metrics-port={port}", "--metrics-objects=100")
    operator.says("Became leader")
    one = hello("measured", replicas=1)
    one.settled()
    tls, metrics = webhook
    eventually(lambda: scrape(metrics))
    assert eventually(lambda: convert(tls, OBJECT)) == "Success"
    assert convert(tls, {**OBJECT, "apiVersion": "test.jiaozi.com/v9"}) == "Failure"

    def counted() -> Any:
        """The samples, as soon as the operator has seen the status that it wrote."""
        found = scrape(port)
        names = [name for name, _, _ in found]
        return found if "helloworld_operator_object_condition" in names else None

    samples = eventually(counted)
    converted = scrape(metrics)
    exported: Series = {}
    for name, labels, _ in [*samples, *converted]:
        exported.setdefault(name, []).append(labels)

    missing = []
    for place, expression in expressions().items():
        used = METRIC.findall(expression)
        assert used, f"{place} reads no metric of ours"
        for name, matchers in used:
            if name not in exported:
                missing.append(f"{place}: {name} is not exported")
                continue
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', matchers)))
            known = set().union(*exported[name]) | TARGET
            missing += [f"{place}: {name} has no label {each}" for each in labels - known]
        kept = set().union(*(set().union(*exported.get(name, [{}])) for name, _ in used)) | TARGET
        for group in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
            names = {each.strip() for each in group.split(",")}
            missing += [f"{place}: no metric has {each}" for each in names - kept]
    assert missing == []

    assert value(samples, "leader") == 1
    assert value(samples, "reconcile_total", controller="helloworld") >= 1
    assert value(samples, "queue_adds_total", controller="helloworld") >= 1
    assert value(samples, "api_requests_total", method="POST", code="201") >= 2
    assert value(samples, "objects", kind="HelloWorld") >= 1
    assert value(samples, "object_condition", object="measured", type="Degraded") == 0
    assert value(converted, "conversions_total", **{"from": "v1alpha1", "result": "success"}) == 1
    assert value(converted, "conversions_total", **{"from": "unknown", "result": "failure"}) == 1
    assert value(converted, "certificate_expiry_timestamp_seconds") > datetime.now(UTC).timestamp()
    heard = [each for each in samples if each[0].endswith("watch_last_event_timestamp_seconds")]
    assert len(heard) >= 3


def test_of_two_processes_one_leads_and_both_know_the_objects(start: Callable[..., Any]) -> None:
    chosen = ports.free(2)
    for port in chosen:
        start(f"--metrics-port={port}").says("Caches synced")

    def leading() -> bool:
        return sum(value(scrape(port), "leader") for port in chosen) == 1

    eventually(leading)

    def agreeing() -> bool:
        # Not at once: objects of the test before may be on their way out.
        return len({value(scrape(port), "objects", kind="HelloWorld") for port in chosen}) == 1

    eventually(agreeing)


def test_metrics_name_no_object_unless_they_are_asked_to(
    start: Callable[..., Any], hello: Callable[..., Any]
) -> None:
    (port,) = ports.free(1)
    start(f"--metrics-port={port}")
    one = hello("secret-name")
    one.settled()

    found = eventually(lambda: scrape(port))

    assert value(found, "objects", kind="HelloWorld") >= 1
    said = {text for _, labels, _ in found for text in labels.values()}
    assert not {each for each in said if "secret-name" in each or one.namespace in each}


def test_without_a_metrics_port_there_are_no_metrics(start: Callable[..., Any]) -> None:
    operator = start()
    operator.says("Became leader")
    assert "metrics port 0" in operator.logs()


def test_the_leader_brings_its_monitors_with_the_rights_it_is_shipped_with(
    api: Api, start: Callable[..., Any], monitoring_crds: list[dict[str, Any]]
) -> None:
    for crd in monitoring_crds:
        api.apply(crd)
    for plural in ("servicemonitors", "prometheusrules"):
        eventually(lambda plural=plural: api.exists(f"{APIS}/{plural}"))
    config = yamls.read(ROOT / "config/manager/monitoring_config.yaml")
    config["metadata"]["namespace"] = SYSTEM
    api.apply(config)
    paths = [
        f"{APIS}/namespaces/{SYSTEM}/{plural}/helloworld-operator"
        for plural in ("servicemonitors", "prometheusrules")
    ]

    first = start(f"--metrics-port={ports.free(1)[0]}")
    for path in paths:
        eventually(lambda path=path: api.exists(path))
    alerts = api.get(paths[1])["spec"]["groups"][0]["rules"]
    assert [each["alert"] for each in alerts] == [alert.name for alert in ALERTS]
    assert first.stop() == 0

    changed = {
        name: text.replace('"30s"', '"45s"').replace('"5m"', '"7m"')
        for name, text in config["data"].items()
    }
    api.apply({**config, "data": changed})
    start(f"--metrics-port={ports.free(1)[0]}")
    eventually(lambda: api.get(paths[0])["spec"]["endpoints"][0]["interval"] == "45s")
    eventually(lambda: api.get(paths[1])["spec"]["groups"][0]["rules"][0]["for"] == "7m")

    for crd in monitoring_crds:
        api.delete(
            f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}"
        )
    api.delete(f"/api/v1/namespaces/{SYSTEM}/configmaps/{config['metadata']['name']}")
