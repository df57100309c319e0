"""Objects that are made once and never changed: Jobs, claims of snapshots, other custom resources.

Made where they are missing, left alone where they belong to somebody else, deleted by uid only. For
children that are kept as wanted, see `children`.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kopfkit.controller.children import Result
from kopfkit.controller.owners import (
    Ownership,
    called,
    called_key,
    collision,
    owner_reference,
    ownership,
)
from kopfkit.controller.statuswriter import about, lives
from kopfkit.runtime.api.errors import AlreadyExists, Conflict, NotFound
from kopfkit.runtime.api.resources import Object, Resource
from kopfkit.runtime.manager.store import Store, key_of

if TYPE_CHECKING:
    from kopfkit.runtime.api.client import Client

log = logging.getLogger(__name__)


def metadata(owner: Object, name: str) -> Object:
    """The metadata of such an object, in the namespace of its owner."""
    return {
        "name": name,
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [owner_reference(owner)],
    }


class Owned:
    """Makes and deletes such objects."""

    def __init__(self, client: "Client", stores: Mapping[Resource, Store]) -> None:
        self._client, self._stores = client, stores

    async def find(
        self, owner: Object, resource: Resource, name: str, namespace: str | None = None
    ) -> Result:
        """The object under a name; in the namespace of its owner, where none is given. Asks the API
        server where nothing is known and something may be: the caches are a moment behind."""
        key = (key_of(owner)[0] if namespace is None else namespace, name)
        live = self._stores[resource].get(key)
        if live is None and owner.get("status"):
            try:
                # Not kept: what has not our label sends no events, and would be known for ever.
                live = await self._client.get(resource, *key)
            except NotFound:
                return Result()
        return self._judge(owner, live) if live is not None else Result()

    async def make(self, owner: Object, resource: Resource, wanted: Object) -> Result:
        """Make an object that `find` did not find."""
        namespace, name = key_of(wanted)
        try:
            live = await self._client.create(resource, namespace, wanted)
        except AlreadyExists:
            return self._judge(owner, await self._client.get(resource, namespace, name))
        self._stores[resource].put(live)
        log.info("created %s", called(wanted), extra=about(owner))
        return Result(live, wrote=True)

    async def delete(self, resource: Resource, live: Object, about_it: Object, why: str) -> None:
        """Delete exactly this object."""
        place = key_of(live)
        try:
            await self._client.delete(resource, *place, uid=live["metadata"]["uid"])
        except NotFound:
            pass
        except Conflict:
            # Another one has its name by now; or there were too many writers at once.
            if await lives(self._client, resource, live):
                raise
        self._stores[resource].forget(place)
        what = live.get("kind") or resource.plural
        log.info("deleted %s %s: %s", what, called_key(place), why, extra=about(about_it))

    @staticmethod
    def _judge(owner: Object, live: Object) -> Result:
        what, whose = called(live), ownership(live, owner)
        if whose is Ownership.FOREIGN:
            return Result(collision=collision(what, live))
        if whose is Ownership.PREDECESSOR:
            return Result(waiting=f"{what} of a deleted owner of the same name is still there")
        if live["metadata"].get("deletionTimestamp"):
            return Result(waiting=f"the previous {what} is still being deleted")
        return Result(live)
