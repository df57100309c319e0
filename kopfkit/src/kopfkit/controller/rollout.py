"""The rollout of a workload, by its own status."""

from dataclasses import dataclass

from kopfkit.controller.conditions import conditions_of
from kopfkit.controller.owners import mapping
from kopfkit.runtime.resources import Object


@dataclass(frozen=True)
class Rollout:
    """The rollout of a Deployment or a StatefulSet.

    Attributes:
        wanted, ready, available, updated: numbers of pods.
        complete: as `kubectl rollout status` decides it.
        stuck: whether it is beyond its progress deadline, or pods are refused.
        reason: a CamelCase word for a condition.
        message: a sentence for a condition.
    """

    wanted: int
    ready: int
    available: int
    updated: int
    complete: bool
    stuck: bool
    reason: str
    message: str


def rollout(workload: Object) -> Rollout:
    """The rollout of a Deployment or a StatefulSet as it is read from the API server."""
    spec, status = mapping(workload.get("spec")), mapping(workload.get("status"))
    wanted = int(spec.get("replicas", 1))
    ready, updated = int(status.get("readyReplicas", 0)), int(status.get("updatedReplicas", 0))
    available = int(status.get("availableReplicas", 0))
    seen = status.get("observedGeneration", 0) >= workload["metadata"].get("generation", 0)
    counts = (int(status.get("replicas", 0)), updated, available)
    complete = seen and counts == (wanted, wanted, wanted)
    conditions = conditions_of(status)
    failure, progress = conditions.get("ReplicaFailure", {}), conditions.get("Progressing", {})
    pods = f"{available} of {wanted} {'pod' if wanted == 1 else 'pods'} available"
    if failure.get("status") == "True":
        reason, message = "PodsRefused", str(failure.get("message", ""))
    elif progress.get("status") == "False":
        reason, message = "RolloutStuck", str(progress.get("message", "")) or pods
    elif complete:
        reason, message = "RolloutComplete", pods
    else:
        reason, message = "RollingOut", f"{pods}, {updated} up to date"
    stuck = reason in ("PodsRefused", "RolloutStuck")
    return Rollout(wanted, ready, available, updated, complete, stuck, reason, message)
