"""Telling what was observed: the status, and what changed in it as log lines, Events and to OLM.

The status is written only where it differs. A first rollout that goes well is no event: the object
itself tells it.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

from helloworld_operator.controller.observe import HELLOWORLDS, mapping
from helloworld_operator.controller.observed import Observed
from helloworld_operator.controller.status import conditions_of, image_of, patch, status
from helloworld_operator.errors import Vanished
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import Conflict, NotFound
from kopfkit.runtime.store import Key, Store, key_of

log = logging.getLogger(__name__)

# What an exchange of the image may wait for before the Deployment is touched.
_OBJECTS: Final = ("WaitingForSnapshot",)


class Recorder(Protocol):
    """Where Events go: `kopfkit.runtime.events.Recorder`."""

    def normal(self, obj: Object, reason: str, note: str) -> None:
        """Something went as it should."""

    def warning(self, obj: Object, reason: str, note: str) -> None:
        """Something a person should look at."""


class Objections(Protocol):
    """Who speaks against an upgrade: `kopfkit.runtime.operatorcondition.Upgradeable`."""

    def set(self, ok: bool, reason: str = "", message: str = "", *, of: str = "") -> None:
        """Object, or no longer."""


def about(owner: Object) -> dict[str, object]:
    """The fields every log line about a HelloWorld carries."""
    metadata = owner["metadata"]
    return {
        "object": f"{metadata.get('namespace', '')}/{metadata['name']}",
        "generation": metadata.get("generation", 0),
    }


async def lives(client: Client, resource: Resource, obj: Object) -> bool:
    """Whether exactly this object is still there."""
    try:
        now = await client.get(resource, *key_of(obj))
    except NotFound:
        return False
    return bool(now["metadata"]["uid"] == obj["metadata"]["uid"])


def _utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Teller:
    """Tells.

    Args:
        client: writes.
        stores: with the HelloWorlds.
        recorder: of Events.
        upgradeable: takes objections while an image is rolled out.
        now: the time in RFC 3339.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        recorder: Recorder,
        upgradeable: Objections,
        now: Callable[[], str] = _utc_now,
    ) -> None:
        self._client, self._stores, self._now = client, stores, now
        self._recorder, self._upgradeable = recorder, upgradeable

    async def tell(self, observed: Observed) -> None:
        """Write the status where it differs.

        Raises:
            Vanished: the HelloWorld is no longer there.
            ApiError: the API server refused or could not be reached.
        """
        owner = observed.owner
        new = status(observed, self._now())
        self._object(observed, new)
        change = patch(owner, new)
        if change is None:
            return
        try:
            stored = await self._client.merge(
                HELLOWORLDS, *key_of(owner), change, subresource="status"
            )
        except NotFound:
            self._stores[HELLOWORLDS].drop(owner)
            raise Vanished("it was deleted") from None
        except Conflict as error:
            # The uid no longer fits: a successor of the same name, whose events are on their way.
            # Or the API server saw too many writers at once: then the status is still to be told.
            if await lives(self._client, HELLOWORLDS, owner):
                raise
            raise Vanished("another one has its name") from error
        # With a spec that somebody changed meanwhile it has to come by the watch, as news: what is
        # in the store already wakes nobody.
        if stored["metadata"].get("generation") == owner["metadata"].get("generation"):
            self._stores[HELLOWORLDS].put(stored)
        self._log(owner, new)
        self._record(owner, new)

    def vanished(self, owner: Object, why: str) -> None:
        """The HelloWorld went while it was reconciled, or is about to."""
        log.info("is gone: %s", why, extra=about(owner))

    def forget(self, key: Key) -> None:
        """The HelloWorld is gone: it objects to nothing."""
        self._upgradeable.set(True, of="/".join(key))

    def _object(self, observed: Observed, new: Object) -> None:
        """Speak against an upgrade of the operator while an image is exchanged, unless that is
        stuck: then an upgrade may be the cure."""
        of = "/".join(key_of(observed.owner))
        rolling = conditions_of(new)["Progressing"]
        old, now = new.get("image"), image_of(observed.deployment)
        exchanged = rolling["reason"] == "RollingOut" and now != old
        # What never ran has nothing to lose by another operator going on with it.
        busy = bool(old) and (exchanged or rolling["reason"] in _OBJECTS)
        if rolling["status"] == "True" and busy:
            self._upgradeable.set(False, "RolloutInProgress", f"{of}: {rolling['message']}", of=of)
        else:
            self._upgradeable.set(True, of=of)

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

    def _record(self, owner: Object, new: Object) -> None:
        old = mapping(owner.get("status"))
        before, now = conditions_of(old), conditions_of(new)
        degraded, was = now["Degraded"], before.get("Degraded", {})
        if degraded["status"] == "True":
            if was.get("status") != "True" or was.get("reason") != degraded["reason"]:
                self._recorder.warning(owner, degraded["reason"], degraded["message"])
        elif was.get("status") == "True":
            self._recorder.normal(owner, "Recovered", f"no longer: {was.get('reason')}")
        if old.get("image") and new.get("image") != old["image"]:
            self._recorder.normal(owner, "RolledOut", f"all pods run image {new.get('image')}")
        available, was = now["Available"], before.get("Available", {})
        lost = was.get("status") == "True" and available["status"] == "False"
        if lost and available["reason"] != "ScaledToZero" and degraded["status"] != "True":
            self._recorder.warning(owner, "Unavailable", available["message"])
