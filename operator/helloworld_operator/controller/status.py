"""What to tell about a HelloWorld: a pure function of what was observed.

Available: at least one pod answers. Progressing: the pods are on their way to what is wanted.
Degraded: a person has to do something. Reasons are stable words for programs; messages are for
people. A sentence stands in one condition, and the others name its reason and that condition.
Conditions of other writers are kept.
"""

from dataclasses import dataclass
from typing import Final

from helloworld_operator.api import v1
from helloworld_operator.controller.desired import CONTAINER, TARGETS, url
from helloworld_operator.controller.names import selector_labels, selector_text
from helloworld_operator.controller.observe import SERVICES, mapping
from helloworld_operator.controller.observed import Observed, Problem
from helloworld_operator.controller.troubles import refusal
from kopfkit.controller.conditions import condition, conditions_of, patch, see
from kopfkit.runtime.client import Object
from kopfkit.runtime.store import key_of

__all__ = ["MADE", "TYPES", "Rollout", "condition", "conditions_of", "image_of", "patch"]
__all__ += ["rollout_of", "status", "unsettled"]

TYPES: Final = ("Available", "Progressing", "Degraded")
# Reasons of Progressing that are told only when all children are there.
MADE: Final = ("RolloutComplete", "RollingOut", "RolloutStuck", "RolloutPaused")


@dataclass(frozen=True)
class Rollout:
    """How far a Deployment is, by its own status.

    Attributes:
        wanted: how many pods there shall be.
        replicas, ready, available, updated: how many there are.
        seen: whether its controller has seen its newest generation.
        stuck: why it is beyond its progress deadline, or "".
        failure: why pods are refused (quota, admission), or "".
        recreate: whether all old pods go before the first new one comes.
        paused: whether somebody paused it, so that its template is not rolled out.
    """

    wanted: int
    replicas: int
    ready: int
    available: int
    updated: int
    seen: bool
    stuck: str
    failure: str
    recreate: bool
    paused: bool

    @property
    def complete(self) -> bool:
        """As `kubectl rollout status` decides it."""
        return self.seen and self.replicas == self.updated == self.available == self.wanted

    @property
    def answering(self) -> int:
        """How many pods answer, and go on answering while what is wanted now is rolled out."""
        doomed = self.recreate and not (self.seen and self.updated >= self.wanted)
        return 0 if doomed or not self.wanted else self.available


def unsettled(observed: Observed) -> bool:
    """Whether the Deployment's controller is still at work on its newest generation.

    It is done when it has made all the pods; that they become ready is another matter.
    """
    rollout = rollout_of(observed.deployment, observed.spec)
    moving = not rollout.seen or rollout.updated < rollout.wanted
    stands = rollout.stuck or rollout.failure or rollout.paused
    return observed.deployment is not None and moving and not stands


def status(observed: Observed, now: str) -> Object:
    """The status to be stored.

    Args:
        observed: what was seen.
        now: RFC 3339, for conditions that change.
    """
    owner = observed.owner
    old = mapping(owner.get("status"))
    generation = owner["metadata"].get("generation", 0)
    rollout = rollout_of(observed.deployment, observed.spec)
    new: Object = {
        "observedGeneration": generation,
        "desiredReplicas": rollout.wanted,
        "replicas": rollout.replicas,
        "readyReplicas": rollout.ready,
        "selector": selector_text(owner["metadata"]["name"]),
    }
    address = _url(observed)
    if address and not _unreachable(observed):
        # Never the address of somebody else's Service.
        new["url"] = address
    # No pods prove no image.
    proven = image_of(observed.deployment) if rollout.complete and rollout.wanted else ""
    further = {"volumeCapacity": _capacity(observed), **observed.fields}
    further["image"] = proven or further.get("image")
    new |= {name: value for name, value in further.items() if value}
    before = conditions_of(old)
    told = {
        "Available": _available(observed, rollout),
        "Progressing": _progressing(observed, rollout),
        "Degraded": _degraded(observed, rollout),
    }
    conditions = [condition(kind, *told[kind], generation, before.get(kind), now) for kind in TYPES]
    others = [each for kind, each in before.items() if kind not in told]
    return {**new, "conditions": conditions + others}


def rollout_of(deployment: Object | None, spec: v1.Spec | None) -> Rollout:
    """How far a Deployment (None: there is none yet) of a spec is."""
    found = mapping(deployment)
    shape, at = mapping(found.get("spec")), mapping(found.get("status"))
    conditions = conditions_of(at)
    progressing, failure = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
    stuck = progressing.get("status") == "False"
    return Rollout(
        # An autoscaler decides it, too.
        wanted=shape.get("replicas", 1) if found else spec.replicas if spec is not None else 0,
        replicas=at.get("replicas", 0),
        ready=at.get("readyReplicas", 0),
        available=at.get("availableReplicas", 0),
        updated=at.get("updatedReplicas", 0),
        seen=bool(found)
        and at.get("observedGeneration", 0) >= mapping(found.get("metadata")).get("generation", 0),
        stuck=str(progressing.get("message", "")) or "no progress" if stuck else "",
        failure=str(failure.get("message", "")) if failure.get("status") == "True" else "",
        recreate=mapping(shape.get("strategy")).get("type") == "Recreate",
        paused=shape.get("paused") is True,
    )


