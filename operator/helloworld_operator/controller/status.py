"""What to tell about a HelloWorld: a pure function of what was observed.

Available: at least one pod answers. Progressing: the pods are on their way to what is wanted.
Degraded: a person has to do something. Reasons are stable words for programs; messages are for
people. A sentence stands in one condition, and the others name its reason and that condition.
Conditions of other writers are kept.
"""

from typing import Final

from helloworld_operator.api import v1
from helloworld_operator.controller.desired import CONTAINER, TARGETS, url
from helloworld_operator.controller.names import selector_labels, selector_text
from helloworld_operator.controller.observe import SERVICES, mapping
from helloworld_operator.controller.observed import Observed, Problem
from kopfkit.controller.conditions import condition, conditions_of, patch, see
from kopfkit.controller.rollouts import Rollout, pods, rollout
from kopfkit.runtime.client import Object

__all__ = ["MADE", "TYPES", "Rollout", "condition", "conditions_of", "image_of", "patch"]
__all__ += ["rollout_of", "status", "unsettled"]

TYPES: Final = ("Available", "Progressing", "Degraded")
# Reasons of Progressing that are told only when all children are there.
MADE: Final = ("RolloutComplete", "RollingOut", "RolloutStuck", "RolloutPaused")


def unsettled(observed: Observed) -> bool:
    """Whether the Deployment's controller is still at work on its newest generation.

    It is done when it has made all the pods; that they become ready is another matter.
    """
    return observed.deployment is not None and not rollout(observed.deployment).settled


def status(observed: Observed, now: str) -> Object:
    """The status to be stored.

    Args:
        observed: what was seen.
        now: RFC 3339, for conditions that change.
    """
    owner = observed.owner
    old = mapping(owner.get("status"))
    generation = owner["metadata"].get("generation", 0)
    at = rollout_of(observed.deployment, observed.spec)
    new: Object = {
        "observedGeneration": generation,
        "desiredReplicas": at.wanted,
        "replicas": at.replicas,
        "readyReplicas": at.ready,
        "selector": selector_text(owner["metadata"]["name"]),
    }
    address = _url(observed)
    if address and not _unreachable(observed):
        # Never the address of somebody else's Service.
        new["url"] = address
    # No pods prove no image.
    proven = image_of(observed.deployment) if at.complete and at.wanted else ""
    further = {"volumeCapacity": _capacity(observed), **observed.fields}
    further["image"] = proven or further.get("image")
    new |= {name: value for name, value in further.items() if value}
    before = conditions_of(old)
    told = {
        "Available": _available(observed, at),
        "Progressing": _progressing(observed, at),
        "Degraded": _degraded(observed, at),
    }
    conditions = [condition(kind, *told[kind], generation, before.get(kind), now) for kind in TYPES]
    others = [each for kind, each in before.items() if kind not in told]
    return {**new, "conditions": conditions + others}


def rollout_of(deployment: Object | None, spec: v1.Spec | None) -> Rollout:
    """How far a Deployment (None: there is none yet) of a spec is."""
    return rollout(deployment, wanted=spec.replicas if spec is not None else 0)


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


def _available(observed: Observed, at: Rollout) -> tuple[str, str, str]:
    if observed.deployment is None or _unreachable(observed):
        if observed.problems:
            return "False", observed.problems[0].reason, see("Degraded")
        if observed.waiting:
            return "False", observed.waiting.reason, see("Progressing")
    if _unreachable(observed):
        return "False", "NoService", "the Service is not there yet"
    if amiss := _misdirected(observed):
        return "False", "ServiceDiffers", amiss
    if at.wanted == 0:
        return "False", "ScaledToZero", "no pods are wanted: spec.replicas is 0"
    if at.answering:
        return (
            "True",
            "MinimumReplicasAvailable",
            f"{at.answering} of {pods(at.wanted)} available",
        )
    text = f"{at.answering} of {pods(at.wanted)} available"
    if why := ", ".join(trouble.reason for trouble in _troubles(observed, at)):
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


def _progressing(observed: Observed, at: Rollout) -> tuple[str, str, str]:
    if observed.problems:
        return "False", observed.problems[0].reason, see("Degraded")
    if observed.waiting:
        return "True", observed.waiting.reason, observed.waiting.message
    if at.paused:
        return "False", at.paused.reason, see("Degraded")
    if at.stalled:
        return "False", "RolloutStuck", see("Degraded")
    return str(not at.complete), at.progress.reason, at.progress.message


def _degraded(observed: Observed, at: Rollout) -> tuple[str, str, str]:
    found = [*observed.problems, *_troubles(observed, at)]
    if found:
        return "True", found[0].reason, "; ".join(each.message for each in found)
    if at.stalled:
        return "True", "RolloutStuck", at.stalled
    return "False", "AsExpected", ""


def _troubles(observed: Observed, at: Rollout) -> list[Problem]:
    """Why pods are missing: refused by the API server, or made and not starting."""
    found = (at.refused, *observed.troubles, at.paused)
    return [each for each in found if each is not None]
