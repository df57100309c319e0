"""HelloWorldSnapshots, one reconcile at a time."""

from datetime import timedelta
from typing import Any

import pytest

from helloworld_operator.controller import snapshots
from helloworld_operator.controller.retention import MADE_BY, OF_UID
from kopfkit.controller.kinds import DEPLOYMENTS, JOBS, PERSISTENT_VOLUME_CLAIMS, SERVICES
from kopfkit.runtime.api.errors import Forbidden
from kopfkit.testing import reconcile as harness
from kopfkit.testing.reconcile import Reconciled, reconcile
from scenarios import IMAGE, SAID, SHA256, child, condition, ended, hello, snapshot, words

WORLD = hello(persistence={"size": "64Mi"})
FULL = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)
POD = {
    "containers": [{"name": "greeting", "image": "i"}],
    "volumes": [{"persistentVolumeClaim": {"claimName": "x-data"}}],
}
SERVING = [
    WORLD,
    child(
        DEPLOYMENTS,
        "x",
        WORLD,
        spec={"replicas": 1, "template": {"spec": POD}},
        status={"observedGeneration": 1, **FULL},
    ),
    child(SERVICES, "x", WORLD),
    child(PERSISTENT_VOLUME_CLAIMS, "x-data", WORLD, status={"capacity": {"storage": "128Mi"}}),
]
CLAIM = child(PERSISTENT_VOLUME_CLAIMS, "copy-snapshot", snapshot())


def run(*there: Any, obj: Any = None, image: str | None = IMAGE) -> Reconciled:
    return reconcile(snapshots.controller(image), obj or snapshot(), there)


def job(**status: Any) -> dict[str, Any]:
    return child(JOBS, "copy-snapshot", snapshot(), status=status)


def ready(found: Reconciled) -> tuple[str, str]:
    return found.condition("Ready")[:2]


def test_of_a_running_guest_book_a_claim_and_a_job_are_made() -> None:
    found = run(*SERVING)

    assert found.writes == [
        "create PersistentVolumeClaim default/copy-snapshot",
        "create Job default/copy-snapshot",
        "status",
    ]
    assert ready(found) == ("False", "Copying")
    assert found.condition("Failed") == ("False", "AsExpected", "")
    claim = found.child(PERSISTENT_VOLUME_CLAIMS, "copy-snapshot")
    # As large as the volume that is copied really is.
    assert claim["spec"]["resources"]["requests"] == {"storage": "128Mi"}
    (container,) = found.child(JOBS, "copy-snapshot")["spec"]["template"]["spec"]["containers"]
    assert container["args"][:2] == ["snapshot", "--from=http://x.default.svc:80"]
    # The same again: it is on its way.
    again = run(*SERVING, *found.children, obj=found.object)
    assert (again.writes, again.requeue_after) == (["status"], timedelta(seconds=10))
    assert run(*SERVING, *again.children, obj=again.object).writes == []


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ([], "SourceMissing"),
        ([hello()], "SourceNotPersistent"),
        ([WORLD], "SourceNotAvailable"),
        ([hello(replicas="many")], "SourceNotAvailable"),
        ([*SERVING[:2], *SERVING[3:]], "SourceNotAvailable"),
        ([*SERVING[:2], child(SERVICES, "x", snapshot()), *SERVING[3:]], "SourceNotAvailable"),
    ],
)
def test_what_cannot_be_copied_yet_is_told_and_waited_for(there: Any, reason: str) -> None:
    found = run(*there)

    assert ready(found) == ("False", reason)
    assert (found.writes, found.requeue_after) == (["status"], None)


def test_without_an_image_nothing_is_begun() -> None:
    assert ready(run(*SERVING, image=None)) == ("False", "ImageMissing")