def image_of(deployment: Object | None) -> str:
    """The image a Deployment asks for, or ""."""
    template = mapping(mapping(mapping(deployment).get("spec")).get("template"))
    for container in mapping(template.get("spec")).get("containers") or []:
        if mapping(container).get("name") == CONTAINER:
            return str(container.get("image", ""))
    return ""


def _url(observed: Observed) -> str:
    """Where the greeting is answered; while the spec is not understood, by the port of our Service,
    as a status may be one that nobody wrote for us."""
    if observed.spec is not None:
        return url(observed.owner, observed.spec)
    port = _port(observed.service)
    return url(observed.owner, v1.Spec(service=v1.Service(port=port))) if port else ""


def _port(service: Object | None) -> int:
    """The port of our Service that leads to the pods, 0 where there is none."""
    ports = mapping(mapping(service).get("spec")).get("ports") or []
    for each in map(mapping, ports):
        if each.get("protocol", "TCP") == "TCP" and each.get("targetPort") in TARGETS:
            return int(each.get("port", 0))
    return 0


def _capacity(observed: Observed) -> str:
    at = mapping(mapping(observed.claim).get("status"))
    return str(mapping(at.get("capacity")).get("storage", ""))


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _available(observed: Observed, rollout: Rollout) -> tuple[str, str, str]:
    if observed.deployment is None or _unreachable(observed):
        if observed.problems:
            return "False", observed.problems[0].reason, see("Degraded")
        if observed.waiting:
            return "False", observed.waiting.reason, see("Progressing")
    if _unreachable(observed):
        return "False", "NoService", "the Service is not there yet"
    if amiss := _misdirected(observed):
        return "False", "ServiceDiffers", amiss
    if rollout.wanted == 0:
        return "False", "ScaledToZero", "no pods are wanted: spec.replicas is 0"
    if rollout.answering:
        return (
            "True",
            "MinimumReplicasAvailable",
            f"{rollout.answering} of {_pods(rollout.wanted)} available",
        )
    text = f"{rollout.answering} of {_pods(rollout.wanted)} available"
    if why := ", ".join(trouble.reason for trouble in _troubles(observed, rollout)):
        text = f"{text}: {why}; {see('Degraded')}"
    return "False", "NoReplicasAvailable", text


def _unreachable(observed: Observed) -> bool:
    """Whether we looked for the Service, and there is none of ours."""
    return SERVICES in observed.children and observed.service is None


def _misdirected(observed: Observed) -> str:
    """Why our Service does not answer at the URL, or "". Somebody changed it, and it could not be
    changed back yet."""
    if observed.service is None:
        return ""
    name, spec = observed.service["metadata"]["name"], mapping(observed.service.get("spec"))
    if spec.get("type") == "ExternalName":
        return f"Service {name} is of type ExternalName: it does not lead to the pods"
    if spec.get("selector") != selector_labels(observed.owner["metadata"]["name"]):
        return f"Service {name} selects other pods"
    if observed.spec is None:
        return "" if _port(observed.service) else f"no port of Service {name} leads to the pods"
    port = _url(observed).rpartition(":")[2]
    ports = [mapping(each) for each in spec.get("ports") or []]
    for each in ports:
        if str(each.get("port")) == port and each.get("protocol", "TCP") == "TCP":
            if each.get("targetPort") in TARGETS:
                return ""
            return f"port {port} of Service {name} leads to another port of the pods"
    return f"Service {name} has no port {port}/TCP"


def _progressing(observed: Observed, rollout: Rollout) -> tuple[str, str, str]:
    if observed.problems:
        return "False", observed.problems[0].reason, see("Degraded")
    if observed.waiting:
        return "True", observed.waiting.reason, observed.waiting.message
    if paused := _paused(observed, rollout):
        return "False", paused.reason, see("Degraded")
    if rollout.stuck:
        return "False", "RolloutStuck", see("Degraded")
    if rollout.complete:
        return "False", "RolloutComplete", f"{_pods(rollout.wanted)} up to date and available"
    if not rollout.seen:
        return "True", "RollingOut", "waiting for the Deployment controller to see the change"
    return (
        "True",
        "RollingOut",
        f"{rollout.updated} of {_pods(rollout.wanted)} up to date, {rollout.available} available",
    )


def _degraded(observed: Observed, rollout: Rollout) -> tuple[str, str, str]:
    found = [*observed.problems, *_troubles(observed, rollout)]
    if found:
        return "True", found[0].reason, "; ".join(each.message for each in found)
    if rollout.stuck:
        return "True", "RolloutStuck", rollout.stuck
    return "False", "AsExpected", ""


def _troubles(observed: Observed, rollout: Rollout) -> list[Problem]:
    """Why pods are missing: refused by the API server, or made and not starting."""
    found = (refusal(rollout.failure), *observed.troubles, _paused(observed, rollout))
    return [each for each in found if each is not None]


def _paused(observed: Observed, rollout: Rollout) -> Problem | None:
    """That somebody paused the Deployment, if that keeps back what is wanted. Where all pods have
    its template nothing is kept back: it is scaled all the same."""
    behind = rollout.updated < rollout.wanted or rollout.replicas > rollout.updated
    if not (rollout.paused and rollout.seen and behind) or observed.deployment is None:
        return None
    namespace, name = key_of(observed.deployment)
    text = (
        f"Deployment {name} is paused (spec.paused), and the change is not rolled out; hint: "
        f"`kubectl rollout resume deployment {name} -n {namespace}`"
    )
    return Problem("RolloutPaused", text)
