"""The certificates, keys and kubeconfigs of a control plane, made anew for each start from
nothing: they live and die with the cluster's directory."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

from kopfkit import pki
from kopfkit.host import files

# The group that the API server gives every right to, before RBAC is asked.
MASTERS = "system:masters"
# Names that clients in the cluster would use for the API server, and the first address of its
# service range, beside the loopback addresses that clients here use.
API_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


def make(directory: Path, service_ip: str) -> None:
    """Write the CA and everything it signs to `directory`, unless they are there already.

    Args:
        directory: gets ca.crt, ca.key, and a .crt and .key for each of etcd, apiserver,
            apiserver-etcd-client, admin and controller-manager, and sa.key and sa.pub.
        service_ip: the ClusterIP of the API server's own Service.
    """
    if (directory / "complete").exists():
        return
    now = datetime.now(UTC)
    ca = pki.make_ca("kopfkit control plane", now=now)
    ips = ["127.0.0.1", "::1"]
    pairs = {
        "ca": ca,
        "etcd": pki.make_serving_cert(ca, ["localhost"], ips, now=now),
        "apiserver": pki.make_serving_cert(ca, API_SERVER_NAMES, [*ips, service_ip], now=now),
        "apiserver-etcd-client": pki.make_client_cert(ca, "kube-apiserver", now=now),
        "admin": pki.make_client_cert(ca, "kopfkit-admin", [MASTERS], now=now),
        "controller-manager": pki.make_client_cert(ca, "system:kube-controller-manager", now=now),
    }
    for name, pair in pairs.items():
        files.write(directory / f"{name}.crt", pair.certificate)
        files.write(directory / f"{name}.key", pair.key)
    private, public = pki.make_signing_key()
    files.write(directory / "sa.key", private)
    files.write(directory / "sa.pub", public)
    files.write(directory / "complete", "")


def kubeconfig(directory: Path, user: str, server: str, cluster: str) -> str:
    """A kubeconfig with everything inside, as JSON (which is YAML too).

    Args:
        directory: where `make` wrote the certificates.
        user: whose: "admin" or "controller-manager".
        server: the API server's URL.
        cluster: the name of cluster and context.
    """

    def data(name: str) -> str:
        return base64.b64encode((directory / name).read_bytes()).decode()

    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": cluster,
                "cluster": {"server": server, "certificate-authority-data": data("ca.crt")},
            }
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": data(f"{user}.crt"),
                    "client-key-data": data(f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    return json.dumps(config, indent=2) + "\n"
