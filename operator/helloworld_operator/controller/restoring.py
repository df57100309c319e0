"""Filling an empty volume from a HelloWorldSnapshot, by a Job, before the first pod starts.

A Job and not an init container: the pod would need the snapshot's volume at every start for ever,
and the snapshot could never be deleted. That it is done is noted on the claim (`volumes.FILLED`).
"""

from datetime import timedelta
from typing import Final

from helloworld_operator.controller import desired, jobs, names
from helloworld_operator.controller.world import CLAIMS, RECHECK, SNAPSHOTS, SOON, Raw, World
from kopfkit.controller import Context, Stopped, Terminal, Waiting, conditions_of, dig, is_true
from kopfkit.controller.kinds import JOBS

# What a Job was made for: the claim's uid, and the HelloWorld's generation. Another claim has to be
# filled anew, and after a change a failed Job is worth another try.
_CLAIM: Final = "test.jiaozi.com/claim-uid"
_GENERATION: Final = "test.jiaozi.com/generation"


async def restore(world: World, ctx: Context, image: str | None, claim: Raw, source: str) -> str:
    """Bring the filling of a claim one step further.

    Args:
        world: the HelloWorld, with a spec.
        ctx: of its reconcile.
        image: the operator's own, whose command restores, or None.
        claim: its claim as it is.
        source: the name of the snapshot.

    Returns:
        The snapshot's name once the volume is filled, else "".

    Raises:
        Terminal, Waiting: what a person has to mend, and what has to happen first.
        Refused: the API server refused the Job.
    """
    job = await ctx.find(JOBS, names.restore_name(world.name))
    if job is None:
        await _begin(world, ctx, image, claim, source)
        raise _restoring(source)
    made_for = job["metadata"].get("annotations") or {}
    if made_for.get(_CLAIM) != claim["metadata"]["uid"]:
        raise await _anew(ctx, job, "made for another volume")
    assert world.spec is not None
    found = await ctx.job(job, desired.resources(world.spec))
    if found.ended == "complete":
        return source
    if found.again:
        raise await _anew(ctx, job, found.again)
    if found.refused:
        text = f"Job {job['metadata']['name']} that restores the volume has no pod: "
        text += found.refused.message
        ctx.requeue(RECHECK)
        raise Terminal(found.refused.reason, text)
    if found.ended == "failed":
        if made_for.get(_GENERATION) != _generation(world):
            raise await _anew(ctx, job, "the HelloWorld was changed, tries again")
        why = (found.outcome or {}).get("error") or found.message
        text = (
            f"the volume cannot be restored from {source}: {why}; change the HelloWorld, or delete "
            f"Job {job['metadata']['name']} to try again"
        )
        raise Terminal("RestoreFailed", text)
    raise _restoring(source, found.hint)


async def _begin(world: World, ctx: Context, image: str | None, claim: Raw, source: str) -> None:
    named = f"HelloWorldSnapshot {source} of spec.restoreFrom"
    snapshot = await ctx.get(SNAPSHOTS, source)
    if snapshot is None or snapshot["metadata"].get("deletionTimestamp"):
        text = (
            f"{named} does not exist: make it, "
            "or remove spec.restoreFrom to begin with an empty volume"
        )
        raise Terminal("SnapshotMissing", text)
    status = snapshot.get("status")
    if is_true(status, "Failed"):
        why = conditions_of(status)["Failed"].get("message", "")
        raise Terminal("SnapshotFailed", f"{named} has failed: {why}")
    if not is_true(status, "Ready"):
        raise Waiting("WaitingForSnapshot", f"{named} is not ready yet", requeue_after=None)
    if not image:
        text = "no image to restore with: set RELATED_IMAGE_HELLOWORLD for the operator"
        raise Terminal("ImageMissing", text)
    # The claim is found as it was made, not by what the status says: a Job that mounted any
    # claim named there would read other applications' volumes.
    kept, why = None, "its claim is gone, and the copy with it"
    try:
        kept = await ctx.find(CLAIMS, names.snapshot_child_name(source), of=snapshot)
    except Stopped as stop:
        why = stop.message
    if kept is None:
        ctx.requeue(RECHECK)
        raise Terminal("SnapshotFailed", f"{named}: {why}")
    assert world.spec is not None
    annotations = {
        _CLAIM: claim["metadata"]["uid"],
        _GENERATION: _generation(world),
        "test.jiaozi.com/snapshot": source,
    }
    wanted = jobs.restore(
        {"name": names.restore_name(world.name), "annotations": annotations},
        image,
        await ctx.fitted(desired.resources(world.spec)),
        source=kept["metadata"]["name"],
        claim=claim["metadata"]["name"],
        sha256=str(dig(status, "sha256")),
    )
    await ctx.create(wanted)


async def _anew(ctx: Context, job: Raw, why: str) -> Waiting:
    await ctx.delete(JOBS, job, why)
    ctx.requeue(SOON)
    return Waiting("Restoring", "the volume is to be restored", requeue_after=None)


def _generation(world: World) -> str:
    return str(world.raw["metadata"].get("generation", 0))


def _restoring(source: str, hint: str = "") -> Waiting:
    text = f"the volume is being restored from HelloWorldSnapshot {source}"
    text += f"; the Job's pod waits: {hint}" if hint else ""
    return Waiting("Restoring", text, requeue_after=timedelta(seconds=RECHECK))
