"""metrics-server on a kind cluster: without it a HorizontalPodAutoscaler has nothing to go by.

The public image is used where it can be pulled; else one is made here from the same release's Go
module and pushed to the cluster's registry. For one cluster to try things on: it does not check the
kubelets' certificates, which sign themselves on kind.
"""

from pathlib import Path
from typing import Any

from kopfkit.docker import context, engines
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

TOOL = "metrics-server"
NAMESPACE = "kube-system"
# Seconds until it has measured every node twice, which is what a rate needs: 30 on two idle cores.
READY_TIMEOUT = 120
_API = "v1beta1.metrics.k8s.io"
_PORT = 10250
_LABELS = {"k8s-app": TOOL}
_HERE = {"name": TOOL, "namespace": NAMESPACE, "labels": _LABELS}
_RBAC = "rbac.authorization.k8s.io"


def install(kubeconfig: Path, progress: Progress, *, registry: str | None = None) -> None:
    """Install it and wait until its API answers; again is fine.

    Args:
        kubeconfig: of the cluster.
        progress: shows the steps.
        registry: host:port that the cluster pulls from and we can push to; needed where the public
            image cannot be pulled.

    Raises:
        KopfkitError: its image cannot be had, or it does not become ready.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    image = _image(registry, progress)
    with progress.step(f"Installing metrics-server {toolchain.version(TOOL)}"):
        kubectl.apply(*objects(image))
        wait = ("wait", "--for=condition=Available", f"apiservice/{_API}")
        try:
            kubectl.run(*wait, f"--timeout={READY_TIMEOUT}s", timeout=READY_TIMEOUT + 10)
        except process.CommandFailed as error:
            pods = kubectl.run(
                "describe", "pods", f"--namespace={NAMESPACE}", f"--selector=k8s-app={TOOL}"
            )
            raise KopfkitError(TOOL, f"is not ready\n{process.tail(pods)}") from error


def objects(image: str) -> list[dict[str, Any]]:
    """The objects, in the order to apply them."""
    subjects = [{"kind": "ServiceAccount", "name": TOOL, "namespace": NAMESPACE}]
    rules = [
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["get", "list", "watch"]},
    ]
    named = {"metadata": {"name": TOOL, "labels": _LABELS}}
    # It asks the API server who may call it (its own two roles for aggregated API servers).
    delegated = {"name": f"{TOOL}-auth-delegator", "labels": _LABELS}
    reader = {"name": f"{TOOL}-auth-reader", "namespace": NAMESPACE, "labels": _LABELS}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _HERE},
        {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", **named, "rules": rules},
        _binding("ClusterRoleBinding", named["metadata"], "ClusterRole", TOOL, subjects),
        _binding("ClusterRoleBinding", delegated, "ClusterRole", "system:auth-delegator", subjects),
        _binding("RoleBinding", reader, "Role", "extension-apiserver-authentication-reader",
                 subjects),
        {
            "apiVersion": "v1", "kind": "Service", "metadata": _HERE,
            "spec": {"selector": _LABELS, "ports": [{"port": 443, "targetPort": _PORT}]},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _HERE,
         "spec": _deployment(image)},
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": _API, "labels": _LABELS},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": TOOL, "namespace": NAMESPACE},
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ]  # fmt: skip


def _binding(
    kind: str, metadata: dict[str, Any], role_kind: str, role: str, subjects: list[dict[str, str]]
) -> dict[str, Any]:
    reference = {"apiGroup": _RBAC, "kind": role_kind, "name": role}
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": metadata,
        "roleRef": reference,
        "subjects": subjects,
    }


def _deployment(image: str) -> dict[str, Any]:
    container = {
        "name": TOOL,
        "image": image,
        "args": [
            f"--secure-port={_PORT}",
            "--cert-dir=/tmp",
            "--kubelet-insecure-tls",
            "--kubelet-preferred-address-types=InternalIP",
            # The shortest that it takes: an autoscaler looks every 15 seconds.
            "--metric-resolution=10s",
            "--kubelet-request-timeout=8s",
        ],
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": _PORT, "scheme": "HTTPS"},
            "periodSeconds": 2,
            "failureThreshold": 30,
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    pod = {
        "serviceAccountName": TOOL,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return {
        "selector": {"matchLabels": _LABELS},
        "template": {"metadata": {"labels": _LABELS}, "spec": pod},
    }


def _image(registry: str | None, progress: Progress) -> str:
    version = toolchain.version(TOOL)
    public = f"registry.k8s.io/metrics-server/metrics-server:{version}"
    if registry is None:
        return public
    engine = engines.ensure(progress)
    if not engine.own and engine.pull(public):
        return public
    local = f"{registry}/kopfkit/{TOOL}:{version}"
    binary = toolchain.pinned(TOOL, progress)
    with progress.step(f"Making {local}"):
        context.build(
            engine,
            local,
            f'FROM scratch\nCOPY {TOOL} /{TOOL}\nUSER 65534\nENTRYPOINT ["/{TOOL}"]\n',
            {TOOL: binary},
        )
        engine.docker("push", "--quiet", local)
    return local
