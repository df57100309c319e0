"""What the conditions of a HelloWorld and a HelloWorldSnapshot say: every state, once.

docs/reference/conditions.md shows this table (`hack/conditions.py`), and a test compares it with
the reasons in the code.
"""

from typing import Final, NamedTuple


class State(NamedTuple):
    """One state of a condition.

    Attributes:
        status: "True" or "False".
        reason: the CamelCase word; several where they mean the same.
        means: what it tells.
        hint: what to do about it; "" where nothing is to be done.
    """

    status: str
    reason: str
    means: str
    hint: str = ""


AVAILABLE: Final = (
    State("True", "MinimumReplicasAvailable", "at least one pod answers"),
    State("False", "NoReplicasAvailable", "no pod answers (yet); the message names the reasons"),
    State("False", "ScaledToZero", "`spec.replicas` is 0", "set `spec.replicas`"),
    State("False", "NoService", "the Service is not there yet"),
    State(
        "False",
        "ServiceDiffers",
        "somebody edited the Service so that the URL does not lead to the pods; the message says "
        "how",
        "the operator puts it back; an admission webhook may prevent that",
    ),
)

PROGRESSING: Final = (
    State("True", "RollingOut", "pods are being created or replaced"),
    State(
        "True",
        "WaitingForSnapshot",
        "a snapshot is taken before an upgrade, or awaited for `spec.restoreFrom`",
    ),
    State("True", "Restoring", "the volume is being filled from a snapshot"),
    State("True", "VolumeGrowing", "the volume is being expanded"),
    State("True", "VolumeTerminating", "the old volume is being deleted"),
    State(
        "True",
        "WaitingForDeletion",
        "a child of a deleted HelloWorld of the same name is still being deleted",
    ),
    State("False", "RolloutComplete", "all pods run what is desired and answer"),
    State("False", "RolloutStuck", "no progress for three minutes"),
    State("False", "RolloutPaused", "somebody paused the Deployment"),
)

DEGRADED: Final = (
    State(
        "True",
        "NameCollision",
        "an object with a child's name belongs to somebody else, and is left alone",
        "delete or rename one of the two; the operator recovers by itself",
    ),
    State(
        "True",
        "ImageMissing",
        "the image cannot be pulled, or none is set",
        "fix `spec.image`, its registry or the namespace's pull secret",
    ),
    State(
        "True",
        "PodsCrashing",
        "a container is crash-looping; the message has its exit code and last output",
        "`kubectl logs`; fix the image or its resources",
    ),
    State(
        "True",
        "ContainerRefused",
        "the node cannot start the container",
        "the message has the kubelet's error",
    ),
    State("True", "Unschedulable", "pods fit on no node", "request less, or add nodes"),
    State("True", "VolumePending", "the volume is not provisioned yet", "check the StorageClass"),
    State(
        "True",
        "QuotaExceeded",
        "a ResourceQuota (named in the message) leaves no room for a child, its pods, or the Job "
        "of a snapshot or restore",
        "raise it, or request less; it is retried within 10 seconds of room",
    ),
    State(
        "True",
        "PodsRefused",
        "pods, or those of a snapshot's or restore's Job, are rejected by admission or policy",
        "the message has the rejection",
    ),
    State(
        "True",
        "RolloutPaused",
        "somebody paused the Deployment (`kubectl rollout pause`), and a change is not rolled out",
        "`kubectl rollout resume deployment NAME`",
    ),
    State(
        "True",
        "Refused",
        "the API server rejects the HelloWorldSnapshot's claim or Job, and an upgrade waits for it",
        "the message has the rejection",
    ),
    State(
        "True",
        "RolloutStuck",
        "no progress for three minutes, and no better reason is known",
        "`kubectl describe deployment`",
    ),
    State(
        "True",
        "RolledBack",
        "a new image did not become ready: the last good one runs again",
        "fix `spec.image`",
    ),
    State(
        "True",
        "TooManyReplicas",
        "more than one pod, or autoscaling, together with a volume; one pod runs",
        "set `spec.replicas` to 1",
    ),
    State(
        "True",
        "VolumeCannotGrow",
        "the StorageClass or the storage driver refuses to expand the volume",
        "use a class with `allowVolumeExpansion`, or set the old size",
    ),
    State(
        "True",
        "SnapshotFailed",
        "a snapshot that is needed first has failed",
        "`kubectl describe hws`; the message has the error",
    ),
    State(
        "True",
        "SnapshotMissing",
        "`spec.restoreFrom` names a snapshot that does not exist",
        "correct the name, or create it",
    ),
    State("True", "RestoreFailed", "the volume could not be filled", "the message has the error"),
    State(
        "True",
        "InvalidSchedule",
        "`spec.snapshots.schedule` never comes true",
        "correct the schedule",
    ),
    State(
        "True",
        "InvalidSpec",
        "the stored spec cannot be decoded; the message names the field",
        "correct the field",
    ),
    State(
        "True",
        "Forbidden Rejected",
        "the API server rejects a child (RBAC, policy, validation)",
        "the message has its error, and a hint where a field is immutable; retried with "
        "exponential backoff",
    ),
    State(
        "True",
        "ServerError",
        "the API server failed three times in a row on a child (a broken admission webhook, no "
        "free ClusterIP)",
        "fix what the message names",
    ),
    State("False", "AsExpected", "nothing needs attention"),
)

