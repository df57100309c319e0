"""A rule on images looks at the image that would run, whatever an annotation says."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from helloworld_operator.api.conversion import ANNOTATION

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
GOOD, EVIL = "good.example/hello:1", "evil.example/miner:1"
CREATES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "exchanged": ("v1alpha1", {"image": GOOD}, {"v1": {"value": EVIL, "over": GOOD}}),
    "smuggled": ("v1alpha1", {"size": 1}, {"v1": {"value": EVIL}}),
    "hidden": ("v1", {"image": EVIL}, {"v1alpha1": {"value": GOOD, "over": EVIL}}),
}


@pytest.fixture(params=["*", "v1,v1alpha1", "v1", "v1alpha1"])
def ruled(
    request: pytest.FixtureRequest,
    install: Any,
    start_webhook: Any,
    raw_api: Any,
    eventually: Any,
) -> Iterator[Any]:
    """HelloWorld's CRD, and a rule for these versions that takes good images only."""
    versions = request.param.split(",")
    group = f"rules-{'-'.join(versions).replace('*', 'any')}.example.com"
    hello = install(group, conversion=start_webhook(group).conversion, storage="v1")
    rule = {
        "expression": f"!has(object.spec.image) || object.spec.image == '{GOOD}'",
        "message": "only good images",
    }
    matched = {
        "apiGroups": [group],
        "apiVersions": versions,
        "operations": ["CREATE", "UPDATE"],
        "resources": ["helloworlds"],
    }
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [matched]},
        "validations": [rule],
    }
    binding = {"policyName": group, "validationActions": ["Deny"]}
    made = []
    for kind, plural, spec in (
        ("ValidatingAdmissionPolicy", "validatingadmissionpolicies", policy),
        ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", binding),
    ):
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": group},
            "spec": spec,
        }
        raw_api("POST", f"{ADMISSION}/{plural}", body).ok()
        made.append(f"{ADMISSION}/{plural}/{group}")
    plain = hello.object("v1", "plain", spec={"image": EVIL})
    dry = hello.path("v1") + "?dryRun=All"
    eventually(lambda: hello.api("POST", dry, plain), lambda answer: answer.status == 422)
    yield hello
    for path in reversed(made):
        raw_api("DELETE", path)


def test_no_annotation_brings_an_image_past_a_rule(ruled: Any) -> None:
    for name, (version, spec, change) in CREATES.items():
        ((other, exchanged),) = change.items()
        text = json.dumps({other: {"/spec/image": exchanged}})
        answer = ruled.make(version, name, {ANNOTATION: text}, spec=spec)
        if version == "v1":
            assert answer.status == 422, name
            continue
        assert answer.status == 201, answer.message
        for each in ("v1", "v1alpha1"):
            assert ruled.get(each, name)["spec"].get("image") == spec.get("image"), (name, each)
