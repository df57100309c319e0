"""What holds for all tests."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

import frozen
from budgets import budget
from helloworld_operator.project import PROJECT
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project

# A shell starts background jobs with SIGINT ignored, Python and its children inherit that, and then
# no test could press Ctrl-C: a CI system may be such a shell.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Else `make test` would read errors in make's words, and `pytest` in the command's.
os.environ.pop("MAKELEVEL", None)

# What mypy finds out about kopfkit is kept for all projects that the tests make: 0.5 s of processor
# time in place of 8. Each process has its own, as two cannot write one.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "only")
os.environ["MYPY_CACHE_DIR"] = str(Path(__file__).parents[1] / ".mypy_cache" / "projects" / WORKER)


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


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout itself, with whatever was released last."""
    return frozen.ROOT


@pytest.fixture(scope="session")
def project() -> Project:
    """The operator's description."""
    return PROJECT


@pytest.fixture(scope="session")
def live(project: Project) -> History:
    """The operator's own history; a test that reads it holds for any other."""
    return historyfile.parse(project, (frozen.ROOT / releases.NAME).read_text("utf-8"))


@pytest.fixture(scope="session")
def history() -> History:
    """The frozen history (tests/history)."""
    return frozen.HISTORY


@pytest.fixture(scope="session")
def history_text() -> str:
    """The file of the frozen history."""
    return frozen.TEXT


@pytest.fixture(scope="session")
def release(history: History) -> Release:
    """The newest release of the frozen history."""
    return history.newest


@pytest.fixture(scope="session")
def frozen_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the frozen history and all that is generated from it, to read from."""
    place = tmp_path_factory.mktemp("frozen") / "checkout"
    frozen.write_sources(place)
    frozen.generate(place)
    return place
