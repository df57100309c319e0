"""What feeds the stores and the queue: watch events, full lists, and the slow resync.

The stores are filled from lists before kopf's watches start, so that reconciling need not wait for
them. Whenever kopf has listed something again (at its start, after a 410, after a restart), and
every ten minutes whatever happens, they are compared with fresh lists: kopf tells nothing about
objects that vanished while it was not looking.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Mapping
from typing import Final

from helloworld_operator.controller.names import SELECTOR
from helloworld_operator.controller.observe import DEPLOYMENTS, HELLOWORLDS, SERVICES, owner_key
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import ApiError
from kopfkit.runtime.queue import WorkQueue
from kopfkit.runtime.store import Key, Store, key_of
from kopfkit.runtime.watching import Watched

log = logging.getLogger(__name__)

WATCHED: Final = (
    Watched(HELLOWORLDS),
    Watched(DEPLOYMENTS, SELECTOR),
    Watched(SERVICES, SELECTOR),
)
# Seconds without a listed object after which a list of kopf's counts as complete.
_QUIET: Final = 2.0


def new_stores() -> dict[Resource, Store]:
    """An empty store for each watched resource."""
    return {watched.resource: Store() for watched in WATCHED}


class Sources:
    """Takes in what is seen and puts the keys it concerns on the queue.

    Args:
        client: lists.
        stores: one for each watched resource.
        queue: of HelloWorld keys.
        namespaces: to list; empty means all.
        resync: seconds between two unconditional comparisons.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        queue: WorkQueue[Key],
        *,
        namespaces: Iterable[str],
        resync: float,
    ) -> None:
        self._client, self._stores, self._queue = client, stores, queue
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._resync = resync
        self._asked = asyncio.Event()
        self._listed_at = 0.0
        self.filled = False

    def event(self, resource: Resource, kind: str | None, obj: Object) -> None:
        """One watch event. `kind` is None for an object of a list."""
        store, key = self._stores[resource], key_of(obj)
        known = store.get(key)
        news = store.drop(obj) if kind == "DELETED" else store.put(obj)
        if news:
            self._concerns(resource, key, obj, known)

    def relisted(self) -> None:
        """kopf has listed (a part of) something again."""
        self._listed_at = asyncio.get_running_loop().time()
        self._asked.set()

    async def fill(self) -> None:
        """Bring all stores to the truth. Raises `ApiError`."""
        for watched in WATCHED:
            for namespace in self._namespaces:
                await self._compare(watched, namespace)
        self.filled = True

    async def run(self) -> None:
        """Resync for ever."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(self._resync * random.uniform(0.9, 1.1)):
                    await self._asked.wait()
                    while (left := self._listed_at + _QUIET - loop.time()) > 0:  # noqa: ASYNC110
                        await asyncio.sleep(left)
            except TimeoutError:
                pass
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
            self._asked.clear()
            try:
                await self.fill()
            except ApiError as error:
                log.warning("cannot compare the caches with the API server: %s", error)
                self._asked.set()
                self._listed_at = loop.time()

    async def _compare(self, watched: Watched, namespace: str | None) -> None:
        resource, store = watched.resource, self._stores[watched.resource]
        objects, version = await self._client.list(resource, namespace, labels=watched.labels)
        before = {key: store.get(key) for key in store.known()}
        for key in store.replace(objects, version, within=namespace or ""):
            self._concerns(resource, key, store.get(key), before.get(key))

    def _concerns(self, resource: Resource, key: Key, *objects: Object | None) -> None:
        if resource is HELLOWORLDS:
            self._queue.add(key)
            return
        owners = {owner_key(obj) for obj in objects if obj is not None}
        # An object that stands in the way of a child has that child's name, and not its owner.
        owners.add(key)
        for owner in owners:
            if owner is not None and self._stores[HELLOWORLDS].get(owner) is not None:
                self._queue.add(owner)
