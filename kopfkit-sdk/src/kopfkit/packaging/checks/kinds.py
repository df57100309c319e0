"""Kinds that OLM installs from a bundle.

Rules: operator-registry pkg/lib/bundle/supported_resources.go; OLM's
pkg/controller/operators/catalog/operator.go fails the InstallPlan for any other.
"""

from collections.abc import Iterator

from kopfkit.manifests import V1BETA1
from kopfkit.packaging.checks.files import Bundle, Finding

_SUPPORTED = frozenset(
    {
        *("ClusterRole", "ClusterRoleBinding", "ConfigMap", "ConsoleCLIDownload", "ConsoleLink"),
        *("ConsolePlugin", "ConsoleQuickStart", "ConsoleYAMLSample", "NetworkPolicy"),
        *("PodDisruptionBudget", "PodMonitor", "PriorityClass", "PrometheusRule", "Role"),
        *("RoleBinding", "Secret", "Service", "ServiceAccount", "ServiceMonitor"),
        "VerticalPodAutoscaler",
    }
)


def check(bundle: Bundle) -> Iterator[Finding]:
    """Every object has a kind that OLM knows, and every CRD is of a version that is served."""
    for file, one in bundle.others:
        if one.get("kind") not in _SUPPORTED:
            why = f"is {one.get('kind') or 'empty'}, which OLM does not install"
            yield Finding(file, "kind", why, "unsupported-kind")
    for file, crd in bundle.crds.values():
        if crd.get("apiVersion") == V1BETA1:
            why = f"is {V1BETA1}, which no API server has since Kubernetes 1.22"
            yield Finding(file, "apiVersion", why, "crd-v1beta1")
