"""Schema facts that decide whether two fields of an object can stand beside each other.

A `Schema` is a table from the place of a list or a struct to a `Rule`. A place is written as dotted
field names; `[]` follows a list whose items have keys ("spec.ports[]"). Sources: the markers
`listType`, `listMapKey` and `union` of k8s.io/api, and for what the markers do not say the checks
in kubernetes/pkg/apis/*/validation. What is not listed here may be added to by anybody.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

Item: TypeAlias = Mapping[str, Any]


def _nothing(item: Item) -> frozenset[Any]:
    return frozenset()


def _no_fields(wanted: Item) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True)
class Rule:
    """What contradicts what is wanted, at one place.

    Attributes:
        keys: the merge keys of a list's items; () for a struct or an atomic list.
        defaults: values that the API server sets: of merge keys that an item may leave out, and of
            reserved fields, where they are no contradiction.
        identities: what an item of a list has that no second item may have: a name, a port.
        beside: a list of the same struct; nor may an item have what an item of that one has.
        excludes: fields that cannot stand beside those of the wanted struct (union members).
        reserved: further fields of the struct, or items of the list, that are the operator's alone:
            True for all of them, whatever they have; else their names, and an empty value (false,
            "", {}, []) is none.
        unless: an item of a reserved list that has these values is left alone.
        atomic: a list that an apply replaces as a whole: what its items have beyond what is wanted
            is a contradiction.
    """

    keys: tuple[str, ...] = ()
    defaults: Mapping[str, Any] | None = None
    identities: Callable[[Item], frozenset[Any]] = _nothing
    beside: str = ""
    excludes: Callable[[Item], frozenset[str]] = _no_fields
    reserved: frozenset[str] | bool = frozenset()
    unless: Mapping[str, Any] | None = None
    atomic: bool = False

    def key(self, item: Item) -> tuple[Any, ...]:
        """The values of an item's merge keys."""
        return tuple(item.get(key, (self.defaults or {}).get(key)) for key in self.keys)


Schema: TypeAlias = Mapping[str, Rule]


def union(*members: str) -> Callable[[Item], frozenset[str]]:
    """Fields of which a struct has one at most."""
    group = frozenset(members)

    def excludes(wanted: Item) -> frozenset[str]:
        present = group & set(wanted)
        return group - present if present else frozenset()

    return excludes


def reserve(
    schema: Schema,
    claims: Mapping[str, frozenset[str] | bool],
    unless: Mapping[str, Mapping[str, Any]] | None = None,
    defaults: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Rule]:
    """The schema with more that is the operator's alone.

    Args:
        schema: the facts about the kind.
        claims: by place, as `Rule.reserved`.
        unless: by place of a reserved list, as `Rule.unless`.
        defaults: by place, what the API server sets there.
    """
    found = dict(schema)
    for place, names in claims.items():
        spared, known = (unless or {}).get(place), found.get(place, Rule())
        usual = {**(known.defaults or {}), **(defaults or {}).get(place, {})}
        found[place] = replace(known, reserved=names, unless=spared, defaults=usual)
    return found


def below(prefix: str, schema: Schema) -> dict[str, Rule]:
    """The same facts about a struct that is part of another one."""
    return {f"{prefix}.{place}" if place else prefix: rule for place, rule in schema.items()}


def _field(name: str) -> Callable[[Item], frozenset[Any]]:
    def identities(item: Item) -> frozenset[Any]:
        return frozenset({item[name]} if item.get(name) else ())

    return identities


def _service_port(item: Item) -> frozenset[Any]:
    # Where there are two ports, both need a name: one without contradicts any other.
    return frozenset({item.get("name") or ""})


def _runs(item: Item) -> frozenset[Any]:
    """What a container runs. No sidecar runs what the container beside it does."""
    if not item.get("image"):
        return frozenset()
    words = [item.get(name) or [] for name in ("command", "args")]
    return frozenset({("runs", repr([item["image"], *words]))})


def _container_identities(item: Item) -> frozenset[Any]:
    """The ports that a container listens on, and their names: a pod has each once. By them, and by
    what it runs, a container that was renamed is found."""
    found: set[Any] = set(_runs(item))
    for port in item.get("ports") or ():
        found.add((port.get("containerPort"), port.get("protocol", "TCP")))
        if port.get("name"):
            found.add(port["name"])
    return frozenset(found)


def _init_container_identities(item: Item) -> frozenset[Any]:
    # One that ends before the others begin leaves them its ports (KEP-753: the others run on).
    return _container_identities(item) if item.get("restartPolicy") == "Always" else _runs(item)


def _service(wanted: Item) -> frozenset[str]:
    """Fields that another type of Service has (pkg/apis/core/validation, ValidateService)."""
    kind = wanted.get("type", "ClusterIP")
    found: set[str] = set()
    if kind != "ExternalName":
        found.add("externalName")
    if kind != "LoadBalancer":
        found |= {
            "loadBalancerIP",
            "loadBalancerSourceRanges",
            "loadBalancerClass",
            "allocateLoadBalancerNodePorts",
            "healthCheckNodePort",
        }
        if kind != "NodePort":
            found.add("externalTrafficPolicy")
    return frozenset(found - set(wanted))


