"""Log lines that would come again and again: now and then with a count, or once until they change.

The former (`often`) is for faults that anybody can cause as often as he likes, the latter (`Once`)
for what is tried again until it works. Each of them a line of its own would hide all else, and fill
a disk. Nothing is imported from the rest of kopfkit: whatever logs can use it.
"""

import logging
import re
import time
from collections.abc import Callable, Hashable
from typing import Final

# Seconds in which the same fault is told once.
QUIET: Final = 30.0
# Faults that are remembered. Names are ours and not a stranger's, so there are a few.
_REMEMBERED: Final = 100
_FIELD: Final = "repeats"
# Characters of a failure that are compared.
_COMPARED: Final = 1000
# What differs from one try to the next: times, amounts, ports, resourceVersions, random names.
_VOLATILE: Final = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")


def often(fault: str) -> dict[str, str]:
    """The `extra` of a log call whose like may come often.

    Args:
        fault: which one it is, in words that do not depend on who caused it.
    """
    return {_FIELD: fault}


class Repeats(logging.Filter):
    """Lets a fault (`often`) through once in QUIET seconds; the next line says how many were not.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        # Since when, and how many were left out since.
        self._told: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is told; what it says may become longer."""
        fault = self.fault(record)
        if not fault:
            return True
        record.__dict__.pop(_FIELD, None)
        now = self._clock()
        since, left_out = self._told.get(fault, (now - QUIET, 0))
        if now - since < QUIET:
            self._told[fault] = since, left_out + 1
            return False
        if left_out:
            text = f"{record.getMessage()} (and {left_out} more in {now - since:.0f} s)"
            record.msg, record.args = text, None
        if len(self._told) >= _REMEMBERED and fault not in self._told:
            self._told.clear()
        self._told[fault] = now, 0
        return True

    def fault(self, record: logging.LogRecord) -> str:
        """Which fault a record is about, "" for one that is always told."""
        return str(getattr(record, _FIELD, ""))


class Once:
    """Knows which failure of whom was logged last, so that the same one is not logged again."""

    def __init__(self) -> None:
        self._last: dict[Hashable, tuple[str, str | None, int]] = {}

    def news(self, of: Hashable, failure: str, state: str = "") -> bool:
        """Whether a failure differs from the last one by more than numbers.

        Args:
            of: whose it is; forgotten by `over`.
            failure: in words.
            state: what it is about, such as a generation; another one makes the same words news.
        """
        before = self._last.get(of, ("", None, 0))
        words = _VOLATILE.sub("#", failure[:_COMPARED])
        self._last[of] = words, state, before[2] + 1
        return before[:2] != (words, state)

    def over(self, of: Hashable) -> int:
        """It works again, or is gone; returns how often it failed."""
        return self._last.pop(of, ("", "", 0))[2]
