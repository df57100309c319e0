"""How long a status waits for the controllers of the children to make the pods.

Without it every creation would be told three times within milliseconds.
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


class Patience:
    """Until when the status of each object waits.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Since when, and until when at most.
        self._waits: dict[Key, tuple[float, float]] = {}

    def left(self, key: Key) -> float:
        """Seconds the status of an object may still wait."""
        now = self._clock()
        since, until = self._waits.get(key, (now, now))
        others = len(self._waits)
        # Never shorter than it was: who came last is served last, when few others are left.
        until = max(until, since + min(_SETTLE + _EACH * others, _LONGEST))
        self._waits[key] = since, until
        return until - now

    def forget(self, key: Key) -> None:
        """The status was written, or is not to be."""
        self._waits.pop(key, None)