READY: Final = (
    State("True", "Completed", "the copy is complete and can be restored"),
    State("False", "Copying", "the Job is running; the message says what its pod waits for"),
    State("False", "WaitingForDeletion", "a claim or Job of a deleted snapshot is still there"),
    State(
        "False",
        "SourceMissing",
        "the HelloWorld does not exist",
        "create it, or delete the snapshot",
    ),
    State(
        "False",
        "SourceNotPersistent",
        "the HelloWorld has no volume",
        "set its `spec.persistence`",
    ),
    State(
        "False", "SourceNotAvailable", "no pod of the HelloWorld answers yet", "`kubectl get hw`"
    ),
    State("False", "ImageMissing", "the operator does not know its own image", "set it there"),
    State(
        "False",
        "NameCollision",
        "an object with the claim's or Job's name belongs to somebody else",
        "delete or rename one of the two",
    ),
    State(
        "False",
        "QuotaExceeded",
        "a ResourceQuota (named in the message) leaves no room for the claim, the Job or its pod",
        "raise it; it is retried within 10 seconds of room",
    ),
    State(
        "False",
        "PodsRefused Refused",
        "the API server rejects the Job's pod, or the claim or the Job",
        "the message has the rejection",
    ),
    State(
        "False",
        "InvalidSpec",
        "the stored spec cannot be decoded; the message names the field",
        "correct the field",
    ),
)

FAILED: Final = (
    State("True", "CopyFailed", "the copy failed", "take another snapshot"),
    State("True", "ClaimLost", "the claim is gone, and the copy with it", "take another snapshot"),
    State(
        "True",
        "ResultUnreadable",
        "the Job's pod reported something else than a result",
        "take another snapshot",
    ),
    State("False", "AsExpected", "the snapshot is on its way, or ready"),
)

# By kind and condition, in the order of the page.
STATES: Final = {
    ("HelloWorld", "Available"): AVAILABLE,
    ("HelloWorld", "Progressing"): PROGRESSING,
    ("HelloWorld", "Degraded"): DEGRADED,
    ("HelloWorldSnapshot", "Ready"): READY,
    ("HelloWorldSnapshot", "Failed"): FAILED,
}


def reasons(kind: str) -> set[str]:
    """All reasons that the conditions of a kind may have."""
    return {
        reason
        for (of, _), states in STATES.items()
        if of == kind
        for state in states
        for reason in state.reason.split()
    }
