"""Controllers of cluster-scoped kinds: keys without a namespace, children that name theirs."""

import asyncio
from typing import Any

import pytest
from msgspec import Struct

from kopfkit.controller import Context, Controller, Object, Operator, Settings, assembly
from kopfkit.controller.kinds import CONFIG_MAPS, JOBS, NAMESPACES, NODES, SECRETS, Kind
from kopfkit.controller.settings import watched_namespaces
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.manager.kopfsettings import Watched
from kopfkit.testing.reconcile import Reconciled, reconcile


class Spec(Struct):
    """A zone."""

    secret: str = ""


V1 = Version("v1", Spec, ConditionedStatus, "A zone.", storage=True)
ZONES = CustomResource("example.com", "Zone", "zones", [V1], scope="Cluster")
BOXES = CustomResource("example.com", "Box", "boxes", [V1])
ZONE: dict[str, Any] = {"metadata": {"name": "north"}}


async def nothing(obj: Object[Spec, ConditionedStatus], ctx: Context) -> None:
    return None


def zones(body: Any = nothing, **more: Any) -> Controller[Spec, ConditionedStatus]:
    made = Controller(ZONES, V1, reconcile=body, **more)
    return made.owns(CONFIG_MAPS, prune=True).owns(NAMESPACES).owns(JOBS, immutable=True)


def config(namespace: str | None, name: str = "settings") -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}


def run(body: Any, obj: Any = ZONE, there: Any = ()) -> Reconciled:
    return reconcile(zones(body), obj, there)


async def make(zone: Object[Spec, ConditionedStatus], ctx: Context) -> None:
    assert zone.namespace == ""
    await ctx.apply({"apiVersion": "v1", "kind": "Namespace"})
    await ctx.apply(config("a"))
    await ctx.apply(config("b"))
    await ctx.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"namespace": "a"}})
    ctx.event("Made", "all of it")


def test_children_are_made_in_the_namespaces_that_they_name_and_in_none() -> None:
    first = run(make)
    assert first.writes == [
        "create Namespace north",
        "create ConfigMap a/settings",
        "create ConfigMap b/settings",
        "create Job a/north",
        "status",
    ]
    made = first.child(CONFIG_MAPS, "settings", "b")
    (reference,) = made["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["name"], reference["uid"]) == ("Zone", "north", "uid")
    assert "namespace" not in first.child(NAMESPACES, "north")["metadata"]
    assert first.object is not None
    assert "namespace" not in first.object["metadata"]
    assert run(make, first.object, first.children).writes == []


def test_what_is_no_longer_applied_is_pruned_in_its_own_namespace() -> None:
    async def less(zone: Any, ctx: Context) -> None:
        await ctx.apply(config("b"))
        keys = [(each["metadata"]["namespace"]) for each in ctx.owned(CONFIG_MAPS)]
        assert keys == ["a", "b"]
        assert [each["metadata"]["namespace"] for each in ctx.list(CONFIG_MAPS, "a")] == ["a"]
        assert len(ctx.list(CONFIG_MAPS)) == 2
        assert await ctx.get(CONFIG_MAPS, "settings", "a") is not None
        assert await ctx.get(CONFIG_MAPS, "settings", "c") is None
        assert await ctx.get(NAMESPACES, "north") is not None

    first = run(make)
    second = run(less, first.object, first.children)
    assert second.writes == ["delete ConfigMap a/settings"]


def test_a_foreign_object_of_a_childs_name_is_left_alone_and_named() -> None:
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "north", "uid": "z"}}
    found = run(make, ZONE, [theirs])
    state, reason, message = found.condition("Degraded")
    assert (state, reason) == ("True", "NameCollision")
    assert message.startswith("Namespace north exists and belongs to nobody")


@pytest.mark.parametrize(
    ("child", "said"),
    [
        (
            {"apiVersion": "v1", "kind": "ConfigMap"},
            "ConfigMap has no namespace, and neither has its owner; hint: give it "
            "metadata.namespace",
        ),
        (
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"namespace": "a"}},
            "Namespace has the namespace a, and lives in none; hint: leave metadata.namespace out",
        ),
    ],
)
def test_a_child_in_no_place_or_a_wrong_one_is_a_sentence(child: Any, said: str) -> None:
    async def body(zone: Any, ctx: Context) -> None:
        await ctx.apply(child)

    found = run(body).condition("Degraded")
    assert found == ("True", "InvalidChild", f"the controller of Zone is wrong: {said}")


