"""Types nearly every API needs: the condition, the quantity, what a container asks for."""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from kopfkit.crd.hints import Rule, hints

# k8s.io/apimachinery pkg/apis/meta/v1 Condition: limits and patterns are those of its markers.
_QUALIFIED_NAME = (
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
)
_REASON = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"


Time = Annotated[str, Meta(extra=hints(format="date-time"))]
"""A time as the API server checks it (RFC 3339)."""


class Condition(msgspec.Struct, rename="camel", omit_defaults=True):
    """One aspect of the object's current state, in the usual Kubernetes form."""

    type: Annotated[
        str,
        Meta(
            max_length=316,
            pattern=_QUALIFIED_NAME,
            description="Name of the aspect, such as Available; one condition per type.",
        ),
    ]
    status: Annotated[
        Literal["True", "False", "Unknown"],
        Meta(description="Whether the condition holds: True, False or Unknown."),
    ]
    last_transition_time: Annotated[
        Time, Meta(description="When status last went from one value to another (RFC 3339).")
    ]
    reason: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1024,
            pattern=_REASON,
            description="Why, as one CamelCase word for programs.",
        ),
    ]
    message: Annotated[
        str, Meta(max_length=32768, description="Why, as a sentence for people; may be empty.")
    ] = ""
    observed_generation: (
        Annotated[
            int,
            Meta(ge=0, description="The metadata.generation this condition was computed from."),
        ]
        | None
    ) = None


class ConditionedStatus(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """The fields of a status that every controller writes; a status of an API is a subclass."""

    observed_generation: (
        Annotated[
            int, Meta(ge=0, description="The metadata.generation this status was computed from.")
        ]
        | None
    ) = None
    conditions: (
        Annotated[
            list[Condition],
            Meta(
                description="The aspects of the current state, one condition per type.",
                extra=hints(list_type="map", list_map_keys=["type"]),
            ),
        ]
        | None
    ) = None


# The longest sensible quantity is far shorter; the limit also bounds the cost of the CEL rule.
QUANTITY_LENGTH = 64
QUANTITY_RULE = Rule(
    "type(self) == string ? "
    "isQuantity(self) && quantity(self).compareTo(quantity('0')) >= 0 : self >= 0",
    "must be a quantity that is not negative, such as 500m, 2 or 128Mi",
)

Quantity = Annotated[
    int | Annotated[str, Meta(max_length=QUANTITY_LENGTH)],
    Meta(
        description="A Kubernetes quantity, such as 500m, 2 or 128Mi.",
        extra=hints(int_or_string=True, rules=[QUANTITY_RULE]),
    ),
]

# What a container may ask for (Kubernetes, "Resource Management for Pods and Containers").
_NAMES = Rule(
    "self.all(name, name in ['cpu', 'memory', 'ephemeral-storage'] || name.contains('/'))",
    "must name cpu, memory, ephemeral-storage or a device such as example.com/gpu",
)


class Resources(msgspec.Struct, rename="camel", omit_defaults=True):
    """Compute resources of each pod, as in a container."""

    kubernetes_rules: ClassVar = (
        Rule(
            "!has(self.requests) || !has(self.limits) || self.requests.all(name, "
            "!(name in self.limits) || !isQuantity(string(self.requests[name])) || "
            "!isQuantity(string(self.limits[name])) || quantity(string(self.requests[name]))"
            ".compareTo(quantity(string(self.limits[name]))) <= 0)",
            "requests must not be greater than limits: lower the request or raise the limit",
            field_path=".requests",
        ),
    )

    requests: (
        Annotated[
            dict[str, Quantity],
            Meta(
                max_length=8,
                description="Resources that each pod requests, by name: cpu, memory. If omitted, "
                "the limits.",
                extra=hints(rules=[_NAMES]),
            ),
        ]
        | None
    ) = None
    limits: (
        Annotated[
            dict[str, Quantity],
            Meta(
                max_length=8,
                description="Maximum resources of each pod, by name: cpu, memory.",
                extra=hints(rules=[_NAMES]),
            ),
        ]
        | None
    ) = None
