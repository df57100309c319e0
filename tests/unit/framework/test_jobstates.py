"""What has become of a Job, by its status and the words of its pods."""

import json
from typing import Any

import pytest

from kopfkit.controller.jobs import JobState, job_state

UNTRIED = JobState(untried=True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, UNTRIED),
        ({"conditions": None}, UNTRIED),
        ({"active": 0}, UNTRIED),
        ({"active": 1}, JobState()),
        ({"failed": 1}, JobState()),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, UNTRIED),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, UNTRIED),
        # On its way to failing, its pods still end.
        ({"conditions": [{"type": "FailureTarget", "status": "True"}], "failed": 1}, JobState()),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, JobState("complete")),
        (
            {"conditions": [{"type": "Failed", "status": "True", "reason": "R", "message": "why"}]},
            JobState("failed", "R: why", untried=True),
        ),
        (
            {"failed": 4, "conditions": [{"type": "Failed", "status": "True"}]},
            JobState("failed", ": "),
        ),
    ],
)
def test_a_job_has_ended_when_its_conditions_say_so(status: Any, expected: JobState) -> None:
    assert job_state({"metadata": {}, "status": status}) == expected


def pod(message: str, code: int = 0, at: str = "1") -> Any:
    terminated = {"exitCode": code, "message": message, "finishedAt": at}
    return {"status": {"containerStatuses": [{"state": {"terminated": terminated}}]}}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], ""),
        ([{"status": {}}, {}, pod("")], ""),
        ([pod("done")], "done"),
        # A success counts, whenever it was; else the newest failure.
        ([pod("done", at="1"), pod("failed", 3, "2")], "done"),
        ([pod("once", 1, "1"), pod("twice", 1, "2")], "twice"),
    ],
)
def test_the_words_of_the_pod_that_matters_count(pods: Any, expected: str) -> None:
    assert JobState(pods=tuple(pods)).words == expected


def hint(pods: Any) -> str:
    return JobState(pods=tuple(pods)).hint


def test_a_pod_that_waits_says_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "no node"}
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}

    assert hint([{"status": {"conditions": [unscheduled]}}]) == "no node"
    assert hint([{"status": {"containerStatuses": [waiting]}}]) == "ErrImagePull: not found"
    assert hint([{}, {"status": {}}]) == ""


def test_only_pods_that_the_job_made_speak_for_it() -> None:
    made = {"metadata": {"ownerReferences": [{"uid": "j", "controller": True}]}}
    labelled = {"metadata": {"labels": {"batch.kubernetes.io/controller-uid": "j"}}}
    other = {"metadata": {"ownerReferences": [{"uid": "k", "controller": True}]}}

    state = job_state({"metadata": {"uid": "j"}}, [labelled, made, other])
    assert state.pods == (made,)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", None),
        ('{"a": 1}', {"a": 1}),
        ("Killed\n", {"error": "Killed"}),
        (json.dumps([1]), {"error": "[1]"}),
    ],
)
def test_the_last_words_of_the_command_are_its_outcome(words: str, expected: Any) -> None:
    assert JobState(pods=(pod(words),)).outcome == expected
