"""HelloWorld v1: the hub of conversion and the version that is stored."""

import re
from typing import Annotated, ClassVar, Final, Literal

import msgspec
from msgspec import Meta, field

from helloworld_operator.api.common import (
    COLUMNS,
    DEFAULT_MESSAGE,
    DEFAULT_REPLICAS,
    MAX_REPLICAS,
    Image,
    LastSnapshot,
    Message,
    Replicas,
    Status,
)
from helloworld_operator.api.persistence import Persistence, RestoreFrom, Snapshots
from kopfkit.crd import Resources, Rule, Scale, Version, hints

__all__ = [
    "VERSION",
    "Autoscaling",
    "Greeting",
    "LastSnapshot",
    "Persistence",
    "Resources",
    "RestoreFrom",
    "Service",
    "Snapshots",
    "Spec",
    "Status",
]


# A language tag, as far as RFC 5646 can be read by its form.
LANGUAGE: Final = "[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*"


class Greeting(msgspec.Struct, rename="camel", omit_defaults=True):
    """What is answered."""

    message: Message = DEFAULT_MESSAGE
    language: (
        Annotated[
            str,
            Meta(
                min_length=2,
                max_length=35,  # RFC 5646, section 4.4.1: enough for every tag in use
                description="Language of the message as a tag such as en or zh-Hans (RFC 5646); "
                "sent as Content-Language.",
                extra=hints(
                    rules=[
                        Rule(
                            f"self.matches('^{LANGUAGE}$')",
                            "language must be a language tag such as en or zh-Hans",
                        )
                    ]
                ),
            ),
        ]
        | None
    ) = None

    def __post_init__(self) -> None:
        # It becomes a header of the greeting server's, and of whatever image is named instead; one
        # may have been stored under an older schema, or past it.
        if self.language and not re.fullmatch(LANGUAGE, self.language):
            raise ValueError("language must be a language tag such as en or zh-Hans")


class Service(msgspec.Struct, rename="camel", omit_defaults=True):
    """How the greeting is reached."""

    type: Annotated[
        Literal["ClusterIP", "NodePort", "LoadBalancer"],
        Meta(description="The type of the Service: ClusterIP, NodePort or LoadBalancer."),
    ] = "ClusterIP"
    port: Annotated[
        int, Meta(ge=1, le=65535, description="The port of the Service: 1 to 65535.")
    ] = 80


class Autoscaling(msgspec.Struct, rename="camel", omit_defaults=True):
    """A HorizontalPodAutoscaler that sets the number of pods by their CPU utilization, and by which
    replicas is ignored."""

    kubernetes_rules: ClassVar = (
        Rule(
            "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
            "minReplicas must not be greater than maxReplicas: lower the one or raise the other",
            field_path=".minReplicas",
        ),
    )

    max_replicas: Annotated[
        int, Meta(ge=1, le=MAX_REPLICAS, description="Maximum number of pods: 1 to 100.")
    ]
    min_replicas: Annotated[
        int, Meta(ge=1, le=MAX_REPLICAS, description="Minimum number of pods: 1 to 100.")
    ] = 1
    target_cpu_utilization_percentage: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Target average CPU utilization, as a percentage of the CPU that each pod "
            "requests: 1 to 1000. Above it, pods are added.",
        ),
    ] = field(name="targetCPUUtilizationPercentage", default=80)


class Spec(msgspec.Struct, rename="camel", omit_defaults=True):
    """The greeting service that is wanted."""

    kubernetes_rules: ClassVar = (
        Rule(
            "!has(self.persistence) || !has(self.replicas) || self.replicas <= 1",
            "replicas must be 0 or 1 with persistence, because one pod at a time writes to the "
            "volume: set replicas to 1 or remove persistence",
            field_path=".replicas",
        ),
        Rule(
            "!has(self.persistence) || !has(self.autoscaling)",
            "autoscaling cannot be had with persistence, because one pod at a time writes to the "
            "volume: remove one of the two",
            field_path=".autoscaling",
        ),
        Rule(
            "!has(self.autoscaling) || !has(self.resources) || "
            "(has(self.resources.requests) && 'cpu' in self.resources.requests) || "
            "(has(self.resources.limits) && 'cpu' in self.resources.limits)",
            "autoscaling needs resources.requests.cpu, because utilization is a share of what is "
            "requested: add it, or remove resources to get the default",
            field_path=".autoscaling",
        ),
        Rule(
            "!has(self.snapshots) || has(self.persistence)",
            "snapshots needs persistence, there is no volume to copy: add persistence or remove "
            "snapshots",
            field_path=".snapshots",
        ),
        Rule(
            "!has(self.restoreFrom) || has(self.persistence)",
            "restoreFrom needs persistence, there is no volume to restore to: add persistence or "
            "remove restoreFrom",
            field_path=".restoreFrom",
        ),
    )

    replicas: Replicas = DEFAULT_REPLICAS
    greeting: Greeting = field(default_factory=Greeting)
    image: Image | None = None
    resources: Resources | None = None
    service: Service | None = None
    autoscaling: Autoscaling | None = None
    persistence: Persistence | None = None
    snapshots: Snapshots | None = None
    restore_from: RestoreFrom | None = None


VERSION = Version(
    name="v1",
    spec=Spec,
    status=Status,
    description="A HelloWorld is a greeting service: pods that answer HTTP with a message, and the "
    "Service in front of them.",
    storage=True,
    columns=COLUMNS,
    scale=Scale(".spec.replicas", ".status.replicas", ".status.selector"),
)
