"""One reconcile of a HelloWorld: observe, plan, act, tell."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from helloworld_operator.api import HELLOWORLD, hub
from helloworld_operator.controller import autoscaling, desired, names, status, volumes
from helloworld_operator.controller.images import CONTAINER
from helloworld_operator.controller.planning import Plan, plan
from helloworld_operator.controller.world import CLAIMS, SNAPSHOTS, Raw, World, observe
from kopfkit.controller import (
    Context,
    Controller,
    Object,
    Refused,
    Result,
    Terminal,
    Undecoded,
    Waiting,
    dig,
    exclusive_pods,
)
from kopfkit.controller.images import EMPTY, Record
from kopfkit.controller.kinds import (
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    LIMIT_RANGES,
    PODS,
    RESOURCE_QUOTAS,
    SERVICES,
    Kind,
)
from kopfkit.controller.schedules import utc_now

HelloWorld = Object[hub.Spec, hub.Status]


def controller(
    image: str | None, now: Callable[[], datetime] = utc_now
) -> Controller[hub.Spec, hub.Status]:
    """The controller of HelloWorlds.

    Args:
        image: the operand's default image, and that of Jobs; None where it is not known.
        now: the time (UTC).
    """
    made = Controller(
        HELLOWORLD,
        hub.VERSION,
        reconcile=partial(reconcile, image, now),
        undecodable=undecodable,
        initial=names.INITIAL,
    )
    made.owns(DEPLOYMENTS, rules=exclusive_pods(CONTAINER))
    for each in desired.CHILDREN:
        made.owns(each.kind, delete=each.delete, rules=each.rules)
    return (
        # Never deleted: an edit must not destroy data. It goes with the HelloWorld.
        made.owns(CLAIMS)
        .owns(JOBS, immutable=True, delete=True)
        .watches(SNAPSHOTS, to=_source, named_by=_restored_from)
        # Made before an upgrade and by the schedule, deleted by its retention.
        .makes(SNAPSHOTS, delete=True)
        .reads(PODS, EVENTS, LIMIT_RANGES, RESOURCE_QUOTAS)
    )


def _source(snapshot: Raw) -> list[str]:
    return [str(dig(snapshot, "spec", "helloWorldName") or "")]


def _restored_from(hello: HelloWorld) -> list[str]:
    return [hello.spec.restore_from.snapshot_name] if hello.spec.restore_from else []


async def reconcile(
    image: str | None, now: Callable[[], datetime], hello: HelloWorld, ctx: Context
) -> Result:
    """Bring a HelloWorld to what is wanted, as far as it can be had now."""
    world = observe(hello.raw, hello.spec, ctx)
    found = await plan(world, ctx, image, now())
    if found is not None:
        await _make(world, found, ctx)
    return await _end(world, hello.status, ctx)


async def undecodable(hello: Undecoded[hub.Status], ctx: Context) -> Result:
    """Tell of a HelloWorld whose spec is refused; its pods go on as they are."""
    world = observe(hello.raw, None, ctx)
    world.problem("InvalidSpec", hello.error)
    return await _end(world, hello.status, ctx)


async def _end(world: World, told: hub.Status, ctx: Context) -> Result:
    if world.failure is None:
        await ctx.retry_pods(world.deployment)
    if not world.problems:
        ctx.settle(world.deployment)
    world.troubles = await ctx.pod_failures(world.deployment, world.claim)
    status.tell(world, told, ctx)
    return Result(error=world.failure)


async def _make(world: World, plan: Plan, ctx: Context) -> None:
    wanted, stands = plan.desired, list[str]()
    apply = partial(_apply, world, ctx, stands)
    children = {each.kind: each.build(wanted) for each in desired.CHILDREN}
    for kind, child in children.items():
        if child is None:
            # What is no longer wanted might work against what is wanted instead.
            await ctx.prune(kind)
    if plan.claim is not None:
        world.claim = await apply(CLAIMS, plan.claim)
    if not plan.hold:
        pods = _deployment(world, wanted, ctx)
        at_first = autoscaling.at_first(wanted.spec)
        world.deployment = await apply(DEPLOYMENTS, pods, at_first=at_first)
    for kind, child in children.items():
        if child is not None:
            live = await apply(kind, child)
            world.service = live if kind == SERVICES else world.service
    if excess := autoscaling.excess(wanted.spec):
        world.problems.append(excess)
    if stands:
        world.wait("WaitingForDeletion", "; ".join(stands))


async def _apply(
    world: World, ctx: Context, stands: list[str], kind: Kind, child: Raw, **more: Any
) -> Raw | None:
    """Apply a child; what stands in its way keeps no other child from being applied."""
    try:
        return await ctx.apply(child, **more)
    except Waiting as stop:
        stands.append(stop.message)
        ctx.requeue(stop.requeue_after)
    except Terminal as stop:
        world.note(stop, ctx)
    except Refused as refused:
        world.note(refused, ctx)
        if kind == CLAIMS and "resize" in refused.error.message:
            # The admission plugin PersistentVolumeClaimResize.
            world.problems.pop()
            text = volumes.cannot_grow(world.claim, refused.error.sentence)
            world.problem("VolumeCannotGrow", text)
    return ctx.child(kind, child["metadata"]["name"])


def _deployment(world: World, wanted: desired.Desired, ctx: Context) -> Raw:
    """The Deployment, with a record of images where it is worth a write.

    The record is written with the next change of anything else: a write for it alone would be one
    more for each HelloWorld that is made. Only when it says more than the pods' own image (an
    exchange under way, a rejected image) is it written by itself.
    """
    plain = desired.deployment(wanted)
    if wanted.record == EMPTY:
        return plain
    same = ctx.hash(plain) == ctx.hash_of(world.deployment)
    if same and wanted.record == Record(wanted.image):
        return plain
    return desired.deployment(wanted, wanted.record)
