"""The example operator, one reconcile at a time: `kopfkit.testing.reconcile`."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kopfkit.controller import Context, Controller, Object, Result, Terminal, Waiting
from kopfkit.controller.kinds import CONFIG_MAPS, JOBS, SECRETS, SERVICES, STATEFUL_SETS
from kopfkit.runtime.api.errors import Unavailable
from kopfkit.testing.reconcile import Reconciled, reconcile

EXAMPLE = Path(__file__).parents[3] / "examples" / "databases"
sys.path.insert(0, str(EXAMPLE))
from databases import operator as example  # noqa: E402

ORDERS: dict[str, Any] = {"metadata": {"name": "orders"}, "spec": {"hostName": "orders"}}


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the example has registered: host name to owner."""
    records: dict[str, str] = {}

    async def register(name: str, record: dict[str, str]) -> None:
        if records.setdefault(name, record["owner"]) != record["owner"]:
            raise Terminal("HostNameTaken", "taken", requeue_after=timedelta(minutes=1))

    async def unregister(name: str, owner: str) -> None:
        if records.get(name) == owner:
            del records[name]

    monkeypatch.setattr(example, "register", register)
    monkeypatch.setattr(example, "unregister", unregister)
    return records


def run(obj: Any = ORDERS, there: Any = ()) -> Reconciled:
    return reconcile(example.DATABASES, obj, there)


def test_what_is_missing_is_made_and_told_once(registry: dict[str, str]) -> None:
    first = run()
    assert first.writes == [
        "finalizer",
        "create Service default/orders",
        "create StatefulSet default/orders",
        "status",
    ]
    assert first.condition("Available") == (
        "False",
        "RollingOut",
        "waiting for the StatefulSet controller to see the change",
    )
    assert first.condition("Progressing")[0] == "True"
    assert first.condition("Degraded") == ("False", "AsExpected", "")
    assert first.events == [("Normal", "Registered", "orders leads to orders.default")]
    assert first.requeue_after == timedelta(minutes=5)
    assert registry == {"orders": "uid"}

    assert first.object is not None
    second = run(first.object, first.children)
    assert (second.writes, second.events) == ([], [])
    assert second.object == {**first.object, "metadata": second.object["metadata"]}  # type: ignore[index]


def test_pods_that_serve_become_a_condition_and_an_edit_is_undone() -> None:
    first = run()
    stateful_set = first.child(STATEFUL_SETS, "orders")
    counts = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
    serving = {**stateful_set, "status": {"observedGeneration": 1, **dict.fromkeys(counts, 1)}}
    spec = {**stateful_set["spec"], "replicas": 4}
    others = [first.child(SERVICES, "orders")]

    good = run(first.object, [serving, *others])
    assert good.writes == ["status"]
    assert good.condition("Available") == (
        "True",
        "RolloutComplete",
        "1 pod up to date and available",
    )
    assert good.condition("Progressing")[0] == "False"
    edited = run(good.object, [{**serving, "spec": spec}, *others])
    assert edited.writes == ["apply StatefulSet default/orders", "status"] or edited.writes == [
        "apply StatefulSet default/orders"
    ]
    assert edited.child(STATEFUL_SETS, "orders")["spec"]["replicas"] == 1
    ((kind, reason, note),) = edited.events
    assert (kind, reason) == ("Normal", "ChildRepaired")
    assert "spec.replicas: 4 -> 1" in note


