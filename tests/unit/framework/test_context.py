"""What a reconcile can do beside applying children, on a controller of a few lines."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec import Struct

from kopfkit.controller import Context, Controller, Problem, Result, Terminal, Waiting, assembly
from kopfkit.controller.kinds import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    JOBS,
    LIMIT_RANGES,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICES,
)
from kopfkit.controller.settling import Patience
from kopfkit.controller.sources import Sources
from kopfkit.controller.stores import OwnedStore
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.errors import Forbidden, Invalid, Unavailable
from kopfkit.runtime.api.schemas import DEPLOYMENT, reserve
from kopfkit.runtime.manager.queue import WorkQueue
from kopfkit.testing import reconcile as harness
from kopfkit.testing.reconcile import Reconciled, reconcile

FULL = 'pods "x-1" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=2, limited: '


class Spec(Struct):
    """A box."""

    size: int = 1


V1 = Version("v1", Spec, ConditionedStatus, "A box.", storage=True)
BOX = CustomResource("example.com", "Box", "boxes", [V1])
LID = CustomResource("example.com", "Lid", "lids", [V1])
X: dict[str, Any] = {"metadata": {"name": "x"}, "spec": {}}


async def nothing(obj: Any, ctx: Context) -> None:
    return None


LIDS = Controller(LID, V1, reconcile=nothing)


def boxes(body: Any = nothing, **more: Any) -> Controller[Any, Any]:
    return (
        Controller(BOX, V1, reconcile=body, **more)
        .owns(DEPLOYMENTS)
        .owns(CONFIG_MAPS, delete=True)
        .owns(JOBS, immutable=True, delete=True)
        .owns(HORIZONTAL_POD_AUTOSCALERS)
        .makes(LIDS.own, delete=True)
        .reads(PODS, EVENTS, LIMIT_RANGES, RESOURCE_QUOTAS, SECRETS)
    )


def run(body: Any, obj: Any = X, there: Any = (), **more: Any) -> Reconciled:
    times = more.pop("times", 1)
    settle = more.pop("settle", False)
    return reconcile(boxes(body, **more), obj, there, times=times, settle=settle)


def child(kind: Any, name: str = "x", owner: str = "uid", **more: Any) -> dict[str, Any]:
    reference = {"apiVersion": "example.com/v1", "kind": "Box", "name": "x", "uid": owner}
    metadata = {"name": name, "namespace": "default", **more.pop("metadata", {})}
    metadata["ownerReferences"] = [{**reference, "controller": True}]
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **more}


def deployment(**more: Any) -> dict[str, Any]:
    metadata = {"uid": "d", "generation": 1}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "x"}}, "template": {}}
    return child(DEPLOYMENTS, metadata=metadata, spec=spec, **more)


JOB: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "copy"}}
CONFIG: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}


def test_rights_and_caches_follow_from_what_is_made_and_read() -> None:
    uses: dict[str, set[str]] = {}
    for each in (*boxes().uses(), *LIDS.uses()):
        if not each.subresource:
            uses.setdefault(each.resource.plural, set()).update(each.verbs)

    assert uses["lids"] == {"get", "list", "watch", "create", "delete"}
    assert uses["jobs"] == {"get", "list", "watch", "create", "delete"}
    assert uses["configmaps"] == {"get", "list", "watch", "create", "patch", "delete"}
    assert uses["deployments"] == {"get", "list", "watch", "create", "patch"}
    for read in ("pods", "events", "limitranges", "resourcequotas", "secrets"):
        assert uses[read] == {"list"}
    watched = {each.watched.resource.plural for each in assembly.sources("o", [boxes(), LIDS])}
    assert not watched & {"pods", "events", "secrets"}


@pytest.mark.parametrize(
    ("spec", "selector"),
    [
        ({}, {"app.kubernetes.io/name": "box", "app.kubernetes.io/instance": "x"}),
        ({"selector": {"app": "y"}}, {"app": "y"}),
        ({"selector": {}}, {}),
        ({"type": "ExternalName", "externalName": "example.com"}, None),
    ],
)
def test_a_service_selects_its_owners_pods_unless_it_says_otherwise(
    spec: dict[str, Any], selector: dict[str, str] | None
) -> None:
    template = {"spec": {"containers": [{"name": "main", "image": "x"}]}}
    pods = {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": template}}

    async def body(obj: Any, ctx: Context) -> None:
        await ctx.apply({"apiVersion": "v1", "kind": "Service", "spec": spec})
        await ctx.apply(pods)

    done = reconcile(boxes(body).owns(SERVICES), X)
    made = {each["kind"]: each["spec"] for each in done.children}
    assert made["Service"].get("selector") == selector
    labels = made["Deployment"]["template"]["metadata"]["labels"]
    if not spec:
        assert made["Service"]["selector"].items() <= labels.items()


def test_a_child_is_found_and_deleted_and_only_by_who_may() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        found = await ctx.find(JOBS, "copy")
        assert found is not None
        await ctx.delete(JOBS, found, "it is done")
        assert await ctx.find(JOBS, "copy") is None
        assert ctx.child(CONFIG_MAPS, "copy") is None

    assert run(body, there=[child(JOBS, "copy")]).writes == ["delete Job default/copy", "status"]

    async def wrong(obj: Any, ctx: Context) -> None:
        live = ctx.child(DEPLOYMENTS)
        assert live is not None
        await ctx.delete(DEPLOYMENTS, live, "why not")

    found = run(wrong, there=[deployment()])
    assert found.condition("Degraded")[1] == "InvalidChild"
    assert "own it with prune=True or delete=True" in found.condition("Degraded")[2]


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (child(JOBS, "copy", owner="before"), Waiting),
        ({**JOB, "metadata": {"name": "copy", "namespace": "default"}}, Terminal),
    ],
)
def test_a_name_that_is_not_free_is_waited_for_or_told(job: Any, error: Any) -> None:
    raised: list[Exception] = []

    async def body(obj: Any, ctx: Context) -> None:
        try:
            await ctx.find(JOBS, "copy")
        except error as stop:
            raised.append(stop)

    run(body, there=[job])
    assert len(raised) == 1


def test_what_is_made_outlives_its_maker_and_is_made_once() -> None:
    lid = {"apiVersion": "example.com/v1", "kind": "Lid", "metadata": {"name": "l"}, "spec": {}}

    async def body(obj: Any, ctx: Context) -> None:
        for _ in range(2):
            made = await ctx.make(lid)
            assert "ownerReferences" not in made["metadata"]
            assert made["metadata"]["namespace"] == "default"
        assert [each["metadata"]["name"] for each in ctx.list(LIDS.own)] == ["l"]

    assert run(body).writes == ["create Lid default/l", "status"]

    async def wrong(obj: Any, ctx: Context) -> None:
        await ctx.make(JOB)

    said = "the controller of Box is wrong: Job is not one that it makes; hint: add .makes(...) of "
    assert run(wrong).condition("Degraded")[2].startswith(said)


def test_a_child_begins_with_what_is_anybodys_afterwards_and_keeps_its_hash() -> None:
    wanted = {**deployment(), "spec": {"template": {}}}

    async def body(obj: Any, ctx: Context) -> None:
        made = await ctx.apply(wanted, at_first={"replicas": 3})
        assert ctx.hash_of(made) == ctx.hash(wanted) != ""
        assert ctx.hash_of(None) == ""

    first = run(body)
    assert first.child(DEPLOYMENTS, "x")["spec"]["replicas"] == 3
    assert run(body, first.object, first.children).writes == []


def test_who_owns_a_kind_may_reserve_fields_of_it() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        await ctx.apply({**deployment(), "spec": {"template": {"spec": {"containers": []}}}})

    rules = reserve(DEPLOYMENT, {"spec.template.spec": frozenset({"hostNetwork"})})
    first = run(body)
    (made,) = first.children
    pod = {**made["spec"]["template"], "spec": {"containers": [], "hostNetwork": True}}
    edited = {**made, "spec": {**made["spec"], "template": pod}}

    assert run(body, first.object, [edited]).writes == []
    strict = boxes(body).owns(DEPLOYMENTS, rules=rules)
    assert "apply Deployment default/x" in reconcile(strict, first.object or X, [edited]).writes


def test_a_status_waits_for_the_pods_to_be_made_but_not_for_ever() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        made = await ctx.apply({**deployment(), "status": {}})
        ctx.requeue(timedelta(minutes=1))
        ctx.settle(made)

    first = run(body, settle=True)
    assert first.writes == ["create Deployment default/x"]
    assert first.requeue_after is not None
    assert 0.9 < first.requeue_after.total_seconds() <= 1
    # Here is no time to wait.
    assert run(body).writes == ["create Deployment default/x", "status"]
    assert run(body).requeue_after == timedelta(minutes=1)


class Time:
    now = 0.0


@pytest.fixture
def patience() -> Patience:
    Time.now = 0.0
    return Patience(lambda: Time.now)


def test_many_that_wait_get_more_patience_and_it_ends(patience: Patience) -> None:
    first = patience.left(("ns", "x0"), told=True)
    for number in range(1, 1000):
        patience.left(("ns", f"x{number}"), told=True)
    assert first == 1
    assert patience.left(("ns", "x0"), told=True) == 30
    Time.now = 31.0
    assert patience.left(("ns", "x0"), told=True) < 0
    patience.forget(("ns", "x0"))
    assert patience.left(("ns", "x0"), told=True) > 0


def test_of_few_that_wait_none_is_told_before_its_pods_are_made(patience: Patience) -> None:
    for number in range(20):
        assert patience.left(("ns", f"x{number}"), told=False) == 1
    Time.now = 3.0
    # A second at a time: many others may come meanwhile.
    assert 0 < patience.left(("ns", "x19"), told=False) <= 1
    Time.now = 31.0
    assert patience.left(("ns", "x19"), told=False) <= 0


def test_of_many_that_wait_each_is_told_once_at_once(patience: Patience) -> None:
    for number in range(100):
        patience.left(("ns", f"x{number}"), told=False)
    assert patience.left(("ns", "x0"), told=False) == 0
    assert patience.left(("ns", "new"), told=False) == 0
    assert patience.left(("ns", "x0"), told=True) > 20


def test_the_last_of_many_are_told_at_once_too(patience: Patience) -> None:
    for number in range(26):
        patience.left(("ns", f"x{number}"), told=False)
    for number in range(20):
        patience.forget(("ns", f"x{number}"))
    Time.now = 0.5
    assert patience.left(("ns", "last"), told=False) == 0
    # A calm has begun.
    Time.now = 2.0
    assert patience.left(("ns", "later"), told=False) == 1


def test_why_pods_do_not_start_is_read_and_looked_at_again() -> None:
    told: list[Problem] = []

    async def body(obj: Any, ctx: Context) -> None:
        told.extend(await ctx.pod_failures(ctx.child(DEPLOYMENTS)))
        if told:
            ctx.condition("Degraded", True, told[0].reason, told[0].message)

    state = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pod = child(PODS, "x-1", status={"containerStatuses": [{"image": "i", "state": state}]})
    pod["metadata"] |= {"labels": {"app": "x"}, "creationTimestamp": "2026-01-01T00:00:00Z"}
    before = {"type": "Degraded", "status": "True", "reason": "ImageMissing", "message": "m"}
    known = {**X, "status": {"conditions": [{**before, "observedGeneration": 1}]}}
    found = run(body, known, [deployment(), pod])
    # It was told before a restart, so it is read at once.
    assert found.condition("Degraded")[1:] == (
        "ImageMissing",
        "image i cannot be pulled: not found",
    )
    assert found.requeue_after == timedelta(seconds=5)


def test_pods_that_a_quota_refused_are_tried_again_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failure = {"type": "ReplicaFailure", "status": "True", "message": FULL}
    room = iter(["", "7"])
    monkeypatch.setattr(Context, "wait_for_room", lambda self, part, words: next(room, ""))

    async def body(obj: Any, ctx: Context) -> None:
        for _ in range(2):
            await ctx.retry_pods(ctx.child(DEPLOYMENTS))

    found = run(body, there=[deployment(status={"conditions": [failure]})])
    notes = found.child(DEPLOYMENTS, "x")["metadata"]["annotations"]
    assert notes == {"example.com/room-in-quota": "7"}


def test_a_job_without_a_pod_says_why_and_asks_for_what_its_namespace_allows() -> None:
    about = {"uid": "j"}
    event = child(
        EVENTS, "e", regarding=about, reason="FailedCreate", note=f"Error creating: {FULL}"
    )
    limits = child(LIMIT_RANGES, "l", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]})

    async def body(obj: Any, ctx: Context) -> None:
        assert await ctx.fitted({"limits": {"cpu": "2"}}) == {
            "requests": {"cpu": "1"},
            "limits": {"cpu": "1"},
        }
        live = ctx.child(JOBS, "copy")
        assert live is not None
        state = await ctx.job(live, {"limits": {"cpu": "2"}})
        assert state.refused is not None
        assert state.refused.reason == "QuotaExceeded"
        assert state.again == "other resources are wanted now"

    job = child(JOBS, "copy", metadata={"uid": "j"})
    assert run(body, there=[job, event, limits]).error is None


def test_a_refusal_that_was_told_is_tried_again() -> None:
    async def body(obj: Any, ctx: Context) -> Result:
        ctx.condition("Degraded", True, "Rejected", "told in our own words")
        return Result(error=Invalid("no"))

    found = run(body)
    assert found.condition("Degraded") == ("True", "Rejected", "told in our own words")
    assert isinstance(found.error, Invalid)


def test_a_server_that_answers_500_is_told_at_the_third_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def create(*_: Any) -> Any:
        raise Unavailable("an internal error", status=500)

    monkeypatch.setattr(harness._Given, "create", create)

    async def body(obj: Any, ctx: Context) -> None:
        await ctx.apply(CONFIG)

    assert run(body, times=2).writes == []
    told = run(body, times=3)
    assert told.condition("Degraded") == ("True", "ServerError", "ConfigMap: an internal error")


def test_a_quota_that_refuses_a_child_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[tuple[str, str]] = []
    monkeypatch.setattr(Context, "wait_for_room", lambda _, *found: words.append(found) or "")

    async def create(*_: Any) -> Any:
        raise Forbidden(FULL)

    monkeypatch.setattr(harness._Given, "create", create)

    async def body(obj: Any, ctx: Context) -> None:
        await ctx.apply(CONFIG)

    assert run(body).condition("Degraded")[1] == "QuotaExceeded"
    assert words == [("children", FULL)]


def test_without_a_summary_the_conditions_are_the_reconciles_own() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        ctx.condition("Ready", False, "Copying", "a Job copies")

    found = run(body, summary=False)
    assert [each["type"] for each in found.status["conditions"]] == ["Ready"]
    assert found.events == []


def test_a_spec_that_is_refused_may_be_told_with_what_there_is() -> None:
    async def refused(obj: Any, ctx: Context) -> None:
        assert obj.error == "spec.size: Expected int, got str"
        serves = ctx.child(DEPLOYMENTS) is not None
        ctx.condition("Available", serves, "Serving", "as before")

    bad = {**X, "spec": {"size": "large"}}
    found = run(nothing, bad, [deployment()], undecodable=refused)
    assert found.condition("Available") == ("True", "Serving", "as before")
    assert found.condition("Degraded")[:2] == ("True", "InvalidSpec")
    assert found.children[0]["metadata"]["name"] == "x"


def test_names_of_children_begin_as_the_controller_says() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        made = await ctx.apply(CONFIG)
        assert ctx.child(CONFIG_MAPS) == made

    found = run(body, {**X, "metadata": {"name": "1st"}}, initial="box")
    (made,) = found.children
    assert made["metadata"]["name"].startswith("box-1st-")


class Queue(WorkQueue[Any]):
    def __init__(self) -> None:
        self.added: list[Any] = []

    def add(self, key: Any) -> None:
        self.added.append(key)


async def test_what_one_controller_writes_wakes_the_others_that_it_concerns() -> None:
    watching = boxes().watches(LIDS.own, to=lambda lid: ["x"])
    found = assembly.sources("o", [watching, LIDS])
    stores = assembly.new_stores(found)
    queues: dict[Resource, Any] = {each.resource: Queue() for each in (watching, LIDS)}
    sources = Sources(Client.__new__(Client), stores, found, queues, namespaces=(), resync=600.0)
    stores[watching.resource].put({"metadata": {"name": "x", "namespace": "ns"}})
    lid = {"metadata": {"name": "l", "namespace": "ns", "resourceVersion": "1"}}
    stores[LIDS.resource].put(lid)

    sources.wrote((LIDS.resource, ("ns", "l")), LIDS.resource, lid)
    assert (queues[watching.resource].added, queues[LIDS.resource].added) == ([("ns", "x")], [])
    sources.wrote((watching.resource, ("ns", "x")), LIDS.resource, lid)
    assert (queues[watching.resource].added, queues[LIDS.resource].added) == (
        [("ns", "x")],
        [("ns", "l")],
    )
    # What is gone is forgotten by its own controller, too.
    stores[LIDS.resource].drop(replace_version(lid, "2"))
    sources.wrote((LIDS.resource, ("ns", "l")), LIDS.resource, lid)
    assert queues[LIDS.resource].added == [("ns", "l")] * 2


def replace_version(obj: Any, version: str) -> Any:
    return {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}


def test_children_are_found_by_their_owner_also_when_that_is_asked_late() -> None:
    store = OwnedStore()
    store.put(child(JOBS, "a"))
    store.put(child(JOBS, "b", owner="other"))
    assert [each["metadata"]["name"] for each in store.owned_by("uid")] == ["a"]
    store.put(child(JOBS, "c"))
    store.forget(("default", "a"))
    assert [each["metadata"]["name"] for each in store.owned_by("uid")] == ["c"]


def test_what_is_only_created_holds_no_status_back() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        await ctx.create(JOB)
        ctx.settle(None)

    assert run(body, settle=True).writes == ["create Job default/copy", "status"]
