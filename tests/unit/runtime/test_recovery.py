"""When waiting is over."""

import pytest

from kopfkit.runtime.recovery import APART, Recovery


class Clock:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def make() -> tuple[Recovery, list[float], Clock]:
    clock = Clock()
    told: list[float] = []
    return Recovery(lambda: told.append(clock.seconds), clock=clock), told, clock


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_the_first_success_after_a_trouble_is_told_once(status: int) -> None:
    recovery, told, _ = make()
    recovery("GET", "/x", 200, 0.1)
    recovery("GET", "/x", status, 0.1)
    recovery("GET", "/x", status, 0.1)
    assert told == []
    recovery("PUT", "/x", 200, 0.1)
    recovery("PUT", "/x", 200, 0.1)

    assert told == [100.0]


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_refusal_is_no_trouble_and_an_answer_as_any_other(status: int) -> None:
    recovery, told, _ = make()
    recovery("GET", "/x", status, 0.1)
    recovery("GET", "/x", 200, 0.1)
    assert told == []

    recovery("GET", "/x", 0, 0.1)
    recovery("GET", "/x", status, 0.1)
    assert told == [100.0]


def test_a_server_that_fails_every_other_request_is_told_rarely() -> None:
    recovery, told, clock = make()
    for _ in range(4 * int(APART / 0.125)):
        recovery("GET", "/x", 500, 0.1)
        recovery("GET", "/x", 200, 0.1)
        clock.seconds += 0.125

    assert told == [100.0 + APART * number for number in range(4)]
