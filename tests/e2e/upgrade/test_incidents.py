"""What happens to the conversion between two upgrades, while clients call all the time. One
installation for all of it, in the order of this file: that which test_edges leaves, if it has run.

OLM makes a new authority when the old one is near its end, and when the Secret is gone. It writes
it into the CRD at once, and the pods serve the certificate before until the kubelet has brought
them the new one. And the operator is uninstalled one day, and perhaps installed again.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.packaging.releases import History
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .clients import Clients
from .conftest import Package
from .experiment import RUNS, Outcome, note, under_load
from .publishing import SLOW, Publisher

# Seconds until OLM has made a new authority.
RENEWED = 180.0


@pytest.fixture
def installed(
    package: Package,
    publisher: Publisher,
    live: History,
    converts: Callable[[], None],
    sweep: Callable[[], None],
    request: pytest.FixtureRequest,
) -> tuple[Package, str]:
    """The newest release, installed unless a test before left it, and its catalog; with the parts
    that the test names, if it does."""
    parts = getattr(request, "param", SLOW)
    if parts is not SLOW:
        sweep()
    catalog = publisher.catalog(*((release, parts) for release in live.releases))
    package.upgrade(catalog)
    converts()
    return package, catalog


@pytest.fixture
def clients(installed: tuple[Package, str], world: Any) -> Clients:
    """Clients with objects of their own."""
    made = Clients(world.api, world.namespace, rich=True)
    made.prepare()
    return made


def authority(package: Package) -> str:
    """The caBundle of the CRD."""
    found: str = package.definition()["spec"]["conversion"]["webhook"]["clientConfig"]["caBundle"]
    return found


def secret_path() -> str:
    assert PROJECT.conversion is not None
    name = f"{PROJECT.conversion.service}-cert"
    return f"/api/v1/namespaces/{PROJECT.namespace}/secrets/{name}"


def renewed(package: Package, api: Api) -> None:
    """Wait until OLM has made a new authority, all pods serve under it, and the Secret is owned."""
    assert PROJECT.conversion is not None
    kubectl, name = package.kubectl, PROJECT.conversion.deployment
    kubectl.run(
        "rollout", "status", f"deployment/{name}", f"--namespace={PROJECT.namespace}",
        "--timeout=180s", timeout=200,
    )  # fmt: skip

    owned(api)


def owned(api: Api) -> None:
    """Wait until the Secret is the Deployment's, and the ClusterServiceVersion's: by this one OLM
    notices what becomes of it, at once and not at one of its resyncs."""

    def check() -> bool:
        owners = api.get(secret_path())["metadata"].get("ownerReferences", [])
        kinds = sorted(owner["kind"] for owner in owners)
        assert kinds == ["ClusterServiceVersion", "Deployment"], owners
        return True

    eventually(check)


def broken(api: Api) -> None:
    """OLM renews what is near its end and what is not whole by the same code."""
    api.patch(secret_path(), [{"op": "remove", "path": "/data/olmCAKey"}], "json")


def deleted(api: Api) -> None:
    api.delete(secret_path())


@pytest.fixture
def renewing(
    installed: tuple[Package, str],
    clients: Clients,
    client: Api,
    converts: Callable[[], None],
) -> Callable[[str, Callable[[Api], None]], Outcome]:
    """Lets OLM make a new authority while clients call; what they saw."""
    package, _ = installed

    def run(name: str, incident: Callable[[Api], None]) -> Outcome:
        def renews() -> None:
            owned(client)
            before = authority(package)
            incident(client)
            eventually(lambda: authority(package) != before, timeout=RENEWED, interval=0.5)
            renewed(package, client)

        outcome = under_load(name, clients, renews, package.rollouts, "v1alpha1", "v1")
        converts()
        return outcome

    return run


@pytest.mark.parametrize("incident", [broken, deleted])
def test_a_new_authority_is_not_noticed(
    renewing: Callable[..., Outcome], incident: Callable[[Api], None]
) -> None:
    renewing(f"the Secret is {incident.__name__}", incident).unnoticed()


# Only for who measures: it takes as long as the one above, and shows what that one is worth.
if RUNS:

    @pytest.mark.parametrize("installed", [replace(SLOW, followed=False)], indirect=True)
    def test_where_the_secret_is_not_followed_a_new_authority_is_noticed(
        renewing: Callable[..., Outcome],
    ) -> None:
        outcome = renewing("the Secret is broken, and not followed", broken)
        outcome.harmless()
        assert outcome.record.failures


def test_an_uninstall_loses_nothing_and_a_new_installation_takes_all_over(
    installed: tuple[Package, str], clients: Clients, world: Any, converts: Callable[[], None]
) -> None:
    package, catalog = installed
    package.migrated()
    package.remove()
    # Without a conversion a version that is not stored is not served, or shows only what it shares
    # with the stored one and takes no write.
    definition = package.definition()
    conversion = definition["spec"]["conversion"]["strategy"]
    served = {each["name"] for each in definition["spec"]["versions"] if each["served"]}
    note(f"uninstalled: conversion {conversion}, served {sorted(served)}")
    assert (conversion, served) in [("None", {"v1"}), ("None", {"v1", "v1alpha1"})]
    for name, subject in clients.subjects.items():
        assert subject.fault(world.read(name, "v1"), "v1", 0) == ""
        answer = world.api.request("GET", world.path(name, "v1alpha1"))
        assert answer.status in (200, 404), answer
        patch = {"spec": {"message": "written without a conversion"}}
        answer = world.api.request(
            "PATCH", world.path(name, "v1alpha1"), patch,
            content_type="application/merge-patch+json",
        )  # fmt: skip
        assert answer.status in (404, 422), answer
        # A write through v1 makes the API server read the object anew, in every version.
        written = {"metadata": {"annotations": {"written": "meanwhile"}}}
        world.api.patch(world.path(name, "v1"), written)
    package.upgrade(catalog)
    converts()
    clients.versions = ["v1", "v1alpha1"]
    assert clients.audit() == []
