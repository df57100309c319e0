"""The admission guard on a real API server: what OLM does to a CRD, done by hand."""

import base64
import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.runtime.olm import protection

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GUARDS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
LABEL = "example.com/conversion-guard"
# As a bundle has it: the Service that OLM makes, and nobody to trust.
STRIPPED = {
    "strategy": "Webhook",
    "webhook": {
        "clientConfig": {
            "service": {"namespace": "elsewhere", "name": "a", "path": "/convert", "port": 443}
        },
        "conversionReviewVersions": ["v1"],
    },
}


def configuration(hello: Any) -> dict[str, Any]:
    """The webhook configuration that OLM makes of our webhook definition, but for the URL."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": hello.group},
        "webhooks": [
            {
                "name": f"guard.{hello.group}",
                "admissionReviewVersions": ["v1"],
                "clientConfig": hello.webhook.guard,
                "failurePolicy": "Ignore",
                "sideEffects": "None",
                "timeoutSeconds": 30,
                "objectSelector": {"matchLabels": {LABEL: hello.group}},
                "rules": [
                    {
                        "apiGroups": ["apiextensions.k8s.io"],
                        "apiVersions": ["v1"],
                        "operations": ["UPDATE"],
                        "resources": ["customresourcedefinitions"],
                        "scope": "Cluster",
                    }
                ],
            }
        ],
    }


def write(hello: Any, conversion: Any, query: str = "") -> Any:
    """Overwrite the CRD as OLM does; the answered spec.conversion."""

    def attempt() -> Any:
        crd = hello.installed.crd()
        crd["spec"]["conversion"] = conversion
        return hello.installed.api("PUT", f"{CRDS}/{hello.name}{query}", crd)

    answer = hello.eventually(attempt, lambda answer: answer.status != 409)
    return answer.ok()["spec"]["conversion"]


@pytest.fixture
def guarded(flippable: Callable[..., Any]) -> Iterator[Any]:
    """A CRD with the label, and the guard in force."""

    def label(crd: Any) -> None:
        labels = crd["metadata"].setdefault("labels", {})
        labels[LABEL] = crd["spec"]["group"]

    hello = flippable(change=label)
    api = hello.installed.api
    api("POST", GUARDS, configuration(hello)).ok()
    # The API server takes a new configuration up within a second or so.
    hello.eventually(lambda: write(hello, STRIPPED, "?dryRun=All"), lambda found: found != STRIPPED)
    yield hello
    api("DELETE", f"{GUARDS}/{hello.group}")


def test_a_crd_overwritten_by_its_bundles_goes_on_converting(guarded: Any) -> None:
    guarded.fill(3)
    before = guarded.installed.crd()["spec"]["conversion"]
    for _ in range(5):
        assert write(guarded, STRIPPED) == before
        assert guarded.installed.crd()["spec"]["conversion"] == before
        assert len(guarded.installed.get("v1", "")["items"]) == 3


def test_the_rest_of_the_new_crd_is_taken(guarded: Any) -> None:
    crd = guarded.installed.crd()
    before = crd["spec"]["conversion"]
    crd["spec"]["conversion"] = STRIPPED
    crd["spec"]["names"]["categories"] = ["greetings"]
    crd["metadata"]["labels"]["new"] = "label"
    found = guarded.installed.api("PUT", f"{CRDS}/{guarded.name}", crd).ok()
    assert found["spec"]["conversion"] == before
    assert found["spec"]["names"]["categories"] == ["greetings"]
    assert found["metadata"]["labels"]["new"] == "label"


def test_a_patch_that_takes_the_authority_away_is_undone(guarded: Any) -> None:
    before = guarded.installed.crd()["spec"]["conversion"]
    found = guarded.installed.api(
        "PATCH",
        f"{CRDS}/{guarded.name}",
        {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": None}}}}},
        Content_Type="application/merge-patch+json",
    ).ok()
    assert found["spec"]["conversion"] == before


def test_a_webhook_with_an_authority_of_its_own_is_taken(guarded: Any) -> None:
    service = STRIPPED["webhook"]["clientConfig"]["service"]  # type: ignore[index]
    bundle = guarded.webhook.guard["caBundle"]
    other = {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {"service": service, "caBundle": bundle},
            "conversionReviewVersions": ["v1"],
        },
    }
    assert write(guarded, other) == other


def test_the_end_of_the_conversion_at_the_uninstall_is_not_fought(guarded: Any) -> None:
    assert write(guarded, {"strategy": "None"}) == {"strategy": "None"}
    assert write(guarded, STRIPPED) == STRIPPED


def test_after_an_uninstall_only_the_stored_version_is_there(guarded: Any) -> None:
    guarded.fill(2)
    stored = next(each for each in guarded.installed.crd()["spec"]["versions"] if each["storage"])
    write(guarded, {"strategy": "None"})
    versions = guarded.installed.crd()["spec"]["versions"]
    assert [each["name"] for each in versions if each["served"]] == [stored["name"]]


def test_an_uninstall_is_made_safe_by_the_guard_and_refused_by_the_policy_without_it(
    guarded: Any,
) -> None:
    api, crd = guarded.installed.api, guarded.name
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    bindings = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
    before = guarded.installed.crd()["spec"]
    api("POST", policies, protection.policy(crd)).ok()
    api("POST", bindings, protection.binding(crd)).ok()
    try:
        assert write(guarded, {"strategy": "None"}) == {"strategy": "None"}
        # A new installation writes its CRD over what is left.
        guarded.change(lambda spec: spec.update(before))
        assert guarded.installed.crd()["spec"] == before
        guarded.webhook.kill()
        taken = guarded.installed.crd()
        taken["spec"]["conversion"] = {"strategy": "None"}

        def refused() -> Any:
            return api("PUT", f"{CRDS}/{crd}?dryRun=All", taken)

        assert guarded.eventually(refused, lambda answer: answer.status == 403)
        assert guarded.installed.crd()["spec"] == before
    finally:
        for kind in (bindings, policies):
            api("DELETE", f"{kind}/{protection.policy_name(crd)}")


def test_the_authority_before_stays_trusted_beside_a_new_one(guarded: Any) -> None:
    now = datetime.now(UTC)
    before = guarded.installed.crd()["spec"]["conversion"]
    config = before["webhook"]["clientConfig"]
    new = copy.deepcopy(before)
    made = pki.make_ca("the next one", now=now).certificate
    new["webhook"]["clientConfig"]["caBundle"] = base64.b64encode(made).decode()
    for _ in range(2):
        found = write(guarded, new)["webhook"]["clientConfig"]["caBundle"]
        pems = base64.b64decode(found)
        assert pems.startswith(made.strip())
        assert base64.b64decode(config["caBundle"]).strip() in pems
    guarded.fill(1)
    assert guarded.installed.get("v1", "")["items"]


def test_a_crd_without_the_label_is_none_of_its_business(
    guarded: Any, flippable: Callable[..., Any]
) -> None:
    other = flippable()
    assert write(other, STRIPPED) == STRIPPED


def test_a_guard_that_is_down_holds_no_crd_up(guarded: Any) -> None:
    guarded.webhook.kill()
    assert write(guarded, STRIPPED) == STRIPPED
