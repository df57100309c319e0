"""A Subscription goes along edges of the upgrade graph while clients of both versions call all the
time.

No call fails and no content changes: in every run by a skip, and by the last step to the newest
release, with an OLM that starts anew half-way; in a soak through all releases from the first, which
has one version and no webhook. The newest is left to test_incidents, which goes on with it.
"""

import threading
from collections.abc import Callable
from typing import Any

from budgets import SOAK
from helloworld_operator.project import PROJECT
from kopfkit.packaging.releases import History
from kopfkit.packaging.ways import SKIP_RANGE, edges, members
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .clients import Clients
from .conftest import Package
from .experiment import under_load
from .publishing import SLOW, Publisher, both, upto

CSVS = "clusterserviceversions.operators.coreos.com"


if SOAK:

    def test_a_walk_through_all_releases_fails_no_call(
        clean_package: Package,
        publisher: Publisher,
        live: History,
        world: Any,
        kubectl: Kubectl,
        converts: Callable[[], None],
    ) -> None:
        releases = [release.version for release in members(live, "stable")]
        catalogs = {version: publisher.catalog(*upto(live, version, SLOW)) for version in releases}
        first, second, *later = releases
        assert clean_package.upgrade(catalogs[first]) == f"{PROJECT.name}.v{first}"
        clients = Clients(world.api, world.namespace, rich=False)
        clients.prepare()

        # v1 does not exist before this release: its clients come when it does.
        def begin() -> None:
            clean_package.upgrade(catalogs[second])
            converts()
            clients.add("v1")

        name = f"{first} to {second}"
        under_load(name, clients, begin, clean_package.rollouts, "v1alpha1").unnoticed()
        for old, new in zip([second, *later], later, strict=False):
            step(clean_package, catalogs[new], old, new, world, both(live, old, new))


def test_a_skip_fails_no_call(
    clean_package: Package,
    publisher: Publisher,
    live: History,
    world: Any,
    converts: Callable[[], None],
) -> None:
    # To the last release that offers one, from as far back as it reaches.
    skips = [edge for edge in edges(live, "stable") if edge.by == SKIP_RANGE]
    old, new = next((edge.source, edge.target) for edge in skips if edge.target == skips[-1].target)
    clean_package.upgrade(publisher.catalog(*upto(live, old, SLOW)))
    converts()
    catalog = publisher.catalog(*upto(live, new, SLOW))
    step(clean_package, catalog, old, new, world, both(live, old, new))


def test_the_last_upgrade_fails_no_call_although_olm_starts_anew_half_way(
    clean_package: Package,
    publisher: Publisher,
    live: History,
    world: Any,
    kubectl: Kubectl,
    converts: Callable[[], None],
) -> None:
    *_, old, new = (release.version for release in members(live, "stable"))
    clean_package.upgrade(publisher.catalog(*upto(live, old, SLOW)))
    converts()
    catalog = publisher.catalog(*upto(live, new, SLOW))
    restart = Restart(kubectl, new)
    step(clean_package, catalog, old, new, world, both(live, old, new))
    assert restart.done()


def step(
    package: Package, catalog: str, old: str, new: str, world: Any, versions: list[str]
) -> None:
    """One upgrade from a release to another, which no client notices."""
    clients = Clients(world.api, world.namespace, rich=True, generation=new.replace(".", "-"))
    clients.prepare()

    def upgrade() -> None:
        assert package.upgrade(catalog) == f"{PROJECT.name}.v{new}"

    under_load(
        f"{old} to {new}",
        clients,
        upgrade,
        package.rollouts,
        *versions,
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
