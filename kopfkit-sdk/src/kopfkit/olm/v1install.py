"""OLM v1 in a cluster: catalogd and operator-controller, from the manifests in their Go module.

Certificates come from where they can be had in a cluster for trying an operator on: those of OLM
v1's own servers are made here, those of an operator's webhooks by a stand-in for OpenShift's
service CA (`WebhookProviderOpenshiftServiceCA`), as cert-manager has no module to build it from.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kopfkit import pki, yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.host.progress import Progress
from kopfkit.olm import v1images
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

MODULE = "github.com/operator-framework/operator-controller"
NAMESPACE = "olmv1-system"
CATALOGS = "clustercatalogs.olm.operatorframework.io"
EXTENSIONS = "clusterextensions.olm.operatorframework.io"
# Seconds until the Deployments are available: catalogd alone waits 20 before it is ready.
READY_TIMEOUT = 180.0
_CA = "service-ca"
# Who serves what, by the manifests: Secret -> the Service's name.
_SERVERS = {
    "catalogd-service-cert-git-version": "catalogd-service",
    "operator-controller-cert": "operator-controller-service",
}
_GATE = "--feature-gates=WebhookProvider"
_GATES = {
    f"{_GATE}CertManager=true": f"{_GATE}CertManager=false",
    f"{_GATE}OpenshiftServiceCA=false": f"{_GATE}OpenshiftServiceCA=true",
}

Object = dict[str, Any]


def install(
    kubeconfig: Path,
    progress: Progress,
    *,
    registry: str,
    inside: str,
    timeout: float = READY_TIMEOUT,
) -> None:
    """Install OLM v1 and wait until its Deployments are available.

    Args:
        kubeconfig: of the cluster.
        registry: host:port of the registry that the cluster's nodes pull from and we push to.
        inside: host:port of the same registry as pods reach it: catalogd and operator-controller
            pull catalogs and bundles themselves, by the names that nodes know.
        timeout: seconds until the Deployments must be available.

    Raises:
        KopfkitError: it cannot be built, or does not become ready.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    image = v1images.ensure(registry, progress)
    place = toolchain.module_dir(MODULE, progress) / "manifests/standard.yaml"
    there = kubectl.list("secrets", NAMESPACE) if kubectl.get("namespaces", NAMESPACE) else []
    theirs = yamls.load_all(place.read_text("utf-8"))
    objects = manifests(theirs, image, registry, inside, there)
    with progress.step(f"Installing OLM {toolchain.version('operator-controller')}") as step:
        first = [one for one in objects if one["kind"] in ("Namespace", "CustomResourceDefinition")]
        for batch in (first, objects):
            kubectl.run("apply", "--server-side", "--force-conflicts", "--filename=-",
                        input=yamls.dump(*batch), timeout=120)  # fmt: skip
        step.note("waiting for its Deployments")
        try:
            for name in (one["metadata"]["name"] for one in objects if one["kind"] == "Deployment"):
                kubectl.run("rollout", "status", f"deployment/{name}", f"--namespace={NAMESPACE}",
                            f"--timeout={timeout:.0f}s", timeout=timeout + 30)  # fmt: skip
        except process.CommandFailed as error:
            pods = kubectl.run("get", "pods", f"--namespace={NAMESPACE}")
            raise KopfkitError(
                "OLM v1", f"is not ready: {error.output}\n{pods}", "Look at the pods' logs."
            ) from None


