"""One reconcile of a HelloWorldSnapshot: its claim, the Job that copies, what has become of it.

A snapshot is taken once. Until it is ready or has failed for good, each look decides anew from what
there is; afterwards only the loss of its claim changes it. What cannot be done yet is a reason of
Ready=False, and is done when it can.
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from helloworld_operator.api import snapshot as api
from helloworld_operator.controller import jobs, names
from helloworld_operator.controller.observe import (
    CLAIMS,
    JOBS,
    SNAPSHOTS,
    mapping,
)
from helloworld_operator.controller.originals import Obstacle, Originals
from helloworld_operator.controller.status import condition, conditions_of
from kopfkit.controller.jobs import JobReader
from kopfkit.controller.owned import Owned, metadata
from kopfkit.controller.podfailures import is_quota
from kopfkit.controller.quotas import Quotas, Waiter
from kopfkit.controller.reverseindex import ReverseIndex
from kopfkit.controller.statuswriter import about, lives
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import Conflict, Forbidden, Invalid, NotFound
from kopfkit.runtime.store import Key, Store, key_of

log = logging.getLogger(__name__)

# Seconds between two looks at what sends us no events.
_RECHECK: Final = 10.0
# Reasons of Ready=False that somebody has to do something about; before that it stays so.
STUCK: Final = ("QuotaExceeded", "PodsRefused", "Refused", "ImageMissing", "NameCollision")


@dataclass(frozen=True)
class Look:
    """What one look at a snapshot found.

    Attributes:
        reason: of the condition Ready, and of Failed where that is it.
        message: for people.
        ready: the copy is complete.
        failed: it will never be.
        fields: status fields that are known now.
        again: whether to look again though nothing happens.
    """

    reason: str
    message: str
    ready: bool = False
    failed: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    again: bool = False


class SnapshotReconciler:
    """Reconciles HelloWorldSnapshots.

    Args:
        client: writes, and reads pods.
        stores: what was last seen.
        image: the operator's own image, whose command copies; None where it is not known.
        now: the time (UTC).
        tell: called with a snapshot, whether it is bad news, a reason and a sentence.
        changed: called with a snapshot whose status was written, and the key of its HelloWorld.
        quotas: knows who waits for room.

    Attributes:
        waiting: which snapshots wait for which HelloWorld.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        image: str | None,
        now: Callable[[], datetime],
        tell: Callable[[Object, bool, str, str], None],
        changed: Callable[[Object, Key], None],
        quotas: Quotas,
    ) -> None:
        self._client, self._stores, self._image = client, stores, image
        self._now, self._tell, self._changed = now, tell, changed
        self._owned = Owned(client, stores)
        self._originals = Originals(client, stores)
        self._quotas, self._jobs = quotas, JobReader(client, quotas, jobs.RESOURCES)
        self.waiting = ReverseIndex()

    async def __call__(self, key: Key) -> float | None:
        """Reconcile one snapshot; returns seconds after which to look again, or None.

        Raises:
            ApiError: to be tried again, after a delay.
        """
        snapshot = self._stores[SNAPSHOTS].get(key)
        self.waiting.forget(key)
        if snapshot is None or snapshot["metadata"].get("deletionTimestamp"):
            self._quotas.forget(SNAPSHOTS, key)
            return None  # its claim and its Job go with it by their owner references
        if await self._originals.vanished(snapshot):
            await self._owned.delete(SNAPSHOTS, snapshot, snapshot, "its HelloWorld went before it")
            return None
        refused = None
        try:
            look = await self._look(snapshot)
        except (Forbidden, Invalid) as error:
            # A quota, an admission policy, a name the storage does not take: told, and tried again.
            refused = error
            reason = "QuotaExceeded" if is_quota(error.message) else "Refused"
            look = Look(reason, f"the API server refused: {error.message}")
        self._quotas.wait(Waiter(SNAPSHOTS, key, "child"), refused.message if refused else "")
        if look is None:
            return None
        await self._store(snapshot, look)
        if refused is not None:
            raise refused
        return _RECHECK * random.uniform(0.8, 1.2) if look.again else None

    async def _look(self, snapshot: Object) -> Look | None:
        name = names.snapshot_child_name(snapshot["metadata"]["name"])
        states = conditions_of(mapping(snapshot.get("status")))
        if states.get("Failed", {}).get("status") == "True":
            return None
        if states.get("Ready", {}).get("status") == "True":
            claim = await self._owned.find(snapshot, CLAIMS, name)
            if claim.live is not None:
                return None
            text = f"its claim {name} is gone, and the copy with it: take another snapshot"
            return Look("ClaimLost", text, failed=True)
        try:
            spec = msgspec.convert(snapshot.get("spec") or {}, api.Spec)
        except msgspec.ValidationError as error:
            return Look("InvalidSpec", str(error))
        job = await self._owned.find(snapshot, JOBS, name)
        if job.collision:
            return Look("NameCollision", job.collision, again=True)
        if job.waiting:
            return Look("WaitingForDeletion", job.waiting, again=True)
        if job.live is not None:
            return await self._follow(snapshot, job.live)
        return await self._begin(snapshot, spec, name)

    async def _begin(self, snapshot: Object, spec: api.Spec, name: str) -> Look:
        namespace = snapshot["metadata"]["namespace"]
        source_key = (namespace, spec.hello_world_name)
        self.waiting.add(source_key, key_of(snapshot))
        if not self._image:
            text = "no image to copy with: set RELATED_IMAGE_HELLOWORLD for the operator"
            return Look("ImageMissing", text)
        source = self._originals.find(source_key)
        if isinstance(source, Obstacle):
            return Look(source.reason, source.message)
        claim = await self._owned.find(snapshot, CLAIMS, name)
        if claim.live is None and not (claim.collision or claim.waiting):
            wanted = self._originals.claim(source, spec, metadata(snapshot, name))
            claim = await self._owned.make(snapshot, CLAIMS, wanted)
        if claim.collision:
            return Look("NameCollision", claim.collision, again=True)
        if claim.waiting:
            return Look("WaitingForDeletion", claim.waiting, again=True)
        resources = await self._jobs.resources(namespace, source.resources)
        wanted = jobs.snapshot(metadata(snapshot, name), self._image, resources, source.url, name)
        made = await self._owned.make(snapshot, JOBS, wanted)
        if made.collision:
            return Look("NameCollision", made.collision, again=True)
        self.waiting.forget(key_of(snapshot))
        return Look("Copying", f"a Job copies the guest book of {spec.hello_world_name}")

    async def _follow(self, snapshot: Object, job: Object) -> Look:
        """What the Job says."""
        name, key = job["metadata"]["name"], key_of(snapshot)
        of = str(mapping(snapshot.get("spec")).get("helloWorldName", ""))
        wanted = self._originals.resources((key[0], of))
        found = await self._jobs.look(Waiter(SNAPSHOTS, key, "job"), job, wanted)
        if found.again:
            await self._owned.delete(JOBS, job, snapshot, found.again)
            return Look("Copying", f"a Job is made anew: {found.again}", again=True)
        if found.refused:
            text = f"the Job {name} that copies the guest book has no pod: {found.refused.message}"
            return Look(found.refused.reason, text, again=True)
        if not found.ended:
            hint = found.hint
            text = "a Job copies the guest book" + (f"; its pod waits: {hint}" if hint else "")
            # Pods send us no events.
            return Look("Copying", text, again=True)
        said = jobs.outcome(found.words)
        if found.ended == "failed":
            why = (said or {}).get("error") or found.message
            return Look("CopyFailed", f"{why}; take another snapshot", failed=True)
        if said is None:
            # Its pods are gone, and their words with them. The command says them again.
            await self._owned.delete(JOBS, job, snapshot, "its outcome is lost, asks again")
            return Look("Copying", "asks again what was copied", again=True)
        fields = {
            "claimName": name,
            "sha256": said.get("sha256"),
            "sizeBytes": said.get("bytes"),
            "entries": said.get("entries"),
            "completedAt": said.get("taken"),
        }
        if not _sound(fields):
            text = f"the Job's pod said nothing that is understood: {said.get('error', said)}"
            return Look("ResultUnreadable", text[:1000], failed=True)
        text = f"{fields['entries']} entries in {fields['sizeBytes']} bytes"
        return Look("Completed", text, ready=True, fields=fields)

    async def _store(self, snapshot: Object, look: Look) -> None:
        old = mapping(snapshot.get("status"))
        before, now = conditions_of(old), self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        generation = snapshot["metadata"].get("generation", 0)
        made = [
            condition(
                kind,
                "True" if state else "False",
                look.reason if state or kind == "Ready" else "AsExpected",
                look.message if state or kind == "Ready" else "",
                generation,
                before.get(kind),
                now,
            )
            for kind, state in (("Ready", look.ready), ("Failed", look.failed))
        ]
        others = [each for kind, each in before.items() if kind not in ("Ready", "Failed")]
        kept = {key: value for key, value in old.items() if key != "conditions"}
        new = {**kept, "observedGeneration": generation, **look.fields}
        new["conditions"] = made + others
        if new == old:
            return
        # The uid is a precondition: never write on a successor of the same name.
        change = {"metadata": {"uid": snapshot["metadata"]["uid"]}, "status": new}
        try:
            stored = await self._client.merge(
                SNAPSHOTS, *key_of(snapshot), change, subresource="status"
            )
        except NotFound:
            return  # it was deleted meanwhile; what was made for it goes with it
        except Conflict:
            # It may have a successor; or there were too many writers at once.
            if await lives(self._client, SNAPSHOTS, snapshot):
                raise
            return
        self._stores[SNAPSHOTS].put(stored)
        was = before.get("Ready", {}).get("reason")
        if was != look.reason:
            level = logging.ERROR if look.failed else logging.INFO
            log.log(level, "snapshot: %s: %s", look.reason, look.message, extra=about(snapshot))
            if look.failed or look.ready:
                reason = "SnapshotFailed" if look.failed else "SnapshotReady"
                self._tell(snapshot, look.failed, reason, look.message)
        of = str(mapping(snapshot.get("spec")).get("helloWorldName", ""))
        self._changed(snapshot, (snapshot["metadata"]["namespace"], of))


def _sound(fields: Mapping[str, Any]) -> bool:
    """Whether the status' schema takes the fields."""
    try:
        msgspec.convert(dict(fields), api.Status)
    except msgspec.ValidationError:
        return False
    return None not in fields.values()
