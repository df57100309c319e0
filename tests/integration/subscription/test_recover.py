"""Installing over a CRD whose conversion webhook is gone: OLM would refuse for ever."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host.process import CommandFailed
from kopfkit.toolchain.kubectl import Kubectl

from .subscribing import CRDS, GROUP, THINGS, names, subscribe, thing


@pytest.fixture
def dead(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    """A CRD in two versions whose operator was removed by something that left its conversion."""
    crd = thing(f"{GROUP}/hello.{namespace}")
    service = {"name": "hello-webhook-service", "namespace": namespace}
    crd["spec"]["conversion"] = {
        "strategy": "Webhook",
        "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}},
    }
    kubectl.apply(crd)
    kubectl.established(f"{CRDS}/{THINGS}")
    yield service["name"]
    kubectl.delete(CRDS, THINGS)


@pytest.mark.usefixtures("olm_crds", "dead")
def test_a_conversion_whose_webhook_is_gone_is_ended_before_olm_lists_all_objects(
    kubectl: Kubectl, namespace: str, capsys: Any
) -> None:
    made = {"apiVersion": "example.com/v2", "kind": "Thing"}
    kubectl.apply({**made, "metadata": {"name": "kept", "namespace": namespace}})
    with pytest.raises(CommandFailed, match="conversion webhook"):
        kubectl.list("things.v1.example.com", namespace)

    with pytest.raises(KopfkitError, match="was not installed"):
        subscribe(kubectl, namespace)

    assert f"CRD {THINGS}: its conversion webhook is gone" in capsys.readouterr().err
    spec = (kubectl.get(CRDS, THINGS) or {})["spec"]
    assert [one["name"] for one in spec["versions"] if one["served"]] == ["v2"]
    (kept,) = kubectl.list("things.v2.example.com", namespace)
    assert kept["metadata"]["name"] == "kept"


@pytest.mark.usefixtures("olm_crds")
def test_over_objects_in_two_versions_that_nothing_converts_nothing_is_installed(
    kubectl: Kubectl, namespace: str, dead: str
) -> None:
    stored = {"status": {"storedVersions": ["v1", "v2"]}}
    patch = ("--subresource=status", "--type=merge", f"--patch={json.dumps(stored)}")
    kubectl.run("patch", CRDS, THINGS, *patch)
    before = kubectl.get(CRDS, THINGS)

    with pytest.raises(KopfkitError, match=f"stored as v1, v2, .* the Service {dead}"):
        subscribe(kubectl, namespace)

    assert kubectl.get(CRDS, THINGS) == before
    assert names(kubectl, namespace)["subscriptions"] == []


@pytest.mark.usefixtures("olm_crds")
@pytest.mark.parametrize("by", ["its Service is there", "an installed operator converts it"])
def test_a_conversion_that_may_work_is_left_alone(
    kubectl: Kubectl, namespace: str, dead: str, by: str
) -> None:
    metadata = {"name": dead, "namespace": namespace}
    ports = {"spec": {"ports": [{"port": 443}]}}
    webhook = {"type": "ConversionWebhook", "generateName": "c.things", "conversionCRDs": [THINGS]}
    webhook |= {"admissionReviewVersions": ["v1"], "sideEffects": "None", "deploymentName": "hello"}
    if by.endswith("there"):
        kubectl.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, **ports})
    else:
        strategy = {"strategy": "deployment", "spec": {"deployments": []}}
        csv = {"displayName": "Hello", "version": "1.0.0", "install": strategy}
        kubectl.apply(
            {
                "apiVersion": f"{GROUP}/v1alpha1",
                "kind": "ClusterServiceVersion",
                "metadata": {"name": "hello.v1.0.0", "namespace": namespace},
                "spec": {**csv, "webhookdefinitions": [webhook]},
            }
        )
    before = kubectl.get(CRDS, THINGS)

    with pytest.raises(KopfkitError, match="was not installed"):
        subscribe(kubectl, namespace)

    assert kubectl.get(CRDS, THINGS) == before
