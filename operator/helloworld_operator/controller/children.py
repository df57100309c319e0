"""From the children there are to the children that are wanted, writing only what differs.

A missing child is created with POST, since server-side apply would silently take over an object
that appeared meanwhile. Everything after that is server-side apply, so that other people's fields
stay. A child is found by its name, but only its owner's uid makes it ours; what is not ours is left
alone.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helloworld_operator.controller.desired import HASH
from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.observe import (
    HELLOWORLDS,
    Ownership,
    controller_of,
    mapping,
    ownership,
)
from helloworld_operator.errors import Vanished
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import AlreadyExists, NotFound
from kopfkit.runtime.fields import differences, project
from kopfkit.runtime.store import Store, key_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What became of one child.

    Attributes:
        live: the child as it is now, or None where there is none of ours.
        collision: why the name is not ours to use, or "".
        waiting: what has to happen first, or "".
        wrote: whether the child was written.
    """

    live: Object | None = None
    collision: str = ""
    waiting: str = ""
    wrote: bool = False


class Children:
    """Makes children as they are wanted."""

    def __init__(self, client: Client, stores: Mapping[Resource, Store]) -> None:
        self._client, self._stores = client, stores
        # Where an admission webhook or another controller insists on other values than ours: what
        # we wrote and what came of it, so that we do not write the same for ever.
        self._yielded: dict[tuple[Resource, str, str], tuple[str, Any]] = {}

    async def ensure(self, owner: Object, resource: Resource, wanted: Object) -> Result:
        """Bring one child to what is wanted.

        Raises:
            Vanished: the owner is no longer there.
            ApiError: the API server refused or could not be reached.
        """
        what = f"{wanted['kind']} {wanted['metadata']['namespace']}/{wanted['metadata']['name']}"
        live = self._stores[resource].get(key_of(wanted))
        if live is None and mapping(owner.get("status")).get("conditions"):
            # It was there once. Before it is made again: is its owner still there, and is it really
            # gone, or has it only lost our label?
            await self._confirm(owner)
            live = await self._read(resource, wanted)
        if live is None:
            try:
                live = await self._client.create(resource, wanted["metadata"]["namespace"], wanted)
            except AlreadyExists:
                live = await self._client.get(resource, *key_of(wanted))
            else:
                self._stores[resource].put(live)
                log.info("created %s", what, extra=about(owner))
                return Result(live, wrote=True)
        whose = ownership(live, owner)
        if whose is Ownership.FOREIGN:
            return Result(collision=_collision(what, live))
        if whose is Ownership.PREDECESSOR or live["metadata"].get("deletionTimestamp"):
            return Result(
                live if whose is Ownership.OURS else None,
                waiting=f"{what} of before is still being deleted",
            )
        if not self._differs(resource, wanted, live):
            return Result(live)
        return await self._apply(owner, resource, wanted, what)

    async def _confirm(self, owner: Object) -> None:
        namespace, name = key_of(owner)
        try:
            now = await self._client.get(HELLOWORLDS, namespace, name)
        except NotFound:
            now = None
        if now is None or now["metadata"]["uid"] != owner["metadata"]["uid"]:
            self._stores[HELLOWORLDS].drop(owner)
            raise Vanished(f"{namespace}/{name}")

    async def _read(self, resource: Resource, wanted: Object) -> Object | None:
        try:
            return await self._client.get(resource, *key_of(wanted))
        except NotFound:
            return None

    def _differs(self, resource: Resource, wanted: Object, live: Object) -> bool:
        if not differences(wanted, live):
            return False
        yielded = self._yielded.get((resource, *key_of(wanted)))
        return yielded != (_hash(wanted), project(wanted, live))

    async def _apply(self, owner: Object, resource: Resource, wanted: Object, what: str) -> Result:
        namespace, name = key_of(wanted)
        fresh = await self._client.get(resource, namespace, name)
        if ownership(fresh, owner) is not Ownership.OURS:
            return Result(collision=_collision(what, fresh))
        changes = differences(wanted, fresh)
        if not changes:
            self._stores[resource].put(fresh)
            return Result(fresh)
        migration = own_by_apply(fresh)
        if migration is not None:
            await self._client.patch(resource, namespace, name, migration)
        live = await self._client.apply(resource, namespace, wanted)
        self._stores[resource].put(live)
        said = [line for line in changes if HASH not in line] or ["fields no longer wanted removed"]
        log.info("applied %s: %s", what, "; ".join(said), extra=about(owner))
        left = differences(wanted, live)
        place = (resource, namespace, name)
        self._yielded.pop(place, None)
        if left:
            self._yielded[place] = (_hash(wanted), project(wanted, live))
            log.warning(
                "%s: something else in the cluster insists on other values, let it: %s",
                what,
                "; ".join(left),
                extra=about(owner),
            )
        return Result(live, wrote=True)


def about(owner: Object) -> dict[str, object]:
    """The fields every log line about a HelloWorld carries."""
    metadata = owner["metadata"]
    return {
        "object": f"{metadata.get('namespace', '')}/{metadata['name']}",
        "generation": metadata.get("generation", 0),
    }


def own_by_apply(live: Object) -> list[Object] | None:
    """The JSON patch that hands the fields we own by creating to us as owner by applying.

    Server-side apply tells the two apart, and would never remove a field that the creation still
    owns. The same is in client-go's csaupgrade. None where there is nothing to hand over.
    """
    entries = live["metadata"].get("managedFields") or []
    created = [entry for entry in entries if _is_mine(entry, "Update")]
    if not created:
        return None
    applied = [entry for entry in entries if _is_mine(entry, "Apply")]
    fields: dict[str, Any] = {}
    for entry in [*created, *applied]:
        _merge(fields, mapping(entry.get("fieldsV1")))
    ours = {**created[0], "operation": "Apply", "fieldsV1": fields}
    rest = [entry for entry in entries if entry not in created and entry not in applied]
    version = live["metadata"]["resourceVersion"]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [ours, *rest]},
        # Refused with a conflict if anyone wrote in between.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]


def _is_mine(entry: Object, operation: str) -> bool:
    return (
        entry.get("manager") == MANAGER
        and entry.get("operation") == operation
        and not entry.get("subresource")
    )


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)


def _hash(wanted: Object) -> str:
    return str(wanted["metadata"]["annotations"][HASH])


def _collision(what: str, live: Object) -> str:
    owner = controller_of(live)
    whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "nobody this operator knows"
    return (
        f"{what} exists and belongs to {whose}: it is left alone; delete or rename one of the two"
    )
