"""What to tell about a HelloWorld, of what was seen and decided.

Available: at least one pod answers. Progressing: the pods are on their way to what is wanted.
Degraded: a person has to do something. Each is an ordered chain of checks, of which the first that
applies is told; docs/reference/conditions.md has them as a table. Reasons are stable words for
programs; messages are for people. The last two are those of any rollout.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from helloworld_operator.api import hub
from helloworld_operator.controller.desired import TARGETS, url
from helloworld_operator.controller.images import IMAGES
from helloworld_operator.controller.names import selector_labels
from helloworld_operator.controller.world import World
from kopfkit.controller import (
    Context,
    Rollout,
    capacity,
    conditions_of,
    decide,
    dig,
    misdirected,
    port_to,
    rollout,
    see,
)
from kopfkit.controller.names import selector_text
from kopfkit.controller.verdicts import DEGRADED, PROGRESSING, Verdict, pod_problems

Check: TypeAlias = Callable[[World, Rollout], Verdict | None]

# What an exchange of the image may wait for before the Deployment is touched.
_EXCHANGES: Final = ("WaitingForSnapshot",)


def tell(world: World, status: hub.Status, ctx: Context) -> None:
    """Fill the status, set the conditions, record what changed, and block upgrades of the operator
    while an image is exchanged."""
    at = rollout_of(world)
    fill(world, at, status)
    told = conditions(world, at)
    for kind, verdict in told.items():
        ctx.condition(kind, *verdict)
    state, reason, message = told["Progressing"]
    exchanged = reason == "RollingOut" and IMAGES.of(world.deployment) != status.image
    # What never ran has nothing to lose by another operator going on with it; and where it is
    # stuck, an upgrade may be the way out.
    if state and status.image and (exchanged or reason in _EXCHANGES):
        ctx.block_upgrade("RolloutInProgress", f"{world.namespace}/{world.name}: {message}")
    before = dig(world.raw, "status", "image")
    if before and status.image != before:
        ctx.event("RolledOut", f"all pods run image {status.image}")
    was = conditions_of(world.raw.get("status")).get("Available", {}).get("status")
    state, reason, message = told["Available"]
    if was == "True" and not state and reason != "ScaledToZero" and not told["Degraded"][0]:
        ctx.event("Unavailable", message, warning=True)


def rollout_of(world: World) -> Rollout:
    """How far the Deployment is; before there is one, of what the spec asks for."""
    return rollout(world.deployment, wanted=world.spec.replicas if world.spec is not None else 0)


def conditions(world: World, at: Rollout) -> dict[str, Verdict]:
    """The conditions by their type."""
    return {kind: decide(checks, world, at) for kind, checks in CHECKS.items()}


def fill(world: World, at: Rollout, status: hub.Status) -> None:
    """Fill all fields of the status but conditions and observedGeneration."""
    status.desired_replicas, status.replicas = at.wanted, at.replicas
    status.ready_replicas = at.ready
    status.selector = selector_text(selector_labels(world.name))
    # Never the address of somebody else's Service.
    status.url = (_url(world) if world.service is not None else "") or None
    # No pods prove no image.
    proven = IMAGES.of(world.deployment) if at.complete and at.wanted else ""
    status.image = proven or world.record.good
    status.rejected_image = world.record.rejected
    status.volume_capacity = capacity(world.claim)
    status.last_snapshot = world.last_snapshot


# -- Available: the way from the URL to a pod that answers


def _not_made(world: World, at: Rollout) -> Verdict | None:
    if world.deployment is not None and world.service is not None:
        return None
    if world.problems:
        return False, world.problems[0].reason, see("Degraded")
    if world.waiting:
        return False, world.waiting.reason, see("Progressing")
    return None


def _no_service(world: World, at: Rollout) -> Verdict | None:
    if world.service is not None:
        return None
    return False, "NoService", "the Service is not there yet"


def _service_differs(world: World, at: Rollout) -> Verdict | None:
    # Somebody changed it, and it could not be changed back yet.
    amiss = _misdirected(world)
    return (False, "ServiceDiffers", amiss) if amiss else None


def _scaled_to_zero(world: World, at: Rollout) -> Verdict | None:
    if at.wanted:
        return None
    return False, "ScaledToZero", "no pods are wanted: spec.replicas is 0"


def _answering(world: World, at: Rollout) -> Verdict | None:
    return (True, "MinimumReplicasAvailable", _count(at)) if at.answering else None


def _silent(world: World, at: Rollout) -> Verdict | None:
    text = _count(at)
    if why := ", ".join(each.reason for each in pod_problems(world, at)):
        text = f"{text}: {why}; {see('Degraded')}"
    return False, "NoReplicasAvailable", text


CHECKS: Final[dict[str, tuple[Check, ...]]] = {
    "Available": (_not_made, _no_service, _service_differs, _scaled_to_zero, _answering, _silent),
    "Progressing": PROGRESSING,
    "Degraded": DEGRADED,
}


def _count(at: Rollout) -> str:
    return f"{at.answering} of {at.wanted} {'pod' if at.wanted == 1 else 'pods'} available"


def _url(world: World) -> str:
    """Where the greeting is answered; while the spec is not understood, by the port of our Service,
    as a status may be one that nobody wrote for us."""
    if world.spec is not None:
        return url(world.raw, world.spec)
    port = port_to(world.service, TARGETS)
    return url(world.raw, hub.Spec(service=hub.Service(port=port))) if port else ""


def _misdirected(world: World) -> str:
    """Why our Service does not answer at the URL, or ""."""
    port = (world.spec.service or hub.Service()).port if world.spec is not None else None
    return misdirected(world.service, selector_labels(world.name), TARGETS, port)
