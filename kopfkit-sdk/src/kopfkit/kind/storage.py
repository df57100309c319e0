"""Storage for the node image that is made here: what the public one brings, from our own builds.

A claim that names no class gets a directory of the node that its first pod runs on: class
`standard`, local-path-provisioner, bound when a pod wants it. kind applies the manifest that it
finds in the node image (its pkg/build/nodeimage). Neither grows a volume nor limits its size: no
cluster of kind's does.
"""

import json
from typing import Any

from kopfkit.toolchain import toolchain

TOOL = "local-path-provisioner"
# Where kind's action "installstorage" looks for the objects to apply.
MANIFEST = "/kind/manifests/default-storage.yaml"
# Nothing is ever pulled from a registry of this name: the node has the image, or the pod tells.
HELPER = "localhost/kopfkit/local-path-helper:1"
NAMESPACE = "local-path-storage"
# On the node: gone with it, and on a volume of the engine rather than in a layer.
DIRECTORY = "/var/local-path-provisioner"
HELPER_FILE = (
    "FROM scratch\nCOPY busybox /bin/busybox\n"
    'RUN ["/bin/busybox", "--install", "-s", "/bin"]\nENTRYPOINT ["/bin/sh"]\n'
)
_READ = ("get", "list", "watch")
_WRITE = (*_READ, "create", "patch", "update", "delete")
_GROUP = "rbac.authorization.k8s.io"


def image() -> str:
    """Name of the provisioner's image."""
    return f"localhost/kopfkit/{TOOL}:{toolchain.version(TOOL)}"


def manifest() -> str:
    """The objects, as YAML."""
    # JSON is YAML, and kubectl reads documents one after the other.
    return "".join(f"---\n{json.dumps(obj, indent=1)}\n" for obj in objects())


def objects() -> list[dict[str, Any]]:
    """The provisioner with its rights and its class, in the order to apply them."""
    here = {"name": TOOL, "namespace": NAMESPACE}
    subjects = [{"kind": "ServiceAccount", **here}]

    def bound(kind: str, metadata: dict[str, str], *rules: dict[str, Any]) -> list[dict[str, Any]]:
        role = {"apiGroup": _GROUP, "kind": kind, "name": TOOL}
        version = f"{_GROUP}/v1"
        return [
            {"apiVersion": version, "kind": kind, "metadata": metadata, "rules": list(rules)},
            {"apiVersion": version, "kind": f"{kind}Binding", "metadata": metadata,
             "roleRef": role, "subjects": subjects},
        ]  # fmt: skip

    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": here},
        # It makes and removes directories by pods of its own.
        *bound("Role", here, _rule("", ("pods",), _WRITE)),
        *bound(
            "ClusterRole",
            {"name": TOOL},
            _rule("", ("nodes", "persistentvolumeclaims", "configmaps", "pods", "pods/log"), _READ),
            _rule("", ("persistentvolumes",), _WRITE),
            _rule("", ("events",), ("create", "patch")),
            _rule("storage.k8s.io", ("storageclasses",), _READ),
        ),
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": here, "data": _configuration()},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": here, "spec": _deployment()},
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {
                "name": "standard",
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
            },
            "provisioner": "rancher.io/local-path",
            "volumeBindingMode": "WaitForFirstConsumer",
            "reclaimPolicy": "Delete",
        },
    ]


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _configuration() -> dict[str, str]:
    places = {"node": "DEFAULT_PATH_FOR_NON_LISTED_NODES", "paths": [DIRECTORY]}
    helper = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "helper-pod"},
        "spec": {
            "priorityClassName": "system-node-critical",
            "containers": [
                {"name": "helper-pod", "image": HELPER, "imagePullPolicy": "IfNotPresent"}
            ],
        },
    }
    return {
        "config.json": json.dumps({"nodePathMap": [places]}),
        # A pod may run as any user, and an fsGroup does not change a hostPath.
        "setup": '#!/bin/sh\nset -eu\nmkdir -m 0777 -p "$VOL_DIR"\n',
        "teardown": '#!/bin/sh\nset -eu\nrm -rf "$VOL_DIR"\n',
        "helperPod.yaml": json.dumps(helper),
    }


def _deployment() -> dict[str, Any]:
    labels = {"app": TOOL}
    container = {
        "name": TOOL,
        "image": image(),
        "imagePullPolicy": "IfNotPresent",
        "args": ["start", "--helper-image", HELPER, "--config", "/etc/config/config.json",
                 "--configmap-name", TOOL, "--service-account-name", TOOL],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/config/"}],
        "env": [
            {"name": "POD_NAMESPACE",
             "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "CONFIG_MOUNT_PATH", "value": "/etc/config/"},
        ],
    }  # fmt: skip
    pod = {
        "serviceAccountName": TOOL,
        "tolerations": [
            {"key": "node-role.kubernetes.io/control-plane", "operator": "Exists",
             "effect": "NoSchedule"},
        ],
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": TOOL}}],
    }  # fmt: skip
    return {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
