"""Docks (v1alpha1, v1) and Cranes (v1beta1, v1). Each is converted by its own Converter."""

from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from kopfkit.controller import (
    Admission,
    Context,
    Controller,
    FieldError,
    FieldFinding,
    Object,
    Operator,
)
from kopfkit.controller.kinds import CONFIG_MAPS
from kopfkit.conversion import Converter, Spoke, known_fields
from kopfkit.crd import ConditionedStatus, CustomResource, Version

GROUP = "harbour.example.com"


class Dock(Struct, rename="camel", omit_defaults=True):
    """A dock."""

    metres: Annotated[int, Meta(ge=1, description="Its length.")] = 10
    roofed: Annotated[bool, Meta(description="Whether it has a roof.")] = False


class OldDock(Struct, rename="camel", omit_defaults=True):
    """A dock."""

    length: Annotated[int, Meta(ge=1, description="Its length in metres.")] = 10


class Crane(Struct, rename="camel", omit_defaults=True):
    """A crane."""

    tons: Annotated[int, Meta(ge=1, description="What it lifts.")] = 1
    dock: Annotated[str, Meta(max_length=63, description="Where it is.")] = ""


class OldCrane(Struct, rename="camel", omit_defaults=True):
    """A crane."""

    kilograms: Annotated[int, Meta(ge=1000, description="What it lifts.")] = 1000


def renamed(old: str, new: str, factor: int) -> tuple[Any, Any]:
    """The functions to and from a hub in which a field has another name and unit."""

    def move(content: dict[str, Any], here: str, there: str, convert: Any) -> dict[str, Any]:
        spec = dict(content.get("spec") or {})
        if here in spec:
            value = spec.pop(here)
            spec[there] = convert(value) if isinstance(value, int) else value
        return {**content, "spec": spec}

    return (
        lambda content: move(content, old, new, lambda value: value // factor),
        lambda content: move(content, new, old, lambda value: value * factor),
    )


def converter(resource: CustomResource, old: str, new: str, factor: int) -> Converter:
    """The converter of a kind whose versions differ in one field."""
    hub, spoke = resource.versions
    to_hub, from_hub = renamed(old, new, factor)
    fields = known_fields(spec=spoke.spec, status=spoke.status)
    return Converter(
        group=GROUP,
        kind=resource.kind,
        hub=hub.name,
        hub_fields=known_fields(spec=hub.spec, status=hub.status),
        spokes=[Spoke(spoke.name, to_hub=to_hub, from_hub=from_hub, fields=fields)],
        annotation=f"{GROUP}/conversion-data",
    )


DOCK_V1 = Version("v1", Dock, ConditionedStatus, "A dock.", storage=True)
DOCK_OLD = Version("v1alpha1", OldDock, ConditionedStatus, "A dock.")
CRANE_V1 = Version("v1", Crane, ConditionedStatus, "A crane.", storage=True)
CRANE_OLD = Version("v1beta1", OldCrane, ConditionedStatus, "A crane.")
DOCK = CustomResource(GROUP, "Dock", "docks", [DOCK_V1, DOCK_OLD])
CRANE = CustomResource(GROUP, "Crane", "cranes", [CRANE_V1, CRANE_OLD])


async def keep_dock(dock: Object[Dock, ConditionedStatus], ctx: Context) -> None:
    data = {"metres": str(dock.spec.metres)}
    await ctx.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": data})


async def keep_crane(crane: Object[Crane, ConditionedStatus], ctx: Context) -> None:
    data = {"tons": str(crane.spec.tons)}
    await ctx.apply({"apiVersion": "v1", "kind": "ConfigMap", "data": data})


def default_crane(crane: Object[Crane, ConditionedStatus]) -> None:
    if crane.spec.tons > 10 and not crane.spec.dock:
        crane.spec.dock = "main"


def validate_crane(
    crane: Object[Crane, ConditionedStatus], old: Object[Crane, ConditionedStatus] | None
) -> Iterator[FieldFinding]:
    if crane.spec.tons > 50:
        yield FieldError("spec.tons", "must be 50 at most: use two cranes")
    if crane.spec.dock == "closed":
        yield FieldError("spec.dock", "is closed: name another")
    if crane.spec.dock == "cursed":
        raise RuntimeError("a mistake in the function")
    if old is not None and crane.spec.tons < old.spec.tons:
        yield FieldError("spec.tons", f"must not shrink: it is {old.spec.tons}")


OPERATOR = Operator(
    "harbour-operator",
    "0.1.0",
    [
        Controller(DOCK, DOCK_V1, reconcile=keep_dock).owns(CONFIG_MAPS),
        Controller(CRANE, CRANE_V1, reconcile=keep_crane).owns(CONFIG_MAPS),
    ],
    conversion=[
        converter(DOCK, "length", "metres", 1),
        converter(CRANE, "kilograms", "tons", 1000),
    ],
    admission=Admission(CRANE, CRANE_V1, default=default_crane, validate=validate_crane),
)