def uninstall(kubeconfig: Path, progress: Progress) -> None:
    """Remove OLM v1.

    Raises KopfkitError while there is a ClusterExtension: without OLM v1 its finalizer stays, and
    removing OLM v1's CRDs would wait for it for ever.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    if kubectl.get("namespaces", NAMESPACE) is None:
        progress.say("OLM v1 is not installed.")
        return
    left = kubectl.list(EXTENSIONS) if kubectl.serves(EXTENSIONS) else []
    if left:
        names = ", ".join(one["metadata"]["name"] for one in left)
        raise KopfkitError(
            "OLM v1",
            f"still manages {names}",
            "Delete the ClusterExtensions first. That deletes their CRDs, and with them every "
            "object of those kinds.",
        )
    place = toolchain.module_dir(MODULE, progress) / "manifests/standard.yaml"
    objects = manifests(yamls.load_all(place.read_text("utf-8")), "unused", "", "")
    with progress.step("Removing OLM v1"):
        if kubectl.serves(CATALOGS):
            kubectl.run("delete", CATALOGS, "--all", "--ignore-not-found", "--timeout=60s")
        kubectl.run("delete", "--ignore-not-found", "--timeout=120s", "--filename=-",
                    input=yamls.dump(*objects), timeout=180)  # fmt: skip


def status(kubeconfig: Path) -> dict[str, bool]:
    """OLM v1's Deployments in a cluster, and whether each is available; none where it is not
    installed."""
    found = {}
    for each in Kubectl.at(kubeconfig).list("deployments.apps", NAMESPACE):
        conditions = each.get("status", {}).get("conditions", [])
        states = {one["type"]: one["status"] for one in conditions}
        found[each["metadata"]["name"]] = states.get("Available") == "True"
    return found


def manifests(
    objects: list[Object], image: str, registry: str, inside: str, there: Sequence[Object] = ()
) -> list[Object]:
    """What is applied: OLM v1's own manifests with our image and certificates, and the service CA.

    Args:
        objects: of manifests/standard.yaml.
        image: of all programs.
        registry, inside: as of `install`.
        there: Secrets of an installation before, whose certificates stay as long as they are good:
            its pods serve them.
    """
    secrets = _kept(there) or _certificates()
    authority = secrets[0]["data"]["ca.crt"]
    applied = [one for one in objects if not one["apiVersion"].startswith("cert-manager.io/")]
    for one in applied:
        if one["kind"] == "Deployment":
            _adapt(one["spec"]["template"], image, authority)
        for hook in one.get("webhooks", ()):
            hook["clientConfig"]["caBundle"] = authority
    mirror = f'[[registry]]\nprefix = "{registry}"\nlocation = "{inside}"\ninsecure = true\n'
    config = _named("v1", "ConfigMap", "registries", data={"registries.conf": mirror})
    return [*applied, *secrets, config, *_service_ca(image)]


def _certificates() -> list[Object]:
    """New Secrets of the servers' certificates, by one authority."""
    now = datetime.now(UTC)
    ca = pki.make_ca("olmv1", now=now)
    secrets = []
    for name, service in _SERVERS.items():
        host = f"{service}.{NAMESPACE}.svc"
        made = pki.make_serving_cert(ca, [host, f"{host}.cluster.local"], now=now)
        data = {"tls.crt": made.certificate, "tls.key": made.key, "ca.crt": ca.certificate}
        text = {key: base64.b64encode(value).decode() for key, value in data.items()}
        secrets.append(_named("v1", "Secret", name, type="kubernetes.io/tls", data=text))
    return secrets


def _kept(there: Sequence[Object]) -> list[Object]:
    """The Secrets of an installation before, unless one is missing, is of another authority, or is
    to be renewed."""
    now = datetime.now(UTC)
    found = {one["metadata"]["name"]: one.get("data") or {} for one in there}
    data = [found.get(name, {}) for name in _SERVERS]
    try:
        texts = [{key: base64.b64decode(one[key]) for key in ("tls.crt", "ca.crt")} for one in data]
        good = [
            pki.issued_by(one["tls.crt"], texts[0]["ca.crt"])
            and not pki.renewal_due(one["tls.crt"], now=now)
            for one in texts
        ]
    except (KeyError, ValueError, KopfkitError):
        return []
    if not all(good):
        return []
    return [
        _named("v1", "Secret", name, type="kubernetes.io/tls", data=found[name])
        for name in _SERVERS
    ]


def _adapt(template: Object, image: str, authority: str) -> None:
    # Pods of an authority before serve its certificates until the kubelet brings the new ones.
    annotations = {"olmv1-ca": hashlib.sha256(authority.encode()).hexdigest()[:16]}
    metadata = template.setdefault("metadata", {})
    metadata["annotations"] = {**metadata.get("annotations", {}), **annotations}
    pod = template["spec"]
    (container,) = pod["containers"]
    container["image"] = image
    container["args"] = [_GATES.get(one, one) for one in container["args"]]
    container["volumeMounts"].append({"name": "registries", "mountPath": "/etc/containers"})
    pod["volumes"].append({"name": "registries", "configMap": {"name": "registries"}})


def _service_ca(image: str) -> list[Object]:
    """The stand-in for OpenShift's service CA. It reads Services and writes Secrets everywhere."""
    labels = {"app.kubernetes.io/name": _CA}
    subject = {"kind": "ServiceAccount", "name": _CA, "namespace": NAMESPACE}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = _named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", f"olmv1-{_CA}",
                     roleRef=role, subjects=[subject])  # fmt: skip
    del binding["metadata"]["namespace"]
    container = {
        "name": _CA,
        "image": image,
        "command": ["/service-ca"],
        "env": [{"name": "POD_NAMESPACE", "value": NAMESPACE}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": _CA,
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    return [
        _named("v1", "ServiceAccount", _CA),
        binding,
        # The namespace denies all traffic that no policy allows.
        _named("networking.k8s.io/v1", "NetworkPolicy", _CA, spec={
            "podSelector": {"matchLabels": labels}, "policyTypes": ["Egress"], "egress": [{}],
        }),
        _named("apps/v1", "Deployment", _CA, spec={
            "replicas": 1, "selector": {"matchLabels": labels}, "template": template,
        }),
    ]  # fmt: skip


def _named(version: str, kind: str, name: str, **rest: Any) -> Object:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}
