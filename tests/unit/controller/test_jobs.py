"""The Jobs, and what their status and their pods' words mean."""

import json
from typing import Any

import pytest

from helloworld_operator.controller import jobs
from helloworld_operator.controller.names import selector_labels

METADATA = {"name": "copy-snapshot", "namespace": "ns"}
RESOURCES = {"requests": {"cpu": "10m"}, "limits": {"memory": "64Mi"}}
SNAPSHOT = jobs.snapshot(METADATA, "image:1", RESOURCES, "http://x.ns.svc:80", "copy-snapshot")
RESTORE = jobs.restore(METADATA, "image:1", RESOURCES, "copy-snapshot", "x-data", "5" * 64)


@pytest.mark.parametrize("job", [SNAPSHOT, RESTORE])
def test_its_pod_meets_the_restricted_profile_without_a_token(job: Any) -> None:
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.parametrize("job", [SNAPSHOT, RESTORE])
def test_no_service_or_deployment_of_ours_selects_its_pod(job: Any) -> None:
    labels = job["spec"]["template"]["metadata"]["labels"]

    assert not selector_labels("x").items() <= labels.items()


def test_it_tries_again_a_few_times_but_not_what_is_of_no_use() -> None:
    spec = SNAPSHOT["spec"]

    assert spec["backoffLimit"] == 3
    assert spec["activeDeadlineSeconds"] > 0
    assert spec["podFailurePolicy"]["rules"][0] == {
        "action": "FailJob",
        "onExitCodes": {"containerName": "copy", "operator": "In", "values": [3]},
    }


def test_a_restore_only_reads_the_copy() -> None:
    mounts = RESTORE["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]

    assert [(each["mountPath"], each["readOnly"]) for each in mounts] == [
        ("/snapshot", True),
        ("/data", False),
    ]


@pytest.mark.parametrize("job", [SNAPSHOT, RESTORE])
def test_it_asks_for_what_it_is_told_to_and_notes_that(job: Any) -> None:
    (container,) = job["spec"]["template"]["spec"]["containers"]

    assert container["resources"] == RESOURCES
    note = job["metadata"]["annotations"][jobs.RESOURCES]
    assert json.loads(note) == RESOURCES


UNTRIED = jobs.State(untried=True)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, UNTRIED),
        ({"conditions": None}, UNTRIED),
        ({"active": 0}, UNTRIED),
        ({"active": 1}, jobs.State()),
        ({"failed": 1}, jobs.State()),
        ({"conditions": [{"type": "Complete", "status": "False"}]}, UNTRIED),
        ({"conditions": [{"type": "Suspended", "status": "True"}]}, UNTRIED),
        # On its way to failing, its pods still end.
        ({"conditions": [{"type": "FailureTarget", "status": "True"}], "failed": 1}, jobs.State()),
        ({"conditions": [{"type": "Complete", "status": "True"}]}, jobs.State("complete")),
        (
            {"conditions": [{"type": "Failed", "status": "True", "reason": "R", "message": "why"}]},
            jobs.State("failed", "R: why", untried=True),
        ),
        (
            {"failed": 4, "conditions": [{"type": "Failed", "status": "True"}]},
            jobs.State("failed", ": "),
        ),
    ],
)
def test_a_job_has_ended_when_its_conditions_say_so(status: Any, expected: jobs.State) -> None:
    assert jobs.state({"status": status}) == expected


def pod(message: str, code: int = 0, at: str = "1") -> Any:
    terminated = {"exitCode": code, "message": message, "finishedAt": at}
    return {"status": {"containerStatuses": [{"state": {"terminated": terminated}}]}}


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([], None),
        ([{"status": {}}, {}, pod("")], None),
        ([pod('{"a": 1}')], {"a": 1}),
        # A success counts, whenever it was; else the newest failure.
        ([pod('{"a": 1}', at="1"), pod('{"error": "x"}', 3, "2")], {"a": 1}),
        ([pod('{"error": "x"}', 1, "1"), pod('{"error": "y"}', 1, "2")], {"error": "y"}),
        ([pod("Killed\n", 137)], {"error": "Killed"}),
        ([pod(json.dumps([1]), 1)], {"error": "[1]"}),
    ],
)
def test_the_words_of_the_pod_that_matters_are_the_outcome(pods: Any, expected: Any) -> None:
    assert jobs.outcome(pods) == expected


def test_a_pod_that_waits_says_why() -> None:
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "no node"}
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "not found"}}}

    assert jobs.hint([{"status": {"conditions": [unscheduled]}}]) == "no node"
    assert jobs.hint([{"status": {"containerStatuses": [waiting]}}]) == "ErrImagePull: not found"
    assert jobs.hint([{}, {"status": {}}]) == ""


def test_only_pods_that_the_job_made_speak_for_it() -> None:
    made = {"metadata": {"ownerReferences": [{"uid": "j", "controller": True}]}}
    labelled = {"metadata": {"labels": {jobs.POD_LABEL: "j"}}}
    other = {"metadata": {"ownerReferences": [{"uid": "k", "controller": True}]}}

    assert jobs.pods_of({"metadata": {"uid": "j"}}, [labelled, made, other]) == [made]
