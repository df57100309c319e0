"""What kind is told about a cluster: its nodes, and the flags of Kubernetes that differ."""

from typing import Any

from kopfkit import yamls

# With a second node a cluster can lose one. Kubernetes notices that after 50 seconds and moves the
# pods 5 minutes later; nobody who tries it waits as long. Seconds, as flags.
NODE_MONITOR_GRACE = "16s"
TOLERATION = "5"


def public(image: str) -> bool:
    """Whether a node image is the published one (else it was made here)."""
    return not image.startswith("kopfkit/")


def config(image: str, workers: int = 0) -> dict[str, Any]:
    """The kind configuration (kind.x-k8s.io/v1alpha4) for a node image.

    Args:
        image: the node image.
        workers: how many nodes besides the control plane, which takes pods too.
    """
    networking: dict[str, Any] = {"ipFamily": "ipv4"}
    if not public(image):
        networking["disableDefaultCNI"] = True
    # Kubernetes 1.34's kubelet refuses cgroup v1 unless told otherwise (KEP-5573).
    patches = [_patch("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1", failCgroupV1=False)]
    if workers:
        patches += _with_workers()
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [{"role": "control-plane"}, *({"role": "worker"} for _ in range(workers))],
        "kubeadmConfigPatches": patches,
        "containerdConfigPatches": [
            '[plugins."io.containerd.grpc.v1.cri".registry]\n'
            '  config_path = "/etc/containerd/certs.d"\n'
        ],
    }


def _with_workers() -> list[str]:
    version = "kubeadm.k8s.io/v1beta3"
    return [
        # kind lets pods onto the control plane only where it is the only node.
        _patch("InitConfiguration", version, nodeRegistration={"taints": []}),
        _patch(
            "ClusterConfiguration",
            version,
            controllerManager={"extraArgs": {"node-monitor-grace-period": NODE_MONITOR_GRACE}},
            apiServer={
                "extraArgs": {
                    "default-not-ready-toleration-seconds": TOLERATION,
                    "default-unreachable-toleration-seconds": TOLERATION,
                }
            },
        ),
    ]


def _patch(kind: str, version: str, **fields: Any) -> str:
    """A kubeadm patch; kind merges it into the document of that kind and version."""
    return yamls.dump({"kind": kind, "apiVersion": version, **fields})
