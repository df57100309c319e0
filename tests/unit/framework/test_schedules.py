"""When a snapshot is due, and which ones may go."""

from datetime import UTC, datetime, timedelta

import pytest

from kopfkit.controller.errors import InvalidSpec
from kopfkit.controller.schedules import Made, due, read, spell, superfluous


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NOON = at("2026-11-25T12:00:00")


@pytest.mark.parametrize(
    ("expression", "since", "run", "following"),
    [
        # Nothing was missed.
        ("30 2 * * *", "2026-11-25T02:30:00", None, "2026-11-26T02:30:00"),
        # One was; and many were: one is made up for.
        ("30 2 * * *", "2026-11-25T02:29:00", "2026-11-25T02:30:00", "2026-11-26T02:30:00"),
        ("* * * * *", "2026-01-01T00:00:00", "2026-11-25T12:00:00", "2026-11-25T12:01:00"),
        # At the very second.
        ("@hourly", "2026-11-25T11:00:00", "2026-11-25T12:00:00", "2026-11-25T13:00:00"),
        ("@daily", "2026-11-25T00:00:00", None, "2026-11-26T00:00:00"),
        ("@weekly", "2026-11-20T00:00:00", "2026-11-22T00:00:00", "2026-11-29T00:00:00"),
        ("0 0 * * 7", "2026-11-22T00:00:00", None, "2026-11-29T00:00:00"),
        ("0 0 29 FEB *", "2026-01-01T00:00:00", None, "2028-02-29T00:00:00"),
        # The newest run lies in the future: a clock was set back.
        ("@hourly", "2026-11-26T00:00:00", None, "2026-11-25T13:00:00"),
    ],
)
def test_the_newest_missed_run_is_due_once(
    expression: str, since: str, run: str | None, following: str
) -> None:
    found = due(expression, at(since), NOON, field="spec.schedule")

    assert found.run == (at(run) if run else None)
    assert found.next == at(following)


def test_a_run_that_was_done_is_not_due_again_in_the_same_minute() -> None:
    found = due(
        "* * * * *", NOON, NOON + timedelta(seconds=59, microseconds=999_999), field="spec.schedule"
    )

    assert (found.run, found.next) == (None, NOON + timedelta(minutes=1))


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "5-3 * * * *", "0 0 * * FRI-MON"])
def test_a_time_that_never_comes_is_told(expression: str) -> None:
    with pytest.raises(InvalidSpec, match="names no time that ever comes"):
        due(expression, NOON, NOON, field="spec.schedule")


def test_a_run_is_spelled_into_a_name_and_read_again() -> None:
    assert spell(NOON) == "202611251200"
    assert read(spell(NOON)) == NOON
    assert read("yesterday") is None


def made(*states: str) -> list[Made]:
    """Snapshots of these states, the newest first."""
    return [
        Made(f"{number}-{state or 'running'}", NOON - timedelta(hours=number), state)
        for number, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "keep", "expected"),
    [
        ((), 1, []),
        (("ready", "ready"), 2, []),
        (("ready", "ready", "ready"), 2, ["2-ready"]),
        # What is being taken counts for nothing and stays.
        (("", "ready", "ready"), 1, ["2-ready"]),
        # Failures push nothing good out, and do not pile up.
        (("failed", "failed", "failed", "ready"), 1, ["1-failed", "2-failed"]),
        (("failed", "ready", "ready", "failed"), 1, ["2-ready", "3-failed"]),
    ],
)
def test_only_ready_ones_count_against_what_is_kept(
    states: tuple[str, ...], keep: int, expected: list[str]
) -> None:
    assert superfluous(made(*states), keep) == expected
