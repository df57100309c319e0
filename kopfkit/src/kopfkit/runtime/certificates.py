"""Serving certificates for a conversion webhook, made in the cluster by the leader.

For installations with neither OLM nor cert-manager, after the pattern of OPA's cert-controller: a
Secret that the webhook's pods mount, and the caBundle of the CRD that makes the API server trust it.
Level-triggered: every few seconds both are looked at and brought to what they should be; in between
nothing is remembered.

No request may fail while certificates change. A pod sees a new Secret up to two minutes late, so the
bundle holds the old authority beside the new one, and the CRD gets the new bundle before the Secret
is written. Each certificate has an authority of its own, whose key is thrown away at once: nothing
in the cluster can sign another.

Importing this module imports `cryptography`.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509

from kopfkit.runtime.authority import Issued, issue
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import ApiError, NotFound, NotLeading

SECRETS: Final = Resource("", "v1", "secrets")
DEFINITIONS: Final = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
log = logging.getLogger(__name__)

# How long a certificate is good for, and how long before its end it is replaced: a third, so that a
# cluster that was off for months still comes up with one that works.
VALIDITY: Final = timedelta(days=365)
RENEW_BEFORE: Final = VALIDITY / 3
# Seconds between two looks: how long a deleted Secret stays away.
LOOK: Final = 5.0
# Authorities kept in the bundle: the one in use and the one before.
_KEPT: Final = 2


@dataclass(frozen=True)
class Webhook:
    """Whose certificates these are.

    Attributes:
        namespace: of the Service and the Secret.
        service: the Service's name, for which the certificate is made.
        secret: the Secret's name.
        definition: the CRD that converts through the Service.
    """

    namespace: str
    service: str
    secret: str
    definition: str

    @property
    def hosts(self) -> tuple[str, ...]:
        """DNS names of the Service; the API server asks for the first."""
        base = f"{self.service}.{self.namespace}.svc"
        return base, f"{base}.cluster.local", f"{self.service}.{self.namespace}"


class Rotator:
    """Keeps Secret and caBundle as they should be.

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
        hook = self._webhook
        secret = await self._get(SECRETS, hook.namespace, hook.secret)
        definition = await self._get(DEFINITIONS, None, hook.definition)
        data = (secret or {}).get("data") or {}
        trusted = _decode((_client_config(definition) or {}).get("caBundle"))
        why = self._fault(data)
        if not why:
            return await self._trust(definition, _decode(data.get("ca.crt")))
        made = issue(hook.hosts, now=self._now(), validity=VALIDITY)
        known = _authorities(_decode(data.get("ca.crt"))) + _authorities(trusted)
        bundle = self._bundle(made, known)
        await self._trust(definition, bundle)
        await self._store(secret, made, bundle)
        log.info("made a new certificate for %s: %s", hook.hosts[0], why)
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
        try:
            leaf = x509.load_pem_x509_certificate(_decode(data.get("tls.crt")))
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            hosts = set(names.get_values_for_type(x509.DNSName))
        except (ValueError, x509.ExtensionNotFound):
            return "the old one cannot be read"
        if not _decode(data.get("tls.key")) or not any(
            authority.subject == leaf.issuer
            for authority in _authorities(_decode(data.get("ca.crt")))
        ):
            return "the old one has lost its key or authority"
        if not set(self._webhook.hosts) <= hosts:
            return "the old one is for other names"
        if leaf.not_valid_after_utc - self._now() < RENEW_BEFORE:
            return f"the old one ends on {leaf.not_valid_after_utc:%Y-%m-%d}"
        return ""

    def _bundle(self, made: Issued, known: list[x509.Certificate]) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding

        fresh = sorted(known, key=lambda each: each.not_valid_before_utc, reverse=True)
        pems = [made.authority]
        for each in fresh:
            pem = each.public_bytes(Encoding.PEM)
            if each.not_valid_after_utc > self._now() and pem not in pems:
                pems.append(pem)
        return b"".join(pems[:_KEPT])

    async def _trust(self, definition: Object | None, bundle: bytes) -> bool:
        """Set the CRD's caBundle, if it converts through our Service."""
        config = _client_config(definition)
        if definition is None or config is None or not self._is_ours(config):
            return False
        wanted = base64.b64encode(bundle).decode()
        if config.get("caBundle") == wanted:
            return False
        await self._client.merge(
            DEFINITIONS,
            None,
            self._webhook.definition,
            {
                "metadata": {"resourceVersion": definition["metadata"]["resourceVersion"]},
                "spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": wanted}}}},
            },
        )
        log.info("set the caBundle of %s", self._webhook.definition)
        return True

    def _is_ours(self, config: dict[str, Any]) -> bool:
        service = config.get("service") or {}
        hook = self._webhook
        return (service.get("name"), service.get("namespace")) == (hook.service, hook.namespace)

    async def _store(self, secret: Object | None, made: Issued, bundle: bytes) -> None:
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


def _client_config(definition: Object | None) -> dict[str, Any] | None:
    conversion = ((definition or {}).get("spec") or {}).get("conversion") or {}
    if conversion.get("strategy") != "Webhook":
        return None
    return (conversion.get("webhook") or {}).get("clientConfig") or {}


def _decode(text: Any) -> bytes:
    try:
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError):
        return b""


def _authorities(pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem) if pem.strip() else []
    except ValueError:
        return []
