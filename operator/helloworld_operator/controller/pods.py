"""When the pods of a HelloWorld are read: only while a rollout does not come to its end.

They are not watched: a cluster has many, and mostly all is well. After a few seconds of patience
they are read, then less and less often; all HelloWorlds together a few times a second at most, so
that a thousand of them that wait for the same broken node ask no more than a handful. What the
Deployment tells of itself meanwhile (its controller has made the pods at last) begins the patience
anew; that a container starts to fail late, after a long pull of its image, no Deployment tells.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from helloworld_operator.controller.names import selector_text
from helloworld_operator.controller.observe import PODS, PODS_SHAPE, mapping
from helloworld_operator.controller.observed import Observed, Problem
from helloworld_operator.controller.status import Rollout, conditions_of, rollout_of
from helloworld_operator.controller.troubles import REASONS, troubles
from kopfkit.runtime.client import Client
from kopfkit.runtime.errors import Forbidden
from kopfkit.runtime.store import Key, key_of

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
class _Patient:
    generation: int
    rollout: Rollout
    next_at: float
    delay: float = _FIRST
    found: tuple[Problem, ...] = ()
    reserved: bool = False


class Pods:
    """Reads pods on demand.

    Args:
        client: lists them.
        clock: monotonic seconds.
    """

    def __init__(self, client: Client, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._patients: dict[Key, _Patient] = {}
        # When the last look that was given away is due.
        self._slot = clock() - _BURST / _RATE

    def forget(self, key: Key) -> None:
        """The HelloWorld is gone."""
        self._patients.pop(key, None)

    async def troubles(self, observed: Observed) -> tuple[tuple[Problem, ...], float | None]:
        """Why pods do not start, and seconds after which to look again (None: no need).

        Raises:
            ApiError: the pods cannot be read now.
        """
        owner = observed.owner
        key, now = key_of(owner), self._clock()
        rollout = rollout_of(observed.deployment, observed.spec)
        if observed.deployment is None or rollout.complete or not rollout.wanted:
            self.forget(key)
            return (), None
        patient = self._patients.get(key)
        generation = owner["metadata"].get("generation", 0)
        if patient is None or patient.generation != generation:
            told = _told(observed)
            patient = _Patient(generation, rollout, now if told else now + _PATIENCE, found=told)
            self._patients[key] = patient
        elif patient.rollout != rollout:
            patient.rollout, patient.delay = rollout, _FIRST
            # Who has a turn keeps it: a turn given up would be nobody's, and all others wait.
            if not patient.reserved:
                patient.next_at = min(patient.next_at, now + _PATIENCE)
        if patient.next_at > now:
            return patient.found, patient.next_at - now
        if not patient.reserved:
            self._slot = max(self._slot, now - _BURST / _RATE) + 1 / _RATE
            if self._slot > now:
                # It comes back once, when it is its turn.
                patient.next_at, patient.reserved = self._slot, True
                return patient.found, self._slot - now
        patient.reserved = False
        selector = selector_text(owner["metadata"]["name"])
        try:
            pods, _ = await self._client.list(PODS, key[0], labels=selector, shape=PODS_SHAPE)
        except Forbidden:  # less is told then, but nothing stops
            pods = []
        found = troubles(pods, observed.claim)
        if found != patient.found:
            patient.found, patient.delay = found, _FIRST
        elif found:
            patient.delay = min(patient.delay * _LONGER_FOUND, _LONGEST_FOUND)
        else:
            patient.delay = min(patient.delay * _LONGER_NOTHING, _LONGEST_NOTHING)
        patient.next_at = now + patient.delay
        return found, patient.delay


def _told(observed: Observed) -> tuple[Problem, ...]:
    """What was told of this generation before we started: it holds until we have looked."""
    status = mapping(observed.owner.get("status"))
    degraded = conditions_of(status).get("Degraded", {})
    reason = degraded.get("reason")
    same = degraded.get("observedGeneration") == observed.owner["metadata"].get("generation", 0)
    if degraded.get("status") != "True" or reason not in REASONS or not same:
        return ()
    return (Problem(str(reason), str(degraded.get("message", ""))),)
