"""Serving certificates for webhooks, made in the cluster by the leader.

For installations with neither OLM nor cert-manager, after the pattern of OPA's cert-controller: a
Secret that the webhook's pods mount, and the caBundle of the CRD and of the webhook configurations
that makes the API server trust it. Level-triggered: every few seconds all are looked at and brought
to what they should be; in between nothing is remembered.

No request may fail while certificates change. A pod sees a new Secret up to two minutes late, so
the bundle holds the old authority beside the new one, and the CRD gets the new bundle before the
Secret is written. Each certificate has an authority of its own, whose key is thrown away at once:
nothing in the cluster can sign another.

Importing this module imports `kopfkit.pki`, and with it `cryptography` (12 MB).
"""

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from kopfkit import pki
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import ApiError, Conflict, NotFound, NotLeading

SECRETS: Final = Resource("", "v1", "secrets")
DEFINITIONS: Final = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
log = logging.getLogger(__name__)

# How long authority and certificate are good for. They are replaced when two thirds of it are over,
# so that a cluster that was off for months still comes up with one that works.
VALIDITY: Final = timedelta(days=365)
# Seconds between two looks: how long a deleted Secret stays away.
LOOK: Final = 5.0
# Authorities kept in the bundle: the one in use and the one before.
_KEPT: Final = 2
_PEM: Final = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


@dataclass(frozen=True)
class Webhook:
    """Whose certificates these are.

    Attributes:
        namespace: of the Service and the Secret.
        service: the Service's name, for which the certificate is made.
        secret: the Secret's name.
        definitions: the CRDs that convert through the Service.
        configurations: kind and name of the webhook configurations that call the Service.
    """

    namespace: str
    service: str
    secret: str
    definitions: tuple[str, ...]
    configurations: tuple[tuple[str, str], ...] = ()

    @property
    def trusting(self) -> list[tuple[Resource, str]]:
        """What has a caBundle."""
        return [
            *((DEFINITIONS, name) for name in self.definitions),
            *((_admission(kind), name) for kind, name in self.configurations),
        ]

    @property
    def hosts(self) -> tuple[str, ...]:
        """DNS names of the Service; the API server asks for the first."""
        base = f"{self.service}.{self.namespace}.svc"
        return base, f"{base}.cluster.local", f"{self.service}.{self.namespace}"


