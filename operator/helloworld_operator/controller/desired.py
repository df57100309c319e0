"""The children that are wanted for a HelloWorld: one pure builder each.

The contract of an image that is named in spec.image (ours fulfils it): run without arguments it
answers HTTP on $PORT (8080), as any user, with a read-only root file system; a TCP connection to
the port means ready; the greeting is in $GREETING_MESSAGE and $GREETING_LANGUAGE. The default image
is called with the argument `serve` and asked for /healthz.
"""

from typing import Final

from helloworld_operator.api import v1
from helloworld_operator.controller.names import child_name, labels, selector_labels
from helloworld_operator.controller.records import EMPTY, Record
from helloworld_operator.controller.wish import Object, Wish, hash_of, metadata, signed
from helloworld_operator.settings import OPERAND_PORT

# The one container of a pod.
CONTAINER: Final = "greeting"
# What a port of the Service may lead to: the container's port, by name or number.
TARGETS: Final = ("http", OPERAND_PORT)
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


def deployment(wish: Wish) -> Object:
    """The Deployment of the greeting server.

    The record of its images is written with the next change of anything else: a write for it alone
    would be one more for each HelloWorld that is made. Only when it says more than the pods' own
    image (an exchange under way, a rejected image) is it written by itself.
    """
    plain = _deployment(wish, EMPTY)
    alone = hash_of(plain) == wish.hash and wish.record in (EMPTY, Record(wish.image))
    return plain if alone or wish.record == EMPTY else _deployment(wish, wish.record)


def _deployment(wish: Wish, record: Record) -> Object:
    name = wish.owner["metadata"]["name"]
    spec: Object = {
        "progressDeadlineSeconds": _DEADLINE,
        "selector": {"matchLabels": selector_labels(name)},
        "strategy": _strategy(wish.spec),
        "template": {"metadata": {"labels": labels(name)}, "spec": _pod(wish)},
    }
    if wish.replicas is not None:
        spec["replicas"] = wish.replicas
    made: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(wish.owner),
        "spec": spec,
    }
    if record != EMPTY:
        made["metadata"]["annotations"] = record.annotations
    return signed(made)


def service(wish: Wish) -> Object:
    """The Service in front of the pods."""
    wanted = wish.spec.service or v1.Service()
    port = {"name": "http", "port": wanted.port, "targetPort": TARGETS[0], "protocol": "TCP"}
    return signed(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(wish.owner),
            "spec": {
                "type": wanted.type,
                "selector": selector_labels(wish.owner["metadata"]["name"]),
                "ports": [port],
            },
        }
    )


def url(owner: Object, spec: v1.Spec) -> str:
    """Where the greeting is answered inside the cluster, whatever its DNS domain."""
    of = owner["metadata"]
    port = (spec.service or v1.Service()).port
    return f"http://{child_name(of['name'])}.{of['namespace']}.svc:{port}"


def _strategy(spec: v1.Spec) -> Object:
    if spec.persistence is not None:
        return {"type": "Recreate"}  # two pods must never write to the volume
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _pod(wish: Wish) -> Object:
    spec, parts = wish.spec, wish.parts
    container: Object = {
        "name": CONTAINER,
        "image": wish.image,
        "env": [
            {"name": "GREETING_MESSAGE", "value": _literal(spec.greeting.message)},
            {"name": "GREETING_LANGUAGE", "value": spec.greeting.language or ""},
            {"name": "PORT", "value": str(OPERAND_PORT)},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *parts.env,
        ],
        "ports": [{"name": "http", "containerPort": OPERAND_PORT, "protocol": "TCP"}],
        "readinessProbe": _probe(custom=not wish.own_image),
        "lifecycle": {"preStop": {"sleep": {"seconds": _LINGER}}},
        "resources": resources(spec),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    if wish.own_image:
        container["args"] = ["serve"]
    if parts.mounts:
        container["volumeMounts"] = list(parts.mounts)
    pod: Object = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # one environment variable per Service would be in the way
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
            **parts.security,
        },
        "terminationGracePeriodSeconds": _LINGER + 10,
    }
    if parts.volumes:
        pod["volumes"] = list(parts.volumes)
    if parts.init_containers:
        pod["initContainers"] = list(parts.init_containers)
    return pod


def _probe(*, custom: bool) -> Object:
    # The port's name, so that an image's own idea of its path does not matter when it is foreign.
    asks = {"tcpSocket": {"port": "http"}} if custom else _healthz()
    return {**asks, "periodSeconds": 5, "failureThreshold": 3}


def _healthz() -> Object:
    return {"httpGet": {"path": "/healthz", "port": "http"}}


def resources(spec: v1.Spec) -> Object:
    """What a pod of a HelloWorld asks for."""
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
