"""Objects made by the clock: which run is due, when the next one is, which old ones may go. Pure.

The cluster holds all state: the name of an object is made of the minute it stands for, so that two
operators that act at the same time make the same one, and the newest of them tells which runs were
done. Runs that were missed while nobody looked are made up for once, not one by one.
Times are UTC.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cronsim import CronSim, CronSimError

from kopfkit.controller.errors import InvalidSpec

__all__ = [
    "Due",
    "Made",
    "due",
    "read",
    "spell",
    "superfluous",
    "timestamp",
    "utc_now",
]

# What cronsim does not know by name.
_NAMED: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * 0"}
_MINUTE: Final = "%Y%m%d%H%M"
# Seconds: the clock of a machine may jump, and so no timer waits longer.
_LONGEST: Final = 1800.0


@dataclass(frozen=True)
class Due:
    """Where a schedule is.

    Attributes:
        run: the newest run that was not done yet, or None.
        next: the first one in the future, or None where none ever comes.
    """

    run: datetime | None
    next: datetime | None

    def delay(self, now: datetime) -> float | None:
        """Seconds until the schedule is worth another look, for `Context.requeue`."""
        if self.next is None:
            return None
        # A little later than on the second: a timer may be early.
        return min((self.next - now).total_seconds() + 0.1, _LONGEST)


@dataclass(frozen=True)
class Made:
    """An object that was made for a run.

    Attributes:
        name: of the object.
        at: the time it stands for.
        state: "ready", "failed", or "" while it is neither.
    """

    name: str
    at: datetime
    state: str


def due(schedule: str, since: datetime, now: datetime, *, field: str) -> Due:
    """Which run is due.

    Args:
        schedule: five cron fields, or @hourly, @daily, @weekly (`kopfkit.crd.patterns.SCHEDULE`).
        since: the newest run that was done; at the beginning, when the owner was made.
        now: the time (UTC).
        field: the schedule's path, for the error.

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
            f"{field}: {schedule!r} names no time that ever comes ({error})"
        ) from error
    return Due(last if last is not None and last > since else None, following)


def utc_now() -> datetime:
    """The time; a controller takes the function as an argument, so that tests can set the clock."""
    return datetime.now(UTC)


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
    """Names of the objects that may go: ready ones beyond the newest `keep`, and failed ones but
    for the newest. A failed one never counts against a ready one, and what is neither stays."""
    newest = sorted(made, key=lambda each: (each.at, each.name), reverse=True)
    ready = [each.name for each in newest if each.state == "ready"]
    failed = [each.name for each in newest if each.state == "failed"]
    return ready[keep:] + failed[1:]


def timestamp(text: object) -> datetime:
    """A time as objects carry it (RFC 3339, UTC); the beginning of time for what is none."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
