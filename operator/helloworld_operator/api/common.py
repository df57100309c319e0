"""What both versions of the API share: limits, the image field, status, columns.

A limit that differed between the versions would make objects that one version accepts and the other
can never update again, so each limit exists once, here.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from kopfkit.crd import Column, Condition, ConditionedStatus, Rule, Time, hints, patterns

DEFAULT_MESSAGE: Final = "Hello, World!"
DEFAULT_REPLICAS: Final = 1
# Pods; far above any use of a greeting, low enough that a typing mistake cannot fill a cluster.
MAX_REPLICAS: Final = 100
# Unicode characters, as the API server counts maxLength.
MAX_MESSAGE: Final = 1024
Replicas = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_REPLICAS,
        description="Number of pods that serve the greeting: 0 to 100. 0 stops the service and "
        "keeps the object.",
    ),
]
Message = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_MESSAGE,
        description="The greeting: 1 to 1024 characters, any language.",
        extra=hints(
            rules=[
                # The pods get it in their environment, where NUL ends a text.
                Rule(
                    r"!self.matches('\\x00')",
                    "message must not contain the character NUL (U+0000): leave it out",
                )
            ]
        ),
    ),
]
Image = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=patterns.IMAGE_LENGTH,
        description="Container image that serves the greeting on port 8080. If omitted, the "
        "greeting server in the operator's own image.",
        extra=hints(
            rules=[
                Rule(
                    f"self.matches('{patterns.IMAGE}')",
                    "image must be an image reference such as registry.example.com/hello:1.0: the "
                    "name in lower case, no spaces, no scheme like https://",
                )
            ]
        ),
    ),
]


# As in the status of a Deployment.
Count = Annotated[int, Meta(ge=0, extra=hints(format="int32"))]


class LastSnapshot(msgspec.Struct, rename="camel", omit_defaults=True):
    """The newest complete snapshot of the volume."""

    name: Annotated[str, Meta(description="Name of the HelloWorldSnapshot.")]
    time: Annotated[Time, Meta(description="When it was complete (RFC 3339).")]


class Status(ConditionedStatus, rename="camel", omit_defaults=True):
    """What the operator has observed; written by the operator only."""

    desired_replicas: (
        Annotated[
            Count, Meta(description="Desired number of pods, from spec or from the autoscaler.")
        ]
        | None
    ) = None
    replicas: Annotated[Count, Meta(description="Number of pods.")] | None = None
    ready_replicas: Annotated[Count, Meta(description="Number of ready pods.")] | None = None
    selector: (
        Annotated[str, Meta(description="Label selector of the pods, as an autoscaler reads it.")]
        | None
    ) = None
    url: Annotated[str, Meta(description="URL of the greeting inside the cluster.")] | None = None
    image: (
        Annotated[
            str,
            Meta(
                description="Image of the last complete rollout; the operator rolls back to it if "
                "the next image does not become ready."
            ),
        ]
        | None
    ) = None
    rejected_image: (
        Annotated[
            str,
            Meta(
                description="Image that was rolled back because it did not become ready; not "
                "retried until another image is set."
            ),
        ]
        | None
    ) = None
    volume_capacity: (
        Annotated[str, Meta(description="Actual size of the volume, such as 64Mi.")] | None
    ) = None
    last_snapshot: LastSnapshot | None = None
    conditions: (
        Annotated[
            list[Condition],
            Meta(
                description="The aspects of the current state: Available, Progressing, Degraded.",
                extra=hints(list_type="map", list_map_keys=["type"]),
            ),
        ]
        | None
    ) = None


# Both versions show the same picture. What is wanted is the status's word: with an autoscaler it is
# not the number in spec.
COLUMNS: Final = (
    Column("Desired", "integer", ".status.desiredReplicas", "Desired number of pods"),
    Column("Ready", "integer", ".status.readyReplicas", "Number of ready pods"),
    Column(
        "Available",
        "string",
        '.status.conditions[?(@.type=="Available")].status',
        "Whether the greeting is served",
    ),
    Column(
        "Progress",
        "string",
        '.status.conditions[?(@.type=="Progressing")].reason',
        "RolloutComplete, or what it is doing or held up by",
    ),
    Column(
        "Health",
        "string",
        '.status.conditions[?(@.type=="Degraded")].reason',
        "AsExpected, or what somebody has to fix",
    ),
    Column("URL", "string", ".status.url", "URL of the greeting", priority=1),
    Column("Image", "string", ".status.image", "The image that was rolled out", priority=1),
    Column("Volume", "string", ".status.volumeCapacity", "Size of the volume", priority=1),
    Column(
        "Snapshot",
        "date",
        ".status.lastSnapshot.time",
        "Time since the newest complete snapshot",
        priority=1,
    ),
    Column("Age", "date", ".metadata.creationTimestamp", "Time since creation"),
)
