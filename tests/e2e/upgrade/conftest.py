"""An upgrade as a test drives it: releases are published, and a Subscription walks through them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.docker import engines
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.olm import subscription
from kopfkit.olm.olmobjects import CSVS, SUBSCRIPTIONS
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .publishing import Publisher

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
# Seconds for one upgrade, on a machine that does other things too.
UPGRADE = 420.0


@dataclass
class Package:
    """The operator's package in the cluster's OLM, at whichever release a test has brought it."""

    kubeconfig: Path
    kubectl: Kubectl
    api: Api

    def upgrade(self, catalog: str) -> str:
        """Subscribe to the head of a catalog and wait until it is installed; the CSV's name."""
        installed = subscription.subscribe(
            self.kubeconfig,
            package=PROJECT.name,
            channel="stable",
            catalog_image=catalog,
            namespace=PROJECT.namespace,
            catalog_namespace=PROJECT.namespace,
            progress=Progress(),
            timeout=UPGRADE,
        )
        return installed.csv

    def remove(self) -> None:
        """Uninstall as the console and the documentation of OLM do, with nothing of ours that
        helps: the Subscription and the ClusterServiceVersion are deleted. CRDs and objects stay."""
        self.kubectl.delete(SUBSCRIPTIONS, PROJECT.name, namespace=PROJECT.namespace)
        names = [csv["metadata"]["name"] for csv in self.kubectl.list(CSVS, PROJECT.namespace)]
        self.kubectl.delete(CSVS, *names, namespace=PROJECT.namespace)
        labels = f"app.kubernetes.io/name={PROJECT.name}"
        eventually(
            lambda: not self.kubectl.list("deployments.apps", PROJECT.namespace), timeout=120
        )
        eventually(lambda: not self.kubectl.list("pods", PROJECT.namespace, labels))

    def definition(self) -> dict[str, Any]:
        """The CRD."""
        found = self.kubectl.get(CRDS, HELLOWORLD.crd_name)
        assert found is not None
        return found

    def rollouts(self) -> int:
        """How many pod templates the webhook's Deployment has had."""
        assert PROJECT.conversion is not None
        name = PROJECT.conversion.deployment
        found = self.kubectl.get("deployments.apps", name, PROJECT.namespace)
        revision = "deployment.kubernetes.io/revision"
        annotations = found["metadata"]["annotations"] if found else {}
        return int(annotations.get(revision, 0))

    def migrated(self) -> None:
        """Wait until only the stored version is left in the CRD's status."""

        def check() -> bool:
            definition = self.definition()
            (stored,) = [each["name"] for each in definition["spec"]["versions"] if each["storage"]]
            assert definition["status"]["storedVersions"] == [stored], definition["status"]
            return True

        eventually(check, timeout=180, interval=1)


@pytest.fixture(scope="session")
def publisher(kind_cluster: ClusterState, images: Any) -> Publisher:
    """Publishes bundles and catalogs of the image of this checkout."""
    assert kind_cluster.registry is not None
    base = f"{kind_cluster.registry}/{PROJECT.name}-upgrade"
    return Publisher(engines.ensure(Progress()), base, images.operator)


@pytest.fixture(scope="package")
def package(
    kind_cluster: ClusterState, kubectl: Kubectl, client: Api, sweep: Callable[[], None]
) -> Iterator[Package]:
    """No HelloWorld operator before the tests of this directory, and none after them."""
    sweep()
    yield Package(Path(kind_cluster.kubeconfig), kubectl, client)
    sweep()


@pytest.fixture
def clean_package(package: Package, sweep: Callable[[], None]) -> Package:
    """No HelloWorld operator before the test either."""
    sweep()
    return package
