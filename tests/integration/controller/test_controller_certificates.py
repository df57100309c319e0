"""The certificates that the controller makes where neither OLM nor cert-manager does."""

import base64
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD
from kopfkit import pki
from kopfkit.crd import custom_resource_definition
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.olm.certificates import VALIDITY, Rotator, Webhook
from kopfkit.testing.client import Api

# A CRD is deleted in its own time: each test has one in a group of its own.
NUMBERS = itertools.count()
SERVICE = "helloworld-operator-webhook-service"


class Clock:
    """A clock that the test moves."""

    now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Certificates:
    """Secret, CRD and rotator of one test."""

    def __init__(self, api: Api, namespace: str, client: Client, crd: str) -> None:
        self.clock = Clock()
        self.webhook = Webhook(namespace, SERVICE, f"{SERVICE}-cert", (crd,))
        self.rotator = Rotator(client, self.webhook, may=lambda: True, now=self.clock)
        self.api = api
        self.secret_path = f"/api/v1/namespaces/{namespace}/secrets/{SERVICE}-cert"
        definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        self.crd_path = f"{definitions}/{crd}"

    def secret(self) -> dict[str, bytes]:
        data = self.api.get(self.secret_path)["data"]
        return {name: base64.b64decode(value) for name, value in data.items()}

    def bundle(self) -> bytes:
        config = self.api.get(self.crd_path)["spec"]["conversion"]["webhook"]["clientConfig"]
        return base64.b64decode(config.get("caBundle", ""))

    def trusted(self, certificate: bytes) -> bool:
        """Whether the CRD's bundle vouches for a serving certificate."""
        end = b"-----END CERTIFICATE-----\n"
        authorities = [part + end for part in self.bundle().split(end) if part.strip()]
        return any(pki.issued_by(certificate, each) for each in authorities)


@pytest.fixture
async def certificates(
    plane: Any, api: Api, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Certificates]:
    monkeypatch.setenv("KUBECONFIG", str(plane.control.kubeconfig))
    service = {"name": SERVICE, "namespace": namespace, "path": "/convert", "port": 443}
    conversion = {
        "strategy": "Webhook",
        "webhook": {"clientConfig": {"service": service}, "conversionReviewVersions": ["v1"]},
    }
    group = f"certificates-{next(NUMBERS)}.example.com"
    resource = replace(HELLOWORLD, group=group, short_names=(), categories=())
    crd = api.create(custom_resource_definition(resource, conversion=conversion))
    client = Client(credentials.load, manager="test")
    await client.open()
    yield Certificates(api, namespace, client, resource.crd_name)
    await client.close()
    api.delete(api.path_of(crd))


async def test_secret_and_bundle_are_made_once_and_fit(certificates: Certificates) -> None:
    assert await certificates.rotator.once()
    secret = certificates.secret()

    assert pki.key_matches(pki.KeyPair(secret["tls.crt"], secret["tls.key"]))
    assert pki.serves(secret["tls.crt"], certificates.webhook.hosts[0])
    assert certificates.trusted(secret["tls.crt"])
    assert certificates.api.get(certificates.secret_path)["type"] == "kubernetes.io/tls"
    assert not await certificates.rotator.once()


async def test_renewed_in_time_and_the_old_one_is_trusted_on(certificates: Certificates) -> None:
    await certificates.rotator.once()
    old = certificates.secret()["tls.crt"]
    certificates.clock.now += VALIDITY * 0.6
    assert not await certificates.rotator.once()
    certificates.clock.now += VALIDITY * 0.1
    assert await certificates.rotator.once()

    new = certificates.secret()["tls.crt"]
    assert new != old
    assert certificates.trusted(new)
    assert certificates.trusted(old)


async def test_the_bundle_does_not_grow_for_ever(certificates: Certificates) -> None:
    for _ in range(4):
        await certificates.rotator.once()
        certificates.clock.now += VALIDITY * 0.7

    assert certificates.bundle().count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("how", ["deleted", "emptied", "swapped key", "junk", "other names"])
async def test_a_broken_secret_is_made_anew_and_pods_with_the_old_one_still_serve(
    certificates: Certificates, how: str
) -> None:
    await certificates.rotator.once()
    old = certificates.secret()["tls.crt"]
    api, path = certificates.api, certificates.secret_path
    other = pki.make_ca("other", now=datetime.now(UTC))
    pair = pki.make_serving_cert(other, ["other.example.com"], now=datetime.now(UTC))
    encode = {
        "tls.crt": base64.b64encode(pair.certificate).decode(),
        "tls.key": base64.b64encode(pair.key).decode(),
    }
    if how == "deleted":
        api.delete(path)
    elif how == "emptied":
        api.patch(path, {"data": {"tls.crt": "", "tls.key": "", "ca.crt": None}})
    elif how == "swapped key":
        api.patch(path, {"data": {"tls.key": encode["tls.key"]}})
    elif how == "junk":
        api.patch(path, {"data": {"tls.crt": base64.b64encode(b"junk").decode()}})
    else:
        ca = base64.b64encode(other.certificate).decode()
        api.patch(path, {"data": {**encode, "ca.crt": ca}})
    assert await certificates.rotator.once()

    new = certificates.secret()["tls.crt"]
    assert certificates.trusted(new)
    assert certificates.trusted(old)
    assert not await certificates.rotator.once()


async def test_a_bundle_that_somebody_removed_comes_back(certificates: Certificates) -> None:
    await certificates.rotator.once()
    secret = certificates.secret()
    config = {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": None}}}}}
    certificates.api.patch(certificates.crd_path, config)
    assert await certificates.rotator.once()

    assert certificates.secret() == secret
    assert certificates.trusted(secret["tls.crt"])


async def test_a_crd_that_converts_elsewhere_is_left_alone(certificates: Certificates) -> None:
    certificates.api.patch(
        certificates.crd_path, {"spec": {"conversion": {"webhook": None, "strategy": "None"}}}
    )
    before = certificates.api.get(certificates.crd_path)
    await certificates.rotator.once()

    assert certificates.api.get(certificates.crd_path)["spec"] == before["spec"]
    assert certificates.clock.now + timedelta(days=300) < pki.expiry(
        certificates.secret()["tls.crt"]
    )
