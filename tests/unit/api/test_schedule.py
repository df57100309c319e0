"""The schedule that the schema takes is one that the clock understands, and the other way round."""

import re
from datetime import UTC, datetime

import pytest
from cronsim import CronSim, CronSimError
from hypothesis import given
from hypothesis import strategies as st

from helloworld_operator.api import v1
from kopfkit.crd import schema_of

SCHEDULE = schema_of(v1.Spec, "v1")["properties"]["snapshots"]["properties"]["schedule"]
(RULE,) = SCHEDULE["x-kubernetes-validations"]
PATTERN = re.fullmatch(r"self\.matches\('(.*)'\)", RULE["rule"])[1]  # type: ignore[index]
LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
DAYS = "SUN MON TUE WED THU FRI SAT".split()  # noqa: SIM905
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()  # noqa: SIM905


def taken(schedule: str) -> bool:
    # RE2's $ is the very end; Python's is not.
    return re.fullmatch(PATTERN, schedule) is not None


def understood(schedule: str) -> bool:
    try:
        CronSim(schedule, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        return False
    return True


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, names: tuple[str, ...]) -> str:
    """One field, as crontab(5) has it."""

    def item() -> str:
        first = draw(st.integers(low, high))
        text = str(first)
        kind = draw(st.sampled_from(["*", "value", "name", "range"]))
        if kind == "*":
            text = "*"
        elif kind == "name" and names:
            text = draw(st.sampled_from(names))
        elif kind == "range":
            text = f"{first}-{draw(st.integers(first, high))}"
        return text + draw(st.sampled_from(["", "", "/1", "/5"] if kind in "*range" else [""]))

    return ",".join(item() for _ in range(draw(st.integers(1, 3))))


lines = st.tuples(
    *(
        fields(low, high, names)
        for (low, high), names in zip(LIMITS, ((), (), (), tuple(MONTHS), tuple(DAYS)), strict=True)
    )
).map(" ".join)


@given(lines)
def test_a_cron_line_is_taken_and_understood(line: str) -> None:
    assert taken(line)
    # 30 and 31 February: no form can say it, the controller's condition does.
    day, month = line.split(" ")[2:4]
    assert understood(line) or (day, month) in {
        (day, month) for day in ("30", "31") for month in ("2", "FEB", "4", "6", "9", "11")
    }


@given(st.lists(st.integers(-5, 100), min_size=5, max_size=5))
def test_numbers_are_taken_where_they_are_understood(numbers: list[int]) -> None:
    line = " ".join(map(str, numbers))
    within = all(low <= number <= high for number, (low, high) in zip(numbers, LIMITS, strict=True))
    assert taken(line) is within


@given(st.text(alphabet="0123456789*/-, @adhilouwykMON", max_size=20))
def test_what_is_taken_is_understood_but_for_ranges_that_go_down_and_dates_that_never_come(
    text: str,
) -> None:
    if taken(text) and not text.startswith("@"):
        assert understood(text) or "-" in text or re.search(r"3[01]", text)


@pytest.mark.parametrize("word", ["@hourly", "@daily", "@weekly"])
def test_the_three_words_are_taken(word: str) -> None:
    assert taken(word)
    assert not taken(f" {word}")
    assert not taken(f"{word}\n")
