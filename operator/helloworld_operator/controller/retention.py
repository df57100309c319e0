"""The HelloWorldSnapshots that the operator makes of a HelloWorld, and which of them it deletes.

By the schedule: one at a time, however many runs were missed. Before an upgrade: one for each. What
may go is decided by `kopfkit.controller.schedules`; only snapshots that carry our labels and the
HelloWorld's uid are counted and deleted. Those that people make, and those of a HelloWorld that is
gone, stay.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from helloworld_operator.api import GROUP, SNAPSHOT, hub
from helloworld_operator.controller.names import child_name
from helloworld_operator.controller.world import RECHECK, SNAPSHOTS, SOON, Raw, World
from kopfkit.controller import Context, InvalidSpec, conditions_of, dig, is_true, schedules
from kopfkit.controller.names import suffixed
from kopfkit.controller.schedules import Made, timestamp

OF: Final = "test.jiaozi.com/helloworld"
OF_UID: Final = "test.jiaozi.com/helloworld-uid"
MADE_BY: Final = "test.jiaozi.com/made-by"
# The run that a scheduled snapshot stands for.
RUN: Final = "test.jiaozi.com/scheduled-for"
# Snapshots before upgrades that are kept: of the one under way, and of the one before.
_UPGRADES_KEPT: Final = 2
# A snapshot before an upgrade that is older than that is taken anew: much was written since.
_FRESH: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Taken:
    """The snapshot before an upgrade; reason and message are those of its condition Ready."""

    name: str
    ready: bool = False
    failed: bool = False
    reason: str = ""
    message: str = ""


async def keep(world: World, ctx: Context, now: datetime, *, settled: bool) -> None:
    """Take what is due, delete what is superfluous.

    Args:
        world: the HelloWorld, whose spec has persistence.
        ctx: of its reconcile.
        now: the time (UTC).
        settled: whether it ever ran; before that there is nothing to copy.

    Raises:
        Refused: the API server refused a snapshot.
    """
    assert world.spec is not None
    all_of_it = _of(world, ctx)
    wanted = world.spec.snapshots or hub.Snapshots()
    if wanted.schedule and settled:
        try:
            await _by_the_clock(world, ctx, now, wanted.schedule, all_of_it)
        except InvalidSpec as error:
            world.problem("InvalidSchedule", str(error))
    for by, kept in (("schedule", wanted.keep), ("upgrade", _UPGRADES_KEPT)):
        ours = {each["metadata"]["name"]: each for each in all_of_it if _is_of(each, world)}
        made = [each for each in _made(all_of_it, by, now) if each.name in ours]
        for name in schedules.superfluous(made, kept):
            if not ours[name]["metadata"].get("deletionTimestamp"):
                await ctx.delete(SNAPSHOTS, ours[name], "newer ones are kept")
    world.last_snapshot = _last(world, all_of_it)


async def before_upgrade(world: World, ctx: Context, now: datetime, what: str) -> Taken:
    """The snapshot before an upgrade, made if there is none.

    Args:
        world: the HelloWorld, with a spec.
        ctx: of its reconcile.
        now: the time (UTC).
        what: tells this upgrade from others (`images.token`).

    Raises:
        Refused: the API server refused the snapshot.
    """
    name = suffixed(world.name, what)
    live = await ctx.get(SNAPSHOTS, name) or await _make(world, ctx, name, "upgrade", {})
    if not _is_of(live, world):
        text = f"HelloWorldSnapshot {name} exists and was not made by the operator"
        return Taken(name, failed=True, message=text)
    if live["metadata"].get("deletionTimestamp"):
        ctx.requeue(RECHECK)
        return Taken(name, message="it is being deleted")
    status = live.get("status")
    told = {kind: each.get("message", "") for kind, each in conditions_of(status).items()}
    if is_true(status, "Failed"):
        return Taken(name, failed=True, message=str(told["Failed"]))
    if not is_true(status, "Ready"):
        reason = str(conditions_of(status).get("Ready", {}).get("reason", ""))
        return Taken(name, reason=reason, message=str(told.get("Ready", "")))
    if now - timestamp(dig(status, "completedAt")) > _FRESH:
        await ctx.delete(SNAPSHOTS, live, "too old for the upgrade")
        ctx.requeue(SOON)
        return Taken(name, message="it is taken anew")
    return Taken(name, ready=True)


def _of(world: World, ctx: Context) -> list[Raw]:
    """The snapshots of this name's HelloWorld in its namespace, ours and others'."""
    found = ctx.list(SNAPSHOTS)
    return [each for each in found if dig(each, "spec", "helloWorldName") == world.name]


async def _by_the_clock(
    world: World, ctx: Context, now: datetime, expression: str, all_of_it: list[Raw]
) -> None:
    made = _made([each for each in all_of_it if _is_of(each, world)], "schedule", now)
    created = timestamp(world.raw["metadata"].get("creationTimestamp"))
    since = max([created, *(each.at for each in made)])
    found = schedules.due(expression, since, now, field="spec.snapshots.schedule")
    ctx.requeue(found.delay(now))
    if found.run is not None and all(each.state for each in made):
        run = schedules.spell(found.run)
        name = suffixed(world.name, run)
        live = await _make(world, ctx, name, "schedule", {RUN: run})
        if not _is_of(live, world):
            raise InvalidSpec(
                f"HelloWorldSnapshot {name} exists and was not made by the schedule: it is "
                "left alone, and that run is not done; delete or rename it"
            )


async def _make(world: World, ctx: Context, name: str, by: str, notes: dict[str, str]) -> Raw:
    labels = {OF: child_name(world.name), OF_UID: world.raw["metadata"]["uid"], MADE_BY: by}
    wanted: Raw = {
        "apiVersion": f"{GROUP}/{SNAPSHOTS.version}",
        "kind": SNAPSHOT.kind,
        "metadata": {"name": name, "labels": labels, "annotations": notes},
        "spec": {"helloWorldName": world.name},
    }
    assert world.spec is not None
    if storage := (world.spec.persistence or hub.Persistence()).storage_class_name:
        wanted["spec"]["storageClassName"] = storage
    return await ctx.make(wanted)


def _is_of(snapshot: Raw, world: World) -> bool:
    """Whether the operator made it of exactly this HelloWorld.

    Labels can be written by everybody who may write HelloWorldSnapshots; what is copied is what the
    spec names, which nobody can change afterwards.
    """
    labels = snapshot["metadata"].get("labels") or {}
    same = dig(snapshot, "spec", "helloWorldName") == world.name
    return same and labels.get(OF_UID) == world.raw["metadata"]["uid"] and MADE_BY in labels


def _made(snapshots: list[Raw], by: str, now: datetime) -> list[Made]:
    found = []
    for each in snapshots:
        metadata = each["metadata"]
        if dig(metadata, "labels", MADE_BY) != by:
            continue
        run = schedules.read(str(dig(metadata, "annotations", RUN) or ""))
        # A run that is said to be in the future would end the schedule, and push out all copies
        # that were really made.
        if run is None or run > now:
            run = timestamp(metadata.get("creationTimestamp"))
        found.append(Made(metadata["name"], run, _state(each)))
    return found


def _state(snapshot: Raw) -> str:
    if is_true(snapshot.get("status"), "Failed"):
        return "failed"
    return "ready" if is_true(snapshot.get("status"), "Ready") else ""


def _last(world: World, snapshots: list[Raw]) -> hub.LastSnapshot | None:
    """The newest complete one since the HelloWorld was made."""
    since = str(world.raw["metadata"].get("creationTimestamp", ""))
    done = [
        (str(dig(each, "status", "completedAt") or ""), each["metadata"]["name"])
        for each in snapshots
        if _state(each) == "ready" and not each["metadata"].get("deletionTimestamp")
    ]
    newest = max((each for each in done if each[0] >= since), default=None)
    return hub.LastSnapshot(name=newest[1], time=newest[0]) if newest else None
