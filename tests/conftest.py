"""What holds for all tests."""

import signal
from typing import Any

import pytest
from hypothesis import settings

from budgets import budget

# A shell starts background jobs with SIGINT ignored, Python and its children inherit that, and then
# no test could press Ctrl-C: a CI system may be such a shell.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# For property tests that name no budget of their own.
settings.register_profile("suite", budget(ci=30, soak=2000))
settings.load_profile("suite")


@pytest.fixture(scope="session")
def monitoring_crds() -> list[dict[str, Any]]:
    """CRDs of the Prometheus operator's two APIs, as far as our objects go: any spec is kept.

    Ours, not theirs: promtool judges the rules, and the real CRDs took both objects when it was
    tried (docs/decisions/0007-monitoring.md).
    """
    spec = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind.lower()}s.monitoring.coreos.com"},
            "spec": {
                "group": "monitoring.coreos.com",
                "scope": "Namespaced",
                "names": {
                    "kind": kind,
                    "plural": f"{kind.lower()}s",
                    "singular": kind.lower(),
                },
                "versions": [version],
            },
        }
        for kind in ("ServiceMonitor", "PrometheusRule")
    ]
