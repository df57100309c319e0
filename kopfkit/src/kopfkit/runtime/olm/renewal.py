"""A new serving certificate straight from its Secret, at the moment at which it is trusted.

OLM v0 writes a new certificate and its authority into the Secret, and within a second the authority
into everything that calls the webhook: for each of the CSV's Deployments once, first into the CRD,
then into the admission webhooks (olm, pkg/controller/install/deployment.go, installDeployments).
The kubelet takes up to a minute to bring the Secret to a pod. So the process watches the Secret
itself, and hands the pair over when the CRDs trust its authority: earlier the API server would
refuse the new certificate, and later the old one.

Under OLM v1 cert-manager writes the Secret, and its cainjector the authority into what calls the
webhook, each by itself; for the process it is the same. Where the Secret names no authority (the
service CA's) nothing is done: the files alone decide.
"""

import asyncio
import base64
import binascii
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Final

from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import ApiError, Unauthorized
from kopfkit.runtime.olm.ownership import SECRETS

CRDS: Final = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
# Keys for the authority in the Secret: OLM v0's (OLMCAPEMKey), and cert-manager's; tls.* are
# Kubernetes' own.
AUTHORITIES: Final = ("olmCAKey", "ca.crt")
log = logging.getLogger(__name__)

# Seconds after which a watch begins anew.
WATCH: Final = 290
# Seconds that a CRD gets to trust a new authority; then the Secret is looked at again, as it may
# have changed meanwhile.
TRUST: Final = 5
# Seconds between a watch that failed, or ended sooner than this, and the next.
AGAIN: Final = 2.0

Take = Callable[[bytes, bytes], bool]


@dataclass(frozen=True)
class Renewed:
    """The Secret of a serving certificate, and whose conversion it is for.

    Needs watch on the Secret and on the CRDs, all by name.
    """

    namespace: str
    secret: str
    crds: tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """What a Secret holds, each as PEM."""

    certificate: bytes
    key: bytes
    authority: bytes


async def run(client: Client, renewed: Renewed, take: Take) -> None:
    """Hand each new pair to `take` for ever; what fails is logged once and tried again.

    Args:
        take: uses certificate and key (PEM); true if they are others than are in use.

    Raises:
        KopfkitError: the credentials have ended, and there are no new ones.
    """
    told = ""
    while True:
        began = time.monotonic()
        try:
            await follow(client, renewed, take)
            told = ""
        except ApiError as error:
            if str(error) != told:
                log.error("cannot follow Secret %s: %s", renewed.secret, error)
            told = str(error)
            if isinstance(error, Unauthorized):
                # The token has ended, and a watch does not read the new one by itself.
                await client.open()
        # A server that is about to stop ends a watch at once, and would be asked without a pause.
        if told or time.monotonic() - began < AGAIN:
            await asyncio.sleep(AGAIN)


async def follow(client: Client, renewed: Renewed, take: Take, *, seconds: int = WATCH) -> None:
    """Watch the Secret once. ApiError."""
    async with contextlib.aclosing(
        _states(client, SECRETS, renewed.namespace, renewed.secret, seconds)
    ) as secrets:
        async for secret in secrets:
            found = pair(secret)
            if found is None:
                continue
            for crd in renewed.crds:
                if not await _trusts(client, crd, found.authority):
                    log.debug("%s does not trust Secret %s's authority", crd, renewed.secret)
                    return
            if take(found.certificate, found.key):
                log.info("Secret %s has a new certificate, and it is trusted", renewed.secret)


def pair(secret: Object) -> Pair | None:
    """What the Secret holds; None if that is not all of it, or cannot be read."""
    data = secret.get("data") or {}
    named = next((name for name in AUTHORITIES if data.get(name)), AUTHORITIES[0])
    try:
        certificate, key, authority = (
            base64.b64decode(data.get(name) or "", validate=True)
            for name in ("tls.crt", "tls.key", named)
        )
    except (binascii.Error, ValueError, TypeError):
        return None
    whole = certificate and key and authority.strip()
    return Pair(certificate, key, authority) if whole else None


def trusts(crd: Object, authority: bytes) -> bool:
    """Whether the CRD's conversion trusts this authority (PEM), or has none that could."""
    conversion = crd["spec"].get("conversion") or {}
    if conversion.get("strategy") != "Webhook":
        return True
    bundle = conversion.get("webhook", {}).get("clientConfig", {}).get("caBundle") or ""
    return authority.strip() in base64.b64decode(bundle)


async def _trusts(client: Client, crd: str, authority: bytes) -> bool:
    """Wait until the CRD does; False when that takes longer than TRUST. ApiError."""
    async with contextlib.aclosing(_states(client, CRDS, None, crd, TRUST)) as definitions:
        async for definition in definitions:
            if trusts(definition, authority):
                return True
    return False


async def _states(
    client: Client, resource: Resource, namespace: str | None, name: str, seconds: int
) -> AsyncGenerator[Object, None]:
    """One object as it is, and after each change. ApiError."""
    fields = f"metadata.name={name}"
    events = client.watch(resource, namespace, fields=fields, seconds=seconds)
    async with contextlib.aclosing(events):
        async for event in events:
            if event["type"] == "ERROR":
                status = event["object"]
                raise ApiError(
                    f"watch {resource.plural}: {status.get('message')}",
                    status=int(status.get("code") or 0),
                )
            if event["type"] != "DELETED":
                yield event["object"]
