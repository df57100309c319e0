"""Kinds that the cluster does not serve."""

from typing import Any

import pytest
from msgspec import Struct

from kopfkit.controller import Context, Controller, KindMissing, Object, assembly
from kopfkit.controller.kinds import CONFIG_MAPS, SECRETS, Kind
from kopfkit.controller.presence import Presence
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.runtime.api.errors import NotFound, Unavailable
from kopfkit.testing.reconcile import reconcile as run_one

WIDGETS = Kind("parts.example.com", "v1", "widgets", "Widget")


class Spec(Struct):
    """A shelf."""

    asks: bool = False


V1 = Version("v1", Spec, ConditionedStatus, "A shelf.", storage=True)
SHELF = CustomResource("example.com", "Shelf", "shelves", [V1])
WIDGET = {"apiVersion": "parts.example.com/v1", "kind": "Widget"}


async def reconcile(shelf: Object[Spec, ConditionedStatus], ctx: Context) -> None:
    await ctx.apply({"apiVersion": "v1", "kind": "ConfigMap"})
    if not shelf.spec.asks or ctx.serves(WIDGETS):
        await ctx.apply(WIDGET)


SHELVES = Controller(SHELF, V1, reconcile=reconcile).owns(CONFIG_MAPS).owns(WIDGETS, prune=True)


def shelf(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "one"}, "spec": spec}


def test_a_child_of_a_missing_kind_is_degraded_and_the_rest_is_made() -> None:
    done = run_one(SHELVES, shelf(), missing=[WIDGETS])
    said = "the cluster does not serve Widget (widgets.parts.example.com, v1); hint: install its"
    state, reason, message = done.condition("Degraded")
    assert (state, reason) == ("True", "KindMissing")
    assert message.startswith(said)
    assert done.writes == ["create ConfigMap default/one", "status"]


def test_who_asks_first_is_fine_without_it_and_with_it() -> None:
    without = run_one(SHELVES, shelf(asks=True), missing=[WIDGETS])
    assert without.condition("Degraded")[0] == "False"
    there = run_one(SHELVES, shelf(asks=True))
    assert "create Widget default/one" in there.writes


@pytest.mark.parametrize("verb", ["get", "list", "owned", "create", "prune"])
def test_whatever_is_done_with_a_missing_kind_raises_its_error(verb: str) -> None:
    async def does(_: Object[Spec, ConditionedStatus], ctx: Context) -> None:
        arguments = {"get": (WIDGETS, "x"), "create": (WIDGET,)}.get(verb, (WIDGETS,))
        with pytest.raises(KindMissing):
            await getattr(ctx, verb)(*arguments)

    controller = Controller(SHELF, V1, reconcile=does).owns(WIDGETS, prune=True)
    done = run_one(controller, shelf(), missing=[WIDGETS])
    assert done.error is None
    assert done.condition("Degraded")[0] == "False"


class Cluster:
    """Serves some paths."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.asked: list[str] = []

    async def request(self, method: str, path: str, **_: Any) -> dict[str, Any]:
        self.asked.append(path)
        if self.failure is not None:
            raise self.failure
        return {"items": []}


async def test_a_kind_is_told_once_when_it_goes_and_once_when_it_comes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sources = assembly.sources("o", [SHELVES])
    changed: list[str] = []
    cluster: Any = Cluster()
    presence = Presence(
        cluster,
        sources[1:],
        {SHELVES.resource: "Shelf"},
        ["team-a"],
        lambda source: changed.append(source.kind),
    )
    caplog.set_level("INFO")
    assert await presence.look(WIDGETS.resource)
    assert cluster.asked == ["/apis/parts.example.com/v1/namespaces/team-a/widgets"]
    cluster.failure = Unavailable("later")
    with pytest.raises(Unavailable):
        await presence.look(WIDGETS.resource)
    assert presence.serves(WIDGETS.resource)
    cluster.failure = NotFound("no")
    for _ in range(2):
        assert not await presence.look(WIDGETS.resource)
    assert changed == ["Widget"]
    cluster.failure = None
    for _ in range(2):
        assert await presence.look(WIDGETS.resource)
    assert changed == ["Widget", "Widget"]
    kind = "Widget (widgets.parts.example.com, v1)"
    assert [record.getMessage() for record in caplog.records] == [
        f"controller of Shelf: the cluster does not serve {kind}; continuing without it; hint: "
        "install its CRD, it is then picked up",
        f"controller of Shelf: the cluster serves {kind} now",
    ]


def test_the_operators_own_kinds_are_not_its_business() -> None:
    presence = Presence(Cluster(), (), {}, ())  # type: ignore[arg-type]
    assert not presence.lost(SHELVES.resource)
    assert presence.serves(SHELVES.resource)
    assert presence.serves(SECRETS.resource)
