"""The objects that Prometheus needs: that they fit each other, and that they break no install."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging import bundle, kustomize, monitoring, workloads
from kopfkit.packaging.releases import Release
from kopfkit.project import Alert, Monitoring, Project

ROOT = Path(__file__).parents[3]
IMAGE = "quay.io/me/helloworld-operator:v0.1.0"


def tree(project: Project, release: Release) -> dict[str, Any]:
    """The documents of config/, by path."""
    texts = kustomize.config_tree(project, release, IMAGE)
    objects = {path: text for path, text in texts.items() if not path.endswith(".md")}
    return {path: yamls.load_all(text) for path, text in objects.items()}


def test_the_bundle_has_no_kind_that_a_cluster_may_not_know(
    project: Project, release: Release
) -> None:
    kinds = {one["kind"] for one in bundle.manifests(project, release, IMAGE).values()}
    assert not kinds & {"ServiceMonitor", "PrometheusRule", "PodMonitor"}
    assert {"ConfigMap", "Service"} <= kinds


def test_nor_has_what_kubectl_applies_as_a_whole(project: Project, release: Release) -> None:
    found = tree(project, release)
    (default,) = found["default/kustomization.yaml"]
    assert "../prometheus" not in default["resources"]
    (manifests,) = found["manifests/kustomization.yaml"]
    assert "../prometheus" not in manifests["resources"]


def test_the_config_map_has_the_objects_of_config_prometheus_without_their_namespace(
    project: Project, release: Release
) -> None:
    found = tree(project, release)
    data = monitoring.config_map(project, namespaced=False)["data"]
    for name, path in (
        ("servicemonitor.json", "prometheus/service_monitor.yaml"),
        ("prometheusrule.json", "prometheus/rules.yaml"),
    ):
        (wanted,) = found[path]
        assert wanted["metadata"].pop("namespace") == project.namespace
        assert json.loads(data[name]) == wanted


def test_the_monitor_selects_the_service_and_the_service_every_pod_that_has_metrics(
    project: Project,
) -> None:
    service = monitoring.service(project, namespaced=True)
    monitor = monitoring.service_monitor(project, namespaced=True)
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = service["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    for deployment in project.deployments:
        made = workloads.deployment_object(project, deployment, IMAGE)["spec"]["template"]
        assert service["spec"]["selector"].items() <= made["metadata"]["labels"].items()
        (container,) = made["spec"]["containers"]
        ports = {one["name"]: one["containerPort"] for one in container["ports"]}
        assert ports[port["targetPort"]] == deployment.metrics_port
        assert f"--metrics-port={deployment.metrics_port}" in container["args"]


def test_every_alert_leads_to_its_runbook(project: Project) -> None:
    (group,) = monitoring.prometheus_rule(project, namespaced=False)["spec"]["groups"]
    assert project.monitoring is not None
    for rule, alert in zip(group["rules"], project.monitoring.alerts, strict=True):
        folder = "config/prometheus/runbooks" if alert.runbook else "docs/runbooks"
        assert rule["annotations"]["runbook_url"].endswith(f"/main/{folder}/{alert.name}.md")
        assert (ROOT / folder / f"{alert.name}.md").is_file()
        assert rule.get("for", "0m") == f"{alert.minutes}m"
        assert rule["labels"] == {"severity": alert.severity}


def test_an_operator_without_monitoring_has_none_of_it(project: Project, release: Release) -> None:
    plain = replace(
        project,
        monitoring=None,
        deployments=tuple(replace(one, metrics_port=0) for one in project.deployments),
    )
    found = tree(plain, release)
    assert not [path for path in found if "prometheus" in path or "metrics" in path]
    kinds = [one["kind"] for one in bundle.manifests(plain, release, IMAGE).values()]
    assert "ConfigMap" not in kinds
    assert "Service" not in kinds
    made = workloads.deployment_object(plain, plain.deployments[0], IMAGE)
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["health"]


def test_every_fault_of_the_alerts_is_told_at_once(project: Project) -> None:
    good = Alert("SomethingWrong", "up == 0", 5, "warning", "Something.", "It is.")
    bad = Alert("something wrong", " ", -1, "bad", "", "x")
    with pytest.raises(KopfkitError) as caught:
        replace(
            project,
            monitoring=Monitoring(
                (good, good, bad), runbooks="docs", interval_seconds=0, generated="x"
            ),
        )
    text = str(caught.value)
    for place in (
        "monitoring.runbooks",
        "monitoring.generated",
        "monitoring.interval_seconds",
        "'SomethingWrong' occurs twice",
        "something wrong].name",
        "something wrong].severity",
        "something wrong].minutes",
        "something wrong].expr",
        "something wrong].summary",
    ):
        assert place in text


def test_monitoring_without_a_metrics_port_is_refused(project: Project) -> None:
    silent = tuple(replace(one, metrics_port=0) for one in project.deployments)
    with pytest.raises(KopfkitError, match="no deployment has a metrics_port"):
        replace(project, deployments=silent)


def test_a_metrics_port_that_is_the_health_port_is_refused(project: Project) -> None:
    first, *others = project.deployments
    clash = replace(first, metrics_port=first.health_port)
    with pytest.raises(KopfkitError, match="no port of its own"):
        replace(project, deployments=(clash, *others))
