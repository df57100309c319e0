"""What a reconcile collects where it goes on without one child."""

from datetime import timedelta
from typing import Any

from kopfkit.controller import (
    Findings,
    Problem,
    Refused,
    Result,
    Rollout,
    Terminal,
    Waiting,
    decide,
)
from kopfkit.controller.verdicts import DEGRADED, PROGRESSING
from kopfkit.runtime.api.errors import Forbidden


class Turn:
    """When the object is to be reconciled again."""

    def __init__(self) -> None:
        self.again: list[Any] = []

    def requeue(self, after: Any) -> None:
        self.again.append(after)


def test_each_exception_has_its_place_and_the_first_wait_is_told() -> None:
    found, turn = Findings(), Turn()
    error = Forbidden("no")
    for each in (
        Waiting("First", "a", requeue_after=timedelta(seconds=1)),
        Waiting("Second", "b", requeue_after=None),
        Terminal("Broken", "c"),
        Refused("Forbidden", "d", error),
    ):
        found.note(each, turn)  # type: ignore[arg-type]

    assert found.waiting == Problem("First", "a")
    assert found.problems == [Problem("Broken", "c"), Problem("Forbidden", "d")]
    assert Result(error=found.failure).error is error
    assert turn.again == [timedelta(seconds=1), None, None]


def test_problems_are_told_before_waits_and_waits_before_the_rollout() -> None:
    at = Rollout(2, replicas=2, ready=1, available=1, updated=1, seen=True)
    found = Findings()
    assert decide(PROGRESSING, found, at)[:2] == (True, "RollingOut")
    assert decide(DEGRADED, found, at) == (False, "AsExpected", "")
    found.wait("Restoring", "the volume")
    assert decide(PROGRESSING, found, at) == (True, "Restoring", "the volume")
    found.troubles = (Problem("ImagePullBackOff", "no image"),)
    found.problem("Broken", "it")
    assert decide(PROGRESSING, found, at) == (False, "Broken", "see the condition Degraded")
    assert decide(DEGRADED, found, at) == (True, "Broken", "it; no image")
