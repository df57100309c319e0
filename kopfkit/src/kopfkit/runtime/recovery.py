"""Notices that the API server answers again, so that nobody sits out a long delay for nothing.

Retries get rare while the API server is away, and must: thousands of objects would hammer it when
it comes back. The first answer after a failure says that waiting is over. Some request is always on
its way soon: the Lease is renewed every second.
"""

import time
from collections.abc import Callable
from typing import Final

# Seconds between two recoveries: a server that fails every other request is not well.
APART: Final = 3.0


class Recovery:
    """An observer of a `Client`.

    Args:
        recovered: called when a request succeeds after one that failed for the server's sake.
        clock: monotonic seconds.
    """

    def __init__(
        self, recovered: Callable[[], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._recovered, self._clock = recovered, clock
        self._trouble = False
        self._last = float("-inf")

    def __call__(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request ended, with this HTTP status (0: no answer came)."""
        if status == 0 or status == 429 or status >= 500:
            self._trouble = True
        elif self._trouble and self._clock() >= self._last + APART:
            self._trouble = False
            self._last = self._clock()
            self._recovered()
