"""What is told again and again is told once in a while, with a count.

For faults that anybody can cause as often as he likes: each of them a line of its own would hide
all else, and fill a disk. Nothing is imported from the rest of kopfkit: whatever logs can use it.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

# Seconds in which the same fault is told once.
QUIET: Final = 30.0
# Faults that are remembered. Names are ours and not a stranger's, so there are a few.
_REMEMBERED: Final = 100
_FIELD: Final = "repeats"


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
