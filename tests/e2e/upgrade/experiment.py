"""One upgrade under load, and what the clients met meanwhile."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kopfkit.testing.waiting import eventually

from .auditing import Record
from .clients import Clients

# Where a run leaves its rows, for a table; nowhere unless asked.
TABLE = os.environ.get("KOPFKIT_UPGRADE_TABLE", "")
# How often the experiments of the table run, and whether all of them do.
RUNS = int(os.environ.get("KOPFKIT_UPGRADE_RUNS", "0"))
# Seconds of calls before and after an upgrade: OLM writes the CRD once more after Succeeded.
BEFORE, AFTER = 5.0, 20.0


@dataclass(frozen=True)
class Outcome:
    """What an upgrade did.

    Attributes:
        record: what the clients met.
        lost: what is wrong with the objects afterwards, when all is quiet.
        rollouts: how many times the webhook's pods were replaced.
        seconds: from the new catalog to an installed CSV.
    """

    record: Record
    lost: list[str]
    rollouts: int
    seconds: float

    def harmless(self) -> None:
        """Fails if a client was told something wrong, or an object is not what it should be."""
        assert self.record.total > 0
        assert (self.record.wrong[:5], self.lost) == ([], [])

    def unnoticed(self) -> None:
        """Fails, with the first faults, unless no client noticed anything."""
        assert self.record.total > 0
        assert (self.record.failures[:5], len(self.record.failures)) == ([], 0)
        assert (self.record.wrong[:5], len(self.record.wrong)) == ([], 0)
        assert self.lost == []


def under_load(
    name: str,
    clients: Clients,
    act: Callable[[], object],
    rollouts: Callable[[], int],
    *versions: str,
    settled: Callable[[], object] = lambda: None,
) -> Outcome:
    """Act while clients call through `versions`; one row of the table."""
    before, seconds = rollouts(), 0.0
    record, lost = clients.record, ["nobody looked"]
    try:
        with clients.running(*versions):
            time.sleep(BEFORE)
            started = time.monotonic()
            act()
            seconds = time.monotonic() - started
            settled()
            time.sleep(AFTER)
        lost = eventually(lambda: [clients.audit()])[0]
    finally:
        outcome = Outcome(record, lost, rollouts() - before, seconds)
        tell(name, outcome)
    return outcome


def tell(name: str, outcome: Outcome) -> None:
    """Write the row, and below it the first of what was wrong."""
    first = (*outcome.record.failures[:6], *outcome.record.wrong[:4], *outcome.lost[:4])
    note(
        f"{name}: {outcome.record.row()}, lost {len(outcome.lost)}, "
        f"rollouts {outcome.rollouts}, {outcome.seconds:.0f} s",
        *first,
    )


def note(line: str, *below: str) -> None:
    """Print a line and what belongs below it, and write both to the table."""
    more = "".join(f"\n    {each}" for each in below)
    print(f"{line}{more}")
    if TABLE:
        with Path(TABLE).open("a") as file:
            file.write(f"{time.strftime('%H:%M:%S')} {line}{more}\n")
