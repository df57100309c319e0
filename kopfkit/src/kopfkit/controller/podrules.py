"""What of a workload's pods is the operator's alone, beyond the fields that it sets.

What a pod may do is the operator's to say: which identity it has, what of the node it sees, what
runs in its containers. The rest may be added to: scheduling, probes' timings, containers beside the
operator's with volumes of their own. The table for people is in docs/reference/repair.md.
"""

from typing import Final

from kopfkit.runtime.api.schemas import DEPLOYMENT, Schema, reserve

_POD: Final = "spec.template.spec"
_APPARMOR: Final = "container.apparmor.security.beta.kubernetes.io"


def _container(place: str) -> dict[str, frozenset[str] | bool]:
    """What nobody else may add to a container of ours. Only those that we want are compared item by
    item, so that this is said of no sidecar.

    Args:
        place: of the list of containers.
    """
    one = f"{place}[]"
    return {
        one: frozenset(
            {
                "command",
                "args",
                "envFrom",
                "workingDir",
                "lifecycle",
                "livenessProbe",
                "startupProbe",
                "volumeDevices",
                "securityContext",
            }
        ),
        f"{one}.env": True,
        f"{one}.ports": True,
        f"{one}.ports[]": frozenset({"hostPort", "hostIP"}),
        f"{one}.lifecycle": True,
        # Whom the kubelet asks, not how often.
        f"{one}.readinessProbe.httpGet": True,
        f"{one}.readinessProbe.tcpSocket": True,
        f"{one}.volumeMounts": True,
        f"{one}.volumeMounts[]": True,
        f"{one}.securityContext": True,
        f"{one}.securityContext.capabilities": True,
    }


def exclusive_pods(*containers: str) -> Schema:
    """The rules of a Deployment in whose pods nobody else may add to what they may do.

    Args:
        containers: the names of the operator's own containers.
    """
    reserved: dict[str, frozenset[str] | bool] = {
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
        **_container(f"{_POD}.containers"),
        f"{_POD}.initContainers": True,
        **_container(f"{_POD}.initContainers"),
        f"{_POD}.volumes[].persistentVolumeClaim": True,
        f"{_POD}.volumes[].emptyDir": True,
        # The older form of securityContext.appArmorProfile.
        "spec.template.metadata.annotations": frozenset(
            f"{_APPARMOR}/{name}" for name in containers
        ),
    }
    # A container that starts before ours and runs beside it is a sidecar (KEP-753).
    sidecar = {f"{_POD}.initContainers": {"restartPolicy": "Always"}}
    return reserve(DEPLOYMENT, reserved, unless=sidecar)
