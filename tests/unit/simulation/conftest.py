"""The frozen releases as bundles, and copies of them in which one part is taken away."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.packaging.bundle import manifests
from kopfkit.packaging.releases import History
from kopfkit.simulation import Bundle, bundle_of

HELLOWORLDS = "helloworlds.test.jiaozi.com"
Change = Callable[[Bundle], None]


@pytest.fixture(scope="session")
def bundles(history: History) -> dict[str, Bundle]:
    """The bundle of each release, by version."""
    return {
        release.version: bundle_of(
            manifests(PROJECT, release, f"quay.io/me/op:v{release.version}").values()
        )
        for release in history.releases
    }


@pytest.fixture
def changed(bundles: dict[str, Bundle]) -> Callable[..., Bundle]:
    """`changed("0.2.0", change, ...)`: the release's bundle after these changes."""

    def make(version: str, *changes: Change) -> Bundle:
        found = copy.deepcopy(bundles[version])
        for change in changes:
            change(found)
        return found

    return make


def without_conversion(bundle: Bundle) -> None:
    """The bundle's CRD says nothing about conversion; OLM writes it later."""
    bundle.crds[HELLOWORLDS]["spec"].pop("conversion", None)


def without_guard(bundle: Bundle) -> None:
    """No admission webhook watches over the CRD."""
    bundle.csv["spec"]["webhookdefinitions"] = [
        each for each in bundle.webhooks if each["type"] == "ConversionWebhook"
    ]


def without_secret_rights(bundle: Bundle) -> None:
    """The webhook cannot make the certificate's Secret its own."""
    strategy = bundle.csv["spec"]["install"]["spec"]
    for entry in [*strategy.get("permissions", ()), *strategy.get("clusterPermissions", ())]:
        entry["rules"] = [rule for rule in entry["rules"] if "secrets" not in rule["resources"]]


def without_protection(bundle: Bundle) -> None:
    """The operator keeps no policy that refuses to take the conversion away."""
    for entry in bundle.csv["spec"]["install"]["spec"]["clusterPermissions"]:
        entry["rules"] = [
            rule
            for rule in entry["rules"]
            if "validatingadmissionpolicies" not in rule["resources"]
        ]


def schema(bundle: Bundle, version: str) -> dict[str, Any]:
    """The schema of HelloWorld's spec in a version, to be changed in place."""
    for each in bundle.crds[HELLOWORLDS]["spec"]["versions"]:
        if each["name"] == version:
            found: dict[str, Any] = each["schema"]["openAPIV3Schema"]["properties"]["spec"]
            return found
    raise KeyError(version)
