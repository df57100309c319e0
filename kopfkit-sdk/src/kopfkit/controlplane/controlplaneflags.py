"""With which flags etcd, kube-apiserver and kube-controller-manager run as one control plane."""

from collections.abc import Mapping
from pathlib import Path

from kopfkit.host import ports

SERVICE_RANGE = "10.0.0.0/24"
# The first of it is the API server's own.
SERVICE_IP = "10.0.0.1"
# Controllers that only do something where there are nodes, clouds or disks.
_OFF = (
    "cloud-node-lifecycle-controller",
    "device-taint-eviction-controller",
    "ephemeral-volume-controller",
    "horizontal-pod-autoscaler-controller",
    "node-ipam-controller",
    "node-lifecycle-controller",
    "node-route-controller",
    "persistentvolume-attach-detach-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-expander-controller",
    "service-lb-controller",
)


def etcd(directory: Path, made: Path, chosen: Mapping[str, int]) -> list[str]:
    """Flags of etcd. Its data is in `directory`, its certificates are in `made`; ports by name."""
    client, peer = (f"https://{ports.HOST}:{chosen[key]}" for key in ("etcd", "peer"))
    flags = [
        "--name=default",
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        # For etcd's JSON gateway, which is a client of etcd itself: tests read there what is
        # really stored.
        f"--client-cert-file={made / 'apiserver-etcd-client.crt'}",
        f"--client-key-file={made / 'apiserver-etcd-client.key'}",
        # A cluster that is thrown away need not survive a power cut; a killed etcd loses
        # nothing by it.
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]
    for prefix in ("", "peer-"):
        flags += [
            f"--{prefix}cert-file={made / 'etcd.crt'}",
            f"--{prefix}key-file={made / 'etcd.key'}",
            f"--{prefix}trusted-ca-file={made / 'ca.crt'}",
            f"--{prefix}client-cert-auth",
        ]
    return flags


def api_server(made: Path, chosen: Mapping[str, int]) -> list[str]:
    """Flags of kube-apiserver; certificates and keys are in `made`."""
    return [
        f"--etcd-servers=https://{ports.HOST}:{chosen['etcd']}",
        f"--etcd-cafile={made / 'ca.crt'}",
        f"--etcd-certfile={made / 'apiserver-etcd-client.crt'}",
        f"--etcd-keyfile={made / 'apiserver-etcd-client.key'}",
        f"--bind-address={ports.HOST}",
        f"--secure-port={chosen['api']}",
        f"--tls-cert-file={made / 'apiserver.crt'}",
        f"--tls-private-key-file={made / 'apiserver.key'}",
        f"--client-ca-file={made / 'ca.crt'}",
        f"--service-account-key-file={made / 'sa.pub'}",
        f"--service-account-signing-key-file={made / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        # The server's own endpoints may not be a loopback address, and nothing uses them.
        "--endpoint-reconciler-type=none",
    ]


def controller_manager(directory: Path, made: Path) -> list[str]:
    """Flags of kube-controller-manager; its kubeconfig is in `directory`, its keys in `made`."""
    return [
        f"--kubeconfig={directory / 'controller-manager.kubeconfig'}",
        f"--root-ca-file={made / 'ca.crt'}",
        f"--service-account-private-key-file={made / 'sa.key'}",
        "--use-service-account-credentials=true",
        f"--controllers={','.join(['*', *('-' + name for name in _OFF)])}",
        "--leader-elect=false",
        "--secure-port=0",
    ]
