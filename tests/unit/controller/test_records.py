"""Which image runs is decided by what only the operator writes: never by a status or a note that a
tenant with rights on HelloWorlds alone may have made."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import v1
from helloworld_operator.controller import helloworlds, status, volumes
from helloworld_operator.controller.images import IMAGES
from helloworld_operator.controller.planning import WITHOUT, Plan, plan
from helloworld_operator.controller.world import World, observe
from kopfkit.controller.images import EMPTY, Record, Running
from kopfkit.controller.kinds import DEPLOYMENTS, PERSISTENT_VOLUME_CLAIMS
from kopfkit.testing.reconcile import context, reconcile

PROVEN, REJECTED, known, recorded = IMAGES.proven, IMAGES.rejected, IMAGES.known, IMAGES.recorded
EVIL = "registry.evil.example/miner:1"
OURS, NEXT = "hello:1", "hello:2"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FULL = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)


def hello(**more: Any) -> dict[str, Any]:
    metadata = {"name": "x", "namespace": "ns", "uid": "u", "generation": 1}
    metadata |= more.pop("metadata", {})
    return {"apiVersion": "test.jiaozi.com/v1", "kind": "HelloWorld", "metadata": metadata, **more}


def child(kind: Any, name: str, annotations: dict[str, str], **more: Any) -> dict[str, Any]:
    reference = {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "name": "x",
        "uid": "u",
        "controller": True,
    }
    metadata = {"name": name, "namespace": "ns", "uid": "c", "generation": 1}
    metadata |= {"annotations": annotations, "ownerReferences": [reference]}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **more}


def deployment(image: str, *, complete: bool = True, reason: str = "", **notes: str) -> Any:
    progressing = {"type": "Progressing", "status": "True", "reason": reason}
    if reason == "ProgressDeadlineExceeded":
        progressing |= {"status": "False", "message": "timed out"}
    template = {"spec": {"containers": [{"name": "greeting", "image": image}]}}
    at = {"observedGeneration": 1, "conditions": [progressing], **(FULL if complete else {})}
    return child(DEPLOYMENTS, "x", notes, spec={"replicas": 1, "template": template}, status=at)


def claim(**notes: str) -> Any:
    at = {"phase": "Bound", "capacity": {"storage": "64Mi"}}
    spec = {"resources": {"requests": {"storage": "64Mi"}}}
    return child(
        PERSISTENT_VOLUME_CLAIMS, "x-data", {volumes.FILLED: "-", **notes}, spec=spec, status=at
    )


CONTROLLER = helloworlds.controller(OURS, lambda: NOW)


@dataclass
class Planned:
    """What is decided about a HelloWorld."""

    world: World
    plan: Plan | None

    @property
    def image(self) -> str:
        assert self.plan is not None
        return self.plan.desired.image


def planned(owner: Any, spec: v1.Spec | None, live: Any = None, volume: Any = None) -> Planned:
    ctx = context(CONTROLLER, owner, [each for each in (live, volume) if each is not None])
    world = observe(owner, spec, ctx)
    made = asyncio.run(plan(world, ctx, OURS, NOW)) if spec is not None else None
    return Planned(world, made)


STATELESS, PERSISTENT = v1.Spec(), v1.Spec(persistence=v1.Persistence())
CASES = {
    "nothing there yet": (STATELESS, None, None),
    "an empty volume": (PERSISTENT, None, claim()),
    "on its way": (STATELESS, deployment(OURS, complete=False), None),
    "on its way with a volume": (PERSISTENT, deployment(OURS, complete=False), claim()),
    "rolled out": (STATELESS, deployment(OURS), None),
    "rolled out with a volume": (PERSISTENT, deployment(OURS), claim(**{PROVEN: OURS})),
    "an exchange": (v1.Spec(image=NEXT), deployment(NEXT, complete=False, **{PROVEN: OURS}), None),
    "not understood": (None, deployment(OURS), claim(**{PROVEN: OURS})),
}
IMAGES = st.sampled_from([EVIL, OURS, NEXT, ""])
CONDITION = st.fixed_dictionaries(
    {
        "type": st.sampled_from([*status.CHECKS, "Other"]),
        "status": st.sampled_from(["True", "False", "x"]),
        "reason": st.sampled_from(["RolloutComplete", "RollingOut", "ImageMissing", "x"]),
        "message": st.just("forged"),
    }
)
FORGED = st.fixed_dictionaries(
    {},
    optional={
        "image": IMAGES,
        "rejectedImage": IMAGES,
        "url": st.just("http://evil.example"),
        "lastSnapshot": st.just({"name": "evil", "time": "2026-01-01T00:00:00Z"}),
        "volumeCapacity": st.just("1Ei"),
        "observedGeneration": st.integers(0, 3),
        "replicas": st.integers(0, 9),
        "selector": st.just("app=evil"),
        "conditions": st.lists(CONDITION, max_size=3),
    },
)
NOTES = st.dictionaries(
    st.sampled_from([PROVEN, REJECTED, volumes.FILLED, CONTROLLER.hash_key, "x"]),
    IMAGES,
    max_size=3,
)


@pytest.mark.parametrize("case", CASES)
@budget(ci=20, soak=2000)
@given(forged=FORGED, notes=NOTES)
def test_no_status_and_no_note_on_a_helloworld_changes_what_is_done_or_told(
    case: str, forged: dict[str, Any], notes: dict[str, str]
) -> None:
    spec, live, volume = CASES[case]
    plain, other = hello(), hello(metadata={"annotations": notes}, status=forged)

    def outcome(owner: Any) -> Any:
        found = planned(owner, spec, live, volume)
        told = v1.Status()
        at = status.rollout_of(found.world)
        status.fill(found.world, at, told)
        states = [verdict[:2] for verdict in status.conditions(found.world, at).values()]
        return found.plan, told, states

    assert outcome(other) == outcome(plain)


@pytest.mark.parametrize("spec", [STATELESS, PERSISTENT])
@pytest.mark.parametrize(
    "forged", [{"image": EVIL}, {"image": EVIL, "rejectedImage": OURS}, {"rejectedImage": OURS}]
)
def test_an_image_that_only_a_status_names_never_runs(
    spec: v1.Spec, forged: dict[str, str]
) -> None:
    for live in (None, deployment(OURS, complete=False, reason="ProgressDeadlineExceeded")):
        found = planned(hello(status=forged), spec, live, claim())
        assert (found.image, found.world.record.good) == (OURS, None)


def test_the_way_back_is_found_on_the_child_that_the_operator_writes() -> None:
    rejected = {PROVEN: OURS, REJECTED: NEXT}
    wished, broken = v1.Spec(image=NEXT), deployment(NEXT, complete=False)
    found = planned(hello(), wished, {**broken, **deployment(NEXT, complete=False, **rejected)})
    with_volume = v1.Spec(image=NEXT, persistence=v1.Persistence())

    assert (found.image, found.world.record) == (OURS, Record(OURS, NEXT))
    # The claim remembers when somebody deleted the Deployment.
    found = planned(hello(), with_volume, None, claim(**rejected))
    assert found.image == OURS
    assert found.plan is not None
    assert recorded(found.plan.claim) == Record(OURS, NEXT)


def test_a_claim_of_somebody_else_is_no_record() -> None:
    foreign = claim(**{PROVEN: EVIL, REJECTED: OURS})
    foreign["metadata"]["ownerReferences"] = []

    assert planned(hello(), PERSISTENT, None, foreign).image == OURS


def test_without_a_record_the_deployment_says_whether_its_image_ever_ran() -> None:
    assert known(None, running=None) == Record()
    assert known(None, running=Running(OURS)) == Record()
    assert known(None, running=Running(OURS, stuck="deadline")) == Record()
    assert known(None, running=Running(OURS, complete=True)) == Record(OURS)
    assert known({}, running=Running(OURS, proven=True)) == Record(OURS)
    assert known(claim(**{PROVEN: NEXT}), running=Running(OURS, True)) == Record(NEXT)
    # Proven once, and now on its way with another text: still what is gone back to.
    live = deployment(OURS, complete=False, reason="NewReplicaSetAvailable")
    assert planned(hello(), v1.Spec(image=NEXT), live).world.record == Record(OURS)


def applied(spec: dict[str, Any], *there: Any) -> tuple[Record, Any, list[str]]:
    """The record of the Deployment after a reconcile, the Deployment, and what was written."""
    found = reconcile(CONTROLLER, {**hello(), "spec": spec}, there)
    live = found.child(DEPLOYMENTS, "x")
    return recorded(live), live, found.writes


def rolled_out(live: Any) -> Any:
    proven = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    seen = live["metadata"]["generation"]
    return {**live, "status": {"observedGeneration": seen, "conditions": [proven], **FULL}}


def test_the_record_costs_a_deployment_no_write_of_its_own_while_nothing_is_exchanged() -> None:
    first, live, _ = applied({})
    settled, same, writes = applied({}, rolled_out(live))
    another = {"greeting": {"message": "another"}}
    changed, live, _ = applied(another, rolled_out(same))
    kept, _, again = applied(another, rolled_out(live))

    assert first == settled == EMPTY
    assert "apply Deployment ns/x" not in writes
    assert changed == kept == Record(OURS)
    assert "apply Deployment ns/x" not in again


def test_what_the_pods_do_not_show_is_recorded_at_once() -> None:
    _, live, _ = applied({})
    exchanged, live, _ = applied({"image": NEXT}, rolled_out(live))
    assert exchanged == Record(OURS)
    stuck = {"type": "Progressing", "status": "False", "message": "timed out"}
    at = {"observedGeneration": live["metadata"]["generation"], "conditions": [stuck]}
    rejected, live, _ = applied({"image": NEXT}, {**live, "status": at})
    assert rejected == Record(OURS, NEXT)
    # Then it is turned back.
    back, live, _ = applied({"image": NEXT}, {**live, "status": at})
    assert back == Record(OURS, NEXT)
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == OURS


def test_the_owner_may_say_that_an_image_needs_no_snapshot_first() -> None:
    # Of an annotation this one decides something: it is a wish about the tenant's own data.
    spec = v1.Spec(image=NEXT, persistence=v1.Persistence())
    live, volume = deployment(OURS), claim(**{PROVEN: OURS})
    noted = hello(metadata={"annotations": {WITHOUT: NEXT}})

    assert planned(hello(), spec, live, volume).image == OURS
    assert planned(noted, spec, live, volume).image == NEXT
