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
