"""A Subscription walks through the releases while clients of both versions call all the time.

No call fails and no content changes: from the first release, which has one version and no webhook,
by steps to the newest, by a skip, and with an OLM that starts anew half-way.
"""

import threading
from collections.abc import Callable
from typing import Any

from helloworld_operator.project import PROJECT
from kopfkit.cluster.kubectl import Kubectl
from kopfkit.packaging.releases import History, Release
from kopfkit.testing.waiting import eventually

from .clients import Clients
from .conftest import Package
from .experiment import under_load
from .publishing import Parts, Publisher

# Pods that become ready late: a certificate that was changed under them would be noticed.
SLOW = Parts(slow=15)
CSVS = "clusterserviceversions.operators.coreos.com"


def upto(history: History, version: str, parts: Parts) -> list[tuple[Release, Parts]]:
    """The releases of a catalog of the day when `version` was the newest."""
    versions = [release.version for release in history.releases]
    return [(release, parts) for release in history.releases[: versions.index(version) + 1]]


def test_a_walk_through_all_releases_fails_no_call(
    package: Package,
    publisher: Publisher,
    history: History,
    world: Any,
    kubectl: Kubectl,
    converts: Callable[[], None],
) -> None:
    def catalog(version: str) -> str:
        return publisher.catalog(*upto(history, version, SLOW))

    catalogs = {release.version: catalog(release.version) for release in history.releases}
    assert package.upgrade(catalogs["0.1.0"]) == f"{PROJECT.name}.v0.1.0"
    clients = Clients(world.api, world.namespace, rich=False)
    clients.prepare()

    # v1 does not exist before this release: its clients come when it does.
    def first() -> None:
        package.upgrade(catalogs["0.2.0"])
        converts()
        clients.add("v1")

    under_load("0.1.0 to 0.2.0", clients, first, package.rollouts, "v1alpha1").unnoticed()

    for old, new in (("0.2.0", "0.3.0"), ("0.3.0", "0.4.0")):
        clients = Clients(world.api, world.namespace, rich=True, generation=new.replace(".", "-"))
        clients.prepare()
        restart = Restart(kubectl, new) if new == "0.4.0" else None
        outcome = under_load(
            f"{old} to {new}" + (", OLM restarted" if restart else ""),
            clients,
            lambda new=new: package.upgrade(catalogs[new]),
            package.rollouts,
            "v1alpha1",
            "v1",
            settled=package.migrated,
        )
        outcome.unnoticed()
        assert restart is None or restart.done()


def test_a_skip_to_the_newest_release_fails_no_call(
    package: Package, publisher: Publisher, history: History, world: Any, converts: Any
) -> None:
    package.upgrade(publisher.catalog(*upto(history, "0.2.0", SLOW)))
    converts()
    clients = Clients(world.api, world.namespace, rich=True)
    clients.prepare()
    newest = history.newest.version

    def skip() -> None:
        assert package.upgrade(publisher.catalog(*upto(history, newest, SLOW))).endswith(newest)

    under_load(
        f"0.2.0 to {newest} by skipRange",
        clients,
        skip,
        package.rollouts,
        "v1alpha1",
        "v1",
        settled=package.migrated,
    ).unnoticed()


class Restart:
    """Deletes OLM's pods as soon as the CSV of a version is there."""

    def __init__(self, kubectl: Kubectl, version: str) -> None:
        self._kubectl, self._name = kubectl, f"{PROJECT.name}.v{version}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._restarted = False
        self._thread.start()

    def done(self) -> bool:
        """Whether OLM was restarted."""
        self._thread.join(10)
        return self._restarted

    def _run(self) -> None:
        eventually(
            lambda: self._kubectl.get(CSVS, self._name, PROJECT.namespace),
            timeout=400,
            interval=0.2,
        )
        selector = "app in (olm-operator,catalog-operator)"
        self._kubectl.run("delete", "pods", f"--selector={selector}", "--namespace=olm",
                          "--wait=false")  # fmt: skip
        self._restarted = True
