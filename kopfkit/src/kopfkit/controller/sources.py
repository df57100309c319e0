"""Sources of events: what feeds the stores and the queues.

That is watch events, full lists, and the slow resync. The stores are filled from lists before
kopf's watches start, so that reconciling need not wait for them. Whenever kopf has listed something
again (at its start, after a 410, after a restart), and every ten minutes whatever happens, they are
compared with fresh lists: kopf tells nothing about objects that vanished while it was not looking.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from kopfkit.repeats import Once
from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import ApiError, NotFound
from kopfkit.runtime.manager.kopfsettings import Watched
from kopfkit.runtime.manager.queue import WorkQueue
from kopfkit.runtime.manager.store import Key, Store, key_of

log = logging.getLogger(__name__)

Target: TypeAlias = tuple[Resource, Key]
"""An object to be reconciled."""
Concerns: TypeAlias = Callable[[Key, Iterable[Object]], Iterable[Target]]
"""From the key of an object that changed, and the object as it was and is (as far as known), to
what has to be reconciled."""


@dataclass(frozen=True)
class Source:
    """A watched resource, and whom its events concern.

    Attributes:
        watched: the resource.
        concerns: what has to be reconciled when one of its objects changes.
        kind: its objects' kind, for messages; "" for the resource's name.
        users: the primaries whose controllers own or watch it; none means all.
    """

    watched: Watched
    concerns: Concerns
    kind: str = ""
    users: tuple[Resource, ...] = ()


# Seconds without a list of kopf's after which it watches everything again.
_QUIET: Final = 0.5


def new_stores(sources: Iterable[Source]) -> dict[Resource, Store]:
    """An empty store for each watched resource."""
    return {each.watched.resource: Store(each.watched.shape) for each in sources}


class Sources:
    """Takes in what is seen and puts the keys it concerns on the queues.

    Args:
        client: lists.
        stores: one for each watched resource.
        sources: what is watched, and whom it concerns.
        queues: of the keys of each resource that is reconciled.
        namespaces: to list; empty means all.
        resync: seconds between two unconditional comparisons.
        waiting: what depends on an object, beyond what its source says.
        served: whether a resource is there to be listed.
        lost: told of a resource whose list was not found; False if that is a failure.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        sources: Sequence[Source],
        queues: Mapping[Resource, WorkQueue[Key]],
        *,
        namespaces: Iterable[str],
        resync: float,
        waiting: Callable[[Resource, Key], Iterable[Target]] = lambda *_: (),
        served: Callable[[Resource], bool] = lambda _: True,
        lost: Callable[[Resource], bool] = lambda _: False,
    ) -> None:
        self._waiting, self._served, self._lost = waiting, served, lost
        self._client, self._stores, self._queues = client, stores, queues
        self._watched = [each.watched for each in sources]
        self._concerned = {each.watched.resource: each.concerns for each in sources}
        self._namespaces = tuple(namespaces)
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
            for watched in self._watched
            if self._served(watched.resource)
            for namespace in watched.places(self._namespaces)
        ]
        for failed in await asyncio.gather(*lists, return_exceptions=True):
            if failed is not None:
                raise failed
        self.filled = True

    async def run(self) -> None:
        """Resync for ever."""
        loop, once = asyncio.get_running_loop(), Once()
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
                once.over("compare")
            except ApiError as error:
                if once.news("compare", str(error)):
                    log.warning("Cannot resync the caches: %s", error)
                self._asked.set()
                self._listed_at = loop.time()

    async def _compare(self, watched: Watched, namespace: str | None) -> None:
        resource, store = watched.resource, self._stores[watched.resource]
        try:
            objects, version = await self._client.list(
                resource, namespace, labels=watched.labels, shape=watched.shape
            )
        except NotFound:
            if not self._lost(resource):
                raise
            return
        before = {key: store.get(key) for key in store.known()}
        for key in store.replace(objects, version, within=namespace or ""):
            self._concerns(resource, key, store.get(key), before.get(key))

    def _concerns(self, resource: Resource, key: Key, *objects: Object | None) -> None:
        known = [obj for obj in objects if obj is not None]
        for primary, whose in self._concerned[resource](key, known):
            if primary == resource or self._stores[primary].get(whose) is not None:
                self.concern(primary, whose)

    def clear(self, resource: Resource) -> None:
        """Forget all objects of a resource: the cluster does not serve it any more."""
        self._stores[resource].replace((), "")

    def concern_all(self, primaries: Iterable[Resource]) -> None:
        """Have all objects of some primaries reconciled."""
        for primary in primaries:
            for key in self._stores[primary].known():
                self._queues[primary].add(key)

    def wrote(self, by: Target, resource: Resource, obj: Object) -> None:
        """An object was written by the reconcile of `by`. It comes back as no news, so whoever else
        it concerns is told now."""
        key = key_of(obj)
        gone = self._stores[resource].get(key) is None
        for target in self._concerned[resource](key, [obj]):
            primary, whose = target
            known = primary == resource or self._stores[primary].get(whose) is not None
            if known and (gone or target != by):
                self._queues[primary].add(whose)

    def concern(self, primary: Resource, key: Key) -> None:
        """Have an object reconciled, and those that wait for it."""
        self._queues[primary].add(key)
        for other, waiter in self._waiting(primary, key):
            self._queues[other].add(waiter)
