"""Shelves: own Widgets and read Gadgets, whose CRDs the cluster may not have."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from kopfkit.controller import Context, Controller, KindMissing, Object, Operator
from kopfkit.controller.kinds import CONFIG_MAPS, Kind
from kopfkit.crd import ConditionedStatus, CustomResource, Version

WIDGETS = Kind("parts.example.com", "v1", "widgets", "Widget")
GADGETS = Kind("parts.example.com", "v1", "gadgets", "Gadget")


class Spec(Struct, rename="camel", omit_defaults=True):
    """The shelf that is wanted."""

    insists: Annotated[bool, Meta(description="Whether it is nothing without a widget.")] = False
    size: Annotated[int, Meta(description="Of its widget.")] = 1
    gadget: Annotated[str, Meta(max_length=63, description="The gadget to read.")] = ""


class Status(ConditionedStatus, rename="camel", omit_defaults=True, kw_only=True):
    """What was observed."""

    gadget: Annotated[str, Meta(description="The colour of the gadget.")] | None = None
    widgets: Annotated[int, Meta(description="How many there are.")] | None = None


class Part(Struct, rename="camel", omit_defaults=True):
    """A part."""

    size: Annotated[int, Meta(description="Of it.")] = 1
    colour: Annotated[str, Meta(max_length=9, description="Of it.")] = ""


V1 = Version("v1", Spec, Status, "A shelf.", storage=True)
SHELF = CustomResource("tests.example.com", "Shelf", "shelves", [V1])
PART = Version("v1", Part, ConditionedStatus, "A part.", storage=True)
PARTS = [CustomResource(k.group, k.kind, k.plural, [PART]) for k in (WIDGETS, GADGETS)]
SAMPLES = [{"apiVersion": "tests.example.com/v1", "kind": "Shelf", "metadata": {"name": "one"}}]


async def reconcile(shelf: Object[Spec, Status], ctx: Context) -> None:
    await ctx.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": {"shelf": shelf.name}})
    widget: dict[str, Any] = {"apiVersion": "parts.example.com/v1", "kind": "Widget"}
    if shelf.spec.insists or ctx.serves(WIDGETS):
        await ctx.apply({**widget, "spec": {"size": shelf.spec.size}})
    shelf.status.widgets = len(ctx.owned(WIDGETS)) if ctx.serves(WIDGETS) else None
    try:
        gadget = await ctx.get(GADGETS, shelf.spec.gadget or "none")
    except KindMissing:
        shelf.status.gadget = "unknown"
    else:
        shelf.status.gadget = gadget["spec"]["colour"] if gadget else None


SHELVES = Controller(SHELF, V1, reconcile=reconcile).owns(CONFIG_MAPS).owns(WIDGETS, prune=True)
SHELVES.watches(GADGETS, named_by=lambda shelf: [shelf.spec.gadget or "none"])
OPERATOR = Operator("shelves", "1.0.0", [SHELVES])

if __name__ == "__main__":
    OPERATOR.main()
