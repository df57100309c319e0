"""HelloWorld as a ClusterExtension of OLM v1: installed, upgraded under load, deleted, again.

Not part of `make test`: OLM v1's programs take minutes to build. `make test-olm-v1` runs it.
"""

from collections.abc import Callable, Iterator
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
from kopfkit.packaging.ways import members
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .clients import Clients
from .experiment import under_load
from .extensions import CRDS, Extension
from .publishing import Parts, Publisher, upto

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


@pytest.fixture
def newest(extension: Extension, publisher: Publisher, live: History) -> str:
    """The newest release, in a catalog that is served with all before it."""
    version = [release.version for release in members(live, "stable")][-1]
    extension.offer(publisher.catalog(*upto(live, version, Parts())))
    return version


def test_an_upgrade_to_the_newest_release_fails_no_call(
    extension: Extension, newest: str, world: Any, converts: Callable[[], None]
) -> None:
    extension.install(FIRST)
    converts()
    clients = Clients(world.api, world.namespace, rich=True)
    clients.prepare()

    under_load(
        f"OLM v1: {FIRST} to {newest}",
        clients,
        lambda: extension.install(newest),
        extension.rollouts,
        "v1alpha1",
        "v1",
        settled=extension.migrated,
    ).unnoticed()


def test_what_a_clusterextension_leaves_is_found_again_by_the_next_one(
    extension: Extension, newest: str, world: Any, converts: Callable[[], None]
) -> None:
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
