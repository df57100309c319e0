"""HelloWorld as a ClusterExtension of OLM v1: upgraded under load, deleted, installed again.

Not part of `make test`: OLM v1's programs take minutes to build. `make test-olm-v1` runs it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.kind import registry
from kopfkit.olm import v1install
from kopfkit.packaging.releases import History
from kopfkit.packaging.ways import SKIP_RANGE, edges, members
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .clients import Clients
from .experiment import Outcome, under_load
from .extensions import CRDS, Extension
from .publishing import SLOW, Parts, Publisher, both, upto

FIRST = "0.2.0"  # the first release with both versions


@pytest.fixture(scope="session")
def olm_v1(kind_cluster: ClusterState) -> None:
    """OLM v1 in the cluster."""
    assert kind_cluster.registry is not None
    v1install.install(
        Path(kind_cluster.kubeconfig),
        Progress(),
        registry=kind_cluster.registry,
        inside=f"{registry.container(kind_cluster.name)}:{registry.INSIDE}",
    )


@pytest.fixture
def extension(
    kind_cluster: ClusterState, olm_v1: None, kubectl: Kubectl, client: Api
) -> Iterator[Extension]:
    """No operator in the cluster before the test, nor after it."""
    made = Extension(Path(kind_cluster.kubeconfig), kubectl, client)

    def clean() -> None:
        made.delete()
        kubectl.delete(v1install.CATALOGS, made.name)
        kubectl.delete(CRDS, *(resource.crd_name for resource in PROJECT.resources))
        kubectl.run("delete", "--ignore-not-found", "namespace", PROJECT.namespace, timeout=180)

    clean()
    kubectl.run("create", "namespace", PROJECT.namespace)
    yield made
    clean()


@dataclass
class Offered:
    """Releases in a catalog that is served, and upgrades between them under load."""

    extension: Extension
    publisher: Publisher
    history: History
    world: Any
    versions: list[str]

    @property
    def newest(self) -> str:
        """The version of the newest release."""
        return self.versions[-1]

    def offer(self, parts: Parts) -> None:
        """Serve all releases, with these parts."""
        self.extension.offer(self.publisher.catalog(*upto(self.history, self.newest, parts)))

    def upgrade(
        self, old: str, new: str, name: str = "", meanwhile: Callable[[], None] = lambda: None
    ) -> Outcome:
        """Upgrade while clients call; `meanwhile` happens when the new version is asked for."""
        clients = Clients(
            self.world.api, self.world.namespace, rich=True, generation=new.replace(".", "-")
        )
        clients.prepare()

        def act() -> None:
            self.extension.ask(new)
            meanwhile()
            self.extension.installed(new)

        return under_load(
            f"OLM v1: {old} to {new}{name}",
            clients,
            act,
            self.extension.rollouts,
            *both(self.history, old, new),
            settled=self.extension.migrated,
        )


@pytest.fixture
def offered(extension: Extension, publisher: Publisher, live: History, world: Any) -> Offered:
    """All releases since the first with both versions; their pods are slow."""
    versions = [release.version for release in members(live, "stable")]
    made = Offered(extension, publisher, live, world, versions[versions.index(FIRST) :])
    made.offer(SLOW)
    return made


def test_a_skip_fails_no_call(
    offered: Offered, live: History, converts: Callable[[], None]
) -> None:
    skip = next(edge for edge in edges(live, "stable") if edge.by == SKIP_RANGE)
    offered.extension.install(skip.source)
    converts()
    offered.upgrade(skip.source, skip.target, " by skipRange").unnoticed()


def test_a_walk_through_all_releases_fails_no_call_although_olm_starts_anew(
    offered: Offered, converts: Callable[[], None]
) -> None:
    offered.extension.install(FIRST)
    converts()
    *steps, last = pairwise(offered.versions)
    for old, new in steps:
        offered.upgrade(old, new).unnoticed()
    offered.upgrade(*last, ", OLM v1's pods deleted", offered.extension.restart).unnoticed()


def test_a_certificate_whose_secret_is_deleted_is_not_noticed(
    offered: Offered, client: Api, converts: Callable[[], None]
) -> None:
    offered.extension.install(offered.newest)
    converts()
    clients = Clients(offered.world.api, offered.world.namespace, rich=True)
    clients.prepare()
    before = offered.extension.certificate()

    def incident() -> None:
        offered.extension.delete_certificate()
        eventually(lambda: offered.extension.certificate() not in ("", before))

    under_load(
        "OLM v1: the certificate's Secret deleted", clients, incident, offered.extension.rollouts,
        "v1alpha1", "v1",
    ).unnoticed()  # fmt: skip


def test_the_load_notices_an_upgrade_whose_webhook_is_gone_for_a_moment(
    offered: Offered, converts: Callable[[], None]
) -> None:
    """What `unnoticed` is worth: OLM v1's own upgrade, and nobody left who answers meanwhile."""
    *_, (old, new) = pairwise(offered.versions)
    offered.extension.install(old)
    converts()
    found = offered.upgrade(old, new, ", the webhook's pods deleted", offered.extension.outage)
    assert found.record.failures


def test_what_a_clusterextension_leaves_is_found_again_by_the_next_one(
    offered: Offered, world: Any, converts: Callable[[], None]
) -> None:
    extension, newest = offered.extension, offered.newest
    extension.install(newest)
    converts()
    spec = {"greeting": {"message": "Still here"}, "persistence": {"size": "16Mi"}}
    world.create("kept", spec)
    world.ready("kept", 1)
    before = world.read("kept")
    policies = "validatingadmissionpolicies.admissionregistration.k8s.io"
    policy = f"conversion.{HELLOWORLD.crd_name}"
    eventually(lambda: extension.kubectl.get(policies, policy))

    extension.delete()

    assert world.read("kept")["spec"] == before["spec"]
    for resource in PROJECT.resources:
        assert "deletionTimestamp" not in extension.crd(resource.crd_name)["metadata"]
    world.kubectl.run("annotate", "helloworlds.v1.test.jiaozi.com", "kept", "note=written",
                      f"--namespace={world.namespace}")  # fmt: skip
    # As docs/how-to/remove.md says: else OLM v1 adds its new owner beside the one that is gone.
    for resource in PROJECT.resources:
        extension.disown(resource.crd_name)
    extension.install(newest)
    converts()
    after = world.read("kept")
    assert (after["metadata"]["uid"], after["spec"]) == (before["metadata"]["uid"], before["spec"])
    world.ready("kept", 1)
    assert world.read("kept", "v1alpha1")["spec"]["message"] == "Still here"
