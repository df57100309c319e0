"""How long a status waits for the controllers of the children to make the pods.

Without it every creation would be told three times within milliseconds. Where many objects wait,
that takes their children's controllers longer than a person wants to wait for a first sign: then
each is told at once, and once more when its pods are made.
"""

import time
from collections.abc import Callable
from typing import Final

from kopfkit.runtime.manager.store import Key

# Seconds the status may wait.
_SETTLE: Final = 1.0
# More of them for each other object that waits, and at most: many at once take the Deployments'
# controller a while (it is allowed 20 requests a second), and a second write for each of them would
# make it longer.
_EACH: Final = 0.2
_LONGEST: Final = 30.0
# Objects that wait, from which on a status that nobody has seen waits no longer.
_MANY: Final = 25


class Patience:
    """Until when the status of each object waits.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Since when, and until when at most.
        self._waits: dict[Key, tuple[float, float]] = {}
        # Until then a status that nobody has seen is written at once.
        self._many = self._clock()

    def left(self, key: Key, *, told: bool) -> float:
        """Seconds the status of an object may still wait.

        Args:
            key: of the object.
            told: whether it has a status of its current generation.
        """
        now = self._clock()
        since, until = self._waits.get(key, (now, now))
        others = len(self._waits)
        # Never shorter than it was: who came last is served last, when few others are left.
        until = max(until, since + min(_SETTLE + _EACH * others, _LONGEST))
        self._waits[key] = since, until
        if told:
            return until - now
        if others >= _MANY:
            # Also for the last of them, when most have been told.
            self._many = now + _SETTLE
        # Looked at again soon: many may have come.
        return 0.0 if now < self._many else min(until - now, _SETTLE)

    def forget(self, key: Key) -> None:
        """The status was written, or is not to be."""
        self._waits.pop(key, None)
