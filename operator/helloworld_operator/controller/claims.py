"""What of a child is the operator's alone, beyond the fields that it sets.

What a pod may do is ours to say: which identity it has, what of the node it sees, what runs in the
greeting container. The rest may be added to: scheduling, probes' timings, containers beside ours
with volumes of their own. The table for people is in docs/reference/repair.md.
"""

from typing import Final

from kopfkit.runtime.schemas import AUTOSCALER, CLAIM, DEPLOYMENT, SERVICE, Schema, reserve

_POD: Final = "spec.template.spec"
# The only containers that are compared item by item are those that we want: the greeting container.
_OURS: Final = f"{_POD}.containers[]"

DEPLOYMENTS: Final[Schema] = reserve(
    DEPLOYMENT,
    {
        _POD: frozenset(
            {
                "hostNetwork",
                "hostPID",
                "hostIPC",
                "shareProcessNamespace",
                "serviceAccountName",
                "serviceAccount",
            }
        ),
        f"{_POD}.securityContext": True,
        f"{_POD}.securityContext.seccompProfile": True,
        f"{_POD}.initContainers": True,
        _OURS: frozenset(
            {
                "command",
                "args",
                "envFrom",
                "workingDir",
                "lifecycle",
                "livenessProbe",
                "startupProbe",
                "volumeDevices",
            }
        ),
        f"{_OURS}.env": True,
        f"{_OURS}.ports": True,
        f"{_OURS}.ports[]": frozenset({"hostPort", "hostIP"}),
        f"{_OURS}.lifecycle": True,
        f"{_OURS}.volumeMounts": True,
        f"{_OURS}.volumeMounts[]": frozenset({"subPath", "subPathExpr", "readOnly"}),
        f"{_OURS}.securityContext": True,
        f"{_OURS}.securityContext.capabilities": True,
    },
    # A container that starts before ours and runs beside it is a sidecar (KEP-753).
    unless={f"{_POD}.initContainers": {"restartPolicy": "Always"}},
)
SERVICES: Final[Schema] = SERVICE
AUTOSCALERS: Final[Schema] = AUTOSCALER
CLAIMS: Final[Schema] = CLAIM
