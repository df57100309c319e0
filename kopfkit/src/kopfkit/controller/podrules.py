"""What of a workload's pods and of a Service is the operator's alone, beyond what it sets.

What a pod may do is the operator's to say: which identity it has, what of the node it sees, what
runs in its containers. So is at which addresses a Service answers, and by which pods. The rest may
be added to: scheduling, probes' timings, containers beside the operator's. The tables for people
are in docs/reference/repair.md.
"""

from typing import Final

from kopfkit.runtime.api.schemas import DEPLOYMENT, SERVICE, Schema, reserve

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
                # A file of the kubelet's is mounted there, over what the container has.
                "terminationMessagePath",
                "restartPolicy",
                "restartPolicyRules",
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
                # No scheduler looks whether there is room, or where a volume can be.
                "nodeName",
            }
        ),
        f"{_POD}.securityContext": True,
        f"{_POD}.securityContext.seccompProfile": True,
        **_container(f"{_POD}.containers"),
        f"{_POD}.initContainers": True,
        **_container(f"{_POD}.initContainers"),
        f"{_POD}.volumes[].persistentVolumeClaim": True,
        f"{_POD}.volumes[].emptyDir": True,
        # Pods get them, and would stay after their end.
        "spec.template.metadata": frozenset({"finalizers"}),
        # The older form of securityContext.appArmorProfile.
        "spec.template.metadata.annotations": frozenset(
            f"{_APPARMOR}/{name}" for name in containers
        ),
    }
    # A container that starts before ours and runs beside it is a sidecar (KEP-753).
    sidecar = {f"{_POD}.initContainers": {"restartPolicy": "Always"}}
    usual = {"terminationMessagePath": "/dev/termination-log"}
    lists = (f"{_POD}.containers[]", f"{_POD}.initContainers[]")
    return reserve(DEPLOYMENT, reserved, unless=sidecar, defaults=dict.fromkeys(lists, usual))


def exclusive_services() -> Schema:
    """The rules of a Service of which nobody else may say which addresses lead to it, and which
    pods answer."""
    ours = frozenset({"externalIPs", "internalTrafficPolicy", "publishNotReadyAddresses"})
    return reserve(SERVICE, {"spec": ours}, defaults={"spec": {"internalTrafficPolicy": "Cluster"}})
