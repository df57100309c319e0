"""The Jobs that copy a guest book and fill a volume: what they are, and what has become of one.

Pure. Their pods meet the restricted Pod Security Standard, have no service account token, and are
never matched by a HelloWorld's Service or Deployment: they carry none of its selector labels. A Job
tries again by itself, a few times (backoffLimit), unless its command says that it is of no use.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from helloworld_operator.controller.limits import signature
from helloworld_operator.controller.names import APP, MANAGER
from helloworld_operator.controller.observe import controller_of, mapping
from helloworld_operator.controller.wish import Object
from helloworld_operator.copies.outcome import HOPELESS

# Selects a Job's pods by the Job's uid (set by the Job's controller).
POD_LABEL: Final = "batch.kubernetes.io/controller-uid"
# Tries after the first one.
_RETRIES: Final = 3
# Seconds for all of them, the making of the volumes and the pulling of the image included.
_DEADLINE: Final = 900
# Seconds a Job is kept when it is done. It can be made again: its command is idempotent.
_KEPT: Final = 3600
_USER: Final = 65532
_CONTAINER: Final = "copy"
_COPY: Final = "/snapshot"
_DATA: Final = "/data"
# On a Job: the resources it was made with, as `limits.signature` spells them.
RESOURCES: Final = "test.jiaozi.com/resources"


@dataclass(frozen=True)
class State:
    """What has become of a Job.

    Attributes:
        ended: "complete", "failed", or "" while it is at work.
        message: why it failed, in the words of the Job's controller.
        untried: whether it has not made a pod yet.
    """

    ended: str = ""
    message: str = ""
    untried: bool = False


def labels(component: str) -> dict[str, str]:
    """The labels of what we make for snapshots: we find it by them, and no Service does."""
    return {
        "app.kubernetes.io/name": APP,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": MANAGER,
    }


def snapshot(metadata: Object, image: str, resources: Object, url: str, claim: str) -> Object:
    """The Job that copies a running guest book.

    Args:
        metadata: of the Job.
        image: the operator's own.
        resources: of its container (`limits.fitted`).
        url: of the greeting server.
        claim: name of the claim that is written to.
    """
    command = ("snapshot", f"--from={url}", f"--to={_COPY}")
    return _job(metadata, image, resources, "snapshot", command, {claim: (_COPY, False)})


def restore(
    metadata: Object, image: str, resources: Object, source: str, claim: str, sha256: str
) -> Object:
    """The Job that fills an empty volume.

    Args:
        metadata: of the Job.
        image: the operator's own.
        resources: of its container (`limits.fitted`).
        source: name of the claim that holds the copy; only read.
        claim: name of the claim that is filled.
        sha256: the copy's checksum in hexadecimal.
    """
    command = ("restore", f"--from={_COPY}", f"--to={_DATA}", f"--sha256={sha256}")
    mounts = {source: (_COPY, True), claim: (_DATA, False)}
    return _job(metadata, image, resources, "restore", command, mounts)


def _job(
    metadata: Object,
    image: str,
    resources: Object,
    component: str,
    command: tuple[str, ...],
    claims: Mapping[str, tuple[str, bool]],
) -> Object:
    volumes, mounts = [], []
    for number, (claim, (path, read_only)) in enumerate(claims.items()):
        name = f"volume-{number}"
        # The claim itself is mounted for writing: some storage refuses to mount one read-only
        # whose volume was not made for it. The container cannot write.
        volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claim}})
        mounts.append({"name": name, "mountPath": path, "readOnly": read_only})
    container = {
        "name": _CONTAINER,
        "image": image,
        "args": list(command),
        "resources": resources,
        "volumeMounts": mounts,
        # The command writes its outcome there; what dies before it can is told by its last lines.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": volumes,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    final = {"containerName": _CONTAINER, "operator": "In", "values": [HOPELESS]}
    policy = [
        {"action": "FailJob", "onExitCodes": final},
        # A drained or lost node is not the command's failure.
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    annotations = {**metadata.get("annotations", {}), RESOURCES: signature(resources)}
    made = {**metadata, "annotations": annotations}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**made, "labels": {**metadata.get("labels", {}), **labels(component)}},
        "spec": {
            "backoffLimit": _RETRIES,
            "activeDeadlineSeconds": _DEADLINE,
            "ttlSecondsAfterFinished": _KEPT,
            "podFailurePolicy": {"rules": policy},
            "template": {"metadata": {"labels": labels(component)}, "spec": pod},
        },
    }


def state(job: Object) -> State:
    """What has become of a Job."""
    status = mapping(job.get("status"))
    conditions = status.get("conditions")
    untried = not any(status.get(count) for count in ("active", "failed", "succeeded"))
    for each in map(mapping, conditions if isinstance(conditions, list) else []):
        if each.get("status") != "True":
            continue
        if each.get("type") == "Complete":
            return State("complete")
        if each.get("type") == "Failed":
            text = f"{each.get('reason', '')}: {each.get('message', '')}"
            return State("failed", text, untried)
    return State(untried=untried)


def pods_of(job: Object, pods: Iterable[Object]) -> list[Object]:
    """The pods that the Job's controller made: a label alone can be anybody's."""
    uid = job["metadata"]["uid"]
    return [pod for pod in pods if controller_of(pod).get("uid") == uid]


def outcome(pods: Iterable[Object]) -> dict[str, Any] | None:
    """What the command said at its end: that of a pod that succeeded, or of the newest that failed;
    None where none has said anything. Words that are no outcome come as `error`."""
    ended = []
    for pod in pods:
        statuses = mapping(pod.get("status")).get("containerStatuses")
        for each in map(mapping, statuses if isinstance(statuses, list) else []):
            done = mapping(mapping(each.get("state")).get("terminated"))
            if done.get("message"):
                succeeded = done.get("exitCode") == 0
                ended.append((succeeded, str(done.get("finishedAt", "")), str(done["message"])))
    if not ended:
        return None
    _, _, message = max(ended)
    try:
        found = json.loads(message)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": message[-500:].strip()}


def hint(pods: Iterable[Object]) -> str:
    """Why a pod does not start, as far as its status says; "" where it says nothing."""
    for pod in pods:
        status = mapping(pod.get("status"))
        conditions = status.get("conditions")
        for each in map(mapping, conditions if isinstance(conditions, list) else []):
            if each.get("type") == "PodScheduled" and each.get("status") == "False":
                return str(each.get("message", ""))
        statuses = status.get("containerStatuses")
        for each in map(mapping, statuses if isinstance(statuses, list) else []):
            waiting = mapping(mapping(each.get("state")).get("waiting"))
            if waiting.get("message"):
                return f"{waiting.get('reason')}: {waiting['message']}"
    return ""
