"""A catalog that is in no image: its text in a ConfigMap, served by opm in a pod of the cluster.

Everything belongs to the CatalogSource and goes with it. A Service is in front of the pod, so that
the address stays when the pod is replaced.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.olm import olmobjects
from kopfkit.toolchain.kubectl import Kubectl

Object = dict[str, Any]
# Bytes: etcd's limit for one object is 1.5 MiB, the API server's for a ConfigMap's data 1 MiB.
LIMIT = 1024 * 1024
_KEY = "catalog.json"
_PORT = 50051
# Where OLM's own Deployment says which opm it takes, which is one that the cluster can pull.
_FLAG = "--opmImage="
_OPERATOR = "catalog-operator"
_NAMESPACES = ("olm", "openshift-operator-lifecycle-manager")


def text(blobs: Sequence[Object]) -> str:
    """The blobs as opm reads them.

    Raises KopfkitError if that is too much for a ConfigMap.
    """
    found = "\n".join(json.dumps(blob, separators=(",", ":")) for blob in blobs)
    if len(found.encode()) > LIMIT:
        raise KopfkitError(
            "catalog",
            f"has {len(found.encode())} bytes, and a ConfigMap takes {LIMIT}",
            "Build a catalog image: make catalog catalog-build catalog-push subscribe.",
        )
    return found


def catalog_source(package: str, namespace: str, content: str) -> Object:
    """The CatalogSource for a catalog's text. Another text gets another name."""
    name = olmobjects.catalog_name(package, f"text:{hashlib.sha256(content.encode()).hexdigest()}")
    return {
        "apiVersion": f"{olmobjects.API}/v1alpha1",
        "kind": "CatalogSource",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": olmobjects.labels(package),
        },
        "spec": {
            "sourceType": "grpc",
            "address": f"{name}.{namespace}.svc:{_PORT}",
            "displayName": f"{package} (kopfkit run bundle)",
        },
    }


def serve(kubectl: Kubectl, source: Object, content: str, image: str) -> None:
    """Write what serves the CatalogSource `source`, as it is in the cluster."""
    kubectl.apply(*_objects(source, content, image))


def content(kubectl: Kubectl, source: Object) -> list[Object] | None:
    """The blobs of a CatalogSource that `serve` serves; None if it is not one of those."""
    metadata = source["metadata"]
    found = kubectl.get("configmaps", metadata["name"], metadata["namespace"])
    if found is None or _KEY not in found.get("data", {}):
        return None
    return [json.loads(line) for line in found["data"][_KEY].splitlines()]


def opm_image(kubectl: Kubectl, default: str) -> str:
    """The opm image that this cluster's OLM uses itself; `default` where it names none."""
    for namespace in _NAMESPACES:
        found = kubectl.get("deployments.apps", _OPERATOR, namespace)
        for container in found["spec"]["template"]["spec"]["containers"] if found else []:
            for word in [*container.get("command", []), *container.get("args", [])]:
                if word.startswith(_FLAG):
                    return str(word.removeprefix(_FLAG))
    return default


def _objects(source: Object, content: str, image: str) -> list[Object]:
    own = source["metadata"]
    name, namespace = own["name"], own["namespace"]
    # OLM's own label for a catalog's pods: its NetworkPolicy, and who looks for faults, go by it.
    chosen = {"olm.catalogSource": name}
    metadata = {
        "name": name,
        "namespace": namespace,
        "labels": own.get("labels", {}),
        "ownerReferences": [
            {
                "apiVersion": source["apiVersion"],
                "kind": source["kind"],
                "name": name,
                "uid": own["uid"],
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "data": {_KEY: content},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": chosen, "ports": [{"name": "grpc", "port": _PORT}]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": chosen},
            "template": {"metadata": {"labels": chosen}, "spec": _pod(name, image)},
        },
    }
    return [config_map, service, deployment]


def _pod(name: str, image: str) -> Object:
    probe = {"exec": {"command": ["grpc_health_probe", f"-addr=:{_PORT}"]}, "timeoutSeconds": 5}
    return {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "registry-server",
                "image": image,
                "command": ["/bin/opm"],
                "args": ["serve", "/configs", f"--port={_PORT}", "--termination-log=/tmp/log"],
                "ports": [{"name": "grpc", "containerPort": _PORT}],
                "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 120},
                "readinessProbe": {**probe, "periodSeconds": 10},
                "resources": {"requests": {"cpu": "10m", "memory": "50Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                "volumeMounts": [
                    # By subPath: a ConfigMap's directory has its files twice, by a link.
                    {"name": "catalog", "mountPath": f"/configs/{_KEY}", "subPath": _KEY},
                    {"name": "tmp", "mountPath": "/tmp"},
                ],
            }
        ],
        "volumes": [
            {"name": "catalog", "configMap": {"name": name}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
