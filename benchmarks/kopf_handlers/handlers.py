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
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.errors import AlreadyExists, NotFound
from kopfkit.runtime.api.fields import differences

IMAGE = os.environ["RELATED_IMAGE_HELLOWORLD"]
HELLOWORLDS = Resource(greeting.GROUP, greeting.VERSION, greeting.PLURAL)
DEPLOYMENTS, SERVICES = Resource("apps", "v1", "deployments"), Resource("", "v1", "services")
OURS = (greeting.GROUP, greeting.VERSION, greeting.PLURAL)

client = Client(credentials.load, manager=greeting.MANAGER)
told: dict[tuple[str, str], Any] = {}
locks: dict[tuple[str, str], asyncio.Lock] = {}


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
    body: kopf.Body, spec: Any, name: str, namespace: str,
    deployments: kopf.Index[Any, Any], services: kopf.Index[Any, Any], **_: Any,
) -> None:  # fmt: skip
    """Bring the children and the status to what is wanted."""
    wanted = greeting.deployment(name, spec, IMAGE), greeting.service(name, spec)
    kopf.adopt(wanted, owner=body)
    live, _service = await asyncio.gather(
        _ensure(DEPLOYMENTS, namespace, wanted[0], _first(deployments, (namespace, name))),
        _ensure(SERVICES, namespace, wanted[1], _first(services, (namespace, name))),
    )
    await _tell(body, deployments, live)


@kopf.on.event("apps", "v1", "deployments", labels=greeting.SELECTOR)
async def follow(
    name: str, namespace: str, type: str | None, body: kopf.Body,
    deployments: kopf.Index[Any, Any], owners: kopf.Index[Any, Any], **_: Any,
) -> None:  # fmt: skip
    """Carry the Deployment's state into the status."""
    owner = _first(owners, (namespace, name))
    if owner is not None and type not in (None, "DELETED"):
        await _tell(owner, deployments, body)


@kopf.on.event(*OURS)
async def forget(name: str, namespace: str, type: str | None, **_: Any) -> None:
    """Nothing is kept of what is gone."""
    if type == "DELETED":
        told.pop((namespace, name), None)
        locks.pop((namespace, name), None)


async def _tell(owner: Any, deployments: kopf.Index[Any, Any], live: Any) -> None:
    """Write the status where it differs. What was told last is remembered, because the object as
    kopf has it may be older than that; and one at a time, so that the newest is told last."""
    meta = owner["metadata"]
    key = (meta["namespace"], meta["name"])
    async with locks.setdefault(key, asyncio.Lock()):
        before = told.get(key) or owner.get("status") or {}
        new = greeting.status(meta, owner["spec"], _first(deployments, key) or live, before)
        if all(before.get(field) == value for field, value in new.items()):
            return
        try:
            await client.merge(HELLOWORLDS, *key, {"status": new}, subresource="status")
        except NotFound:
            return
        told[key] = new


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
