"""What follows from an admission: the CSV, config/, rights, and the webhook's Deployment."""

import datetime
from dataclasses import replace
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.controller import Admission, Controller, Operator
from kopfkit.conversion import Converter, Spoke
from kopfkit.crd import Version
from kopfkit.errors import KopfkitError
from kopfkit.packaging import csv as csvs
from kopfkit.packaging.editions import edition
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.releases import Release
from kopfkit.project import Icon, Maintainer, Project, Provider, derived

from .caches import ADMISSION, CACHE, V1, default, validate

IMAGE = "registry.example.com/caches:v1"
OLD = Version("v1alpha1", V1.spec, V1.status, "A cache.")
BOTH = replace(CACHE, versions=(V1, OLD))
WEBHOOK = "cache-operator-webhook"


def same(content: dict[str, Any]) -> dict[str, Any]:
    return content


def release(*served: str, stored: str = "v1") -> Release:
    return Release("0.1.0", datetime.date(2026, 1, 1), ("stable",), served, stored, known=served)


def project(operator: Operator) -> Project:
    samples = [
        {
            "apiVersion": f"cache.example.com/{version.name}",
            "kind": "Cache",
            "metadata": {"name": "sample"},
        }
        for version in operator.controllers[0].custom_resource.versions
    ]
    return derived.project(
        operator,
        display_name="Caches",
        summary="Caches",
        description="Caches.",
        provider=Provider("Tests"),
        icon=Icon(b"<svg/>"),
        links=(),
        maintainers=(Maintainer("Tests", "tests@example.com"),),
        keywords=("tests",),
        categories=("Database",),
        capabilities="Basic Install",
        maturity="alpha",
        min_kube_version="1.30.0",
        repository="https://example.com/caches",
        image_base="registry.example.com/caches",
        samples=tuple(samples),
    )


@pytest.fixture(scope="module")
def alone() -> Project:
    """One version, no conversion: the webhook is there for the admission."""
    operator = Operator("cache-operator", "0.1.0", [Controller(CACHE, V1)], admission=ADMISSION)
    return project(operator)


@pytest.fixture(scope="module")
def converted() -> Project:
    """Two versions, converted by the process that validates."""
    converter = Converter(
        group="cache.example.com",
        kind="Cache",
        hub="v1",
        spokes=[Spoke("v1alpha1", to_hub=same, from_hub=same)],
        annotation="cache.example.com/kept",
    )
    admission = Admission(
        BOTH, V1, default=default, validate=validate, failure_policy="Ignore", timeout=3
    )
    operator = Operator(
        "cache-operator",
        "0.1.0",
        [Controller(BOTH, V1)],
        conversion=converter,
        admission=admission,
    )
    return project(operator)


def tree(of: Project, at: Release) -> dict[str, list[Any]]:
    """The objects of config/ by path."""
    texts = config_tree(of, at, IMAGE)
    return {path: list(yamls.load_all(text)) for path, text in texts.items() if ".md" not in path}


def test_an_admission_alone_has_the_webhook_without_a_conversion(alone: Project) -> None:
    found = csvs.csv(edition(alone, release("v1")), release("v1"), IMAGE)["spec"]
    assert [each["name"] for each in found["install"]["spec"]["deployments"]] == [
        "cache-operator",
        WEBHOOK,
    ]
    assert found["webhookdefinitions"] == [
        {
            "type": f"{kind}AdmissionWebhook",
            "generateName": f"{purpose}.caches.cache.example.com",
            "webhookPath": f"/{purpose}-cache-example-com-v1-cache",
            "admissionReviewVersions": ["v1"],
            "containerPort": 443,
            "targetPort": 9443,
            "deploymentName": WEBHOOK,
            "failurePolicy": "Fail",
            "matchPolicy": "Equivalent",
            "rules": [
                {
                    "apiGroups": ["cache.example.com"],
                    "apiVersions": ["v1"],
                    "operations": operations,
                    "resources": ["caches"],
                    "scope": "*",
                }
            ],
            "sideEffects": "None",
            "timeoutSeconds": 5,
        }
        for kind, purpose, operations in (
            ("Mutating", "mutate", ["CREATE", "UPDATE"]),
            ("Validating", "validate", ["CREATE", "UPDATE", "DELETE"]),
        )
    ]
    rights = found["install"]["spec"]
    (own,) = [each for each in rights["permissions"] if each["serviceAccountName"] == WEBHOOK]
    assert [rule["resourceNames"] for rule in own["rules"]] == [
        [f"{WEBHOOK}-service-cert"],
        [WEBHOOK],
    ]
    cluster = [each["serviceAccountName"] for each in rights["clusterPermissions"]]
    assert cluster == ["cache-operator"]


