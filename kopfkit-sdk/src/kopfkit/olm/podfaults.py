"""Why pods do not start: what Kubernetes writes into statuses, as faults with a patience.

Most of it can pass by itself (a registry that restarts, a Secret that comes a second later), so
each fault says how long it may stand before it counts. Pure functions over objects as read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kopfkit.controller.podfailures import PULLING, STARTING


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


def of_pod(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Iterator[Fault]:
    """The faults that one pod shows.

    Args:
        events: of its namespace; those of its probes say what the process answered.
    """
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
        if reason in PULLING:
            # The kubelet alternates between two of them, so all count as one fault.
            yield Fault(
                f"image {images.get(container['name']) or container.get('image', '')}",
                f"cannot be pulled for pod {name} ({reason}: {message})",
                "Push it to a registry that the cluster reaches, under exactly this name.",
                patience=0 if reason == "InvalidImageName" else 25,
            )
        elif reason in STARTING:
            yield Fault(
                f"container {container['name']} of pod {name}",
                f"cannot be started ({reason}: {message})",
                patience=25,
            )
        elif reason == "CrashLoopBackOff":
            yield Fault(
                f"container {container['name']} of pod {name}",
                f"is crash-looping{_last(container)}{_answer(name, events)}",
                f"kubectl logs --previous --namespace {pod['metadata'].get('namespace', '')} "
                f"{name} --container {container['name']}",
                patience=30,
            )


# Seconds that a pod may run before it is ready. kopfkit's startup probe gives a minute.
_STARTING = 120.0


def of_readiness(
    pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()
) -> Iterator[Fault]:
    """The containers of a pod that run and are not ready: their probes fail."""
    name = pod["metadata"]["name"]
    specs = {one["name"]: one for one in pod.get("spec", {}).get("containers", [])}
    for container in pod.get("status", {}).get("containerStatuses", []):
        if "running" not in container.get("state", {}) or container.get("ready", True):
            continue
        started = container.get("started", True)
        probe = "readinessProbe" if started else "startupProbe"
        yield Fault(
            f"pod {name}",
            f"runs, and its container {container['name']} does not become "
            f"{'ready' if started else 'healthy'}{_answer(name, events)}",
            _asked(specs.get(container["name"], {}), probe),
            patience=_STARTING if not container.get("restartCount") else 20.0,
        )


def _asked(container: Mapping[str, Any], probe: str) -> str:
    """What a probe asks, and who decides it."""
    asks = container.get(probe, {}).get("httpGet")
    if not asks:
        return ""
    ports = {one.get("name"): one.get("containerPort") for one in container.get("ports", [])}
    port = ports.get(asks.get("port"), asks.get("port"))
    return (
        f"The {probe} asks GET {asks.get('path')} on port {port}: the process must answer there on "
        "all addresses, or the description must say what it does "
        "(health_port, live_path and ready_path of Deployment)."
    )


def _answer(name: str, events: Sequence[Mapping[str, Any]]) -> str:
    """The newest words of a pod's probes: the kubelet puts them into Events only."""
    told = [
        (str(one.get("lastTimestamp") or one.get("eventTime") or ""), str(one.get("message", "")))
        for one in events
        if one.get("reason") == "Unhealthy" and one.get("involvedObject", {}).get("name") == name
    ]
    return f": {max(told)[1].strip()}" if told else ""


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
