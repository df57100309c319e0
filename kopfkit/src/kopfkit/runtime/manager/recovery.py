"""Notices that the API server is well again, so that nobody sits out a long delay for nothing.

Retries get rare while the API server is away, and must: thousands of objects would hammer it when
it comes back. Some answers in a row that are no failures say that waiting is over; requests enough
are always on their way, since the Lease is renewed every second. A server that stays well to some
and fails others (one resource's webhook is broken, no address is left for a Service) looks like one
that recovers again and again: each time counts half as often as the one before.
"""

import time
from collections.abc import Callable
from typing import Final

# Answers in a row that are no failures.
_ROW: Final = 4
# Seconds between two recoveries, at first and at most, and without a failure until it is first
# again.
APART: Final = 3.0
_FARTHEST: Final = 600.0
_WELL: Final = 60.0


class Recovery:
    """An observer of a `Client`.

    Args:
        recovered: called when requests succeed after some that failed for the server's sake.
        clock: monotonic seconds.
    """

    def __init__(
        self, recovered: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recovered, self._clock = recovered, clock
        self._row = _ROW
        self._failed_at = float("-inf")
        self._told_at = float("-inf")
        self._apart = APART

    def __call__(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request ended, with this HTTP status (0: no answer came)."""
        now = self._clock()
        if status == 0 or status == 429 or status >= 500:
            if now - self._failed_at > _WELL:
                self._apart = APART
            self._failed_at, self._row = now, 0
            return
        if self._row == _ROW:
            return
        # The row stays one short of full until enough time has passed.
        full = self._row + 1 >= _ROW
        if full and now < self._told_at + self._apart:
            return
        self._row += 1
        if full:
            if self._told_at > float("-inf"):
                self._apart = min(2 * self._apart, _FARTHEST)
            self._told_at = now
            self._recovered()
