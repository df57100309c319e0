"""What happens to the conversion between two upgrades, while clients call all the time.

OLM makes a new authority when the old one is near its end, and when the Secret is gone. It writes
it into the CRD at once, and the pods serve the certificate before until the kubelet has brought
them the new one. And the operator is uninstalled one day, and perhaps installed again.
"""

from collections.abc import Callable
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.packaging.releases import History
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .clients import Clients
from .conftest import Package
from .experiment import note, under_load
from .publishing import Parts, Publisher

SLOW = Parts(slow=15)
# Seconds until OLM has made a new authority.
RENEWED = 180.0


@pytest.fixture
def installed(
    package: Package, publisher: Publisher, history: History, converts: Callable[[], None]
) -> tuple[Package, str]:
    """The newest release, and its catalog."""
    catalog = publisher.catalog(*((release, SLOW) for release in history.releases))
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

    def owned() -> bool:
        owners = api.get(secret_path())["metadata"].get("ownerReferences", [])
        assert [owner["kind"] for owner in owners] == ["Deployment"], owners
        return True

    eventually(owned, timeout=60)


def test_a_new_authority_spoils_nothing(
    installed: tuple[Package, str], clients: Clients, client: Api, converts: Callable[[], None]
) -> None:
    """Calls do fail for a while (docs/decisions/0011): OLM names the new authority to the API
    server for the guard, too, and then nobody adds the old one to what OLM writes next.
    """
    package, _ = installed

    def old_age() -> None:
        before = authority(package)
        # OLM renews what is near its end and what is not whole by the same code.
        body = [{"op": "remove", "path": "/data/olmCAKey"}]
        client.patch(secret_path(), body, "json")
        eventually(lambda: authority(package) != before, timeout=RENEWED, interval=0.5)
        renewed(package, client)

    outcome = under_load("OLM renews", clients, old_age, package.rollouts, "v1alpha1", "v1")
    outcome.harmless()
    converts()


def test_an_uninstall_loses_nothing_and_a_new_installation_takes_all_over(
    installed: tuple[Package, str], clients: Clients, world: Any, converts: Callable[[], None]
) -> None:
    package, catalog = installed
    package.migrated()
    package.remove()
    # Without a conversion a version that is not stored cannot be served: it is refused, loudly.
    definition = package.definition()
    conversion = definition["spec"]["conversion"]["strategy"]
    served = {each["name"] for each in definition["spec"]["versions"] if each["served"]}
    note(f"uninstalled: conversion {conversion}, served {sorted(served)}")
    assert (conversion, served) in [("None", {"v1"}), ("Webhook", {"v1", "v1alpha1"})]
    for name, subject in clients.subjects.items():
        assert subject.fault(world.read(name, "v1"), "v1", 0) == ""
        answer = world.api.request("GET", world.path(name, "v1alpha1"))
        assert answer.status in (404, 500), answer
        patch = {"spec": {"message": "written without a conversion"}}
        answer = world.api.request(
            "PATCH", world.path(name, "v1alpha1"), patch,
            content_type="application/merge-patch+json",
        )  # fmt: skip
        assert answer.status in (404, 500), answer
    package.upgrade(catalog)
    converts()
    clients.versions = ["v1", "v1alpha1"]
    assert clients.audit() == []
