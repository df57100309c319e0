"""One reconcile: observe, plan, act, tell. Needs the key only; why it was called does not matter.

What is expected to go wrong becomes a condition. An exception that leaves here means: try again
later.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from helloworld_operator.controller import autoscaling, records, upgrades, volumes
from helloworld_operator.controller.desired import CONTAINER
from helloworld_operator.controller.kinds import KINDS, Kind
from helloworld_operator.controller.observe import CLAIMS, DEPLOYMENTS, HELLOWORLDS, spec_of
from helloworld_operator.controller.observed import Observed, Problem, Waiting
from helloworld_operator.controller.planning import Plan, Planner
from helloworld_operator.controller.status import unsettled
from helloworld_operator.controller.telling import Teller
from helloworld_operator.controller.wish import Wish, hash_of
from kopfkit.controller import refusals
from kopfkit.controller.children import Children, Result
from kopfkit.controller.errors import InvalidSpec, Vanished
from kopfkit.controller.podfailures import refused
from kopfkit.controller.podreader import PodReader
from kopfkit.controller.quotas import Quotas, Waiter
from kopfkit.controller.rollouts import rollout
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import ApiError, Forbidden, Invalid, Unavailable
from kopfkit.runtime.store import Key, Store, key_of

# Seconds the status may wait for the Deployment's controller to make the pods. Without it every
# creation would be told three times within milliseconds.
_SETTLE: Final = 1.0
# More of them for each other HelloWorld that waits for it, and at most: many at once take that
# controller a while (it is allowed 20 requests a second), and a second write for each of them would
# make it longer.
_SETTLE_EACH: Final = 0.2
_SETTLE_LONGEST: Final = 30.0
# Seconds between two looks at an obstacle that sends us no events.
_RECHECK: Final = 10.0
# On a Deployment: the state of the quota (its resourceVersion) in which its pods were tried again.
RETRIED: Final = "test.jiaozi.com/room-in-quota"
# Answers 500 in a row after which they are told.
_FAILURES: Final = 3


@dataclass(frozen=True)
class _Acted:
    """What became of one round.

    Attributes:
        observed: what there is now.
        failure: what the API server refused, to be raised once it is told.
        wrote: whether a child was written.
        again: seconds after which to look again, or None.
    """

    observed: Observed
    failure: ApiError | None = None
    wrote: bool = False
    again: float | None = None


class Reconciler:
    """Reconciles HelloWorlds.

    Args:
        client: writes, and reads where the stores do not suffice.
        stores: what was last seen of each watched resource.
        plan: decides what can be done now.
        children: writes the children.
        teller: writes the status.
        quotas: knows who waits for room.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        plan: Planner,
        children: Children,
        teller: Teller,
        quotas: Quotas,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._stores, self._plan = client, stores, plan
        self._quotas = quotas
        self._children, self._teller, self._clock = children, teller, clock
        self._pods = PodReader(client, clock=clock)
        # Since when, and until when at most, the status waits for the Deployment's controller.
        self._unsettled: dict[Key, tuple[float, float]] = {}
        self._failing: dict[Key, int] = {}

    async def __call__(self, key: Key) -> float | None:
        """Reconcile one object; returns seconds after which to look again, or None.

        Raises:
            ApiError: to be tried again, after a delay.
        """
        owner = self._stores[HELLOWORLDS].get(key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            # Its children go with it by their owner references.
            self._forget(key)
            return None
        try:
            acted = await self._act(owner)
            observed = acted.observed
            await self._try_pods_again(acted)
            if not observed.problems and (acted.wrote or unsettled(observed)):
                left = self._settles_in(key)
                if left > 0:
                    return left if acted.again is None else min(left, acted.again)
            troubles, look = await self._pods.failures(owner, observed.deployment, observed.claim)
            await self._teller.tell(replace(observed, troubles=troubles))
        except Vanished as why:
            self._forget(key)
            self._teller.vanished(owner, str(why))
            return None
        self._unsettled.pop(key, None)
        if acted.failure is not None:
            raise acted.failure
        return min((each for each in (acted.again, look) if each is not None), default=None)

    async def _try_pods_again(self, acted: _Acted) -> None:
        """Where a quota stands in the way, note that; where it did, and there is room now, have the
        Deployment's pods tried again.

        The controller of its ReplicaSet waits up to 17 minutes between two tries. An annotation on
        the Deployment is copied to the ReplicaSet, and wakes it.
        """
        owner, deployment = acted.observed.owner, acted.observed.deployment
        words = rollout(deployment).refusal
        if acted.failure is not None:
            words = acted.failure.message
        room = self._quotas.wait(Waiter(HELLOWORLDS, key_of(owner), "children"), words)
        if not room or acted.failure is not None or deployment is None:
            return
        metadata = {"uid": deployment["metadata"]["uid"], "annotations": {RETRIED: room}}
        await self._client.merge(DEPLOYMENTS, *key_of(deployment), {"metadata": metadata})

    def _settles_in(self, key: Key) -> float:
        """Seconds the status of an object may still wait for others to settle."""
        now = self._clock()
        since, until = self._unsettled.get(key, (now, now))
        others = len(self._unsettled)
        # Never shorter than it was: who came last is served last, when few others are left.
        until = max(until, since + min(_SETTLE + _SETTLE_EACH * others, _SETTLE_LONGEST))
        self._unsettled[key] = since, until
        return until - now

    def _forget(self, key: Key) -> None:
        self._unsettled.pop(key, None)
        self._failing.pop(key, None)
        self._pods.forget(key)
        self._children.forget(key)
        self._quotas.forget(HELLOWORLDS, key)
        self._teller.forget(key)

    async def _act(self, owner: Object) -> _Acted:
        try:
            spec = spec_of(owner)
        except InvalidSpec as error:
            problem = Problem("InvalidSpec", str(error))
            found = self._as_they_are(owner)
            running = upgrades.running(found[DEPLOYMENTS], CONTAINER)
            record = records.known(found[CLAIMS], found[DEPLOYMENTS], running=running)
            return _Acted(Observed(owner, None, found, (problem,), fields=record.fields))
        before = self._as_they_are(owner)
        plan = await self._plan(owner, spec, before[DEPLOYMENTS])
        if plan.failure is not None and refusals.terminating(plan.failure):
            raise Vanished(plan.failure.message)
        if plan.image is None:
            seen = Observed(owner, None, before, plan.problems, waiting=plan.waiting)
            return _Acted(replace(seen, fields=plan.fields), plan.failure, again=plan.again)
        wish = Wish(
            owner=owner,
            spec=spec,
            image=plan.image,
            own_image=plan.own_image,
            replicas=autoscaling.replicas(spec, before[DEPLOYMENTS]),
            parts=plan.parts,
            claim=plan.claim,
            record=plan.record,
            hash=hash_of(before[DEPLOYMENTS]),
        )
        return await self._make(wish, plan)

    async def _make(self, wish: Wish, plan: Plan) -> _Acted:
        owner = wish.owner
        wanted = {kind: kind.build(wish) for kind in KINDS if kind.resource not in plan.hold}
        wrote = False
        # What is no longer wanted might work against what is wanted instead.
        for kind, child in wanted.items():
            if child is None and kind.remove:
                name = kind.name(owner["metadata"]["name"])
                wrote |= await self._children.remove(owner, kind.resource, name)
        results = {kind.resource: Result(self._ours(owner, kind)) for kind in KINDS}
        problems = list(plan.problems)
        failure = plan.failure
        for kind, child in wanted.items():
            if child is None:
                continue
            try:
                first = kind.first(wish, child)
                results[kind.resource] = await self._children.ensure(owner, kind, child, first)
            except (Forbidden, Invalid) as error:
                if refusals.terminating(error):
                    raise Vanished(error.message) from error
                failure = error
                problems.append(_refused(owner, kind, error, self._ours(owner, kind)))
            except Unavailable as error:
                # A server that is away comes back; one that answers 500 again and again (no address
                # is left, an admission webhook is broken) waits for a person.
                if error.status != 500 or not self._fails_again(key_of(owner)):
                    raise
                failure = error
                problems.append(Problem("ServerError", f"{kind.kind}: {error.sentence}"))
        if failure is None:
            self._failing.pop(key_of(owner), None)
        found = results.values()
        problems += [Problem("NameCollision", each.collision) for each in found if each.collision]
        problems += filter(None, [autoscaling.excess(wish.spec)])
        stands = "; ".join(each.waiting for each in found if each.waiting)
        observed = Observed(
            owner=owner,
            spec=wish.spec,
            children={resource: result.live for resource, result in results.items()},
            problems=tuple(problems),
            waiting=plan.waiting or (Waiting("WaitingForDeletion", stands) if stands else None),
            fields=plan.fields,
        )
        again = plan.again
        if stands or any(each.collision for each in found):
            again = min(again or _RECHECK, _RECHECK) * random.uniform(0.8, 1.2)
        return _Acted(observed, failure, wrote or any(each.wrote for each in found), again)

    def _fails_again(self, key: Key) -> bool:
        count = self._failing[key] = self._failing.get(key, 0) + 1
        return count >= _FAILURES

    def _as_they_are(self, owner: Object) -> dict[Resource, Object | None]:
        return {kind.resource: self._ours(owner, kind) for kind in KINDS}

    def _ours(self, owner: Object, kind: Kind) -> Object | None:
        return self._children.ours(owner, kind.resource, kind.name(owner["metadata"]["name"]))


def _refused(owner: Object, kind: Kind, error: Forbidden | Invalid, live: Object | None) -> Problem:
    if kind.resource is CLAIMS and "resize" in error.message:
        # The admission plugin PersistentVolumeClaimResize.
        return Problem("VolumeCannotGrow", volumes.cannot_grow(live, error.sentence))
    found = refused(kind.kind, error)
    return replace(found, message=found.message + _hint(owner, kind, error))


def _hint(owner: Object, kind: Kind, error: ApiError) -> str:
    namespace, name = key_of(owner)
    lost = "; what is on its volume is lost" if kind.resource is CLAIMS else ""
    return refusals.hint(error, kind.kind, kind.name(name), namespace, lost)
