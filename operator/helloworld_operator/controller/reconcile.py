"""One reconcile: observe, decide, act, tell. Needs the key only; why it was called does not matter.

What is expected to go wrong becomes a condition. An exception that leaves here means: try again
later.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from helloworld_operator.controller import desired, names
from helloworld_operator.controller.children import Children, Result, about
from helloworld_operator.controller.observe import (
    DEPLOYMENTS,
    HELLOWORLDS,
    SERVICES,
    mapping,
    owner_key,
    spec_of,
)
from helloworld_operator.controller.status import Observed, Problem, patch, status, unsettled
from helloworld_operator.errors import InvalidSpec, Vanished
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import ApiError, Conflict, Forbidden, Invalid, NotFound
from kopfkit.runtime.store import Key, Store, key_of

log = logging.getLogger(__name__)

# Seconds the status may wait for the Deployment's controller to make the pods. Without it every
# creation would be told three times within milliseconds.
_SETTLE: Final = 1.0
# Seconds between two looks at an obstacle that sends us no events.
_RECHECK: Final = 10.0


def _utc_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Reconciler:
    """Reconciles HelloWorlds.

    Args:
        client: writes, and reads where the stores do not suffice.
        stores: what was last seen of each of the three resources.
        image: the operand's default image, or None.
        now: the time in RFC 3339.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        image: str | None,
        now: Callable[[], str] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._stores = client, stores
        self._children = Children(client, stores)
        self._image, self._now, self._clock = image, now, clock
        self._unsettled: dict[Key, float] = {}

    async def __call__(self, key: Key) -> float | None:
        """Reconcile one object; returns seconds after which to look again, or None.

        Raises:
            ApiError: to be tried again, after a delay.
        """
        owner = self._stores[HELLOWORLDS].get(key)
        if owner is None or owner["metadata"].get("deletionTimestamp"):
            # Its children go with it by their owner references.
            self._unsettled.pop(key, None)
            return None
        try:
            observed, failure, wrote = await self._act(owner)
            if not observed.problems and (wrote or unsettled(observed)):
                left = self._unsettled.setdefault(key, self._clock() + _SETTLE) - self._clock()
                if left > 0:
                    return left
            await self._tell(observed)
        except Vanished:
            self._unsettled.pop(key, None)
            log.info("is gone", extra=about(owner))
            return None
        self._unsettled.pop(key, None)
        if failure is not None:
            raise failure
        if observed.waiting or any(each.reason == "NameCollision" for each in observed.problems):
            return _RECHECK * random.uniform(0.8, 1.2)
        return None

    async def _act(self, owner: Object) -> tuple[Observed, ApiError | None, bool]:
        try:
            spec = spec_of(owner)
        except InvalidSpec as error:
            return self._as_it_is(owner, Problem("InvalidSpec", str(error))), None, False
        if not (spec.image or self._image):
            problem = Problem(
                "ImageMissing",
                "no image to run: set spec.image, or RELATED_IMAGE_HELLOWORLD for the operator",
            )
            return self._as_it_is(owner, problem), None, False
        wanted = {
            DEPLOYMENTS: desired.deployment(owner, spec, self._image),
            SERVICES: desired.service(owner, spec),
        }
        results: dict[Resource, Result] = {}
        problems: list[Problem] = []
        failure: ApiError | None = None
        for resource, child in wanted.items():
            try:
                result = await self._children.ensure(owner, resource, child)
            except (Forbidden, Invalid) as error:
                failure = error
                reason = "Forbidden" if isinstance(error, Forbidden) else "Rejected"
                problems.append(Problem(reason, f"{child['kind']}: {error.message}"))
                result = Result(self._stores[resource].get(key_of(child)))
            results[resource] = result
            if result.collision:
                problems.append(Problem("NameCollision", result.collision))
        observed = Observed(
            owner=owner,
            spec=spec,
            deployment=results[DEPLOYMENTS].live,
            problems=tuple(problems),
            waiting="; ".join(each.waiting for each in results.values() if each.waiting),
        )
        return observed, failure, any(each.wrote for each in results.values())

    def _as_it_is(self, owner: Object, problem: Problem) -> Observed:
        namespace, name = key_of(owner)
        live = self._stores[DEPLOYMENTS].get((namespace, names.child_name(name)))
        if live is not None and owner_key(live) != (namespace, name):
            live = None
        return Observed(owner=owner, deployment=live, problems=(problem,))

    async def _tell(self, observed: Observed) -> None:
        owner = observed.owner
        new = status(observed, self._now())
        change = patch(owner, new)
        if change is None:
            return
        try:
            stored = await self._client.merge(
                HELLOWORLDS, *key_of(owner), change, subresource="status"
            )
        except NotFound:
            self._stores[HELLOWORLDS].drop(owner)
            raise Vanished(str(key_of(owner))) from None
        except Conflict as error:
            # The uid no longer fits: a successor of the same name, whose events are on their way.
            raise Vanished(str(key_of(owner))) from error
        self._stores[HELLOWORLDS].put(stored)
        _log_transitions(owner, new)


def _log_transitions(owner: Object, new: Object) -> None:
    before = {
        item.get("type"): (item.get("status"), item.get("reason"))
        for item in map(mapping, mapping(owner.get("status")).get("conditions") or [])
    }
    for item in new["conditions"]:
        kind, state, reason = item["type"], item["status"], item["reason"]
        if before.get(kind) == (state, reason) or (kind not in before and state == "False"):
            continue
        bad = kind == "Degraded" and state == "True"
        log.log(
            logging.ERROR if bad else logging.INFO,
            "%s is %s (%s) %s",
            kind,
            state,
            reason,
            item["message"],
            extra=about(owner),
        )
