"""What feeds the stores and the queue: watch events, full lists, and the slow resync.

The stores are filled from lists before kopf's watches start, so that reconciling need not wait for
them. Whenever kopf has listed something again (at its start, after a 410, after a restart), and
every ten minutes whatever happens, they are compared with fresh lists: kopf tells nothing about
objects that vanished while it was not looking.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from helloworld_operator.api import GROUP, SNAPSHOT
from helloworld_operator.controller.names import SELECTOR
from helloworld_operator.controller.observe import (
    AUTOSCALERS,
    CLAIMS,
    DEPLOYMENTS,
    HELLOWORLDS,
    JOBS,
    SERVICES,
    SNAPSHOTS,
    controller_of,
    mapping,
    owner_key,
)
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import ApiError
from kopfkit.runtime.kopfsettings import Watched
from kopfkit.runtime.queue import WorkQueue
from kopfkit.runtime.shapes import Shape
from kopfkit.runtime.store import Key, Store, key_of

log = logging.getLogger(__name__)


def _itself(key: Key, objects: Iterable[Object]) -> Iterable[tuple[Resource, Key]]:
    return [(HELLOWORLDS, key)]


def _a_snapshot(key: Key, objects: Iterable[Object]) -> Iterable[tuple[Resource, Key]]:
    of = {str(mapping(obj.get("spec")).get("helloWorldName", "")) for obj in objects}
    return [(SNAPSHOTS, key), *((HELLOWORLDS, (key[0], name)) for name in of)]


def _either_owner(key: Key, objects: Iterable[Object]) -> Iterable[tuple[Resource, Key]]:
    snapshots = set()
    for obj in objects:
        reference = controller_of(obj)
        if reference.get("kind") == SNAPSHOT.kind:
            snapshots.add((key[0], str(reference.get("name", ""))))
    return [*((SNAPSHOTS, owner) for owner in snapshots), *_its_owner(key, objects)]


def _its_owner(key: Key, objects: Iterable[Object]) -> Iterable[tuple[Resource, Key]]:
    owners = {owner_key(obj) for obj in objects}
    # An object that stands in the way of a child has that child's name, and not its owner.
    return [(HELLOWORLDS, owner) for owner in owners | {key} if owner is not None]


@dataclass(frozen=True)
class Source:
    """A watched resource, and whom its events concern.

    Attributes:
        watched: the resource.
        concerns: from the key of an object that changed, and the object as it was and is (as far as
            known), to (resource, key) of what has to be reconciled.
    """

    watched: Watched
    concerns: Callable[[Key, Iterable[Object]], Iterable[tuple[Resource, Key]]]


# Everybody's objects are in the caches: what is kept of one is what reconciling reads.
SHAPE: Final = Shape((f"{GROUP}/", "app.kubernetes.io/", "deployment.kubernetes.io/"))
SOURCES: Final = (
    Source(Watched(HELLOWORLDS, shape=SHAPE), _itself),
    Source(Watched(DEPLOYMENTS, SELECTOR, SHAPE), _its_owner),
    Source(Watched(SERVICES, SELECTOR, SHAPE), _its_owner),
    Source(Watched(AUTOSCALERS, SELECTOR, SHAPE), _its_owner),
    Source(Watched(CLAIMS, SELECTOR, SHAPE), _either_owner),
    Source(Watched(JOBS, SELECTOR, SHAPE), _either_owner),
    Source(Watched(SNAPSHOTS, shape=SHAPE), _a_snapshot),
)
# What a single HelloWorld or HelloWorldSnapshot is reduced to when it is read or its status
# written. Children are read whole then: their managedFields say what is ours.
PRIMARIES: Final = {(each.group, each.plural): SHAPE for each in (HELLOWORLDS, SNAPSHOTS)}
WATCHED: Final = tuple(source.watched for source in SOURCES)
_CONCERNS: Final = {source.watched.resource: source.concerns for source in SOURCES}
# Seconds without a list of kopf's after which it watches everything again.
_QUIET: Final = 0.5


def new_stores() -> dict[Resource, Store]:
    """An empty store for each watched resource."""
    return {watched.resource: Store(watched.shape) for watched in WATCHED}


class Sources:
    """Takes in what is seen and puts the keys it concerns on the queue.

    Args:
        client: lists.
        stores: one for each watched resource.
        queue: of HelloWorld keys.
        queues: of the keys of other resources that are reconciled.
        waiting: who waits for an object, as (resource, key).
        served: whether a resource is there to be listed.
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
        queues: Mapping[Resource, WorkQueue[Key]] = MappingProxyType({}),
        waiting: Callable[[Resource, Key], Iterable[tuple[Resource, Key]]] = lambda *_: (),
        served: Callable[[Resource], bool] = lambda _: True,
    ) -> None:
        self._waiting, self._served = waiting, served
        self._client, self._stores = client, stores
        self._queues = {**queues, HELLOWORLDS: queue}
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
        lists = [
            self._compare(watched, namespace)
            for watched in WATCHED
            if self._served(watched.resource)
            for namespace in self._namespaces
        ]
        for failed in await asyncio.gather(*lists, return_exceptions=True):
            if failed is not None:
                raise failed
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
        objects, version = await self._client.list(
            resource, namespace, labels=watched.labels, shape=watched.shape
        )
        before = {key: store.get(key) for key in store.known()}
        for key in store.replace(objects, version, within=namespace or ""):
            self._concerns(resource, key, store.get(key), before.get(key))

    def _concerns(self, resource: Resource, key: Key, *objects: Object | None) -> None:
        known = [obj for obj in objects if obj is not None]
        for primary, whose in _CONCERNS[resource](key, known):
            if primary is resource or self._stores[primary].get(whose) is not None:
                self.concern(primary, whose)

    def concern(self, primary: Resource, key: Key) -> None:
        """Have an object reconciled, and those that wait for it."""
        self._queues[primary].add(key)
        for other, waiter in self._waiting(primary, key):
            self._queues[other].add(waiter)