def test_reading_without_a_namespace_is_a_sentence() -> None:
    async def body(zone: Any, ctx: Context) -> None:
        await ctx.get(CONFIG_MAPS, "x")

    said = "ConfigMap x is read in no namespace; hint: name the namespace"
    assert run(body).condition("Degraded") == ("True", "InvalidRead", said)


def concerned(controller: Any, plural: str, obj: Any) -> set[Any]:
    found = assembly.sources("o", [controller])
    (source,) = (each for each in found if each.watched.resource.plural == plural)
    metadata = obj["metadata"]
    key = (metadata.get("namespace", ""), metadata["name"])
    return {target for of, target in source.concerns(key, [obj]) if of == controller.resource}


def test_a_child_concerns_its_owner_wherever_it_is() -> None:
    reference = {"apiVersion": "example.com/v1", "kind": "Zone", "name": "n", "controller": True}
    metadata = {"name": "x", "namespace": "a", "ownerReferences": [reference]}
    # The second one is whose child it may stand in the way of.
    assert concerned(zones(), "configmaps", {"metadata": metadata}) == {("", "n"), ("", "x")}


def test_what_is_watched_leads_across_scopes() -> None:
    secret = {"metadata": {"name": "s", "namespace": "a"}}
    node = {"metadata": {"name": "n1"}}
    by_zone = zones().watches(SECRETS, to=lambda _: ["north"], named_by=lambda it: [it.spec.secret])
    done = reconcile(by_zone, {"metadata": {"name": "south"}, "spec": {"secret": "a/s"}})
    assert done.error is None
    assert concerned(by_zone, "secrets", secret) == {("", "north"), ("", "south")}

    boxes = Controller(BOXES, V1, reconcile=nothing)
    by_box = boxes.watches(NODES, to=lambda _: ["ns/one"], named_by=lambda _: ["n1"])
    reconcile(by_box, {"metadata": {"name": "two", "namespace": "other"}})
    assert concerned(by_box, "nodes", node) == {("ns", "one"), ("other", "two")}


def test_a_namespaced_controller_that_owns_a_cluster_scoped_kind_is_refused() -> None:
    said = "controller of Box: it owns Namespace, which is cluster-scoped"
    with pytest.raises(KopfkitError, match=said):
        Controller(BOXES, V1, reconcile=nothing).owns(NAMESPACES)


def test_a_kind_of_the_wrong_scope_is_refused() -> None:
    wrong = Kind("example.com", "v1", "zones", "Zone")
    watching = Controller(BOXES, V1, reconcile=nothing).watches(wrong)
    with pytest.raises(KopfkitError, match="it names zones as Zone, namespaced; the resource Zone"):
        Operator("o", "1", [watching, zones()])


def test_limits_to_namespaces_are_refused_for_cluster_scoped_kinds() -> None:
    operator = Operator("o", "1", [zones()])
    with pytest.raises(KopfkitError, match="cluster-scoped, and only team-a is to be watched"):
        asyncio.run(operator.run(Settings(namespaces=("team-a",))))
    boxes = Operator("o", "1", [Controller(BOXES, V1, reconcile=nothing).watches(NODES)])
    boxes.check_namespaces(("team-a",))
    with pytest.raises(KopfkitError, match=r"'team_\*', which is not a valid namespace name"):
        boxes.check_namespaces(("team_*",))


@pytest.mark.parametrize(
    ("text", "names"), [("", ()), (" a , b,a,", ("a", "b")), ("all-of-it", ("all-of-it",))]
)
def test_the_environment_names_namespaces(text: str, names: tuple[str, ...]) -> None:
    assert watched_namespaces({"WATCH_NAMESPACE": text}) == names


def test_what_lives_in_no_namespace_is_listed_and_watched_once() -> None:
    resource = Resource("", "v1", "nodes")
    assert Watched(resource, namespaced=False).places(["a", "b"]) == (None,)
    assert Watched(resource).places(["a", "b"]) == ("a", "b")
    assert Watched(resource).places([]) == (None,)
