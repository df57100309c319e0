"""Why pods do not start: what Kubernetes writes into statuses, as faults with a patience.

Most of it can pass by itself (a registry that restarts, a Secret that comes a second later), so
each fault says how long it may stand before it counts. Pure functions over objects as read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """Something wrong that was seen.

    Attributes:
        what: the thing, by name; the same fault has the same `what` in the next observation.
        why: the reason, as a clause.
        hint: what to do about it, as a sentence, or "".
        patience: seconds it must have been seen without a break before it is final.
    """

    what: str
    why: str
    hint: str = ""
    patience: float = 20.0


# Waiting reasons of a container whose image cannot be had. The kubelet alternates between the first
# two, so all of them count as one fault.
_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
# Waiting reasons of a container that cannot be made, whatever its image.
_CONTAINER = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


def of_pod(pod: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults that one pod shows."""
    name = pod["metadata"]["name"]
    spec, status = pod.get("spec", {}), pod.get("status", {})
    images = {
        container["name"]: container.get("image", "")
        for container in [*spec.get("initContainers", []), *spec.get("containers", [])]
    }
    for condition in status.get("conditions", []):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield Fault(
                f"pod {name}",
                f"cannot be scheduled: {condition.get('message', '')}",
                "Add a node with enough room.",
                patience=60,
            )
    for container in [
        *status.get("initContainerStatuses", []),
        *status.get("containerStatuses", []),
    ]:
        waiting = container.get("state", {}).get("waiting", {})
        reason, message = waiting.get("reason", ""), waiting.get("message", "")
        if reason in _IMAGE:
            yield Fault(
                f"image {images.get(container['name']) or container.get('image', '')}",
                f"cannot be pulled for pod {name} ({reason}: {message})",
                "Push it to a registry that the cluster reaches, under exactly this name.",
                patience=0 if reason == "InvalidImageName" else 25,
            )
        elif reason in _CONTAINER:
            yield Fault(
                f"container {container['name']} of pod {name}",
                f"cannot be started ({reason}: {message})",
                patience=25,
            )
        elif reason == "CrashLoopBackOff":
            yield Fault(
                f"container {container['name']} of pod {name}",
                f"is crash-looping{_last(container)}",
                f"kubectl logs --previous --namespace {pod['metadata'].get('namespace', '')} "
                f"{name} --container {container['name']}",
                patience=30,
            )


def of_deployment(deployment: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults that a Deployment shows by itself: pods that the API server refused."""
    for condition in deployment.get("status", {}).get("conditions", []):
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            yield Fault(
                f"Deployment {deployment['metadata']['name']}",
                f"gets no pods ({condition.get('reason')}: {condition.get('message')})",
                patience=10,
            )


def _last(container: Mapping[str, Any]) -> str:
    ended = container.get("lastState", {}).get("terminated")
    if not ended:
        return ""
    # A container's own last words, if it wrote them where Kubernetes looks for them.
    words = f": {ended['message'].strip()}" if ended.get("message") else ""
    return f" ({ended.get('reason', 'Error')}, exit status {ended.get('exitCode')}{words})"
