"""The plan of a HelloWorld: which image runs, on which volume, after which snapshot.

It puts together what `images`, `volumes`, `restoring` and `retention` decide about one HelloWorld;
it writes no child that is repaired.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from helloworld_operator.api import hub
from helloworld_operator.controller import autoscaling, names, retention, volumes
from helloworld_operator.controller.desired import Desired
from helloworld_operator.controller.images import IMAGES, token
from helloworld_operator.controller.restoring import restore
from helloworld_operator.controller.snapshots import STUCK
from helloworld_operator.controller.world import CLAIMS, RECHECK, SOON, Raw, World
from kopfkit.controller import (
    Context,
    Refused,
    Stopped,
    dig,
    growing,
    images,
    infeasible,
    owned_by,
)
from kopfkit.controller.images import EMPTY, Record, Running, Step

# Names the image that may be rolled out without a snapshot before it.
WITHOUT: Final = "test.jiaozi.com/upgrade-without-snapshot"


@dataclass(frozen=True)
class Plan:
    """What can be done now about one HelloWorld.

    Attributes:
        desired: of Deployment, Service and autoscaler.
        claim: the wanted claim, or None.
        hold: whether the Deployment is not touched yet: neither made nor changed.
    """

    desired: Desired
    claim: Raw | None = None
    hold: bool = False


async def plan(world: World, ctx: Context, image: str | None, now: datetime) -> Plan | None:
    """The plan; None where there is no image to run, which a problem tells.

    Args:
        world: the HelloWorld, with a spec.
        ctx: of its reconcile.
        image: the operand's default image, and that of Jobs; or None.
        now: the time (UTC).
    """
    spec = world.spec
    assert spec is not None
    wished, persistent = spec.image or image, spec.persistence is not None
    if not wished:
        text = "no image to run: set spec.image, or RELATED_IMAGE_HELLOWORLD for the operator"
        world.problem("ImageMissing", text)
        world.spec = None  # nothing of it is done
        return None
    found, record = IMAGES.running(world.deployment), world.record
    step = images.step(wished, record.good, record.rejected, found, persistent=persistent)
    world.record = Record(step.good, step.rejected)
    if step.why:
        ctx.requeue(SOON)  # stored first; then the Deployment is turned back
    elif step.rejected == wished:
        text = (
            f"image {wished} did not become ready in time: rolled back to {step.good}; set another "
            f"image (or {step.good}, and then {wished} again for another try)"
        )
        world.problem("RolledBack", text)
    claim, run, ready = None, step.run, True
    if persistent:
        claim, ready = await _volume(world, ctx, spec, image)
        if ready:
            run = await _snapshots(world, ctx, step, found, wished, now)
    desired = Desired(
        world.name,
        spec,
        run,
        images.is_own(run, spec.image, image),
        autoscaling.replicas(spec, world.deployment),
        EMPTY if persistent else world.record,
    )
    return Plan(desired, claim, hold=not ready)


async def _volume(
    world: World, ctx: Context, spec: hub.Spec, image: str | None
) -> tuple[Raw | None, bool]:
    """The wanted claim, and whether pods may use it."""
    persistence, source = spec.persistence or hub.Persistence(), spec.restore_from
    name = names.claim_name(world.name)
    live = await ctx.get(CLAIMS, name)
    if live is None:
        ctx.requeue(SOON)
        filled = "" if source else volumes.NOTHING
        return volumes.claim(world.name, persistence, None, filled, world.record), False
    if not owned_by(live, world.raw):
        # Making the children finds it, and says what it is.
        return volumes.claim(world.name, persistence, None, ""), False
    if live["metadata"].get("deletionTimestamp"):
        text = (
            f"PersistentVolumeClaim {name} is being deleted: it goes, with the guest book, when "
            "its last pod does, and is created again, empty"
        )
        world.wait("VolumeTerminating", text)
        ctx.requeue(RECHECK)
        return None, False
    filled = volumes.filled_from(live)
    problems = len(world.problems)
    if not filled and (world.deployment is not None or source is None):
        filled = volumes.NOTHING
    elif not filled and source is not None:
        filled = await _restored(world, ctx, image, live, source.snapshot_name)
    if problems == len(world.problems) and (why := infeasible(live)):
        world.problem("VolumeCannotGrow", why)
    elif text := growing(live):
        world.wait("VolumeGrowing", text)
    # Only what is written on the claim counts: it outlives us.
    ready = bool(volumes.filled_from(live)) or filled == volumes.NOTHING
    if filled and not ready:
        ctx.requeue(SOON)
    return volumes.claim(world.name, persistence, live, filled, world.record), ready


async def _restored(world: World, ctx: Context, image: str | None, live: Raw, source: str) -> str:
    try:
        return await restore(world, ctx, image, live, source)
    except (Stopped, Refused) as found:
        world.note(found, ctx)
    return ""


async def _snapshots(
    world: World, ctx: Context, step: Step, found: Running | None, wished: str, now: datetime
) -> str:
    """The image that runs, once the snapshots are as they should be."""
    run = step.run
    # What is refused here (by a quota on snapshots, say) keeps nothing else from being done.
    try:
        if step.snapshot:
            run = await _before_upgrade(world, ctx, step, found, wished, now)
    except Refused as refused:
        world.note(refused, ctx)
    try:
        await retention.keep(world, ctx, now, settled=step.good is not None)
    except Refused as refused:
        world.note(refused, ctx)
    return run


async def _before_upgrade(
    world: World, ctx: Context, step: Step, found: Running | None, wished: str, now: datetime
) -> str:
    """The image that runs: the wished one, once there is a snapshot."""
    assert world.spec is not None
    if dig(world.raw, "metadata", "annotations", WITHOUT) == wished:
        return wished
    if world.spec.replicas == 0:
        return step.run  # the old image comes up first, when pods are wanted
    change = f"before image {step.good} is replaced by {wished}, a snapshot is taken"
    hint = f"to replace it without one, annotate the HelloWorld with {WITHOUT}={wished}"
    if found is None or not found.complete:
        if found is not None and found.stuck:
            text = f"{change}, and no pod answers ({found.stuck}); {hint}"
            world.problem("SnapshotFailed", text)
        else:
            world.wait("WaitingForSnapshot", f"{change}: waits for the pod")
        return step.run
    uid = str(world.raw["metadata"]["uid"])
    what = token(uid, str(step.good), wished, found.revision)
    taken = await retention.before_upgrade(world, ctx, now, what)
    if taken.ready:
        return wished
    if taken.failed:
        text = f"{change}, and that failed: {taken.message}; delete {taken.name} to try again; "
        world.problem("SnapshotFailed", text + hint)
        return step.run
    said = f": {taken.message}" if taken.message else ""
    text = f"{change}: HelloWorldSnapshot {taken.name} is not ready{said}"
    if taken.reason in STUCK:
        world.problem(taken.reason, f"{text}; {hint}")
    else:
        world.wait("WaitingForSnapshot", text)
    return step.run
