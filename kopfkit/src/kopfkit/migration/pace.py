"""So many requests a second, and patience with a server that is busy, restarting or not there."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.errors import Unavailable

T = TypeVar("T")
# Seconds between two tries of a request that found nobody: the first, and the most.
_FIRST: Final = 0.25
_MOST: Final = 15.0


class Pace:
    """At most `rate` turns a second, evenly spread.

    Args:
        rate: turns a second; 0 or less is no limit.
        patience: seconds that one request is repeated for while it cannot be answered.
    """

    def __init__(self, rate: float, patience: float) -> None:
        self._between = 1 / rate if rate > 0 else 0.0
        self._patience = patience
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._between
        if mine > now:
            await asyncio.sleep(mine - now)

    async def patiently(self, what: str, request: Callable[[], Awaitable[T]]) -> T:
        """What `request` returns, tried again while the answer is 429, 5xx or none at all.

        Raises:
            KopfkitError: it went on longer than `patience`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        wait = _FIRST
        while True:
            try:
                return await request()
            except Unavailable as error:
                if loop.time() >= deadline:
                    raise KopfkitError(
                        what, f"got no answer ({error.message})", _hint(error)
                    ) from None
                await asyncio.sleep(error.retry_after or wait * random.uniform(0.8, 1.2))
                wait = min(wait * 2, _MOST)


def _hint(error: Unavailable) -> str:
    again = "Then run the migration again; it resumes."
    if "conversion webhook" in error.message:
        return f"Make the conversion webhook answer: check its pods and its certificate. {again}"
    return f"Make the API server answer. {again}"
