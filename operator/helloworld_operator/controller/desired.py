"""The children that are wanted for a HelloWorld: one pure builder each, and the list of them.

The contract of an image that is named in spec.image (ours fulfils it): run without arguments it
answers HTTP on $PORT (8080), as any user, with a read-only root file system; a TCP connection to
the port means ready; the greeting is in $GREETING_MESSAGE and $GREETING_LANGUAGE. The default image
is called with the argument `serve` and asked for /healthz.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from helloworld_operator.api import hub
from helloworld_operator.controller import volumes
from helloworld_operator.controller.autoscaling import scaling
from helloworld_operator.controller.images import CONTAINER, IMAGES
from helloworld_operator.controller.names import child_name, labels, selector_labels
from helloworld_operator.settings import OPERAND_PORT
from kopfkit.controller import exclusive_services, restricted_container, restricted_pod
from kopfkit.controller.images import EMPTY, Record
from kopfkit.controller.kinds import HORIZONTAL_POD_AUTOSCALERS, SERVICES, Kind

Raw = dict[str, Any]

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


@dataclass(frozen=True)
class Desired:
    """What is wanted of one HelloWorld, as far as it can be had now.

    Attributes:
        name: of the HelloWorld.
        spec: its spec.
        image: what the pods run.
        own_image: whether that is the operator's default image, whose arguments are known.
        replicas: how many pods; None where an autoscaler decides.
        record: what the Deployment is to remember of images.
    """

    name: str
    spec: hub.Spec
    image: str
    own_image: bool = False
    replicas: int | None = 1
    record: Record = EMPTY


def metadata(name: str) -> Raw:
    """The metadata of children that have the HelloWorld's name."""
    return {"name": child_name(name), "labels": labels(name)}


def deployment(desired: Desired, record: Record = EMPTY) -> Raw:
    """The Deployment of the greeting server, with a record of images."""
    spec: Raw = {
        "progressDeadlineSeconds": _DEADLINE,
        "selector": {"matchLabels": selector_labels(desired.name)},
        "strategy": _strategy(desired.spec),
        "template": {"metadata": {"labels": labels(desired.name)}, "spec": _pod(desired)},
    }
    if desired.replicas is not None:
        spec["replicas"] = desired.replicas
    made: Raw = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(desired.name),
        "spec": spec,
    }
    if record != EMPTY:
        made["metadata"]["annotations"] = IMAGES.annotations(record)
    return made


def service(desired: Desired) -> Raw:
    """The Service in front of the pods."""
    wanted = desired.spec.service or hub.Service()
    port = {"name": "http", "port": wanted.port, "targetPort": TARGETS[0], "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(desired.name),
        "spec": {
            "type": wanted.type,
            "selector": selector_labels(desired.name),
            "ports": [port],
        },
    }


def autoscaler(desired: Desired) -> Raw | None:
    """The HorizontalPodAutoscaler, or None where none is wanted."""
    wanted = scaling(desired.spec)
    if wanted is None:
        return None
    utilization = wanted.target_cpu_utilization_percentage
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(desired.name),
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": child_name(desired.name),
            },
            "minReplicas": wanted.min_replicas,
            "maxReplicas": wanted.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


class ChildKind(NamedTuple):
    """A kind of child that is made of `Desired` alone.

    Attributes:
        kind: of the child.
        build: its builder; None of it means that no such child is wanted.
        delete: whether a child that is no longer wanted is deleted.
        rules: of its repair; None for the kind's own.
    """

    kind: Kind
    build: Callable[[Desired], Raw | None]
    delete: bool = False
    rules: Any = None


# Rights, watches and what a reconcile applies follow from it; the order is that of the writes.
CHILDREN: Final = (
    ChildKind(SERVICES, service, rules=exclusive_services()),
    # Deleted when spec.autoscaling is removed: it would go on to set replicas.
    ChildKind(HORIZONTAL_POD_AUTOSCALERS, autoscaler, delete=True),
)


def url(owner: Raw, spec: hub.Spec) -> str:
    """Where the greeting is answered inside the cluster, whatever its DNS domain."""
    of = owner["metadata"]
    port = (spec.service or hub.Service()).port
    return f"http://{child_name(of['name'])}.{of['namespace']}.svc:{port}"


def _strategy(spec: hub.Spec) -> Raw:
    if spec.persistence is not None:
        return {"type": "Recreate"}  # two pods must never write to the volume
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _pod(desired: Desired) -> Raw:
    spec, persistent = desired.spec, desired.spec.persistence is not None
    container = restricted_container(
        CONTAINER,
        desired.image,
        env=[
            {"name": "GREETING_MESSAGE", "value": _literal(spec.greeting.message)},
            {"name": "GREETING_LANGUAGE", "value": spec.greeting.language or ""},
            {"name": "PORT", "value": str(OPERAND_PORT)},
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *(volumes.ENVIRONMENT if persistent else ()),
        ],
        ports=[{"name": "http", "containerPort": OPERAND_PORT, "protocol": "TCP"}],
        readinessProbe=_probe(custom=not desired.own_image),
        lifecycle={"preStop": {"sleep": {"seconds": _LINGER}}},
        resources=resources(spec),
    )
    if desired.own_image:
        container["args"] = ["serve"]
    if persistent:
        container["volumeMounts"] = list(volumes.MOUNTS)
    return restricted_pod(
        container,
        volumes=volumes.volumes(desired.name) if persistent else (),
        terminationGracePeriodSeconds=_LINGER + 10,
    )


def _probe(*, custom: bool) -> Raw:
    # The port's name, so that an image's own idea of its path does not matter when it is foreign.
    http = {"httpGet": {"path": "/healthz", "port": "http"}}
    asks = {"tcpSocket": {"port": "http"}} if custom else http
    return {**asks, "periodSeconds": 5, "failureThreshold": 3}


def resources(spec: hub.Spec) -> Raw:
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
