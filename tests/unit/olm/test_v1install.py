"""What is applied for OLM v1: its own manifests, without cert-manager, with our image."""

import base64
from typing import Any

from cryptography import x509

from kopfkit import pki
from kopfkit.olm import v1install

GATES = ["--leader-elect", *v1install._GATES]


def deployment(name: str, *arguments: str) -> dict[str, Any]:
    container = {"image": "quay.io/x", "args": [*arguments], "volumeMounts": []}
    pod = {"containers": [container], "volumes": []}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"template": {"spec": pod}},
    }


def applied(*there: dict[str, Any]) -> list[dict[str, Any]]:
    issuer = {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "x"}}
    hook = {"name": "x", "clientConfig": {"service": {"name": "catalogd-service"}}}
    hooks = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "x"},
        "webhooks": [hook],
    }
    theirs = [issuer, hooks, deployment("catalogd"), deployment("operator-controller", *GATES)]
    places = ("localhost:5001/olmv1", "localhost:5001", "registry:5000")
    return v1install.manifests(theirs, *places, there)


def named(kind: str, name: str) -> dict[str, Any]:
    (found,) = (o for o in applied() if (o["kind"], o["metadata"]["name"]) == (kind, name))
    return found


def test_cert_manager_is_not_asked_for_anything() -> None:
    assert not [one for one in applied() if "cert-manager" in one["apiVersion"]]
    pod = named("Deployment", "operator-controller")["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["--leader-elect", *v1install._GATES.values()]


def test_every_program_is_of_our_image_and_knows_where_the_registry_is() -> None:
    for name in ("catalogd", "operator-controller"):
        pod = named("Deployment", name)["spec"]["template"]["spec"]
        assert pod["containers"][0]["image"] == "localhost:5001/olmv1"
        assert pod["volumes"][0]["configMap"] == {"name": "registries"}
    text = named("ConfigMap", "registries")["data"]["registries.conf"]
    assert 'prefix = "localhost:5001"' in text
    assert 'location = "registry:5000"' in text


def test_its_servers_have_certificates_that_the_api_server_is_told_to_trust() -> None:
    objects = applied()
    (hooks,) = (one for one in objects if "webhooks" in one)
    bundle = base64.b64decode(hooks["webhooks"][0]["clientConfig"]["caBundle"])
    secrets = {one["metadata"]["name"]: one for one in objects if one["kind"] == "Secret"}
    for name, service in v1install._SERVERS.items():
        data = {key: base64.b64decode(text) for key, text in secrets[name]["data"].items()}
        x509.load_pem_x509_certificate(data["tls.crt"])
        assert pki.issued_by(data["tls.crt"], bundle)
        assert pki.serves(data["tls.crt"], f"{service}.{v1install.NAMESPACE}.svc")
        assert data["ca.crt"] == bundle


def secrets(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == "Secret"]


def test_an_installation_over_another_one_keeps_its_certificates() -> None:
    first = applied()
    assert applied(*secrets(first)) == first


def without(secret: dict[str, Any], **data: str) -> dict[str, Any]:
    return {**secret, "data": {**secret["data"], **data}}


def test_certificates_that_are_not_good_any_more_are_made_anew_and_the_pods_with_them() -> None:
    first, other = secrets(applied()), secrets(applied())
    templates = [deployment("catalogd")["spec"]["template"]]
    for there in (
        first[:1],
        [first[0], other[1]],
        [first[0], without(first[1], **{"tls.crt": "!"})],
        [{"metadata": {"name": one["metadata"]["name"]}} for one in first],
    ):
        again = applied(*there)
        assert secrets(again) != first
        templates += [one["spec"]["template"] for one in again if one["kind"] == "Deployment"][:1]
    names = [each.get("metadata", {}).get("annotations", {}).get("olmv1-ca") for each in templates]
    assert len({*names}) == len(names)


def test_nobody_may_do_anything_but_the_stand_in_for_the_service_ca() -> None:
    bindings = [one for one in applied() if one["kind"] == "ClusterRoleBinding"]
    assert [one["subjects"][0]["name"] for one in bindings] == ["service-ca"]
    assert "namespace" not in bindings[0]["metadata"]