class Rotator:
    """Keeps Secret and caBundles as they should be.

    Args:
        client: reads and, while leading, writes.
        webhook: names.
        may: whether this process may write now.
        now: the time, aware.
    """

    def __init__(
        self,
        client: Client,
        webhook: Webhook,
        *,
        may: Callable[[], bool],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client, self._webhook, self._may, self._now = client, webhook, may, now
        self._told = ""

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                if self._may():
                    await self.once()
                    self._told = ""
            except NotLeading:
                pass
            except ApiError as error:
                if str(error) != self._told:
                    log.error("cannot keep the webhook's certificates: %s", error)
                self._told = str(error)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
            await asyncio.sleep(LOOK)

    async def once(self) -> bool:
        """One look; returns whether anything was written.

        Raises:
            ApiError, NotLeading: from the requests.
        """
        for _ in range(3):
            try:
                return await self._once()
            except Conflict:
                continue  # the API server writes a CRD's status at any time: look again
        return await self._once()

    async def _once(self) -> bool:
        hook = self._webhook
        secret = await self._get(SECRETS, hook.namespace, hook.secret)
        callers: list[_Caller] = []
        for resource, name in hook.trusting:
            obj = await self._get(resource, None, name)
            callers += self._callers(resource, name, obj) if obj is not None else []
        data = (secret or {}).get("data") or {}
        trusted = [_decode(each.client.get("caBundle")) for each in callers]
        why = self._fault(data)
        if not why:
            return await self._trust(callers, _decode(data.get("ca.crt")))
        now = self._now()
        # The time makes the name unique: two authorities of one name are mixed up when verifying.
        authority = pki.make_ca(
            f"{hook.service} {now:%Y-%m-%dT%H:%M:%S.%f}", now=now, lifetime=VALIDITY
        )
        made = pki.make_serving_cert(authority, hook.hosts, now=now, lifetime=VALIDITY)
        bundles = [*trusted, _decode(data.get("ca.crt"))]
        known = [each for bundle in bundles for each in _certificates(bundle)]
        bundle = self._bundle(authority.certificate, known)
        await self._trust(callers, bundle)
        await self._store(secret, made, bundle)
        log.info("Issued a new certificate for %s: %s", hook.hosts[0], why)
        return True

    async def _get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        try:
            return await self._client.get(resource, namespace, name)
        except NotFound:
            return None

    def _fault(self, data: dict[str, Any]) -> str:
        """Why the Secret's certificate cannot be used (any longer), or ""."""
        if not data:
            return "there was none"
        pair = pki.KeyPair(_decode(data.get("tls.crt")), _decode(data.get("tls.key")))
        try:
            if not pki.key_matches(pair):
                return "the old one is not that of its key"
            authorities = _certificates(_decode(data.get("ca.crt")))
            if not any(pki.issued_by(pair.certificate, each) for each in authorities):
                return "the old one has lost its authority"
            if not all(pki.serves(pair.certificate, host) for host in self._webhook.hosts):
                return "the old one is for other names"
            if pki.renewal_due(pair.certificate, now=self._now()):
                return f"the old one ends on {pki.expiry(pair.certificate):%Y-%m-%d}"
        except KopfkitError:
            return "the old one cannot be read"
        return ""

    def _bundle(self, authority: bytes, known: list[bytes]) -> bytes:
        # In this order: first what the API server trusts now, since pods serve under that.
        valid = [each for each in known if _valid(each, self._now())]
        pems = list(dict.fromkeys([authority, *valid]))
        return b"".join(pems[:_KEPT])

    async def _trust(self, callers: "list[_Caller]", bundle: bytes) -> bool:
        """Set the caBundle of the callers that have another one."""
        wanted = base64.b64encode(bundle).decode()
        changed = [each for each in callers if each.client.get("caBundle") != wanted]
        # One write for an object: the second would meet the first one's resourceVersion.
        for resource, name, version in dict.fromkeys(each.object for each in changed):
            operations = [{"op": "replace", "path": "/metadata/resourceVersion", "value": version}]
            operations += [
                {"op": "add", "path": f"{each.path}/caBundle", "value": wanted}
                for each in changed
                if each.object == (resource, name, version)
            ]
            await self._client.patch(resource, None, name, operations)
            log.info("set the caBundle of %s", name)
        return bool(changed)

    def _callers(self, resource: Resource, name: str, obj: Object) -> "list[_Caller]":
        """The parts of an object that call our Service."""
        hook = self._webhook
        version = str(obj["metadata"]["resourceVersion"])
        found = []
        for path, client in _client_configs(obj):
            service = client.get("service") or {}
            if (service.get("name"), service.get("namespace")) == (hook.service, hook.namespace):
                found.append(_Caller((resource, name, version), path, client))
        return found

    async def _store(self, secret: Object | None, made: pki.KeyPair, bundle: bytes) -> None:
        hook = self._webhook
        parts = {"ca.crt": bundle, "tls.crt": made.certificate, "tls.key": made.key}
        metadata: Object = {"namespace": hook.namespace, "name": hook.secret}
        body: Object = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": metadata,
            "data": {name: base64.b64encode(part).decode() for name, part in parts.items()},
        }
        if secret is None:
            await self._client.create(SECRETS, hook.namespace, body)
        else:
            # With its resourceVersion: a conflict means that another look is due. A Secret's type
            # cannot be changed, so that of a hand-made one stays.
            body |= {"metadata": secret["metadata"], "type": secret.get("type", "Opaque")}
            await self._client.replace(SECRETS, hook.namespace, body)


@dataclass(frozen=True)
class _Caller:
    """What calls our Service.

    Attributes:
        object: resource, name and resourceVersion of what it stands in.
        path: JSON pointer of its client configuration.
        client: that.
    """

    object: tuple[Resource, str, str]
    path: str
    client: Object


def _client_configs(obj: Object) -> list[tuple[str, Object]]:
    """The client configurations of a CRD's conversion, or of a webhook configuration, by path."""
    if "webhooks" in obj:
        return [
            (f"/webhooks/{index}/clientConfig", each.get("clientConfig") or {})
            for index, each in enumerate(obj["webhooks"] or ())
        ]
    conversion = (obj.get("spec") or {}).get("conversion") or {}
    if conversion.get("strategy") != "Webhook":
        return []
    client = (conversion.get("webhook") or {}).get("clientConfig") or {}
    return [("/spec/conversion/webhook/clientConfig", client)]


def _admission(kind: str) -> Resource:
    return Resource("admissionregistration.k8s.io", "v1", f"{kind.lower()}s")


def _decode(text: Any) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError):
        return b""


def _certificates(bundle: bytes) -> list[bytes]:
    return [found if found.endswith(b"\n") else found + b"\n" for found in _PEM.findall(bundle)]


def _valid(certificate: bytes, now: datetime) -> bool:
    try:
        return pki.expiry(certificate) > now
    except KopfkitError:
        return False
