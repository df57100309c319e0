"""The HelloWorld operator with kopf's change handlers, as well as they can be set up: for the
choice between kopf's styles.

Asynchronous, with the same API client as the operator; children are known from indices, so that a
restart writes nothing; the Deployment's changes reach the status by a raw event. Settings are tuned
(no scanning, no Events, annotations as the only storage, watch timeouts), there is no delete
handler and so no finalizer. What is left of the style itself: the last handled state and the
progress, which kopf writes into each object.
"""

import asyncio
import os
from typing import Any

import kopf

import greeting
from kopfkit.runtime import credentials
from kopfkit.runtime.client import Client, Resource
from kopfkit.runtime.errors import AlreadyExists, NotFound
from kopfkit.runtime.fields import differences

IMAGE = os.environ["RELATED_IMAGE_HELLOWORLD"]
HELLOWORLDS = Resource(greeting.GROUP, greeting.VERSION, greeting.PLURAL)
DEPLOYMENTS, SERVICES = Resource("apps", "v1", "deployments"), Resource("", "v1", "services")
OURS = (greeting.GROUP, greeting.VERSION, greeting.PLURAL)

client = Client(credentials.load, manager=greeting.MANAGER)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Tune kopf and open the client."""
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 310
    settings.networking.error_backoffs = [0.1, 0.5, 1, 2, 5]
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage()
    await client.open()


@kopf.on.cleanup()
async def end(**_: Any) -> None:
    """Close the client."""
    await client.close()


@kopf.index("apps", "v1", "deployments", labels=greeting.SELECTOR)
async def deployments(namespace: str, name: str, body: kopf.Body, **_: Any) -> Any:
    """Our Deployments."""
    return {(namespace, name): body}


@kopf.index("", "v1", "services", labels=greeting.SELECTOR)
async def services(namespace: str, name: str, body: kopf.Body, **_: Any) -> Any:
    """Our Services."""
    return {(namespace, name): body}


@kopf.index(*OURS)
async def owners(namespace: str, name: str, body: kopf.Body, **_: Any) -> Any:
    """All HelloWorlds."""
    return {(namespace, name): body}


@kopf.on.create(*OURS, backoff=1.0)
@kopf.on.update(*OURS, field="spec", backoff=1.0)
@kopf.on.resume(*OURS, backoff=1.0)
async def reconcile(
    body: kopf.Body, spec: Any, meta: Any, status: Any, name: str, namespace: str,
    deployments: kopf.Index[Any, Any], services: kopf.Index[Any, Any], patch: kopf.Patch, **_: Any,
) -> None:  # fmt: skip
    """Bring the children and the status to what is wanted."""
    wanted = greeting.deployment(name, spec, IMAGE), greeting.service(name, spec)
    kopf.adopt(wanted, owner=body)
    live, _service = await asyncio.gather(
        _ensure(DEPLOYMENTS, namespace, wanted[0], _first(deployments, (namespace, name))),
        _ensure(SERVICES, namespace, wanted[1], _first(services, (namespace, name))),
    )
    new = greeting.status(meta, spec, live, status)
    if any(status.get(key) != value for key, value in new.items()):
        patch.status.update(new)


@kopf.on.event("apps", "v1", "deployments", labels=greeting.SELECTOR)
async def follow(
    name: str, namespace: str, type: str | None, body: kopf.Body,
    owners: kopf.Index[Any, Any], **_: Any,
) -> None:  # fmt: skip
    """Carry the Deployment's state into the status."""
    owner = _first(owners, (namespace, name))
    before = (owner or {}).get("status") or {}
    if owner is None or type in (None, "DELETED") or not before.get("observedGeneration"):
        return
    new = greeting.status(owner["metadata"], owner["spec"], body, before)
    if any(before.get(key) != value for key, value in new.items()):
        try:
            await client.merge(HELLOWORLDS, namespace, name, {"status": new}, subresource="status")
        except NotFound:
            return


async def _ensure(resource: Resource, namespace: str, wanted: Any, live: Any) -> Any:
    if live is None:
        try:
            return await client.create(resource, namespace, wanted)
        except AlreadyExists:
            return await client.apply(resource, namespace, wanted)
    if differences(wanted, dict(live)):
        return await client.apply(resource, namespace, wanted)
    return live


def _first(index: kopf.Index[Any, Any], key: Any) -> Any:
    return next(iter(index.get(key, ())), None)
