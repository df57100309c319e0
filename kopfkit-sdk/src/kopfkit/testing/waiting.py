"""Waiting for what a cluster does in its own time, with the last reason in the failure."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = [
    "eventually",
]

T = TypeVar("T")


# How much longer each pause is than the one before, and seconds that no pause needs to exceed: many
# tests that wait side by side must not keep an API server busy with their looking.
_SLOWER, _LONGEST = 1.1, 0.3


def eventually(check: Callable[[], T], *, timeout: float = 120.0, interval: float = 0.05) -> T:
    """Call `check` until it returns something true, and return that.

    The first pause between two calls is `interval` seconds; later ones grow to 0.3 s. An
    AssertionError, LookupError or ApiError from `check` counts as "not yet". Fails with
    AssertionError, which carries the last result or error, after `timeout` seconds.
    """
    from kopfkit.testing.client import ApiError

    deadline = time.monotonic() + timeout
    while True:
        cause: Exception | None = None
        last: object = None
        try:
            result = check()
            if result:
                return result
            last = result
        except (AssertionError, LookupError, ApiError) as error:
            cause, last = error, error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:.0f} s; at the end: {last!r}") from cause
        time.sleep(interval)
        interval = max(interval, min(interval * _SLOWER, _LONGEST))
