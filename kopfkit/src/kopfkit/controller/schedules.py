"""Snapshots by the clock: which run is due, when the next one is, which old ones may go. Pure.

The cluster holds all state: a scheduled snapshot's name is made of the minute it stands for, so
that two operators that act at the same time make the same one, and the newest of them tells which
runs were done. Runs that were missed while nobody looked are made up for once, not one by one.
Times are UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

from kopfkit.controller import InvalidSpec

# What cronsim does not know by name.
_NAMED: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}
_MINUTE: Final = "%Y%m%d%H%M"


@dataclass(frozen=True)
class Due:
    """Where a schedule is.

    Attributes:
        run: the newest run that was not done yet, or None.
        next: the first one in the future, or None where none ever comes.
    """

    run: datetime | None
    next: datetime | None


@dataclass(frozen=True)
class Made:
    """A snapshot made by the operator.

    Attributes:
        name: of the HelloWorldSnapshot.
        at: the time it stands for.
        state: "ready", "failed", or "" while it is being taken.
    """

    name: str
    at: datetime
    state: str


def due(schedule: str, since: datetime, now: datetime) -> Due:
    """Which run is due.

    Args:
        schedule: spec.snapshots.schedule.
        since: the newest run that was done; at the beginning, when the HelloWorld was made.
        now: the time.

    Raises:
        InvalidSpec: the schedule names no time that ever comes, such as 30 February.
    """
    expression = _NAMED.get(schedule, schedule)
    try:
        # Backward from the next whole second: a run at this very second is due.
        second = now.replace(microsecond=0) + timedelta(seconds=1)
        last = next(CronSim(expression, second, reverse=True), None)
        following = next(CronSim(expression, now), None)
    except CronSimError as error:
        raise InvalidSpec(
            f"spec.snapshots.schedule: {schedule!r} names no time that ever comes ({error})"
        ) from error
    return Due(last if last is not None and last > since else None, following)


def spell(at: datetime) -> str:
    """A run's time as a part of a name."""
    return at.strftime(_MINUTE)


def read(text: str) -> datetime | None:
    """The time that `spell` wrote, or None where it is no such text."""
    try:
        return datetime.strptime(text, _MINUTE).replace(tzinfo=UTC)
    except ValueError:
        return None


def superfluous(made: Iterable[Made], keep: int) -> list[str]:
    """Names of the snapshots that may go: ready ones beyond the newest `keep`, and failed ones but
    for the newest. A failed one never counts against a ready one, and what is being taken stays."""
    newest = sorted(made, key=lambda each: (each.at, each.name), reverse=True)
    ready = [each.name for each in newest if each.state == "ready"]
    failed = [each.name for each in newest if each.state == "failed"]
    return ready[keep:] + failed[1:]
