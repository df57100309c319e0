"""One reconcile of a HelloWorldSnapshot: its claim, the Job that copies, what has become of it.

A snapshot is taken once. Until it is ready or has failed for good, each look decides anew from what
there is; afterwards only the loss of its claim changes it. What cannot be done yet is a reason of
Ready=False, and is done when it can.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import msgspec

from helloworld_operator.api import HELLOWORLD, SNAPSHOT, hub
from helloworld_operator.api import snapshot as api
from helloworld_operator.controller import jobs, names, originals
from kopfkit.controller import (
    Context,
    Controller,
    Object,
    Refused,
    Result,
    Stopped,
    Undecoded,
    conditions_of,
    is_true,
    see,
)
from kopfkit.controller.kinds import (
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    LIMIT_RANGES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    RESOURCE_QUOTAS,
    SERVICES,
    Kind,
)

# Seconds between two looks at what sends no events.
_RECHECK: Final = 10.0
# How many are reconciled at a time; their Jobs do the work.
_WORKERS: Final = 4
# Reasons of Ready=False that somebody has to do something about; before that it stays so.
STUCK: Final = ("QuotaExceeded", "PodsRefused", "Refused", "ImageMissing", "NameCollision")

Snapshot = Object[api.Spec, api.Status]


@dataclass(frozen=True)
class Look:
    """What one look at a snapshot found.

    Attributes:
        reason: of the condition Ready, and of Failed where that is it.
        message: for people.
        ready: the copy is complete.
        failed: it will never be.
    """

    reason: str
    message: str
    ready: bool = False
    failed: bool = False


def controller(image: str | None) -> Controller[api.Spec, api.Status]:
    """The controller of HelloWorldSnapshots.

    Args:
        image: the operator's own, whose command copies; None where it is not known.
    """
    made = Controller(
        SNAPSHOT,
        api.VERSION,
        reconcile=partial(reconcile, image),
        undecodable=undecodable,
        summary=False,
        workers=_WORKERS,
        initial=names.INITIAL,
    )
    source = Kind.of(HELLOWORLD, hub.VERSION)
    return (
        made.owns(PERSISTENT_VOLUME_CLAIMS, immutable=True)
        .owns(JOBS, immutable=True, delete=True)
        .watches(source, named_by=lambda each: [each.spec.hello_world_name])
        # It deletes itself where it holds nothing and its HelloWorld is gone.
        .makes(made.own, delete=True)
        .reads(DEPLOYMENTS, SERVICES, PODS, EVENTS, LIMIT_RANGES, RESOURCE_QUOTAS)
    )


async def reconcile(image: str | None, snapshot: Snapshot, ctx: Context) -> Result | None:
    """Bring a snapshot one step further."""
    if await originals.vanished(snapshot.raw, ctx):
        own = Kind.of(SNAPSHOT, api.VERSION)
        await ctx.delete(own, snapshot.raw, "its HelloWorld went before it")
    try:
        look = await _look(image, snapshot, ctx)
    except Stopped as stop:
        _tell(snapshot, ctx, Look(stop.reason, stop.message))
        return Result(stop.requeue_after)
    except Refused as refused:
        # A quota, an admission policy, a name the storage does not take: told, and tried again.
        reason = "QuotaExceeded" if refused.reason == "QuotaExceeded" else "Refused"
        text = f"the API server refused: {refused.error.sentence}"
        _tell(snapshot, ctx, Look(reason, text))
        return Result(error=refused.error)
    if look is not None:
        _tell(snapshot, ctx, look)
    return None


async def undecodable(snapshot: Undecoded[api.Status], ctx: Context) -> None:
    """Tell of a snapshot whose spec is refused, unless it is taken or has failed already."""
    if not any(is_true(snapshot.raw.get("status"), kind) for kind in ("Ready", "Failed")):
        _tell(snapshot, ctx, Look("InvalidSpec", snapshot.error))


async def _look(image: str | None, snapshot: Snapshot, ctx: Context) -> Look | None:
    name = names.snapshot_child_name(snapshot.name)
    if is_true(snapshot.raw.get("status"), "Failed"):
        return None
    if is_true(snapshot.raw.get("status"), "Ready"):
        try:
            kept = await ctx.find(PERSISTENT_VOLUME_CLAIMS, name)
        except Stopped:
            kept = None
        if kept is not None:
            return None
        text = f"its claim {name} is gone, and the copy with it: take another snapshot"
        return Look("ClaimLost", text, failed=True)
    job = await ctx.find(JOBS, name)
    if job is not None:
        return await _follow(snapshot, ctx, job)
    return await _begin(image, snapshot, ctx, name)


async def _begin(image: str | None, snapshot: Snapshot, ctx: Context, name: str) -> Look:
    if not image:
        text = "no image to copy with: set RELATED_IMAGE_HELLOWORLD for the operator"
        return Look("ImageMissing", text)
    of = snapshot.spec.hello_world_name
    source = await originals.find(of, ctx)
    await ctx.create(originals.claim(source, snapshot.spec, name))
    resources = await ctx.fitted(source.resources)
    await ctx.create(jobs.snapshot({"name": name}, image, resources, source.url, name))
    return Look("Copying", f"a Job copies the guest book of {of}")


async def _follow(snapshot: Snapshot, ctx: Context, job: dict[str, Any]) -> Look:
    """What the Job says."""
    name, wanted = job["metadata"]["name"], await originals.resources(snapshot, ctx)
    found = await ctx.job(job, wanted)
    if found.again:
        await ctx.delete(JOBS, job, found.again)
        ctx.requeue(_RECHECK)
        return Look("Copying", f"the Job is created again: {found.again}")
    if found.refused:
        ctx.requeue(_RECHECK)
        text = f"the Job {name} that copies the guest book has no pod: {found.refused.message}"
        return Look(found.refused.reason, text)
    if not found.ended:
        # Pods send no events.
        ctx.requeue(_RECHECK)
        hint = f"; its pod waits: {found.hint}" if found.hint else ""
        return Look("Copying", f"a Job copies the guest book{hint}")
    said = found.outcome
    if found.ended == "failed":
        why = (said or {}).get("error") or found.message
        return Look("CopyFailed", f"{why}; take another snapshot", failed=True)
    if said is None:
        # Its pods are gone, and their words with them. The command says them again.
        await ctx.delete(JOBS, job, "its outcome is lost, asks again")
        ctx.requeue(_RECHECK)
        return Look("Copying", "reading the result of the copy again")
    return _completed(snapshot, name, said)


def _completed(snapshot: Snapshot, name: str, said: dict[str, Any]) -> Look:
    fields = {
        "claimName": name,
        "sha256": said.get("sha256"),
        "sizeBytes": said.get("bytes"),
        "entries": said.get("entries"),
        "completedAt": said.get("taken"),
    }
    try:
        told = msgspec.convert(fields, api.Status)
    except msgspec.ValidationError:
        told = None
    if told is None or None in fields.values():
        text = f"the Job's pod reported no valid result: {said.get('error', said)}"
        return Look("ResultUnreadable", text[:1000], failed=True)
    status = snapshot.status
    status.claim_name, status.sha256, status.size_bytes = name, told.sha256, told.size_bytes
    status.entries, status.completed_at = told.entries, told.completed_at
    return Look("Completed", f"{told.entries} entries in {told.size_bytes} bytes", ready=True)


def _tell(snapshot: Snapshot | Undecoded[api.Status], ctx: Context, look: Look) -> None:
    if look.failed:
        ctx.condition("Ready", False, look.reason, see("Failed"))
        ctx.condition("Failed", True, look.reason, look.message)
    else:
        ctx.condition("Ready", look.ready, look.reason, look.message)
        ctx.condition("Failed", False, "AsExpected")
    before = conditions_of(snapshot.raw.get("status")).get("Ready", {}).get("reason")
    if before != look.reason and (look.failed or look.ready):
        event = "SnapshotFailed" if look.failed else "SnapshotReady"
        ctx.event(event, look.message, warning=look.failed)
