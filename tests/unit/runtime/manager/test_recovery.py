"""When waiting is over."""

import pytest

from kopfkit.runtime.manager.recovery import APART, Recovery


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Told:
    """A recovery, and when it told."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.at: list[float] = []
        self._recovery = Recovery(lambda: self.at.append(self.clock.seconds), clock=self.clock)

    def answers(self, *statuses: int) -> None:
        for status in statuses:
            self._recovery("GET", "/x", status, 0.1)


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_some_successes_after_a_trouble_are_told_once(status: int) -> None:
    told = Told()
    told.answers(200, 200, 200, 200, 200, status, status, 200, 200, 200)
    assert told.at == []
    told.answers(200, 200, 200, 200, 200)

    assert told.at == [100.0]


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_refusal_is_no_trouble_and_an_answer_as_any_other(status: int) -> None:
    told = Told()
    told.answers(*[status] * 5, *[200] * 5)
    assert told.at == []

    told.answers(0, *[status] * 4)
    assert told.at == [100.0]


def test_in_a_storm_a_lucky_request_is_no_recovery() -> None:
    told = Told()
    told.answers(*[500, 200, 200, 429, 200, 0] * 100)

    assert told.at == []


def test_a_server_that_always_fails_some_counts_ever_more_rarely() -> None:
    told = Told()
    for _ in range(int(100 / 0.125)):
        told.answers(500, 200, 200, 200, 200)
        told.clock.seconds += 0.125

    assert told.at == [100.0, 103.0, 109.0, 121.0, 145.0, 193.0]


def test_after_a_well_minute_a_recovery_is_noticed_at_once_again() -> None:
    told = Told()
    for _ in range(int(100 / 0.125)):
        told.answers(500, 200, 200, 200, 200)
        told.clock.seconds += 0.125
    told.clock.seconds += 61
    before = len(told.at)
    told.answers(0, 200, 200, 200, 200)
    assert len(told.at) == before + 1

    told.clock.seconds += 2 * APART
    told.answers(0, 200, 200, 200, 200)
    assert len(told.at) == before + 2
