"""Kinds of children, by group, version, plural and kind."""

from dataclasses import dataclass, field
from typing import Any, Final

from kopfkit.crd import CustomResource, Version
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.schemas import Schema, schema_of

__all__ = [
    "CONFIG_MAPS",
    "CRON_JOBS",
    "DAEMON_SETS",
    "DEPLOYMENTS",
    "EVENTS",
    "HORIZONTAL_POD_AUTOSCALERS",
    "INGRESSES",
    "JOBS",
    "LIMIT_RANGES",
    "NAMESPACES",
    "NETWORK_POLICIES",
    "NODES",
    "PERSISTENT_VOLUME_CLAIMS",
    "PODS",
    "POD_DISRUPTION_BUDGETS",
    "PRIORITY_CLASSES",
    "RESOURCE_QUOTAS",
    "SECRETS",
    "SERVICES",
    "SERVICE_ACCOUNTS",
    "STATEFUL_SETS",
    "WORKLOADS",
    "Kind",
    "OwnedKind",
]


@dataclass(frozen=True)
class Kind:
    """A kind of object that a controller owns or watches.

    Args:
        group: "" for the core group.
        version: of the API, in which the controller reads and writes.
        plural: the resource's name.
        kind: the kind's name.
        namespaced: whether its objects live in a namespace.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @classmethod
    def of(cls, resource: CustomResource, version: Version[Any, Any]) -> "Kind":
        """The kind of a custom resource in one of its versions."""
        namespaced = resource.scope == "Namespaced"
        return cls(resource.group, version.name, resource.plural, resource.kind, namespaced)

    @property
    def api_version(self) -> str:
        """ "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> Resource:
        """Where its objects live."""
        return Resource(self.group, self.version, self.plural)

    @property
    def schema(self) -> Schema:
        """The facts that decide which foreign fields contradict an object of ours."""
        return schema_of({"apiVersion": self.api_version, "kind": self.kind})

    @property
    def given_away(self) -> tuple[tuple[str, ...], ...]:
        """Fields that keep their value when they are no longer wanted: an autoscaler's."""
        return (("f:spec", "f:replicas"),) if self in _SCALED else ()


@dataclass(frozen=True)
class OwnedKind:
    """A kind that a controller owns.

    Attributes:
        kind: of the children.
        prune: whether children that a reconcile did not apply are deleted at its end.
        immutable: whether children are only created, with `Context.create`, and never changed.
        delete: whether children may be deleted.
        rules: what contradicts a child, and what of it is ours alone; None for the kind's own.
    """

    kind: Kind
    prune: bool = False
    immutable: bool = False
    delete: bool = False
    rules: Schema | None = field(default=None, hash=False)

    @property
    def resource(self) -> Resource:
        """Where the children live."""
        return self.kind.resource

    @property
    def schema(self) -> Schema:
        """The facts that decide which foreign fields contradict a child."""
        return self.rules if self.rules is not None else self.kind.schema

    @property
    def given_away(self) -> tuple[tuple[str, ...], ...]:
        """Fields that are left to others where they are not wanted."""
        return self.kind.given_away


CONFIG_MAPS: Final = Kind("", "v1", "configmaps", "ConfigMap")
PERSISTENT_VOLUME_CLAIMS: Final = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
LIMIT_RANGES: Final = Kind("", "v1", "limitranges", "LimitRange")
PODS: Final = Kind("", "v1", "pods", "Pod")
RESOURCE_QUOTAS: Final = Kind("", "v1", "resourcequotas", "ResourceQuota")
SECRETS: Final = Kind("", "v1", "secrets", "Secret")
SERVICES: Final = Kind("", "v1", "services", "Service")
SERVICE_ACCOUNTS: Final = Kind("", "v1", "serviceaccounts", "ServiceAccount")
DAEMON_SETS: Final = Kind("apps", "v1", "daemonsets", "DaemonSet")
DEPLOYMENTS: Final = Kind("apps", "v1", "deployments", "Deployment")
STATEFUL_SETS: Final = Kind("apps", "v1", "statefulsets", "StatefulSet")
HORIZONTAL_POD_AUTOSCALERS: Final = Kind(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
CRON_JOBS: Final = Kind("batch", "v1", "cronjobs", "CronJob")
JOBS: Final = Kind("batch", "v1", "jobs", "Job")
EVENTS: Final = Kind("events.k8s.io", "v1", "events", "Event")
INGRESSES: Final = Kind("networking.k8s.io", "v1", "ingresses", "Ingress")
NETWORK_POLICIES: Final = Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
POD_DISRUPTION_BUDGETS: Final = Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")

NAMESPACES: Final = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
NODES: Final = Kind("", "v1", "nodes", "Node", namespaced=False)
PRIORITY_CLASSES: Final = Kind(
    "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False
)

WORKLOADS: Final = frozenset({DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS})
"""Kinds that make pods and find them by a selector."""
_SCALED: Final = frozenset({DEPLOYMENTS, STATEFUL_SETS})
