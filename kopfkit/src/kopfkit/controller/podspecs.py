"""Pods with the rights that nearly every workload can do with, and Jobs that run once. Pure.

They meet the restricted Pod Security Standard (Kubernetes, "Pod Security Standards"), get no
service account token, and have a root file system that is only read.
"""

from collections.abc import Mapping
from typing import Any, Final

Raw = dict[str, Any]

# A user that owns nothing on any node; that of kopfkit's own images.
USER: Final = 65532
# Tries of a Job after the first one.
_RETRIES: Final = 3
# Seconds for all of them, the making of volumes and the pulling of the image included.
_DEADLINE: Final = 900
# Seconds a Job is kept when it is done.
_KEPT: Final = 3600


def restricted_container(name: str, image: str, **fields: Any) -> Raw:
    """A container without privileges.

    Args:
        fields: what else it has, as in a manifest.
    """
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    return {"name": name, "image": image, **fields, "securityContext": security}


def restricted_pod(*containers: Raw, volumes: Any = (), **fields: Any) -> Raw:
    """The spec of a pod without privileges.

    Args:
        containers: of `restricted_container`.
        volumes: of the pod; what a fresh one holds belongs to the pod's group.
        fields: what else it has, as in a manifest.
    """
    security: Raw = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if volumes:
        security |= {"fsGroup": USER, "fsGroupChangePolicy": "OnRootMismatch"}
    return {
        "automountServiceAccountToken": False,
        # One environment variable for each Service of the namespace would be in the way.
        "enableServiceLinks": False,
        "containers": list(containers),
        "securityContext": security,
        **({"volumes": list(volumes)} if volumes else {}),
        **fields,
    }


def one_shot(
    metadata: Raw, pod: Raw, labels: Mapping[str, str], *, final: int | None = None
) -> Raw:
    """A Job whose command is idempotent: tried a few times, and deleted some time after its end.

    Args:
        metadata: of the Job; the labels are added to its own.
        pod: the spec of its pod (`restricted_pod`), whose first container is the command's.
        labels: of Job and pods. Not those by which a Service or a workload finds its pods.
        final: the exit code by which the command says that another try is of no use.
    """
    # A drained or lost node is not the command's failure.
    rules: list[Raw] = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    if final is not None:
        which = {"containerName": pod["containers"][0]["name"], "operator": "In", "values": [final]}
        rules.insert(0, {"action": "FailJob", "onExitCodes": which})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **labels}},
        "spec": {
            "backoffLimit": _RETRIES,
            "activeDeadlineSeconds": _DEADLINE,
            "ttlSecondsAfterFinished": _KEPT,
            "podFailurePolicy": {"rules": rules},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"restartPolicy": "Never", **pod},
            },
        },
    }
