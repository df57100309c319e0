"""When the pods of a workload are read: only while its rollout does not come to its end.

They are not watched: a cluster has many, and mostly all is well. After a few seconds of patience
they are read, then less and less often; those of all objects together a few times a second at most,
so that a thousand of them that wait for the same broken node ask no more than a handful. What the
workload tells of itself meanwhile (its controller has made the pods at last) begins the patience
anew; that a container starts to fail late, after a long pull of its image, no workload tells.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kopfkit.controller.conditions import conditions_of
from kopfkit.controller.kinds import PODS
from kopfkit.controller.outcome import Problem
from kopfkit.controller.owners import mapping
from kopfkit.controller.podfailures import REASONS, SHAPE, failures
from kopfkit.controller.rollouts import Rollout, rollout
from kopfkit.runtime.api.errors import Forbidden
from kopfkit.runtime.api.resources import Object
from kopfkit.runtime.manager.store import Key, key_of

if TYPE_CHECKING:
    from kopfkit.runtime.api.client import Client

# Seconds a rollout gets before its pods are looked at.
_PATIENCE: Final = 5.0
# Seconds between two looks, how much longer they get each time, and at most: where the last one
# found something, and where it did not (pods that wait for nothing but time).
_FIRST: Final = 5.0
_LONGER_FOUND, _LONGEST_FOUND = 2.0, 30.0
_LONGER_NOTHING, _LONGEST_NOTHING = 3.0, 60.0
# Looks a second over all, and how many may come at once.
_RATE: Final = 5.0
_BURST: Final = 20.0


@dataclass
class _State:
    generation: int
    rollout: Rollout
    next_at: float
    delay: float = _FIRST
    found: tuple[Problem, ...] = ()
    reserved: bool = False


class PodReader:
    """Reads pods on demand.

    Args:
        client: lists them.
        clock: monotonic seconds.
    """

    def __init__(self, client: "Client", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._states: dict[Key, _State] = {}
        # When the last look that was given away is due.
        self._slot = clock() - _BURST / _RATE

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._states.pop(key, None)

    async def failures(
        self, owner: Object, workload: Object | None, claim: Object | None = None
    ) -> tuple[tuple[Problem, ...], float | None]:
        """Why pods do not start, and seconds after which to look again (None: no need).

        Args:
            owner: the object that is reconciled.
            workload: its Deployment or StatefulSet as read; None where there is none.
            claim: the PersistentVolumeClaim that the pods mount, or None.

        Raises:
            ApiError: the pods cannot be read now.
        """
        key, now = key_of(owner), self._clock()
        seen = rollout(workload)
        if workload is None or seen.complete or not seen.wanted:
            self.forget(key)
            return (), None
        state = self._states.get(key)
        generation = owner["metadata"].get("generation", 0)
        if state is None or state.generation != generation:
            told = _told(owner)
            state = _State(generation, seen, now if told else now + _PATIENCE, found=told)
            self._states[key] = state
        elif state.rollout != seen:
            state.rollout, state.delay = seen, _FIRST
            # Who has a turn keeps it: a turn given up would be nobody's, and all others wait.
            if not state.reserved:
                state.next_at = min(state.next_at, now + _PATIENCE)
        if state.next_at > now:
            return state.found, state.next_at - now
        if not state.reserved:
            self._slot = max(self._slot, now - _BURST / _RATE) + 1 / _RATE
            if self._slot > now:
                # It comes back once, when it is its turn.
                state.next_at, state.reserved = self._slot, True
                return state.found, self._slot - now
        state.reserved = False
        place = workload["metadata"].get("namespace", key[0])
        try:
            pods, _ = await self._client.list(
                PODS.resource, place, labels=_selector(workload), shape=SHAPE
            )
        except Forbidden:  # less is told then, but nothing stops
            pods = []
        found = failures(pods, claim)
        if found != state.found:
            state.found, state.delay = found, _FIRST
        elif found:
            state.delay = min(state.delay * _LONGER_FOUND, _LONGEST_FOUND)
        else:
            state.delay = min(state.delay * _LONGER_NOTHING, _LONGEST_NOTHING)
        state.next_at = now + state.delay
        return found, state.delay


def _selector(workload: Object) -> str:
    """The selector of a workload's pods as the API takes it."""
    labels = mapping(mapping(mapping(workload.get("spec")).get("selector")).get("matchLabels"))
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _told(owner: Object) -> tuple[Problem, ...]:
    """What was told of this generation before we started: it holds until we have looked."""
    degraded = conditions_of(mapping(owner.get("status"))).get("Degraded", {})
    reason = degraded.get("reason")
    same = degraded.get("observedGeneration") == owner["metadata"].get("generation", 0)
    if degraded.get("status") != "True" or reason not in REASONS or not same:
        return ()
    return (Problem(str(reason), str(degraded.get("message", ""))),)
