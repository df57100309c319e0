"""Filling an empty volume from a HelloWorldSnapshot, by a Job, before the first pod starts.

A Job and not an init container: the pod would need the snapshot's volume at every start for ever,
and the snapshot could never be deleted. That it is done is noted on the claim (`volumes.FILLED`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from helloworld_operator.api import v1
from helloworld_operator.controller import desired, jobs
from helloworld_operator.controller.names import restore_name, snapshot_child_name
from helloworld_operator.controller.observe import (
    CLAIMS,
    HELLOWORLDS,
    JOBS,
    SNAPSHOTS,
    mapping,
)
from helloworld_operator.controller.observed import Problem, Waiting
from helloworld_operator.controller.status import conditions_of
from helloworld_operator.controller.wish import metadata
from kopfkit.controller.jobs import JobReader
from kopfkit.controller.owned import Owned
from kopfkit.controller.quotas import Quotas, Waiter
from kopfkit.controller.reverseindex import ReverseIndex
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.store import Store, key_of

# What a Job was made for: the claim's uid, and the HelloWorld's generation. Another claim has to be
# filled anew, and after a change a failed Job is worth another try.
_CLAIM: Final = "test.jiaozi.com/claim-uid"
_GENERATION: Final = "test.jiaozi.com/generation"
_RECHECK: Final = 10.0
_SOON: Final = 0.05


@dataclass(frozen=True)
class Restored:
    """How far a restore is.

    Attributes:
        filled: the snapshot's name once the volume is filled, else "".
        problem: what a person has to mend.
        waiting: what happens first.
        again: seconds after which to look again, or None.
    """

    filled: str = ""
    problem: Problem | None = None
    waiting: Waiting | None = None
    again: float | None = None


class Restoring:
    """Fills volumes.

    Args:
        client: makes Jobs and reads their pods.
        stores: what was last seen.
        image: the operator's own image, whose command restores, or None.
        quotas: knows who waits for room.

    Attributes:
        waiting: which HelloWorlds wait for which snapshot.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        image: str | None,
        quotas: Quotas,
    ) -> None:
        self._stores, self._image = stores, image
        self._jobs = JobReader(client, quotas, jobs.RESOURCES)
        self._owned = Owned(client, stores)
        self.waiting = ReverseIndex()

    async def __call__(
        self, owner: Object, spec: v1.Spec, claim: Object, snapshot_name: str
    ) -> Restored:
        """Bring the filling of a claim one step further.

        Raises:
            ApiError: the API server refused, or could not be reached.
        """
        resources = desired.resources(spec)
        job = await self._owned.find(owner, JOBS, restore_name(owner["metadata"]["name"]))
        if job.collision:
            return Restored(problem=Problem("NameCollision", job.collision), again=_RECHECK)
        if job.waiting:
            return Restored(waiting=Waiting("WaitingForDeletion", job.waiting), again=_RECHECK)
        if job.live is not None:
            return await self._follow(owner, claim, job.live, snapshot_name, resources)
        return await self._begin(owner, claim, snapshot_name, resources)

    async def _begin(
        self, owner: Object, claim: Object, snapshot_name: str, resources: Object
    ) -> Restored:
        namespace = owner["metadata"]["namespace"]
        place = (namespace, snapshot_name)
        self.waiting.add(place, key_of(owner))
        snapshot = self._stores[SNAPSHOTS].get(place)
        if snapshot is None or snapshot["metadata"].get("deletionTimestamp"):
            text = (
                f"HelloWorldSnapshot {snapshot_name} of spec.restoreFrom does not exist: make it, "
                "or remove spec.restoreFrom to begin with an empty volume"
            )
            return Restored(problem=Problem("SnapshotMissing", text))
        status = mapping(snapshot.get("status"))
        conditions = conditions_of(status)
        if conditions.get("Failed", {}).get("status") == "True":
            text = f"HelloWorldSnapshot {snapshot_name} of spec.restoreFrom has failed: "
            text += str(conditions["Failed"].get("message", ""))
            return Restored(problem=Problem("SnapshotFailed", text))
        if conditions.get("Ready", {}).get("status") != "True":
            text = f"HelloWorldSnapshot {snapshot_name} of spec.restoreFrom is not ready yet"
            return Restored(waiting=Waiting("WaitingForSnapshot", text))
        if not self._image:
            text = "no image to restore with: set RELATED_IMAGE_HELLOWORLD for the operator"
            return Restored(problem=Problem("ImageMissing", text))
        # The claim is found as it was made, not by what the status says: a Job that mounted any
        # claim named there would read other applications' volumes.
        source = await self._owned.find(snapshot, CLAIMS, snapshot_child_name(snapshot_name))
        if source.live is None:
            why = source.collision or source.waiting or "its claim is gone, and the copy with it"
            text = f"HelloWorldSnapshot {snapshot_name} of spec.restoreFrom: {why}"
            return Restored(problem=Problem("SnapshotFailed", text), again=_RECHECK)
        wanted = jobs.restore(
            self._metadata(owner, claim, snapshot_name),
            self._image,
            await self._jobs.resources(namespace, resources),
            source=source.live["metadata"]["name"],
            claim=claim["metadata"]["name"],
            sha256=str(status.get("sha256")),
        )
        made = await self._owned.make(owner, JOBS, wanted)
        if made.collision:
            return Restored(problem=Problem("NameCollision", made.collision), again=_RECHECK)
        self.waiting.forget(key_of(owner))
        return Restored(waiting=_restoring(snapshot_name), again=_RECHECK)

    async def _follow(
        self, owner: Object, claim: Object, job: Object, snapshot_name: str, resources: Object
    ) -> Restored:
        made_for = mapping(job["metadata"].get("annotations"))
        if made_for.get(_CLAIM) != claim["metadata"]["uid"]:
            return await self._anew(owner, job, "made for another volume")
        waiter = Waiter(HELLOWORLDS, key_of(owner), "restore")
        found = await self._jobs.look(waiter, job, resources)
        if found.ended == "complete":
            return Restored(filled=snapshot_name)
        if found.again:
            return await self._anew(owner, job, found.again)
        if found.refused:
            text = f"Job {job['metadata']['name']} that restores the volume has no pod: "
            problem = Problem(found.refused.reason, text + found.refused.message)
            return Restored(problem=problem, again=_RECHECK)
        if found.ended == "failed":
            if made_for.get(_GENERATION) != str(owner["metadata"].get("generation", 0)):
                return await self._anew(owner, job, "the HelloWorld was changed, tries again")
            why = (jobs.outcome(found.words) or {}).get("error") or found.message
            text = (
                f"the volume cannot be restored from {snapshot_name}: {why}; change the "
                f"HelloWorld, or delete Job {job['metadata']['name']} to try again"
            )
            return Restored(problem=Problem("RestoreFailed", text))
        return Restored(waiting=_restoring(snapshot_name, found.hint), again=_RECHECK)

    async def _anew(self, owner: Object, job: Object, why: str) -> Restored:
        await self._owned.delete(JOBS, job, owner, why)
        return Restored(waiting=Waiting("Restoring", "the volume is to be restored"), again=_SOON)

    def _metadata(self, owner: Object, claim: Object, snapshot_name: str) -> Object:
        made = metadata(owner, restore_name(owner["metadata"]["name"]))
        made["annotations"] = {
            _CLAIM: claim["metadata"]["uid"],
            _GENERATION: str(owner["metadata"].get("generation", 0)),
            "test.jiaozi.com/snapshot": snapshot_name,
        }
        return made


def _restoring(snapshot_name: str, hint: str = "") -> Waiting:
    text = f"the volume is being restored from HelloWorldSnapshot {snapshot_name}"
    return Waiting("Restoring", text + (f"; the Job's pod waits: {hint}" if hint else ""))
