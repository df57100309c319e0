"""A new certificate, from a real Secret and a real CRD, in the order in which OLM writes them."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.olm.renewal import Renewed, pair, run, trusts
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

CRD = "boxes.renewal.example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
Pair = tuple[bytes, bytes]


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def version(name: str, *, storage: bool) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {"name": name, "served": True, "storage": storage, "schema": schema}


def conversion(*authorities: bytes) -> dict[str, Any]:
    client = {"url": "https://127.0.0.1:1/convert", "caBundle": b64(b"".join(authorities))}
    return {
        "strategy": "Webhook",
        "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client},
    }


@pytest.fixture
def authority() -> Callable[[], pki.KeyPair]:
    return lambda: pki.make_ca("one of ours", now=datetime.now(UTC))


@pytest.fixture
def trust(api: Api) -> Any:
    """Lets the CRD trust authorities; the CRD is there from the first time on."""

    def let(*authorities: pki.KeyPair) -> None:
        spec = {
            "group": "renewal.example.com",
            "scope": "Namespaced",
            "names": {"plural": "boxes", "singular": "box", "kind": "Box", "listKind": "BoxList"},
            "versions": [version("v1", storage=True), version("v2", storage=False)],
            "conversion": conversion(*(each.certificate for each in authorities)),
        }
        body = {"metadata": {"name": CRD}, "spec": spec}
        kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        api.apply({**kind, **body}, force=True)

    yield let
    api.delete(f"{CRDS}/{CRD}")
    # The next test's would otherwise be written into one that is about to go, and go with it.
    eventually(lambda: not api.exists(f"{CRDS}/{CRD}"))


@pytest.fixture
def store(api: Api, namespace: str) -> Any:
    """Writes a certificate of an authority into the Secret; returns certificate and key."""

    def write(ca: pki.KeyPair, *without: str, key: str = "olmCAKey") -> Pair:
        made = pki.make_serving_cert(ca, ["localhost"], ["127.0.0.1"], now=datetime.now(UTC))
        data = {
            "tls.crt": b64(made.certificate),
            "tls.key": b64(made.key),
            key: b64(ca.certificate),
        }
        for name in without:
            del data[name]
        metadata = {"name": "cert", "namespace": namespace}
        api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
        return made.certificate, made.key

    return write


@asynccontextmanager
async def following(client: Client, namespace: str) -> AsyncIterator[list[Pair]]:
    """What is handed over meanwhile."""
    taken: list[Pair] = []

    def take(certificate: bytes, key: bytes) -> bool:
        taken.append((certificate, key))
        return True

    task = asyncio.create_task(run(client, Renewed(namespace, "cert", (CRD,)), take))
    try:
        yield taken
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def comes(taken: list[Pair], wanted: Pair) -> None:
    async with asyncio.timeout(60):
        while wanted not in taken:  # noqa: ASYNC110 - a list, as `take` is not awaited
            await asyncio.sleep(0.02)


async def test_a_new_certificate_waits_until_the_crd_trusts_its_authority(
    client: Client, namespace: str, trust: Any, store: Any, authority: Any
) -> None:
    old, new = authority(), authority()
    trust(old)
    first = store(old)
    async with following(client, namespace) as taken:
        await comes(taken, first)
        second = store(new)
        # Longer than it is waited for in one go: it is looked at again, and again not taken.
        await asyncio.sleep(6)
        assert second not in taken
        trust(old, new)
        await comes(taken, second)


@pytest.mark.parametrize("key", ["olmCAKey", "ca.crt"], ids=["OLM v0", "cert-manager"])
async def test_a_deleted_secret_and_its_successor_are_followed(
    client: Client, api: Api, namespace: str, trust: Any, store: Any, authority: Any, key: str
) -> None:
    old, new = authority(), authority()
    trust(old, new)
    first = store(old, key=key)
    async with following(client, namespace) as taken:
        await comes(taken, first)
        api.delete(f"/api/v1/namespaces/{namespace}/secrets/cert")
        await comes(taken, store(new, key=key))


@pytest.mark.parametrize("missing", ["tls.crt", "tls.key", "olmCAKey"])
async def test_a_secret_that_is_not_whole_is_passed_over(
    client: Client, namespace: str, trust: Any, store: Any, authority: Any, missing: str
) -> None:
    ca = authority()
    trust(ca)
    half = store(ca, missing)
    async with following(client, namespace) as taken:
        whole = store(ca)
        await comes(taken, whole)
    assert half not in taken


@pytest.fixture
async def nobody(client: Client, api: Api, namespace: str) -> AsyncIterator[Client]:
    """A client with the rights of a service account that has none yet."""
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _named(namespace)})
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/watcher/token"
    token = api.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"})
    bearer = f"Bearer {token['status']['token']}"

    async def login() -> credentials.Credentials:
        found = await credentials.load()
        return replace(found, certificate=None, key=None, authorization=bearer)

    made = Client(login, manager="watcher")
    await made.open()
    yield made
    await made.close()


def _named(namespace: str) -> dict[str, str]:
    return {"name": "watcher", "namespace": namespace}


def allow(api: Api, namespace: str) -> None:
    """What `Renewed` says that it needs: watch, by name."""
    rbac = "rbac.authorization.k8s.io"
    account = {"kind": "ServiceAccount", **_named(namespace)}
    secrets = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["cert"]}
    crds = {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"]}
    for kind, rule in (
        ("Role", secrets),
        ("ClusterRole", {**crds, "resourceNames": [CRD]}),
    ):
        named = {"apiVersion": f"{rbac}/v1", "metadata": _named(namespace)}
        api.apply({**named, "kind": kind, "rules": [{**rule, "verbs": ["watch"]}]})
        reference = {"apiGroup": rbac, "kind": kind, "name": "watcher"}
        bound = {**named, "kind": f"{kind}Binding", "roleRef": reference, "subjects": [account]}
        api.apply(bound)


async def test_without_rights_it_says_so_once_and_goes_on_when_it_may_watch_by_name(
    nobody: Client,
    api: Api,
    namespace: str,
    trust: Any,
    store: Any,
    authority: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kopfkit.runtime.olm.renewal.AGAIN", 0.05)
    trust(ca := authority())
    written = store(ca)
    async with following(nobody, namespace) as taken:
        async with asyncio.timeout(60):
            while "cannot follow Secret cert" not in caplog.text:  # noqa: ASYNC110 - it is logged
                await asyncio.sleep(0.02)
        await asyncio.sleep(1)  # many tries, each of which fails
        assert (taken, caplog.text.count("cannot follow Secret cert")) == ([], 1)
        allow(api, namespace)
        await comes(taken, written)


@pytest.mark.parametrize(
    "data", [None, {}, {"tls.crt": "!", "tls.key": "YQ==", "olmCAKey": "YQ=="}, {"tls.crt": 3}]
)
def test_a_secret_that_cannot_be_read_holds_no_pair(data: Any) -> None:
    assert pair({"data": data}) is None


def test_a_crd_without_a_webhook_need_not_trust_anybody() -> None:
    assert trusts({"spec": {}}, b"ca")
    assert trusts({"spec": {"conversion": {"strategy": "None"}}}, b"ca")
    assert not trusts({"spec": {"conversion": {"strategy": "Webhook"}}}, b"ca")
