"""The rollout of a workload, by its own status."""

from dataclasses import dataclass
from typing import Final

from kopfkit.controller.conditions import conditions_of
from kopfkit.controller.outcome import Problem
from kopfkit.controller.owners import mapping
from kopfkit.controller.podfailures import refusal
from kopfkit.runtime.api.resources import Object

# Set by the Deployment's controller: counts the templates it has had.
_REVISION: Final = "deployment.kubernetes.io/revision"
# Reason of the condition Progressing once a template is rolled out completely; it stays until the
# next template (Kubernetes, pkg/controller/deployment/util, NewRSAvailableReason).
_ROLLED_OUT: Final = "NewReplicaSetAvailable"


# Reasons by which a rollout is told.
REASONS: Final = ("RolloutComplete", "RollingOut", "RolloutStuck", "RolloutPaused")


@dataclass(frozen=True)
class Rollout:
    """The rollout of a Deployment or a StatefulSet.

    Attributes:
        wanted, replicas, ready, available, updated: numbers of pods.
        seen: whether its controller has seen its newest generation.
        recreate: whether all old pods go before the first new one comes.
        suspended: whether somebody paused it, so that its template is not rolled out.
        kind: of the workload.
        revision: of the template, as its controller counts; "" where it has not told.
        rolled_out: whether its controller says that this template was rolled out completely once.
        refusal: why pods are refused (quota, admission), in the API server's words, or "".
        stalled: why it is beyond its progress deadline, or "".
        paused: that it is paused and a change is kept back by that, or None.
    """

    wanted: int
    replicas: int = 0
    ready: int = 0
    available: int = 0
    updated: int = 0
    seen: bool = False
    recreate: bool = False
    suspended: bool = False
    kind: str = "Deployment"
    revision: str = ""
    rolled_out: bool = False
    refusal: str = ""
    stalled: str = ""
    paused: Problem | None = None

    @property
    def refused(self) -> Problem | None:
        """Why pods are refused, as conditions tell it, or None."""
        return refusal(self.refusal)

    @property
    def complete(self) -> bool:
        """As `kubectl rollout status` decides it."""
        return self.seen and self.replicas == self.updated == self.available == self.wanted

    @property
    def answering(self) -> int:
        """How many pods answer, and go on answering while what is wanted now is rolled out."""
        doomed = self.recreate and not (self.seen and self.updated >= self.wanted)
        return 0 if doomed or not self.wanted else self.available

    @property
    def settled(self) -> bool:
        """Whether its controller has nothing to do at once: it has made all the pods, or cannot.
        That they become ready is another matter."""
        made = self.seen and self.updated >= self.wanted
        return made or bool(self.stalled or self.refused or self.suspended)

    @property
    def stuck(self) -> bool:
        """Whether it does not advance: beyond its progress deadline, pods refused, or paused."""
        return bool(self.stalled or self.refused or self.paused)

    @property
    def progress(self) -> Problem:
        """How far it is, whatever stands in its way: RolloutComplete or RollingOut."""
        if self.complete:
            text = f"{pods(self.wanted)} up to date and available"
            return Problem("RolloutComplete", text)
        if not self.seen:
            text = f"waiting for the {self.kind} controller to see the change"
            return Problem("RollingOut", text)
        text = f"{self.updated} of {pods(self.wanted)} up to date, {self.available} available"
        return Problem("RollingOut", text)

    @property
    def reason(self) -> str:
        """A CamelCase word for a condition."""
        return self._told.reason

    @property
    def message(self) -> str:
        """A sentence for a condition."""
        return self._told.message

    @property
    def _told(self) -> Problem:
        stalled = Problem("RolloutStuck", self.stalled) if self.stalled else None
        return self.refused or self.paused or stalled or self.progress


def rollout(workload: Object | None, *, wanted: int = 0) -> Rollout:
    """The rollout of a Deployment or a StatefulSet as it is read from the API server.

    Args:
        workload: as read; None where there is none yet.
        wanted: how many pods there are to be, where there is none yet.
    """
    if workload is None:
        return Rollout(wanted)
    spec, status = mapping(workload.get("spec")), mapping(workload.get("status"))
    metadata = workload["metadata"]
    conditions = conditions_of(status)
    failure, progress = conditions.get("ReplicaFailure", {}), conditions.get("Progressing", {})
    wanted, replicas = int(spec.get("replicas", 1)), int(status.get("replicas", 0))
    updated = int(status.get("updatedReplicas", 0))
    seen = status.get("observedGeneration", 0) >= metadata.get("generation", 0)
    suspended = spec.get("paused") is True
    # Where all pods have its template nothing is kept back: it is scaled all the same.
    kept_back = suspended and seen and (updated < wanted or replicas > updated)
    stalled = progress.get("status") == "False"
    return Rollout(
        wanted=wanted,
        replicas=replicas,
        ready=int(status.get("readyReplicas", 0)),
        available=int(status.get("availableReplicas", 0)),
        updated=updated,
        seen=seen,
        recreate=mapping(spec.get("strategy")).get("type") == "Recreate",
        suspended=suspended,
        kind=str(workload.get("kind") or "Deployment"),
        revision=str(mapping(metadata.get("annotations")).get(_REVISION, "")),
        rolled_out=progress.get("status") == "True" and progress.get("reason") == _ROLLED_OUT,
        refusal=str(failure.get("message", "")) if failure.get("status") == "True" else "",
        stalled=str(progress.get("message", "")) or "no progress" if stalled else "",
        paused=_paused(workload) if kept_back else None,
    )


def pods(count: int) -> str:
    """ "1 pod", "2 pods"."""
    return f"{count} pod" if count == 1 else f"{count} pods"


def _paused(workload: Object) -> Problem:
    kind, metadata = str(workload.get("kind") or "Deployment"), workload["metadata"]
    name, namespace = metadata["name"], metadata.get("namespace", "")
    text = (
        f"{kind} {name} is paused (spec.paused), and the change is not rolled out; hint: "
        f"`kubectl rollout resume {kind.lower()} {name} -n {namespace}`"
    )
    return Problem("RolloutPaused", text)