def test_config_registers_it_for_the_service_and_the_controller_may_write_whom_it_trusts(
    alone: Project,
) -> None:
    found = tree(alone, release("v1"))
    mutating, validating = found["webhook/admission.yaml"]
    assert mutating["metadata"]["name"] == f"{WEBHOOK}-mutating"
    assert validating["kind"] == "ValidatingWebhookConfiguration"
    (hook,) = validating["webhooks"]
    assert hook["clientConfig"] == {
        "service": {
            "namespace": "cache-operator-system",
            "name": f"{WEBHOOK}-service",
            "port": 443,
            "path": "/validate-cache-example-com-v1-cache",
        }
    }
    assert "admission.yaml" in found["webhook/kustomization.yaml"][0]["resources"]
    (role,) = found["certificates/cache_operator_certificates_ca_role.yaml"]
    assert role["rules"] == [
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": [f"{purpose}webhookconfigurations"],
            "resourceNames": [f"{WEBHOOK}-{purpose}"],
            "verbs": ["get", "patch"],
        }
        for purpose in ("mutating", "validating")
    ]
    patches = found["default/kustomization.yaml"][0]["patches"]
    assert "--manage-certificates" in patches[0]["patch"]
    (policy,) = found["webhook/webhook_network_policy.yaml"]
    assert {"port": 9443, "protocol": "TCP"} in policy["spec"]["ingress"][0]["ports"]


def test_the_guard_stays_the_last_and_the_conversion_the_first(converted: Project) -> None:
    served = release("v1", "v1alpha1")
    hooks = csvs.csv(edition(converted, served), served, IMAGE)["spec"]["webhookdefinitions"]
    assert [each["webhookPath"].partition("-")[0] for each in hooks] == [
        "/convert",
        "/mutate",
        "/validate",
        "/guard",
    ]
    assert {each.get("failurePolicy") for each in hooks[1:]} == {"Ignore"}
    assert [each["timeoutSeconds"] for each in hooks[1:3]] == [3, 3]


def test_nobody_is_asked_about_a_version_that_a_release_does_not_serve(
    converted: Project,
) -> None:
    old = release("v1alpha1", stored="v1alpha1")
    spec = csvs.csv(edition(converted, old), old, IMAGE)["spec"]
    assert "webhookdefinitions" not in spec
    assert [each["name"] for each in spec["install"]["spec"]["deployments"]] == ["cache-operator"]
    assert not [path for path in tree(converted, old) if path.startswith(("webhook", "certif"))]


def test_a_release_with_one_version_keeps_the_admission(converted: Project) -> None:
    only = release("v1")
    made = edition(converted, only)
    hooks = csvs.csv(made, only, IMAGE)["spec"]["webhookdefinitions"]
    assert [each["type"] for each in hooks] == [
        "MutatingAdmissionWebhook",
        "ValidatingAdmissionWebhook",
    ]
    names = {each.name for each in made.permissions}
    assert "conversion-protection" not in names
    assert {"certificate-owner", "certificates", "certificates-ca"} <= names
    assert "certificate-trust" not in names


def test_an_admission_that_does_not_fit_is_refused_with_every_fault(converted: Project) -> None:
    admission = converted.admission
    assert admission is not None
    twice = replace(admission.hooks[0], kind="Other")
    with pytest.raises(KopfkitError) as caught:
        replace(
            converted,
            admission=replace(
                admission, deployment="gone", port=9, hooks=(*admission.hooks, twice, twice)
            ),
        )
    for text in (
        "'gone' is not in deployments",
        "admission.port: differs from the conversion's",
        "occurs twice",
        "cache.example.com/v1 Other is no resource of the project",
    ):
        assert text in str(caught.value)
