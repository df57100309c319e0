"""Telling what was observed: the status, and what changed in it as log lines, Events and to OLM.

The status is written only where it differs. A first rollout that goes well is no event: the object
itself tells it.
"""

from collections.abc import Callable, Mapping
from typing import Final

from helloworld_operator.controller.observe import HELLOWORLDS
from helloworld_operator.controller.observed import Observed
from helloworld_operator.controller.status import image_of, status
from kopfkit.controller.conditions import conditions_of
from kopfkit.controller.owners import mapping
from kopfkit.controller.statuswriter import (
    Recorder,
    StatusWriter,
    UpgradeBlocker,
    record_degraded,
    utc_now,
)
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.store import Key, Store, key_of

# What an exchange of the image may wait for before the Deployment is touched.
_OBJECTS: Final = ("WaitingForSnapshot",)


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
        upgradeable: UpgradeBlocker,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._writer, self._now = StatusWriter(client, stores, HELLOWORLDS), now
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
        if await self._writer.write(owner, new):
            self._record(owner, new)

    def vanished(self, owner: Object, why: str) -> None:
        """The HelloWorld went while it was reconciled, or is about to."""
        self._writer.vanished(owner, why)

    def forget(self, key: Key) -> None:
        """The HelloWorld is gone: it objects to nothing."""
        self._upgradeable.set(True, of="/".join(key))

    def _object(self, observed: Observed, new: Object) -> None:
        """Speak against an upgrade of the operator while an image is exchanged, unless that is
        stuck: then an upgrade may be the fix."""
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

    def _record(self, owner: Object, new: Object) -> None:
        old = mapping(owner.get("status"))
        before, now = conditions_of(old), conditions_of(new)
        record_degraded(self._recorder, owner, before, now)
        degraded = now["Degraded"]
        if old.get("image") and new.get("image") != old["image"]:
            self._recorder.normal(owner, "RolledOut", f"all pods run image {new.get('image')}")
        available, was = now["Available"], before.get("Available", {})
        lost = was.get("status") == "True" and available["status"] == "False"
        if lost and available["reason"] != "ScaledToZero" and degraded["status"] != "True":
            self._recorder.warning(owner, "Unavailable", available["message"])
