"""Which image runs is decided by what only the operator writes: never by a status or a note that a
tenant with rights on HelloWorlds alone may have made."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import v1
from helloworld_operator.controller import desired, volumes
from helloworld_operator.controller.observe import CLAIMS, DEPLOYMENTS, SERVICES, SNAPSHOTS
from helloworld_operator.controller.observed import Observed
from helloworld_operator.controller.planning import Plan
from helloworld_operator.controller.records import PROVEN, REJECTED, Record, known, recorded
from helloworld_operator.controller.sources import new_stores
from helloworld_operator.controller.stateful import WITHOUT, Stateful
from helloworld_operator.controller.status import TYPES, status
from helloworld_operator.controller.upgrades import Running
from helloworld_operator.controller.wish import HASH, Wish
from kopfkit.controller.quotas import Quotas
from kopfkit.runtime.client import Client, Object, Resource

EVIL = "registry.evil.example/miner:1"
OURS, NEXT = "hello:1", "hello:2"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FULL = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), 1)


class Server(Client):
    """Makes what it is asked to make, and knows nothing else."""

    def __init__(self) -> None:
        self.manager = "helloworld-operator"

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        return {**body, "metadata": {**body["metadata"], "uid": "made", "resourceVersion": "1"}}


def hello(**more: Any) -> dict[str, Any]:
    metadata = {"name": "x", "namespace": "ns", "uid": "u", "generation": 1}
    metadata |= more.pop("metadata", {})
    return {"apiVersion": "test.jiaozi.com/v1", "kind": "HelloWorld", "metadata": metadata, **more}


def child(name: str, annotations: dict[str, str], **more: Any) -> dict[str, Any]:
    reference = {"kind": "HelloWorld", "name": "x", "uid": "u", "controller": True}
    metadata = {"name": name, "namespace": "ns", "uid": "c", "generation": 1}
    metadata |= {"annotations": annotations, "ownerReferences": [reference]}
    return {"metadata": metadata, **more}


def deployment(image: str, *, complete: bool = True, reason: str = "", **notes: str) -> Any:
    progressing = {"type": "Progressing", "status": "True", "reason": reason}
    if reason == "ProgressDeadlineExceeded":
        progressing |= {"status": "False", "message": "timed out"}
    template = {"spec": {"containers": [{"name": "greeting", "image": image}]}}
    at = {"observedGeneration": 1, "conditions": [progressing], **(FULL if complete else {})}
    return child("x", notes, spec={"replicas": 1, "template": template}, status=at)


def claim(**notes: str) -> Any:
    at = {"phase": "Bound", "capacity": {"storage": "64Mi"}}
    spec = {"resources": {"requests": {"storage": "64Mi"}}}
    return child("x-data", {volumes.FILLED: "-", **notes}, spec=spec, status=at)


def planned(owner: Any, spec: v1.Spec, live: Any = None, volume: Any = None) -> Plan:
    stores = new_stores()
    if volume is not None:
        stores[CLAIMS].put(volume)
    plan = Stateful(
        Server(),
        stores,
        image=OURS,
        now=lambda: NOW,
        wake=lambda _: None,
        quotas=Quotas(Server(), lambda *_: None),
    )
    return asyncio.run(plan(owner, spec, live))


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
        "type": st.sampled_from([*TYPES, "Other"]),
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
    st.sampled_from([PROVEN, REJECTED, volumes.FILLED, HASH, "x"]), IMAGES, max_size=3
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
        children = {DEPLOYMENTS: live, CLAIMS: volume, SERVICES: None}
        plan = planned(owner, spec, live, volume) if spec is not None else Plan(None)
        seen = Observed(owner, spec, children, plan.problems, fields=plan.fields)
        told = status(seen, "2026-01-02T00:00:00Z")
        ours = [each for each in told.pop("conditions") if each["type"] in TYPES]
        states = [(each["type"], each["status"], each["reason"]) for each in ours]
        return plan, told, states

    assert outcome(other) == outcome(plain)


@pytest.mark.parametrize("spec", [STATELESS, PERSISTENT])
@pytest.mark.parametrize(
    "forged", [{"image": EVIL}, {"image": EVIL, "rejectedImage": OURS}, {"rejectedImage": OURS}]
)
def test_an_image_that_only_a_status_names_never_runs(
    spec: v1.Spec, forged: dict[str, str]
) -> None:
    for live in (None, deployment(OURS, complete=False, reason="ProgressDeadlineExceeded")):
        plan = planned(hello(status=forged), spec, live, claim())
        assert (plan.image, plan.fields.get("image")) == (OURS, None)


def test_the_way_back_is_found_on_the_child_that_the_operator_writes() -> None:
    rejected = {PROVEN: OURS, REJECTED: NEXT}
    wished, broken = v1.Spec(image=NEXT), deployment(NEXT, complete=False)
    plan = planned(hello(), wished, {**broken, **deployment(NEXT, complete=False, **rejected)})
    with_volume = v1.Spec(image=NEXT, persistence=v1.Persistence())

    assert (plan.image, plan.record) == (OURS, Record(OURS, NEXT))
    # The claim remembers when somebody deleted the Deployment.
    plan = planned(hello(), with_volume, None, claim(**rejected))
    assert plan.image == OURS
    assert plan.claim is not None
    assert recorded(plan.claim) == Record(OURS, NEXT)


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
    assert planned(hello(), v1.Spec(image=NEXT), live).record == Record(OURS)


def wish(**more: Any) -> Wish:
    return Wish(hello(), v1.Spec(), OURS, **more)


def test_the_record_costs_a_deployment_no_write_of_its_own_while_nothing_is_exchanged() -> None:
    first = desired.deployment(wish())
    hash_ = first["metadata"]["annotations"][HASH]
    settled = desired.deployment(wish(record=Record(OURS), hash=hash_))
    spec = v1.Spec(greeting=v1.Greeting(message="another"))
    changed = desired.deployment(Wish(hello(), spec, OURS, record=Record(OURS), hash=hash_))
    again = changed["metadata"]["annotations"][HASH]
    kept = desired.deployment(Wish(hello(), spec, OURS, record=Record(OURS), hash=again))

    assert settled == first
    assert recorded(changed) == Record(OURS)
    assert kept == changed


@pytest.mark.parametrize("record", [Record(NEXT), Record(OURS, NEXT)])
def test_what_the_pods_do_not_show_is_recorded_at_once(record: Record) -> None:
    first = desired.deployment(wish())

    made = desired.deployment(wish(record=record, hash=first["metadata"]["annotations"][HASH]))

    assert recorded(made) == record


def test_the_owner_may_say_that_an_image_needs_no_snapshot_first() -> None:
    # Of an annotation this one decides something: it is a wish about the tenant's own data.
    spec = v1.Spec(image=NEXT, persistence=v1.Persistence())
    live, volume = deployment(OURS), claim(**{PROVEN: OURS})
    noted = hello(metadata={"annotations": {WITHOUT: NEXT}})

    assert planned(hello(), spec, live, volume).image == OURS
    assert planned(noted, spec, live, volume).image == NEXT
    assert SNAPSHOTS in new_stores()
