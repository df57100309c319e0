"""The ServiceMonitor, the PrometheusRule, the Service they need, and the ConfigMap they travel in.

OLM v0 takes the first two in a bundle, but an InstallPlan with a kind that the cluster does not
know fails (docs/decisions/0007-monitoring.md). So a bundle carries them as texts in a ConfigMap,
which every cluster takes; the operator creates them where their API is served
(`kopfkit.runtime.olm.monitoring`). config/prometheus has them as they are.
"""

import json
from typing import Any

from kopfkit.packaging.headers import header
from kopfkit.packaging.workloads import Object, labels, metadata
from kopfkit.project import Alert, Monitoring, Project

API_VERSION = "monitoring.coreos.com/v1"
COMPONENT = "metrics"
PORT = 8081
_HEADER = header("kopfkit manifests", "the project description", "markdown")


def service(project: Project, *, namespaced: bool) -> Object:
    """The Service in front of every pod's metrics port. Headless: nobody wants one of them.

    `namespaced`: name the namespace; in a bundle OLM fills it in.
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(project, COMPONENT, namespaced=namespaced),
        "spec": {
            "clusterIP": "None",
            "selector": labels(project),
            "ports": [
                {"name": "metrics", "port": PORT, "targetPort": "metrics", "protocol": "TCP"}
            ],
            # A pod that is not ready has the more to tell.
            "publishNotReadyAddresses": True,
        },
    }


def service_monitor(project: Project, *, namespaced: bool) -> Object:
    """What the Prometheus operator scrapes: the Service above."""
    monitoring = _monitoring(project)
    return {
        "apiVersion": API_VERSION,
        "kind": "ServiceMonitor",
        "metadata": _metadata(project, "", namespaced=namespaced),
        "spec": {
            "jobLabel": "app.kubernetes.io/name",
            "podTargetLabels": ["app.kubernetes.io/component"],
            "selector": {"matchLabels": labels(project, COMPONENT)},
            "endpoints": [
                {
                    "port": "metrics",
                    "path": "/metrics",
                    "scheme": "http",
                    "interval": f"{monitoring.interval_seconds}s",
                }
            ],
        },
    }


def prometheus_rule(project: Project, *, namespaced: bool) -> Object:
    """The alerts as one group."""
    monitoring = _monitoring(project)
    return {
        "apiVersion": API_VERSION,
        "kind": "PrometheusRule",
        "metadata": _metadata(project, "", namespaced=namespaced),
        "spec": {
            "groups": [
                {
                    "name": project.name,
                    "rules": [_rule(alert, monitoring) for alert in monitoring.alerts],
                }
            ]
        },
    }


def config_map(project: Project, *, namespaced: bool, labels: Any = None) -> Object:
    """Both as JSON texts, without a namespace: they belong where the ConfigMap is.

    `labels`: what both have as labels instead of the operator's own; a template's expression.
    """
    objects = {
        "servicemonitor.json": service_monitor(project, namespaced=False),
        "prometheusrule.json": prometheus_rule(project, namespaced=False),
    }
    if labels is not None:
        for one in objects.values():
            one["metadata"]["labels"] = labels
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(project, "monitoring", namespaced=namespaced),
        "data": {name: json.dumps(one, indent=2) + "\n" for name, one in objects.items()},
    }


def runbooks(project: Project) -> dict[str, str]:
    """The pages of the alerts that bring theirs, by file name."""
    return {
        f"{alert.name}.md": _page(alert)
        for alert in _monitoring(project).alerts
        if alert.runbook.strip()
    }


def _page(alert: Alert) -> str:
    when = f"after {alert.minutes} minutes" if alert.minutes else "at once"
    title = f"# {alert.name}\n\nSeverity: {alert.severity}. Fires {when}.\n\n"
    return f"{_HEADER}{title}{alert.runbook.strip()}\n"


def _monitoring(project: Project) -> Monitoring:
    assert project.monitoring is not None
    return project.monitoring


def _metadata(project: Project, suffix: str, *, namespaced: bool) -> Object:
    name = f"{project.name}-{suffix}" if suffix else project.name
    return metadata(project, name, component=suffix, cluster=not namespaced)


def _rule(alert: Alert, monitoring: Monitoring) -> dict[str, Any]:
    brings = bool(alert.runbook.strip())
    pages = (brings and monitoring.generated) or monitoring.runbooks
    rule: dict[str, Any] = {"alert": alert.name, "expr": alert.expr}
    if alert.minutes:
        rule["for"] = f"{alert.minutes}m"
    return {
        **rule,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{pages}/{alert.name}.md",
        },
    }