def _strategy(wanted: Item) -> frozenset[str]:
    return frozenset({"rollingUpdate"} if wanted.get("type") == "Recreate" else ())


def _all_but(*names: str) -> Callable[[Item], frozenset[str]]:
    """Every other field: the members of a union that grows with each release."""

    def excludes(wanted: Item) -> frozenset[str]:
        return ANY_OTHER if set(wanted) - set(names) else frozenset()

    return excludes


# Stands for all fields that are not wanted.
ANY_OTHER: Final = frozenset({"*"})

_HANDLER: Final = union("exec", "httpGet", "tcpSocket", "grpc")
_HOOK: Final = union("exec", "httpGet", "tcpSocket", "sleep")
_HTTP_GET: Final = Rule(defaults={"scheme": "HTTP", "path": "/"})
_PORTS: Final = Rule(
    keys=("containerPort", "protocol"), defaults={"protocol": "TCP"}, identities=_field("name")
)


def _container(place: str) -> dict[str, Rule]:
    return {
        f"{place}[].env": Rule(keys=("name",)),
        f"{place}[].env[]": Rule(excludes=union("value", "valueFrom")),
        f"{place}[].env[].valueFrom": Rule(excludes=_all_but()),
        f"{place}[].ports": _PORTS,
        f"{place}[].volumeMounts": Rule(keys=("mountPath",)),
        f"{place}[].volumeMounts[]": Rule(excludes=union("subPath", "subPathExpr")),
        f"{place}[].volumeDevices": Rule(keys=("devicePath",)),
        f"{place}[].readinessProbe": Rule(excludes=_HANDLER),
        f"{place}[].readinessProbe.httpGet": _HTTP_GET,
        f"{place}[].livenessProbe": Rule(excludes=_HANDLER),
        f"{place}[].livenessProbe.httpGet": _HTTP_GET,
        f"{place}[].startupProbe": Rule(excludes=_HANDLER),
        f"{place}[].startupProbe.httpGet": _HTTP_GET,
        f"{place}[].lifecycle.preStop": Rule(excludes=_HOOK),
        f"{place}[].lifecycle.postStart": Rule(excludes=_HOOK),
        f"{place}[].resources.claims": Rule(keys=("name",)),
    }


POD: Final[Schema] = {
    "containers": Rule(keys=("name",), identities=_container_identities),
    **_container("containers"),
    "initContainers": Rule(
        keys=("name",), identities=_init_container_identities, beside="containers"
    ),
    **_container("initContainers"),
    "volumes": Rule(keys=("name",)),
    "volumes[]": Rule(excludes=_all_but("name")),
    "imagePullSecrets": Rule(keys=("name",)),
    "hostAliases": Rule(keys=("ip",)),
    "resourceClaims": Rule(keys=("name",)),
    "topologySpreadConstraints": Rule(keys=("topologyKey", "whenUnsatisfiable")),
}
"""Facts about a PodSpec."""

_METADATA: Final[Schema] = {"metadata.ownerReferences": Rule(keys=("uid",))}

DEPLOYMENT: Final[Schema] = {
    **_METADATA,
    "spec.strategy": Rule(excludes=_strategy),
    **below("spec.template.spec", POD),
}
SERVICE: Final[Schema] = {
    **_METADATA,
    "spec": Rule(excludes=_service),
    "spec.ports": Rule(
        keys=("port", "protocol"), defaults={"protocol": "TCP"}, identities=_service_port
    ),
}
AUTOSCALER: Final[Schema] = {**_METADATA, "spec.metrics": Rule(atomic=True)}
CLAIM: Final[Schema] = {**_METADATA}
DISRUPTION_BUDGET: Final[Schema] = {
    **_METADATA,
    "spec": Rule(excludes=union("minAvailable", "maxUnavailable")),
}
JOB: Final[Schema] = {**_METADATA, **below("spec.template.spec", POD)}
STATEFUL_SET: Final[Schema] = {**_METADATA, **below("spec.template.spec", POD)}
DAEMON_SET: Final[Schema] = {**_METADATA, **below("spec.template.spec", POD)}

_KINDS: Final[Mapping[tuple[str, str], Schema]] = {
    ("apps", "Deployment"): DEPLOYMENT,
    ("apps", "StatefulSet"): STATEFUL_SET,
    ("apps", "DaemonSet"): DAEMON_SET,
    ("", "Service"): SERVICE,
    ("", "PersistentVolumeClaim"): CLAIM,
    ("", "Pod"): {**_METADATA, **below("spec", POD)},
    ("autoscaling", "HorizontalPodAutoscaler"): AUTOSCALER,
    ("policy", "PodDisruptionBudget"): DISRUPTION_BUDGET,
    ("batch", "Job"): JOB,
    ("batch", "CronJob"): {**_METADATA, **below("spec.jobTemplate.spec.template.spec", POD)},
}


def schema_of(obj: Item) -> Schema:
    """The facts that are known about the kind of an object; {} where there are none."""
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    return _KINDS.get((group if slash else "", str(obj.get("kind", ""))), {})


def kinds() -> Iterable[tuple[str, str]]:
    """(group, kind) of all kinds that are known."""
    return _KINDS.keys()
