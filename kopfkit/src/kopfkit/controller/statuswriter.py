"""Writing the status of an object: once, only where it differs, and only on that very object.

What changed is logged. Events and what OLM is told are the caller's business.
"""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from kopfkit.controller.conditions import conditions_of, patch
from kopfkit.controller.errors import Vanished
from kopfkit.controller.owners import called_key, mapping
from kopfkit.runtime.api.errors import Conflict, NotFound
from kopfkit.runtime.api.resources import Object, Resource
from kopfkit.runtime.manager.store import Store, key_of

if TYPE_CHECKING:
    from kopfkit.runtime.api.client import Client

log = logging.getLogger(__name__)


class Recorder(Protocol):
    """Records Events: `kopfkit.runtime.manager.events.Recorder`."""

    def normal(self, obj: Object, reason: str, note: str) -> None:
        """Record that something went as it should."""

    def warning(self, obj: Object, reason: str, note: str) -> None:
        """Record something that a person should look at."""


class UpgradeBlocker(Protocol):
    """Blocks upgrades by OLM: `kopfkit.runtime.olm.operatorcondition.Upgradeable`."""

    def set(self, ok: bool, reason: str = "", message: str = "", *, of: str = "") -> None:
        """Block upgrades in the name of `of`, or unblock them."""


def about(owner: Object) -> dict[str, object]:
    """The fields that every log line about an object carries."""
    return {
        "kind": str(owner.get("kind") or "object"),
        "object": called_key(key_of(owner)),
        "generation": owner["metadata"].get("generation", 0),
    }


def utc_now() -> str:
    """The time in RFC 3339."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def lives(client: "Client", resource: Resource, obj: Object) -> bool:
    """Whether exactly this object is still there."""
    try:
        now = await client.get(resource, *key_of(obj))
    except NotFound:
        return False
    return bool(now["metadata"]["uid"] == obj["metadata"]["uid"])


def record_degraded(
    recorder: Recorder,
    owner: Object,
    before: Mapping[str, Mapping[str, object]],
    now: Mapping[str, Mapping[str, object]],
) -> None:
    """Record in Events that an object became Degraded, for another reason, or no longer is.

    Args:
        before, now: conditions by their type; `now` has Degraded.
    """
    degraded, was = now["Degraded"], before.get("Degraded", {})
    if degraded["status"] == "True":
        if was.get("status") != "True" or was.get("reason") != degraded["reason"]:
            recorder.warning(owner, str(degraded["reason"]), str(degraded["message"]))
    elif was.get("status") == "True":
        recorder.normal(owner, "Recovered", f"recovered from {was.get('reason')}")


class StatusWriter:
    """Writes the status of a resource's objects and logs transitions of conditions.

    Args:
        client: writes.
        stores: get the object as it is stored.
        resource: whose status.
    """

    def __init__(
        self, client: "Client", stores: Mapping[Resource, Store], resource: Resource
    ) -> None:
        self._client, self._stores, self._resource = client, stores, resource

    async def write(self, owner: Object, new: Object) -> bool:
        """Write `new` as the status of `owner` where it differs; returns whether it did.

        Raises:
            Vanished: the object is no longer there.
            ApiError: the API server refused or could not be reached.
        """
        change = patch(owner, new)
        if change is None:
            return False
        store = self._stores[self._resource]
        try:
            stored = await self._client.merge(
                self._resource, *key_of(owner), change, subresource="status"
            )
        except NotFound:
            store.drop(owner)
            raise Vanished("it was deleted") from None
        except Conflict as error:
            # The uid no longer fits: a successor of the same name, whose events are on their way.
            # Or the API server saw too many writers at once: then the status is still to be told.
            if await lives(self._client, self._resource, owner):
                raise
            raise Vanished("another one has its name") from error
        # With a spec that somebody changed meanwhile it has to come by the watch, as news: what is
        # in the store already wakes nobody.
        if stored["metadata"].get("generation") == owner["metadata"].get("generation"):
            store.put(stored)
        self._log(owner, new)
        return True

    def vanished(self, owner: Object, why: str) -> None:
        """Log that the object went while it was reconciled, or is about to."""
        log.info("Object is gone: %s", why, extra=about(owner))

    def _log(self, owner: Object, new: Object) -> None:
        before = conditions_of(mapping(owner.get("status")))
        for kind, item in conditions_of(new).items():
            state, reason = item.get("status"), item.get("reason")
            old = before.get(kind)
            if (old is None and state == "False") or (
                old is not None and (old.get("status"), old.get("reason")) == (state, reason)
            ):
                continue
            bad = kind == "Degraded" and state == "True"
            level = logging.ERROR if bad else logging.INFO
            text = "%s is %s (%s) %s"
            log.log(level, text, kind, state, reason, item.get("message", ""), extra=about(owner))
