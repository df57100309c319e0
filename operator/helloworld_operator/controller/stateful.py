"""The plan of a HelloWorld: which image runs, on which volume, after which snapshot.

A planner (`planning`). It puts together what `upgrades`, `volumes`, `restoring` and `retention`
decide about one HelloWorld each; it builds and writes no child itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from helloworld_operator.api import SNAPSHOT, v1
from helloworld_operator.controller import records, upgrades, volumes
from helloworld_operator.controller.desired import CONTAINER
from helloworld_operator.controller.names import claim_name
from helloworld_operator.controller.observe import (
    CLAIMS,
    DEPLOYMENTS,
    Ownership,
    mapping,
    ownership,
)
from helloworld_operator.controller.observed import Problem, Waiting
from helloworld_operator.controller.planning import Plan, missing_image, wished_image
from helloworld_operator.controller.records import EMPTY, Record
from helloworld_operator.controller.restoring import Restored, Restoring
from helloworld_operator.controller.retention import Retention
from helloworld_operator.controller.snapshots import STUCK
from helloworld_operator.controller.upgrades import Running, Step
from kopfkit.controller.podfailures import refused
from kopfkit.controller.quotas import Quotas
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import ApiError, Forbidden, Invalid
from kopfkit.runtime.store import Key, Store, key_of

# Names the image that may be rolled out without a snapshot before it.
WITHOUT: Final = "test.jiaozi.com/upgrade-without-snapshot"
# Seconds until a plan is made again after its own step was taken: at once, but in another turn.
_SOON: Final = 0.05
_RECHECK: Final = 10.0


@dataclass(frozen=True)
class _Volume:
    """What is to be done about the volume.

    Attributes:
        claim: the wanted claim, or None.
        ready: whether pods may use it.
    """

    claim: Object | None = None
    ready: bool = True
    problem: Problem | None = None
    waiting: Waiting | None = None
    again: float | None = None
    failure: ApiError | None = None


class Stateful:
    """Plans.

    Args:
        client: makes and deletes snapshots and Jobs.
        stores: what was last seen.
        image: the operand's default image, or None.
        now: the time (UTC).
        wake: told of a HelloWorldSnapshot to look at.
        quotas: knows who waits for room.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        image: str | None,
        now: Callable[[], datetime],
        wake: Callable[[Key], None],
        quotas: Quotas,
    ) -> None:
        self._stores, self._image = stores, image
        self._restoring = Restoring(client, stores, image=image, quotas=quotas)
        self._retention = Retention(client, stores, now=now, wake=wake)

    @property
    def waiting(self) -> Callable[[Key], tuple[Key, ...]]:
        """From a snapshot's key to the HelloWorlds that wait for it."""
        return self._restoring.waiting.of

    async def __call__(self, owner: Object, spec: v1.Spec, deployment: Object | None) -> Plan:
        """The plan."""
        wished = wished_image(spec, self._image)
        found = upgrades.running(deployment, CONTAINER)
        persistent = spec.persistence is not None
        claim = self._claim(owner) if persistent else None
        before = records.known(claim, deployment, running=found)
        if wished is None:
            return Plan(None, problems=missing_image(spec, self._image), fields=before.fields)
        self._restoring.waiting.forget(key_of(owner))
        step = upgrades.step(wished, before.good, before.rejected, found, persistent=persistent)
        record = Record(step.good, step.rejected)
        plan = Plan(step.run, record=EMPTY if persistent else record, fields=record.fields)
        if step.why:
            # Stored first; then the Deployment is turned back.
            plan = replace(plan, again=_SOON)
        elif step.rejected == wished:
            plan = _with(plan, _rolled_back(wished, step))
        if persistent:
            plan = await self._persistent(plan, step, wished, owner, spec, deployment, found)
        own = upgrades.is_own(str(plan.image), spec.image, self._image)
        return replace(plan, own_image=own)

    def _claim(self, owner: Object) -> Object | None:
        """Our claim as last seen; None where there is none of ours."""
        namespace, name = key_of(owner)
        live = self._stores[CLAIMS].get((namespace, claim_name(name)))
        return live if live is not None and ownership(live, owner) is Ownership.OURS else None

    async def _persistent(
        self,
        plan: Plan,
        step: Step,
        wished: str,
        owner: Object,
        spec: v1.Spec,
        deployment: Object | None,
        found: Running | None,
    ) -> Plan:
        record = Record(step.good, step.rejected)
        volume = await self._volume(owner, spec, deployment, record)
        plan = _with(plan, volume.problem, volume.waiting, volume.again, volume.failure)
        plan = replace(plan, claim=volume.claim, parts=volumes.parts(owner))
        if not volume.ready:
            return replace(plan, hold=plan.hold | {DEPLOYMENTS})
        # What is refused here (by a quota on snapshots, say) keeps nothing else from being done.
        try:
            if step.snapshot:
                plan = await self._before_upgrade(plan, wished, step, owner, spec, found)
        except (Forbidden, Invalid) as error:
            plan = _with(plan, refused(SNAPSHOT.kind, error), failure=error)
        try:
            kept = await self._retention(owner, spec, settled=step.good is not None)
        except (Forbidden, Invalid) as error:
            return _with(plan, refused(SNAPSHOT.kind, error), failure=error)
        plan = _with(plan, kept.problem, None, kept.again)
        fields: dict[str, Any] = {**plan.fields, "lastSnapshot": kept.last}
        return replace(plan, fields=fields)

    async def _volume(
        self, owner: Object, spec: v1.Spec, deployment: Object | None, record: Record
    ) -> _Volume:
        persistence = spec.persistence or v1.Persistence()
        namespace, name = key_of(owner)
        live = self._stores[CLAIMS].get((namespace, claim_name(name)))
        if live is None:
            filled = "" if spec.restore_from else volumes.NOTHING
            return _Volume(
                volumes.claim(owner, persistence, None, filled, record), ready=False, again=_SOON
            )
        if ownership(live, owner) is not Ownership.OURS:
            # Making the children finds it, and says what it is.
            return _Volume(volumes.claim(owner, persistence, None, ""), ready=False)
        if live["metadata"].get("deletionTimestamp"):
            text = (
                f"PersistentVolumeClaim {claim_name(name)} is being deleted: it goes, with the "
                "guest book, when its last pod does, and is created again, empty"
            )
            return _Volume(ready=False, waiting=Waiting("VolumeTerminating", text), again=_RECHECK)
        filled = volumes.filled_from(live)
        problem: Problem | None = None
        waiting: Waiting | None = None
        again: float | None = None
        failure: ApiError | None = None
        if not filled and (deployment is not None or spec.restore_from is None):
            filled = volumes.NOTHING
        elif not filled and spec.restore_from is not None:
            try:
                found = await self._restoring(owner, spec, live, spec.restore_from.snapshot_name)
            except (Forbidden, Invalid) as error:
                found, failure = Restored(problem=refused("Job", error)), error
            filled, problem, waiting, again = (
                found.filled,
                found.problem,
                found.waiting,
                found.again,
            )
        claim = volumes.claim(owner, persistence, live, filled, record)
        if problem is None and (why := volumes.infeasible(live)):
            problem = Problem("VolumeCannotGrow", why)
        elif waiting is None and (growing := volumes.growing(live)):
            waiting = Waiting("VolumeGrowing", growing)
        # Only what is written on the claim counts: it outlives us.
        ready = bool(volumes.filled_from(live)) or filled == volumes.NOTHING
        if filled and not ready:
            again = _SOON
        return _Volume(claim, ready, problem, waiting, again, failure)

    async def _before_upgrade(
        self,
        plan: Plan,
        wished: str,
        step: Step,
        owner: Object,
        spec: v1.Spec,
        found: Running | None,
    ) -> Plan:
        annotations = mapping(mapping(owner["metadata"]).get("annotations"))
        if annotations.get(WITHOUT) == wished:
            return replace(plan, image=wished)
        if spec.replicas == 0:
            return plan  # the old image comes up first, when pods are wanted
        change = f"before image {step.good} is replaced by {wished}, a snapshot is taken"
        hint = f"to replace it without one, annotate the HelloWorld with {WITHOUT}={wished}"
        if found is None or not found.complete:
            if found is not None and found.stuck:
                text = f"{change}, and no pod answers ({found.stuck}); {hint}"
                return _with(plan, Problem("SnapshotFailed", text))
            return _with(plan, None, Waiting("WaitingForSnapshot", f"{change}: waits for the pod"))
        what = upgrades.token(str(owner["metadata"]["uid"]), str(step.good), wished, found.revision)
        taken = await self._retention.before_upgrade(owner, spec, what)
        if taken.ready:
            return replace(plan, image=wished)
        if taken.failed:
            text = f"{change}, and that failed: {taken.message}; delete {taken.name} to try again; "
            return _with(plan, Problem("SnapshotFailed", text + hint))
        said = f": {taken.message}" if taken.message else ""
        text = f"{change}: HelloWorldSnapshot {taken.name} is not ready{said}"
        if taken.reason in STUCK:
            return _with(plan, Problem(taken.reason, f"{text}; {hint}"), again=taken.again)
        return _with(plan, None, Waiting("WaitingForSnapshot", text), taken.again)


def _rolled_back(wished: str, step: Step) -> Problem:
    text = (
        f"image {wished} did not become ready in time: went back to {step.good}; set another image "
        f"(or {step.good}, and then {wished} again for another try)"
    )
    return Problem("RolledBack", text)


def _with(
    plan: Plan,
    problem: Problem | None = None,
    waiting: Waiting | None = None,
    again: float | None = None,
    failure: ApiError | None = None,
) -> Plan:
    """The plan with something more to tell, and an earlier look if that is earlier."""
    times = [each for each in (plan.again, again) if each is not None]
    return replace(
        plan,
        problems=(*plan.problems, problem) if problem is not None else plan.problems,
        waiting=plan.waiting or waiting,
        again=min(times, default=None),
        failure=plan.failure or failure,
    )
