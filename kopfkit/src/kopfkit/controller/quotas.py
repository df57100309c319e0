"""Who waits for room in which ResourceQuota, and is tried again within seconds of it.

A refused write is otherwise tried again after delays that double, by us up to a minute, by the
ReplicaSets' controller up to 17 minutes. Trying more often would let one full namespace keep the
operator busy. So the quota that a refusal names is read every few seconds, once for all that wait
for it, and whoever fits into it is woken.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from kopfkit.controller.kinds import RESOURCE_QUOTAS
from kopfkit.controller.owners import mapping
from kopfkit.quantities import resource_quantity
from kopfkit.repeats import Once
from kopfkit.runtime.api.errors import ApiError
from kopfkit.runtime.api.resources import Object, Resource
from kopfkit.runtime.api.shapes import Shape
from kopfkit.runtime.manager.looking import look_for_ever
from kopfkit.runtime.manager.store import Key

if TYPE_CHECKING:
    from kopfkit.runtime.api.client import Client

log = logging.getLogger(__name__)

# What the API server says (apiserver, pkg/admission/plugin/resourcequota/controller.go). The name
# becomes a part of a URL, and the words may come from an Event, which others can write.
_WORDS: Final = re.compile(r"exceeded quota: ([a-z0-9.-]{1,253}), requested: ([^\s]+), used: ")
# Seconds between two looks, and how many quotas are read in one: who waits for one beyond that is
# looked at in the next one.
INTERVAL: Final = 4.0
_MOST: Final = 40


@dataclass(frozen=True)
class Waiter:
    """Who waits.

    Attributes:
        resource: of the object that is reconciled.
        key: of it.
        part: which of its parts was refused.
    """

    resource: Resource
    key: Key
    part: str


@dataclass
class _Wait:
    requested: dict[str, Decimal]
    # resourceVersion of the quota when it was last found to have room, and whether that is news.
    version: str = ""
    room: bool = False


class Quotas:
    """Knows who waits.

    Args:
        client: reads quotas.
        wake: called with resource and key of what is to be reconciled, as there is room.
    """

    def __init__(self, client: "Client", wake: Callable[[Resource, Key], None]) -> None:
        self._client, self._wake, self._failures = client, wake, Once()
        # By the quota's key, and the way back.
        self._waits: dict[Key, dict[Waiter, _Wait]] = {}
        self._places: dict[Waiter, Key] = {}

    def wait(self, waiter: Waiter, refusal: str) -> str:
        """A write was refused in these words; "" for none.

        Returns:
            The resourceVersion of the quota (or "gone") if room was found since it was refused so:
            what another controller was refused is worth another try now. Else "".
        """
        found = _WORDS.search(refusal)
        quota = (waiter.key[0], found[1]) if found else None
        known = self._forget(waiter)
        if found is None or quota is None:
            return ""
        wait = known[1] if known is not None and known[0] == quota else _Wait({})
        wait.requested = _requested(found[2])
        room, wait.room = wait.room, False
        self._waits.setdefault(quota, {})[waiter] = wait
        self._places[waiter] = quota
        return wait.version if room else ""

    def forget(self, resource: Resource, key: Key) -> None:
        """The object is gone, and waits for nothing."""
        for waiter in [
            each for each in self._places if (each.resource, each.key) == (resource, key)
        ]:
            self._forget(waiter)

    async def run(self, may: Callable[[], bool]) -> None:
        """Look for ever while this process may write."""
        await look_for_ever(self.once, may=may, failed=self._failed, interval=INTERVAL)

    async def once(self) -> None:
        """Read the quotas that somebody waits for. Raises `ApiError`."""
        for quota in list(self._waits)[:_MOST]:
            # Its next turn comes after everybody else's.
            self._waits[quota] = self._waits.pop(quota)
            # A list, as of that a bounded part is kept.
            listed, _ = await self._client.list(
                RESOURCE_QUOTAS.resource,
                quota[0],
                fields=f"metadata.name={quota[1]}",
                shape=Shape(),
            )
            found = listed[0] if listed else {"metadata": {"resourceVersion": "gone"}}
            version = str(found["metadata"]["resourceVersion"])
            for waiter, wait in list(self._waits.get(quota, {}).items()):
                # A version that had room, and a try that was refused again: room for others.
                if wait.version != version and has_room(found, wait.requested):
                    wait.version, wait.room = version, True
                    self._wake(waiter.resource, waiter.key)

    def _failed(self, error: ApiError) -> None:
        if self._failures.news("read", str(error)):
            log.warning("Cannot read a ResourceQuota that an object waits for: %s", error)

    def _forget(self, waiter: Waiter) -> tuple[Key, _Wait] | None:
        """The quota it waited for, and how far that was."""
        quota = self._places.pop(waiter, None)
        if quota is None:
            return None
        wait = self._waits[quota].pop(waiter)
        if not self._waits[quota]:
            del self._waits[quota]
        return quota, wait


def has_room(quota: Object, requested: Mapping[str, Decimal]) -> bool:
    """Whether a ResourceQuota has room, by its status, for what it refused."""
    hard, used = (mapping(mapping(quota.get("status")).get(key)) for key in ("hard", "used"))
    return all(
        (resource_quantity(used.get(name, "0")) or 0) + amount
        <= (resource_quantity(hard[name]) or 0)
        for name, amount in requested.items()
        if name in hard
    )


def _requested(text: str) -> dict[str, Decimal]:
    pairs = (each.partition("=") for each in text.split(","))
    return {name: resource_quantity(amount) or Decimal(0) for name, _, amount in pairs}
