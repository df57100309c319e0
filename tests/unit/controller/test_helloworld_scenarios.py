"""HelloWorlds, one reconcile at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helloworld_operator.controller import helloworlds
from helloworld_operator.controller.images import IMAGES
from helloworld_operator.controller.planning import WITHOUT
from helloworld_operator.controller.retention import MADE_BY, OF_UID
from helloworld_operator.controller.volumes import FILLED
from helloworld_operator.controller.world import SNAPSHOTS
from kopfkit.controller.kinds import (
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    SERVICES,
)
from kopfkit.runtime.api.errors import Forbidden, Invalid
from kopfkit.testing import reconcile as harness
from kopfkit.testing.reconcile import Reconciled, reconcile
from scenarios import IMAGE, SHA256, child, condition, ended, hello, snapshot, words

NOW = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
NEXT = "hello:2"
WORLD = hello()
VOLUME = {"persistence": {"size": "64Mi"}}


def run(obj: Any, there: Any = (), *, image: str | None = IMAGE, **more: Any) -> Reconciled:
    return reconcile(helloworlds.controller(image, lambda: NOW), obj, there, **more)


def on(before: Reconciled, *changes: Any, **spec: Any) -> tuple[Any, list[Any]]:
    """What there is after a reconcile, with objects changed by name and kind, and another spec."""
    changed = {(each["kind"], each["metadata"]["name"]): each for each in changes}
    there = {(each["kind"], each["metadata"]["name"]): each for each in before.children}
    owner: Any = before.object
    if spec:
        generation = owner["metadata"]["generation"] + 1
        owner = {**owner, "metadata": {**owner["metadata"], "generation": generation}}
        owner["spec"] = {**owner["spec"], **spec}
    return owner, list({**there, **changed}.values())


def rolled_out(found: Reconciled) -> Any:
    """Its Deployment, with all pods."""
    live = found.child(DEPLOYMENTS, "x")
    names = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
    counts = dict.fromkeys(names, live["spec"].get("replicas", 1))
    proven = condition("Progressing", "True", "NewReplicaSetAvailable")
    seen = {"observedGeneration": live["metadata"]["generation"], "conditions": [proven]}
    return {**live, "status": {**seen, **counts}}


def stuck(found: Reconciled) -> Any:
    """Its Deployment, whose newest template does not become ready in time."""
    live = rolled_out(found)
    why = condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
    return {**live, "status": {**live["status"], "updatedReplicas": 0, "conditions": [why]}}


def bound(found: Reconciled) -> Any:
    live = found.child(PERSISTENT_VOLUME_CLAIMS, "x-data")
    at = {"phase": "Bound", "capacity": live["spec"]["resources"]["requests"]}
    return {**live, "status": at}


def image_of(found: Reconciled) -> str:
    pod = found.child(DEPLOYMENTS, "x")["spec"]["template"]["spec"]
    return str(pod["containers"][0]["image"])


def settled(**spec: Any) -> Reconciled:
    """A HelloWorld whose pods run."""
    made = run(hello(**spec))
    if "persistence" in spec:
        made = run(*on(made, bound(made)))
    return run(*on(made, rolled_out(made)))


def test_its_children_are_made_and_told_once_when_they_settle() -> None:
    first = run(WORLD, settle=True)
    assert first.writes == ["create Deployment default/x", "create Service default/x"]
    assert first.requeue_after is not None
    done = run(*on(first, rolled_out(first)), settle=True)
    assert done.writes == ["status"]
    assert done.condition("Available")[:2] == ("True", "MinimumReplicasAvailable")
    assert done.condition("Available")[2] == "1 of 1 pod available"
    assert done.condition("Progressing")[1] == "RolloutComplete"
    assert done.condition("Degraded") == ("False", "AsExpected", "")
    assert done.status["image"] == IMAGE
    assert done.status["url"] == "http://x.default.svc:80"
    assert done.status["selector"] == (
        "app.kubernetes.io/instance=x,app.kubernetes.io/name=helloworld"
    )
    # Settled: nothing is written, and nobody waits for anything.
    again = run(*on(done))
    assert (again.writes, again.requeue_after, again.events) == ([], None, [])


def test_an_edit_is_undone_and_another_spec_is_rolled_out() -> None:
    done = settled()
    live = done.child(SERVICES, "x")
    edited = {**live, "spec": {**live["spec"], "type": "NodePort"}}
    assert run(*on(done, edited)).writes == ["apply Service default/x"]

    more = run(*on(done, replicas=3))
    assert more.writes == ["apply Deployment default/x", "status"]
    assert more.condition("Progressing")[:2] == ("True", "RollingOut")


def test_an_autoscaler_comes_and_goes() -> None:
    scaled = run(hello(autoscaling={"maxReplicas": 3, "minReplicas": 2}))
    assert "create HorizontalPodAutoscaler default/x" in scaled.writes
    assert scaled.child(DEPLOYMENTS, "x")["spec"]["replicas"] == 2

    plain = {**hello(), "status": scaled.status}
    found = run(plain, scaled.children)
    assert found.writes[0] == "delete HorizontalPodAutoscaler default/x"
    assert found.child(DEPLOYMENTS, "x")["spec"]["replicas"] == 1
    with pytest.raises(KeyError):
        found.child(HORIZONTAL_POD_AUTOSCALERS, "x")


def test_what_stands_in_the_way_of_one_child_keeps_no_other_from_being_made() -> None:
    foreign = {**child(SERVICES, "x", WORLD), "metadata": {"name": "x", "namespace": "default"}}
    found = run(WORLD, [foreign])

    assert found.writes == ["create Deployment default/x", "status"]
    assert found.condition("Degraded")[1] == "NameCollision"
    assert found.condition("Available") == ("False", "NameCollision", "see the condition Degraded")
    assert "url" not in found.status
    # It sends no events, and neither do the pods.
    assert found.requeue_after == timedelta(seconds=5)


def test_a_child_of_before_is_waited_for() -> None:
    other = {**WORLD, "metadata": {**WORLD["metadata"], "uid": "before"}}
    found = run(WORLD, [child(SERVICES, "x", other), child(DEPLOYMENTS, "x", other)])

    state, reason, message = found.condition("Progressing")
    assert (state, reason) == ("True", "WaitingForDeletion")
    assert message.count("is still being deleted") == 2


def test_what_the_api_server_refuses_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def create(*_: Any) -> Any:
        raise Forbidden("exceeded quota: tight, requested: pods=1, used: pods=2, limited: pods=2")

    monkeypatch.setattr(harness._Given, "create", create)
    found = run(WORLD)
    assert found.condition("Degraded")[1] == "QuotaExceeded"
    assert found.condition("Degraded")[2].startswith("Deployment: exceeded quota: tight")
    assert isinstance(found.error, Forbidden)


def test_a_spec_that_is_not_understood_leaves_the_pods_as_they_are() -> None:
    done = settled()
    owner, there = on(done)
    bad = run({**owner, "spec": {"greeting": {"language": "en\r\nX: y"}}}, there)

    said = "spec.greeting: language must be a language tag such as en or zh-Hans"
    assert bad.condition("Degraded") == ("True", "InvalidSpec", said)
    assert bad.condition("Available")[0] == "True"
    assert bad.writes == ["status"]
    assert bad.status["url"] == done.status["url"]


def test_without_an_image_nothing_is_made() -> None:
    found = run(WORLD, image=None)
    assert found.writes == ["status"]
    assert found.condition("Degraded")[1] == "ImageMissing"


def test_an_image_that_does_not_become_ready_is_given_up_and_recorded_first() -> None:
    tried = run(*on(settled(), image=NEXT))
    assert image_of(tried) == NEXT
    assert tried.blocks is not None
    noted = run(*on(tried, stuck(tried)))
    # Stored before it is turned back.
    assert (image_of(noted), noted.requeue_after) == (NEXT, timedelta(seconds=0.05))
    back = run(*on(noted))
    assert image_of(back) == IMAGE
    assert back.condition("Degraded")[1] == "RolledBack"
    assert back.status["rejectedImage"] == NEXT
    # It stays so, and another try needs another wish.
    held = run(*on(back, rolled_out(back)))
    assert (image_of(held), held.condition("Available")[0]) == (IMAGE, "True")


def test_a_volume_comes_before_the_pods_and_is_noted() -> None:
    first = run(hello(**VOLUME))
    assert first.writes[0] == "create PersistentVolumeClaim default/x-data"
    assert not any("Deployment" in each for each in first.writes)
    second = run(*on(first, bound(first)))
    assert second.writes[0] == "create Deployment default/x"
    claim = second.child(PERSISTENT_VOLUME_CLAIMS, "x-data")
    assert claim["metadata"]["annotations"][FILLED] == "-"
    assert settled(**VOLUME).status["volumeCapacity"] == "64Mi"


def test_a_volume_that_is_being_deleted_is_waited_for() -> None:
    first = run(hello(**VOLUME))
    live = bound(first)
    live = {**live, "metadata": {**live["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    found = run(*on(first, live))

    assert found.condition("Progressing")[:2] == ("True", "VolumeTerminating")
    assert found.requeue_after == timedelta(seconds=10)


def test_a_volume_that_cannot_grow_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    done = settled(**VOLUME)

    async def apply(*_: Any) -> Any:
        raise Invalid("only dynamically provisioned pvc can be resized: resize")

    monkeypatch.setattr(harness._Given, "apply", apply)
    found = run(*on(done, persistence={"size": "128Mi"}))
    assert found.condition("Degraded")[1] == "VolumeCannotGrow"
    assert "set spec.persistence.size back to 64Mi" in found.condition("Degraded")[2]


# -- restoring


RESTORED = {**VOLUME, "restoreFrom": {"snapshotName": "copy"}}
COPY = snapshot(status={"conditions": [condition("Ready", "True")], "sha256": SHA256})
KEPT = child(PERSISTENT_VOLUME_CLAIMS, "copy-snapshot", COPY)


def restoring(*there: Any, **changes: Any) -> Reconciled:
    first = run(hello(**RESTORED), [KEPT])
    return run(*on(first, bound(first), *there), **changes)


@pytest.mark.parametrize(
    ("there", "kind", "reason"),
    [
        ([], "Degraded", "SnapshotMissing"),
        ([snapshot(status={"conditions": [condition("Failed", "True")]})], "Degraded", "SnapshotF"),
        ([snapshot()], "Progressing", "WaitingForSnapshot"),
    ],
)
def test_a_snapshot_to_restore_has_to_be_there_first(there: Any, kind: str, reason: str) -> None:
    found = restoring(*there)

    assert found.condition(kind)[0] == "True"
    assert found.condition(kind)[1].startswith(reason)
    assert not any("Deployment" in each or "Job" in each for each in found.writes)


def test_a_volume_is_restored_before_the_first_pod_starts() -> None:
    begun = restoring(COPY)
    job = begun.child(JOBS, "x-restore")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert f"--sha256={SHA256}" in container["args"]
    assert begun.condition("Progressing")[:2] == ("True", "Restoring")
    assert not any("Deployment" in each for each in begun.writes)

    filled = run(*on(begun, {**job, "status": ended("Complete")}, COPY))
    claim = filled.child(PERSISTENT_VOLUME_CLAIMS, "x-data")
    assert claim["metadata"]["annotations"][FILLED] == "copy"
    assert "create Deployment default/x" not in filled.writes
    pods = run(*on(filled, COPY))
    assert "create Deployment default/x" in pods.writes


def test_a_restore_that_failed_is_told_and_tried_again_after_a_change() -> None:
    begun = restoring(COPY)
    job = {**begun.child(JOBS, "x-restore"), "status": ended("Failed")}
    # The harness knows no kind of pod but by its reads.
    found = run(*on(begun, job, COPY, words(job, {"error": "the disk is broken"}, 3)))
    state, reason, message = found.condition("Degraded")
    assert (state, reason) == ("True", "RestoreFailed")
    assert "the disk is broken" in message
    again = run(*on(found, job, COPY, replicas=0))
    assert again.writes[0] == "delete Job default/x-restore"


def test_a_restore_for_another_volume_is_made_anew() -> None:
    begun = restoring(COPY)
    other = bound(begun)
    other = {**other, "metadata": {**other["metadata"], "uid": "another"}}
    found = run(*on(begun, other, COPY))
    assert "delete Job default/x-restore" in found.writes
    assert found.requeue_after == timedelta(seconds=0.05)


def test_a_copy_whose_claim_is_gone_restores_nothing() -> None:
    foreign = {**KEPT, "metadata": {"name": "copy-snapshot", "namespace": "default"}}
    assert restoring(COPY, foreign).condition("Degraded")[1] == "SnapshotFailed"


# -- snapshots before upgrades and by the clock


def taken(found: Reconciled, **conditions: Any) -> Any:
    (made,) = [each for each in found.children if each["kind"] == "HelloWorldSnapshot"]
    told = [condition(kind, "True", *why) for kind, why in conditions.items()]
    status = {"conditions": told, "completedAt": "2026-01-02T12:29:00Z"}
    return {**made, "status": status}


def test_a_snapshot_is_taken_before_another_image_runs_on_the_volume() -> None:
    waits = run(*on(settled(**VOLUME), image=NEXT))
    assert image_of(waits) == IMAGE
    assert waits.condition("Progressing")[:2] == ("True", "WaitingForSnapshot")
    assert waits.blocks is not None
    (made,) = [each for each in waits.children if each["kind"] == "HelloWorldSnapshot"]
    assert made["metadata"]["labels"][MADE_BY] == "upgrade"
    assert made["metadata"]["labels"][OF_UID] == "hw"
    ready = run(*on(waits, taken(waits, Ready=())))
    assert image_of(ready) == NEXT
    assert ready.status["lastSnapshot"]["name"] == made["metadata"]["name"]
    # The claim remembers the way back.
    claim = ready.child(PERSISTENT_VOLUME_CLAIMS, "x-data")
    assert claim["metadata"]["annotations"][IMAGES.proven] == IMAGE


def test_a_snapshot_that_failed_or_is_stuck_holds_the_upgrade() -> None:
    waits = run(*on(settled(**VOLUME), image=NEXT))
    failed = run(*on(waits, taken(waits, Failed=("CopyFailed", "the disk is full"))))
    assert failed.condition("Degraded")[1] == "SnapshotFailed"
    assert "the disk is full" in failed.condition("Degraded")[2]
    assert image_of(failed) == IMAGE
    (made,) = [each for each in waits.children if each["kind"] == "HelloWorldSnapshot"]
    full = condition("Ready", "False", "QuotaExceeded", "exceeded quota: tight")
    stuck = run(*on(waits, {**made, "status": {"conditions": [full]}}))
    assert stuck.condition("Degraded")[1] == "QuotaExceeded"


def test_the_owner_may_do_without_a_snapshot() -> None:
    owner, there = on(settled(**VOLUME), image=NEXT)
    owner = {**owner, "metadata": {**owner["metadata"], "annotations": {WITHOUT: NEXT}}}
    assert image_of(run(owner, there)) == NEXT


def test_without_a_pod_nothing_can_be_copied() -> None:
    done = settled(**VOLUME)
    broken = stuck(done)
    found = run(*on(done, broken, image=NEXT))
    assert found.condition("Degraded")[1] == "SnapshotFailed"
    asleep = run(*on(done, replicas=0, image=NEXT))
    assert image_of(asleep) == IMAGE


def test_a_snapshot_is_taken_by_the_clock_one_at_a_time_and_old_ones_go() -> None:
    clock = {"schedule": "0 * * * *", "keep": 1}
    first = run(*on(settled(**VOLUME), snapshots=clock))
    (made,) = [each for each in first.children if each["kind"] == "HelloWorldSnapshot"]
    assert made["metadata"]["name"] == "x-202601021200"
    assert first.requeue_after == timedelta(seconds=1800)
    assert run(*on(first)).writes == []
    old = {**taken(first, Ready=()), "metadata": {**made["metadata"], "name": "x-202601021100"}}
    old["metadata"]["annotations"] = {"test.jiaozi.com/scheduled-for": "202601021100"}
    later = run(*on(first, taken(first, Ready=()), old))
    assert "delete HelloWorldSnapshot default/x-202601021100" in later.writes
    assert later.status["lastSnapshot"]["name"] == made["metadata"]["name"]


def test_a_schedule_that_never_comes_true_is_told() -> None:
    found = run(*on(settled(**VOLUME), snapshots={"schedule": "0 0 30 2 *"}))
    assert found.condition("Degraded")[1] == "InvalidSchedule"


def test_snapshots_of_the_operator_belong_to_the_api_of_snapshots() -> None:
    assert SNAPSHOTS.api_version == "test.jiaozi.com/v1"