def test_a_copy_that_is_complete_says_what_it_holds() -> None:
    found = run(*SERVING, CLAIM, job(**ended("Complete")), words(job()))

    assert found.condition("Ready") == ("True", "Completed", "7 entries in 16384 bytes")
    assert found.condition("Failed")[0] == "False"
    status = {key: value for key, value in found.status.items() if key != "conditions"}
    assert status == {
        "observedGeneration": 1,
        "claimName": "copy-snapshot",
        "sha256": SHA256,
        "sizeBytes": 16384,
        "entries": 7,
        "completedAt": SAID["taken"],
    }
    assert found.events == [("Normal", "SnapshotReady", "7 entries in 16384 bytes")]
    # Its Job goes by itself, and the snapshot stays as it is.
    later = run(*SERVING, CLAIM, obj=found.object)
    assert (later.writes, later.events) == ([], [])


@pytest.mark.parametrize(
    ("there", "reason", "message"),
    [
        ([job(**ended("Failed")), words(job(), {"error": "no"}, 3)], "CopyFailed", "no; take anot"),
        ([job(**ended("Failed"))], "CopyFailed", "R: why; take another snapshot"),
        ([job(**ended("Complete")), words(job(), {"a": 1})], "ResultUnreadable", "the Job's pod"),
        (
            [job(**ended("Complete")), words(job(), {**SAID, "entries": "seven"})],
            "ResultUnreadable",
            "the Job's pod",
        ),
    ],
)
def test_a_copy_that_failed_is_told_once_and_for_good(
    there: Any, reason: str, message: str
) -> None:
    found = run(*SERVING, CLAIM, *there)

    assert found.condition("Ready") == ("False", reason, "see the condition Failed")
    assert found.condition("Failed")[:2] == ("True", reason)
    assert found.condition("Failed")[2].startswith(message)
    assert [each[:2] for each in found.events] == [("Warning", "SnapshotFailed")]
    assert run(*SERVING, CLAIM, *there, obj=found.object).writes == []


def test_words_that_are_lost_are_asked_for_again() -> None:
    found = run(*SERVING, CLAIM, job(**ended("Complete")))

    assert found.writes == ["delete Job default/copy-snapshot", "status"]
    assert ready(found) == ("False", "Copying")
    assert found.requeue_after == timedelta(seconds=10)


def test_a_copy_whose_claim_is_gone_is_lost() -> None:
    told = {"observedGeneration": 1, "conditions": [condition("Ready", "True", "Completed")]}
    done = snapshot(status=told)

    assert run(CLAIM, obj=done).writes == []
    found = run(obj=done)
    assert found.condition("Failed")[:2] == ("True", "ClaimLost")
    assert ready(found) == ("False", "ClaimLost")


def test_somebody_elses_job_of_that_name_is_left_alone() -> None:
    found = run(*SERVING, {**job(), "metadata": {"name": "copy-snapshot", "namespace": "default"}})

    assert ready(found) == ("False", "NameCollision")
    assert found.requeue_after == timedelta(seconds=10)


def test_what_the_api_server_refuses_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def create(*_: Any) -> Any:
        raise Forbidden("exceeded quota: tight, requested: pods=1, used: pods=2, limited: pods=2")

    monkeypatch.setattr(harness._Given, "create", create)
    found = run(*SERVING)

    assert ready(found) == ("False", "QuotaExceeded")
    assert isinstance(found.error, Forbidden)


def test_a_spec_that_is_refused_is_told_while_nothing_is_taken() -> None:
    bad = {**snapshot(), "spec": {"helloWorldName": 7}}
    assert ready(run(obj=bad)) == ("False", "InvalidSpec")
    done = {**bad, "status": {"conditions": [condition("Ready", "True", "Completed")]}}
    assert ready(run(obj=done)) == ("True", "Completed")


def test_one_that_the_operator_made_goes_with_its_helloworld_unless_it_holds_a_copy() -> None:
    ours = {"labels": {OF_UID: "hw", MADE_BY: "schedule"}}
    assert run(obj=snapshot(metadata=ours)).writes == ["delete HelloWorldSnapshot default/copy"]
    other = {**WORLD, "metadata": {**WORLD["metadata"], "uid": "another"}}
    assert run(other, obj=snapshot(metadata=ours)).object is None
    assert run(WORLD, obj=snapshot(metadata=ours)).object is not None
    done = snapshot(metadata=ours, status={"conditions": [condition("Ready", "True")]})
    assert run(CLAIM, obj=done).object is not None
    assert run(obj=snapshot()).object is not None
