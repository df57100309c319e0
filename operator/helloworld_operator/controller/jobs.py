"""The Jobs that copy a guest book and fill a volume, and what their command says at its end.

Pure. Their pods meet the restricted Pod Security Standard, have no service account token, and are
never matched by a HelloWorld's Service or Deployment: they carry none of its selector labels. A Job
tries again by itself, a few times (backoffLimit), unless its command says that it is of no use.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from helloworld_operator.controller.names import APP, MANAGER
from helloworld_operator.copies.outcome import HOPELESS
from kopfkit.controller.limits import signature

Raw = dict[str, Any]

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


def labels(component: str) -> dict[str, str]:
    """The labels of what we make for snapshots: we find it by them, and no Service does."""
    return {
        "app.kubernetes.io/name": APP,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": MANAGER,
    }


def snapshot(metadata: Raw, image: str, resources: Raw, url: str, claim: str) -> Raw:
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


def restore(metadata: Raw, image: str, resources: Raw, source: str, claim: str, sha256: str) -> Raw:
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
    metadata: Raw,
    image: str,
    resources: Raw,
    component: str,
    command: tuple[str, ...],
    claims: Mapping[str, tuple[str, bool]],
) -> Raw:
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


def outcome(words: str) -> dict[str, Any] | None:
    """What the command said at its end, by the last words of its pods; None where they said
    nothing. Words that are no outcome come as `error`."""
    if not words:
        return None
    try:
        found = json.loads(words)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"error": words[-500:].strip()}
