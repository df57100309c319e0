"""What to tell about a HelloWorld: a pure function of what was observed.

Available: at least one pod answers. Progressing: the pods are on their way to what is wanted.
Degraded: a person has to do something. Reasons are stable words for programs; messages are for
people. Conditions of other writers are kept.
"""

from dataclasses import dataclass
from typing import Any, Final

from helloworld_operator.api import v1
from helloworld_operator.controller.desired import Object, url
from helloworld_operator.controller.names import selector_text
from helloworld_operator.controller.observe import mapping

TYPES: Final = ("Available", "Progressing", "Degraded")


@dataclass(frozen=True)
class Problem:
    """Something only a person can mend: a reason for programs, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True)
class Observed:
    """All that the status is made of.

    Attributes:
        owner: the HelloWorld as read.
        spec: its spec, or None where that is not understood.
        deployment: our Deployment as it is, or None.
        problems: what stands in the way, the gravest first.
        waiting: what has to happen before we can go on, or "".
    """

    owner: Object
    spec: v1.Spec | None = None
    deployment: Object | None = None
    problems: tuple[Problem, ...] = ()
    waiting: str = ""


@dataclass(frozen=True)
class _Rollout:
    wanted: int
    replicas: int
    ready: int
    available: int
    updated: int
    seen: bool
    stuck: str
    failure: str

    @property
    def complete(self) -> bool:
        """As `kubectl rollout status` decides it."""
        return self.seen and self.replicas == self.updated == self.available == self.wanted


def unsettled(observed: Observed) -> bool:
    """Whether the Deployment's controller is still at work on its newest generation.

    It is done when it has made all the pods; that they become ready is another matter.
    """
    rollout = _rollout(observed.deployment, observed.spec)
    moving = not rollout.seen or rollout.updated < rollout.wanted
    return observed.deployment is not None and moving and not (rollout.stuck or rollout.failure)


def status(observed: Observed, now: str) -> Object:
    """The status to be stored.

    Args:
        observed: what was seen.
        now: RFC 3339, for conditions that change.
    """
    owner = observed.owner
    old = mapping(owner.get("status"))
    generation = owner["metadata"].get("generation", 0)
    rollout = _rollout(observed.deployment, observed.spec)
    new: Object = {
        "observedGeneration": generation,
        "replicas": rollout.replicas,
        "readyReplicas": rollout.ready,
        "selector": selector_text(owner["metadata"]["name"]),
    }
    if observed.spec is not None:
        new["url"] = url(owner, observed.spec)
    elif isinstance(old.get("url"), str):
        new["url"] = old["url"]
    before = _conditions(old)
    told = {
        "Available": _available(observed, rollout),
        "Progressing": _progressing(observed, rollout),
        "Degraded": _degraded(observed, rollout),
    }
    conditions = [
        _condition(kind, *told[kind], generation, before.get(kind), now) for kind in TYPES
    ]
    others = [condition for kind, condition in before.items() if kind not in told]
    return {**new, "conditions": conditions + others}


def patch(owner: Object, new: Object) -> Object | None:
    """The merge patch from the stored status to `new`; None where they agree."""
    old = mapping(owner.get("status"))
    if old == new:
        return None
    stale = {key: None for key in old if key not in new}
    # The uid is a precondition: never write on a successor of the same name.
    return {"metadata": {"uid": owner["metadata"]["uid"]}, "status": {**stale, **new}}


def _rollout(deployment: Object | None, spec: v1.Spec | None) -> _Rollout:
    found = mapping(deployment)
    at, conditions = mapping(found.get("status")), _conditions(mapping(found.get("status")))
    wanted = spec.replicas if spec is not None else mapping(found.get("spec")).get("replicas", 0)
    progressing, failure = conditions.get("Progressing", {}), conditions.get("ReplicaFailure", {})
    stuck = progressing.get("status") == "False"
    return _Rollout(
        wanted=wanted,
        replicas=at.get("replicas", 0),
        ready=at.get("readyReplicas", 0),
        available=at.get("availableReplicas", 0),
        updated=at.get("updatedReplicas", 0),
        seen=bool(found)
        and at.get("observedGeneration", 0) >= mapping(found.get("metadata")).get("generation", 0),
        stuck=str(progressing.get("message", "")) or "no progress" if stuck else "",
        failure=str(failure.get("message", "")) if failure.get("status") == "True" else "",
    )


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


def _available(observed: Observed, rollout: _Rollout) -> tuple[str, str, str]:
    if rollout.available:
        return (
            "True",
            "MinimumReplicasAvailable",
            f"{rollout.available} of {_pods(rollout.wanted)} available",
        )
    if observed.problems and observed.deployment is None:
        return "False", observed.problems[0].reason, observed.problems[0].message
    if rollout.wanted == 0:
        return "False", "ScaledToZero", "no pods are wanted: spec.replicas is 0"
    return "False", "NoReplicasAvailable", f"0 of {_pods(rollout.wanted)} available"


def _progressing(observed: Observed, rollout: _Rollout) -> tuple[str, str, str]:
    if observed.problems:
        return "False", observed.problems[0].reason, observed.problems[0].message
    if observed.waiting:
        return "True", "WaitingForDeletion", observed.waiting
    if rollout.stuck:
        return "False", "RolloutStuck", rollout.stuck
    if rollout.complete:
        return "False", "RolloutComplete", f"{_pods(rollout.wanted)} up to date and available"
    if not rollout.seen:
        return "True", "RollingOut", "waiting for the Deployment controller to see the change"
    return (
        "True",
        "RollingOut",
        f"{rollout.updated} of {_pods(rollout.wanted)} up to date, {rollout.available} available",
    )


def _degraded(observed: Observed, rollout: _Rollout) -> tuple[str, str, str]:
    if observed.problems:
        text = "; ".join(problem.message for problem in observed.problems)
        return "True", observed.problems[0].reason, text
    if rollout.failure:
        return "True", "PodsRefused", rollout.failure
    if rollout.stuck:
        return "True", "RolloutStuck", rollout.stuck
    return "False", "AsExpected", ""


def _conditions(status: Object) -> dict[str, dict[str, Any]]:
    found = status.get("conditions")
    return {
        str(item["type"]): item
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, dict) and "type" in item
    }


def _condition(
    kind: str,
    state: str,
    reason: str,
    message: str,
    generation: int,
    before: dict[str, Any] | None,
    now: str,
) -> Object:
    same = before is not None and before.get("status") == state
    since = before.get("lastTransitionTime", now) if same and before is not None else now
    return {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message[:32768],  # metav1.Condition's limit
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