def test_what_lies_outside_is_removed_before_the_object_goes(registry: dict[str, str]) -> None:
    first = run()
    assert first.object is not None
    metadata = {**first.object["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    registry["other"] = "somebody"
    gone = run({**first.object, "metadata": metadata}, first.children)
    assert gone.object is None
    assert gone.writes == ["finalizer"]
    assert registry == {"other": "somebody"}


def test_a_taken_name_and_an_undecodable_spec_are_degraded(registry: dict[str, str]) -> None:
    registry["orders"] = "somebody"
    taken = run()
    assert taken.condition("Degraded") == ("True", "HostNameTaken", "taken")
    assert taken.condition("Progressing") == (
        "False",
        "HostNameTaken",
        "see the condition Degraded",
    )
    assert taken.condition("Progressing")[0] == "False"
    assert taken.requeue_after == timedelta(minutes=1)
    assert ("Warning", "HostNameTaken", "taken") in taken.events
    # The same again is told by nothing.
    assert run(taken.object, taken.children).writes == []

    bad = run({**ORDERS, "spec": {"hostName": "x", "replicas": 10}})
    assert bad.condition("Degraded") == ("True", "InvalidSpec", "spec.replicas: Expected int <= 9")
    assert bad.children == []


# -- outcomes and mistakes, with a controller of a few lines


def controller(body: Any, **more: Any) -> Controller[Any, Any]:
    async def called(obj: Object[example.Spec, example.Status], ctx: Context) -> Any:
        return await body(obj, ctx)

    made = Controller(example.DATABASE, example.V1, reconcile=called, **more)
    return made.owns(CONFIG_MAPS, prune=True).owns(JOBS, immutable=True).watches(SECRETS)


def config(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def outcome(body: Any, obj: Any = ORDERS, there: Any = ()) -> Reconciled:
    return reconcile(controller(body), obj, there)


def test_children_that_are_no_longer_applied_are_pruned() -> None:
    async def both(obj: Any, ctx: Context) -> None:
        await ctx.apply(config("a"))
        await ctx.apply(config("b"))

    async def one(obj: Any, ctx: Context) -> None:
        await ctx.apply(config("b"))
        assert [each["metadata"]["name"] for each in ctx.owned(CONFIG_MAPS)] == ["a", "b"]

    first = outcome(both)
    foreign = {**config("c"), "metadata": {"name": "c", "namespace": "default", "uid": "z"}}
    second = outcome(one, first.object, [*first.children, foreign])
    assert second.writes == ["delete ConfigMap default/a"]


def test_what_is_created_once_is_never_changed() -> None:
    def job(image: str) -> Any:
        async def body(obj: Any, ctx: Context) -> None:
            await ctx.create({"apiVersion": "batch/v1", "kind": "Job", "spec": {"image": image}})

        return body

    first = outcome(job("one"))
    assert first.writes == ["create Job default/orders", "status"]
    assert outcome(job("two"), first.object, first.children).writes == []


def test_waiting_is_progress_and_not_a_failure() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        ctx.block_upgrade("Busy", "a copy is made")
        raise Waiting("CopyUnderWay", "a copy is made")

    found = outcome(body)
    assert found.condition("Progressing") == ("True", "CopyUnderWay", "a copy is made")
    assert found.condition("Degraded")[0] == "False"
    assert found.requeue_after == timedelta(seconds=30)
    assert found.blocks == ("Busy", "a copy is made")


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ({"kind": "ConfigMap"}, "a child has no apiVersion or no kind; hint: give it both"),
        (
            {"apiVersion": "v1", "kind": "Secret"},
            "Secret is not owned; hint: add .owns(...) of its kind to the controller",
        ),
        (
            {**config("x"), "metadata": {"namespace": "other"}},
            "ConfigMap has the namespace other, and its owner another one; hint: leave "
            "metadata.namespace out",
        ),
        (
            {"apiVersion": "batch/v1", "kind": "Job"},
            "Job is owned as immutable; hint: create it with ctx.create",
        ),
    ],
)
def test_a_child_that_cannot_be_made_is_a_sentence(child: Any, said: str) -> None:
    async def body(obj: Any, ctx: Context) -> None:
        await ctx.apply(child)

    state, reason, message = outcome(body).condition("Degraded")
    assert (state, reason) == ("True", "InvalidChild")
    assert message == f"the controller of Database is wrong: {said}"


def test_nonsense_that_is_returned_is_a_sentence() -> None:
    async def body(obj: Any, ctx: Context) -> Any:
        return 30

    said = "the reconcile of Database returned 30; hint: return a Result, or None"
    assert outcome(body).condition("Degraded") == ("True", "InvalidResult", said)


def test_an_exception_is_tried_again() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        raise ZeroDivisionError("nothing is left")

    found = outcome(body)
    assert isinstance(found.error, ZeroDivisionError)
    assert found.writes == []


def test_an_exception_that_lasts_is_told() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        raise ZeroDivisionError("nothing is left")

    found = reconcile(controller(body), ORDERS, times=3)
    said = "ZeroDivisionError: nothing is left"
    assert found.condition("Degraded") == ("True", "ReconcileError", said)
    assert isinstance(found.error, ZeroDivisionError)


def test_a_reconcile_that_hangs_is_ended_and_tried_again() -> None:
    async def hang(obj: Any, ctx: Context) -> None:
        await asyncio.sleep(60)

    late = reconcile(controller(hang, timeout=timedelta(milliseconds=1)), ORDERS)
    assert isinstance(late.error, TimeoutError)


def test_a_server_that_is_away_is_no_condition() -> None:
    async def body(obj: Any, ctx: Context) -> None:
        raise Unavailable("no route")

    found = outcome(body)
    assert isinstance(found.error, Unavailable)
    assert found.writes == []


def test_conditions_of_others_stay_and_ours_keep_their_time() -> None:
    async def body(obj: Any, ctx: Context) -> Result:
        ctx.condition("Available", True, "Serving", "")
        return Result()

    def stored(kind: str, state: str) -> dict[str, Any]:
        at = "2020-01-01T00:00:00Z"
        return {"type": kind, "status": state, "reason": "R", "lastTransitionTime": at}

    old = [stored("Theirs", "True"), stored("Available", "True"), stored("Degraded", "True")]
    found = outcome(body, {**ORDERS, "status": {"conditions": old}}).status["conditions"]
    assert [each["type"] for each in found] == ["Available", "Progressing", "Degraded", "Theirs"]
    assert [each["lastTransitionTime"][:4] for each in found] == ["2020", "2026", "2026", "2020"]
