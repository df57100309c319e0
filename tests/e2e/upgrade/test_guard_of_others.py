"""An operator in Go with a conversion webhook, upgraded by OLM under load: without the guard, and
with the one that `kopfkit guard inject` puts into its bundles.

Not part of `make test`: the operator takes minutes to build. `make test-guard` runs it, and
`pytest -s` prints a row of the table for each test.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gobundles
from kopfkit.docker import engines
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.olm import unsubscription
from kopfkit.testing.client import Api
from kopfkit.toolchain.kubectl import Kubectl

from .clients import Clients
from .experiment import Outcome, note, under_load
from .gopackage import NAMESPACE, GoPackage, GoPublisher

Upgrade = Callable[..., Outcome]
# What the API server says of a connection that the webhook's process has closed as it ended.
CLOSED = ("EOF", "broken pipe", "connection reset by peer")


@pytest.fixture(scope="module")
def publisher(kind_cluster: ClusterState) -> GoPublisher:
    """Publishes bundles and catalogs of the operator in Go."""
    assert kind_cluster.registry is not None
    base = f"{kind_cluster.registry}/{gobundles.PACKAGE}"
    return GoPublisher(engines.ensure(Progress()), base)


@pytest.fixture(scope="module")
def operator(publisher: GoPublisher) -> str:
    """The operator's image."""
    return publisher.operator()


@pytest.fixture
def package(
    kind_cluster: ClusterState, kubectl: Kubectl, client: Api, sweep: Callable[[], None]
) -> Iterator[GoPackage]:
    """Neither this operator in the cluster nor the other one of the same CRD, before and after."""
    kubeconfig = Path(kind_cluster.kubeconfig)

    def clean() -> None:
        unsubscription.unsubscribe(
            kubeconfig,
            package=gobundles.PACKAGE,
            namespace=NAMESPACE,
            catalog_namespace=NAMESPACE,
            progress=Progress(),
            crds=True,
        )
        sweep()

    clean()
    yield GoPackage(kubeconfig, kubectl, client)
    clean()


@pytest.fixture
def upgrade(
    package: GoPackage,
    publisher: GoPublisher,
    operator: str,
    world: Any,
    converts: Callable[[], None],
) -> Upgrade:
    """Upgrades from the old release to the new one under load; a row of the table."""

    def run(name: str, guard: str = "", *flags: str) -> Outcome:
        first, second = publisher.catalogs(operator, guard, *flags)
        package.upgrade(first)
        converts()
        clients = Clients(world.api, world.namespace, rich=True)
        clients.prepare()
        outcome = under_load(
            name,
            clients,
            lambda: package.upgrade(second),
            package.rollouts,
            "v1alpha1",
            "v1",
            # OLM takes the conversion away for a last time when the release is installed.
            settled=converts,
        )
        failures = outcome.record.failures
        times = [float(each.partition(" ")[0]) for each in failures]
        seconds = max(times) - min(times) if times else 0.0
        note(
            f"| {name} | {outcome.record.total} calls | {len(failures)} failed | "
            f"{seconds:.1f} s from the first to the last failure |"
        )
        assert outcome.rollouts > 0
        return outcome

    return run


def test_without_the_guard_calls_fail(upgrade: Upgrade) -> None:
    assert upgrade("Go without the guard").record.failures


def test_with_the_guard_only_a_connection_that_ends_may_fail_a_call(
    upgrade: Upgrade, publisher: GoPublisher
) -> None:
    """The API server speaks HTTP/1.1 with webhooks (kubernetes/kubernetes#75791), and a server that
    ends closes idle connections without a word."""
    failures = upgrade("Go with the guard", publisher.guard()).record.failures
    assert [each for each in failures if not any(sign in each for sign in CLOSED)] == []
    assert len(failures) <= 10, "the few connections of two pods"


def test_with_the_guard_and_connections_that_end_with_an_answer_no_call_fails(
    upgrade: Upgrade, publisher: GoPublisher
) -> None:
    upgrade("Go with the guard, drained", publisher.guard(), "--drain=5s").unnoticed()
