"""Why pods do not start, read from the pods: pure.

Only what a person can use is told, and in words that stay the same from one try of the kubelet to
the next, so that a pod that fails every minute does not rewrite a status every minute.
"""

from collections.abc import Iterable
from typing import Any, Final

from kopfkit.controller.outcome import Problem
from kopfkit.controller.owners import mapping
from kopfkit.runtime.api.errors import Forbidden, Invalid
from kopfkit.runtime.api.resources import Object
from kopfkit.runtime.api.sentences import sentence
from kopfkit.runtime.api.shapes import Shape

# Reasons of a waiting container (Kubernetes, pkg/kubelet/images/types.go and
# pkg/kubelet/kuberuntime/kuberuntime_container.go): its image cannot be had; it cannot be made.
PULLING: Final = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
STARTING: Final = (
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreStartHookError",
    "PostStartHookError",
)
_TEMPLATE: Final = "pod-template-hash"
# Of pods, which have any writers: what tells one template's from another's.
SHAPE: Final = Shape((_TEMPLATE,))
REASONS: Final = (
    "ImageMissing",
    "PodsCrashing",
    "ContainerRefused",
    "VolumePending",
    "Unschedulable",
)


def refusal(message: str) -> Problem | None:
    """Why a controller's pods are refused, in the API server's words; None where there are none.

    Args:
        message: such as `pods "x-5c9-abcde" is forbidden: exceeded quota: ...`. The pod's name
            means nothing to anybody.
    """
    if not message:
        return None
    _, named, why = message.partition(" is forbidden: ")
    reason = "QuotaExceeded" if is_quota(message) else "PodsRefused"
    return Problem(reason, f"pods are rejected: {sentence(why if named else message)}")


def refused(kind: str, error: Forbidden | Invalid) -> Problem:
    """The problem that the API server's refusal of one of our own writes is.

    Args:
        kind: of the object that was to be written.
        error: the answer.
    """
    reason = "Forbidden" if isinstance(error, Forbidden) else "Rejected"
    reason = "QuotaExceeded" if is_quota(error.message) else reason
    return Problem(reason, f"{kind}: {error.sentence}")


def is_quota(message: str) -> bool:
    """Whether the API server refused something for a ResourceQuota, by its words."""
    return "exceeded quota" in message


def failures(pods: Iterable[Object], claim: Object | None) -> tuple[Problem, ...]:
    """What is wrong with the newest pods, the gravest first, each kind once.

    Args:
        pods: all pods of one workload.
        claim: the PersistentVolumeClaim that they mount, or None.
    """
    found: dict[str, Problem] = {}
    for pod in _newest(pods):
        for problem in (_scheduling(pod, claim), *map(_container, _containers(pod))):
            if problem is not None:
                found.setdefault(problem.reason, problem)
    return tuple(found[reason] for reason in REASONS if reason in found)


def _newest(pods: Iterable[Object]) -> list[Object]:
    """The pods of the template that the newest pod has: the others are on their way out."""
    living = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    if not living:
        return []
    newest = max(living, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))
    template = mapping(newest["metadata"].get("labels")).get(_TEMPLATE)
    same = [
        pod for pod in living if mapping(pod["metadata"].get("labels")).get(_TEMPLATE) == template
    ]
    return sorted(same, key=lambda pod: str(pod["metadata"]["name"]))


def _containers(pod: Object) -> list[dict[str, Any]]:
    at = mapping(pod.get("status"))
    lists = (at.get("initContainerStatuses") or [], at.get("containerStatuses") or [])
    return [mapping(each) for entries in lists for each in entries]


def _scheduling(pod: Object, claim: Object | None) -> Problem | None:
    for condition in mapping(pod.get("status")).get("conditions") or []:
        if condition.get("type") != "PodScheduled" or condition.get("reason") != "Unschedulable":
            continue
        said = str(condition.get("message", "")) or "no node takes the pod"
        bound = mapping(mapping(claim).get("status")).get("phase") == "Bound"
        if claim is not None and not bound and "olume" in said:
            name = claim["metadata"]["name"]
            return Problem(
                "VolumePending", f"the volume of claim {name} is not provisioned yet: {said}"
            )
        return Problem("Unschedulable", f"no node fits the pods: {said}")
    return None


def _container(at: dict[str, Any]) -> Problem | None:
    waiting = mapping(mapping(at.get("state")).get("waiting"))
    reason, said = str(waiting.get("reason", "")), str(waiting.get("message", ""))
    if reason in PULLING:
        # `Back-off pulling image "x": ErrImagePull: why`, and `why` alone in between.
        why = said.rpartition("ErrImagePull: ")[2] or reason
        return Problem("ImageMissing", f"image {at.get('image')} cannot be pulled: {why}")
    if reason in STARTING:
        return Problem("ContainerRefused", f"container {at.get('name')} cannot be started: {said}")
    ended = _ended(at)
    if not ended or at.get("ready"):
        return None
    how = f"exit code {ended.get('exitCode')}"
    if ended.get("reason") not in (None, "Error", "Completed"):
        how = f"{ended['reason']}, {how}"
    last_words = str(ended.get("message", "")).strip()
    words = f": {last_words}" if last_words else ""
    return Problem("PodsCrashing", f"container {at.get('name')} is crash-looping ({how}){words}")


def _ended(at: dict[str, Any]) -> dict[str, Any]:
    """How a container ended that should not have: now, or before it was started again."""
    now = mapping(mapping(at.get("state")).get("terminated"))
    if now:
        return now if now.get("exitCode") else {}
    return mapping(mapping(at.get("lastState")).get("terminated"))
