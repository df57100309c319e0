"""An operator of a cluster-scoped kind: a Namespace for each Zone, and settings in others."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from kopfkit.controller import Context, Controller, Object, Operator
from kopfkit.controller.kinds import CONFIG_MAPS, NAMESPACES
from kopfkit.crd import ConditionedStatus, CustomResource, Version


class Spec(Struct, rename="camel", omit_defaults=True):
    """The zone that is wanted."""

    places: Annotated[list[str], Meta(max_length=9, description="Namespaces with settings.")] = []
    source: Annotated[str, Meta(max_length=99, description="namespace/name to copy.")] = ""


class Status(ConditionedStatus, rename="camel", omit_defaults=True, kw_only=True):
    """What was observed."""

    copied: Annotated[str, Meta(description="What was copied.")] | None = None


V1 = Version("v1", Spec, Status, "A zone.", storage=True)
ZONE = CustomResource("tests.example.com", "Zone", "zones", [V1], scope="Cluster")
SAMPLES = [{"apiVersion": "tests.example.com/v1", "kind": "Zone", "metadata": {"name": "north"}}]


async def reconcile(zone: Object[Spec, Status], ctx: Context) -> None:
    await ctx.apply({"apiVersion": "v1", "kind": "Namespace"})
    for place in zone.spec.places:
        metadata = {"name": zone.name, "namespace": place}
        data = {"zone": zone.name}
        config: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
        await ctx.apply({**config, "metadata": metadata})
    if zone.spec.source:
        namespace, _, name = zone.spec.source.partition("/")
        found = await ctx.get(CONFIG_MAPS, name, namespace)
        zone.status.copied = (found or {}).get("data", {}).get("text")
    ctx.condition("Available", True, "Made")
    ctx.event("Made", f"zone {zone.name} is made")


async def finalize(zone: Object[Spec, Status], ctx: Context) -> None:
    ctx.log.info("finalized %s", zone.name)


ZONES = Controller(ZONE, V1, reconcile=reconcile, finalize=finalize)
ZONES.owns(NAMESPACES).owns(CONFIG_MAPS, prune=True)
ZONES.watches(CONFIG_MAPS, named_by=lambda zone: [zone.spec.source])
OPERATOR = Operator("zones", "1.0.0", [ZONES])

if __name__ == "__main__":
    OPERATOR.main()
