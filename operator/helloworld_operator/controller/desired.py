"""The children that are wanted for a HelloWorld: one pure builder each.

The contract of an image that is named in spec.image (ours fulfils it): run without arguments it
answers HTTP on $PORT (8080), as any user, with a read-only root file system; a TCP connection to
the port means ready; the greeting is in $GREETING_MESSAGE and $GREETING_LANGUAGE. The default image
is called with the argument `serve` and asked for /healthz.
"""

import hashlib
from typing import Any, Final

import msgspec

from helloworld_operator.api import GROUP, KIND, v1
from helloworld_operator.controller.names import child_name, labels, selector_labels
from helloworld_operator.settings import OPERAND_PORT

Object = dict[str, Any]

# Names the wish a child was written for: what we no longer want is seen by it, where a comparison
# of what we want with what is there would find nothing.
HASH: Final = "test.jiaozi.com/desired-hash"
# The greeting server idles at 20 MB and a thousandth of a core.
_RESOURCES: Final = {
    "requests": {"cpu": "10m", "memory": "32Mi"},
    "limits": {"memory": "128Mi"},
}
# Seconds until a rollout that does not advance is called stuck; pulling an image takes a while.
_DEADLINE: Final = 180
# Seconds that a pod goes on answering when it is to end: until no node sends it requests any more.
# The endpoint's removal takes about one; until then a server that is gone refuses visitors.
_LINGER: Final = 4
# A user that owns nothing on any node; the image's own.
_USER: Final = 65532


def owner_reference(owner: Object) -> Object:
    """The reference that makes `owner` the controller of an object."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def deployment(owner: Object, spec: v1.Spec, default_image: str | None) -> Object:
    """The Deployment of the greeting server.

    Args:
        owner: the HelloWorld as read.
        spec: its spec.
        default_image: used where the spec names none; one of both must be there.
    """
    name = owner["metadata"]["name"]
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    template = {"metadata": {"labels": labels(name)}, "spec": _pod(spec, default_image)}
    return _signed(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _metadata(owner),
            "spec": {
                "replicas": spec.replicas,
                "progressDeadlineSeconds": _DEADLINE,
                "selector": {"matchLabels": selector_labels(name)},
                "strategy": rolling,
                "template": template,
            },
        }
    )


def service(owner: Object, spec: v1.Spec) -> Object:
    """The Service in front of the pods."""
    wanted = spec.service or v1.Service()
    port = {"name": "http", "port": wanted.port, "targetPort": "http", "protocol": "TCP"}
    return _signed(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata(owner),
            "spec": {
                "type": wanted.type,
                "selector": selector_labels(owner["metadata"]["name"]),
                "ports": [port],
            },
        }
    )


def url(owner: Object, spec: v1.Spec) -> str:
    """Where the greeting is answered inside the cluster, whatever its DNS domain."""
    metadata = owner["metadata"]
    port = (spec.service or v1.Service()).port
    return f"http://{child_name(metadata['name'])}.{metadata['namespace']}.svc:{port}"


def _metadata(owner: Object) -> Object:
    metadata = owner["metadata"]
    return {
        "name": child_name(metadata["name"]),
        "namespace": metadata["namespace"],
        "labels": labels(metadata["name"]),
        "ownerReferences": [owner_reference(owner)],
    }


def _pod(spec: v1.Spec, default_image: str | None) -> Object:
    container: Object = {
        "name": "greeting",
        "image": spec.image or default_image,
        "env": [
            {"name": "GREETING_MESSAGE", "value": _literal(spec.greeting.message)},
            {"name": "GREETING_LANGUAGE", "value": spec.greeting.language or ""},
            {"name": "PORT", "value": str(OPERAND_PORT)},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "ports": [{"name": "http", "containerPort": OPERAND_PORT, "protocol": "TCP"}],
        "readinessProbe": _probe(custom=bool(spec.image)),
        "lifecycle": {"preStop": {"sleep": {"seconds": _LINGER}}},
        "resources": _resources(spec),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    if not spec.image:
        container["args"] = ["serve"]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # one environment variable per Service would be in the way
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": _LINGER + 10,
    }


def _probe(*, custom: bool) -> Object:
    # The port's name, so that an image's own idea of its path does not matter when it is foreign.
    asks = {"tcpSocket": {"port": "http"}} if custom else _healthz()
    return {**asks, "periodSeconds": 5, "failureThreshold": 3}


def _healthz() -> Object:
    return {"httpGet": {"path": "/healthz", "port": "http"}}


def _resources(spec: v1.Spec) -> Object:
    if spec.resources is None:
        return _RESOURCES
    given = {"requests": spec.resources.requests, "limits": spec.resources.limits}
    # The API allows a number; a container's own form is text.
    return {
        kind: {name: str(quantity) for name, quantity in amounts.items()}
        for kind, amounts in given.items()
        if amounts
    }


def _literal(text: str) -> str:
    """`text` as a container's environment shows it: the kubelet expands $(NAME) and reads $$ as
    $."""
    return text.replace("$", "$$")


def _signed(child: Object) -> Object:
    digest = hashlib.sha256(msgspec.json.encode(child, order="deterministic")).hexdigest()
    child["metadata"]["annotations"] = {HASH: digest[:16]}
    return child
