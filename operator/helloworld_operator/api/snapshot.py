"""HelloWorldSnapshot v1: a consistent copy of a HelloWorld's volume, in a claim of its own.

A kind of its own and not a field, because a snapshot outlives what it was taken of. It has one
version, and so needs no conversion.
"""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from helloworld_operator.api.persistence import SMALLEST, StorageClassName
from kopfkit.crd import (
    QUANTITY_LENGTH,
    QUANTITY_RULE,
    Column,
    Condition,
    ConditionedStatus,
    CustomResource,
    Rule,
    Time,
    Version,
    hints,
    patterns,
)

KIND: Final = "HelloWorldSnapshot"
PLURAL: Final = "helloworldsnapshots"


class Spec(msgspec.Struct, rename="camel", omit_defaults=True):
    """What is copied, and where the copy is kept."""

    kubernetes_rules: ClassVar = (
        Rule(
            "self == oldSelf",
            "spec of a snapshot cannot be changed, it is taken once: make another "
            "HelloWorldSnapshot",
        ),
    )

    hello_world_name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=patterns.OBJECT_NAME_LENGTH,
            description="Name of the HelloWorld in the same namespace whose volume is copied. It "
            "must be running: the copy is fetched from it.",
            extra=hints(
                rules=[
                    Rule(
                        f"self.matches('{patterns.OBJECT_NAME}')",
                        "helloWorldName must be the name of a HelloWorld: lower case letters, "
                        "digits, '-' and '.', at most 253 characters; kubectl get hw lists them",
                    )
                ]
            ),
        ),
    ]
    storage_class_name: StorageClassName | None = None
    size: (
        Annotated[
            int | Annotated[str, Meta(max_length=QUANTITY_LENGTH)],
            Meta(
                description="Size of the snapshot's volume, as a quantity such as 64Mi: at least "
                "1Mi. If omitted, the size of the copied volume.",
                extra=hints(int_or_string=True, rules=[QUANTITY_RULE, SMALLEST]),
            ),
        ]
        | None
    ) = None


class Status(ConditionedStatus, rename="camel", omit_defaults=True):
    """How far the snapshot is, and what it holds; written by the operator only."""

    claim_name: (
        Annotated[
            str,
            Meta(
                description="PersistentVolumeClaim that holds the copy; deleted with the snapshot."
            ),
        ]
        | None
    ) = None
    size_bytes: Annotated[int, Meta(ge=0, description="Size of the copy in bytes.")] | None = None
    entries: (
        Annotated[int, Meta(ge=0, description="Number of guest book entries in the copy.")] | None
    ) = None
    sha256: (
        Annotated[
            str,
            Meta(
                min_length=64,
                max_length=64,
                description="SHA-256 of the copy in hexadecimal; checked when it is restored.",
            ),
        ]
        | None
    ) = None
    completed_at: (
        Annotated[Time, Meta(description="When the copy was complete (RFC 3339).")] | None
    ) = None
    conditions: (
        Annotated[
            list[Condition],
            Meta(
                description="Ready: the copy is complete and can be restored. Failed: it will "
                "never be.",
                extra=hints(list_type="map", list_map_keys=["type"]),
            ),
        ]
        | None
    ) = None


VERSION = Version(
    name="v1",
    spec=Spec,
    status=Status,
    description="A HelloWorldSnapshot is a consistent copy of a HelloWorld's guest book. It stays "
    "when the HelloWorld goes, and a new one can be restored from it (spec.restoreFrom). Deleting "
    "it deletes the copy.",
    storage=True,
    columns=(
        Column("Of", "string", ".spec.helloWorldName", "The HelloWorld that was copied"),
        Column(
            "Ready",
            "string",
            '.status.conditions[?(@.type=="Ready")].status',
            "Whether it can be restored",
        ),
        Column(
            "Reason",
            "string",
            '.status.conditions[?(@.type=="Ready")].reason',
            "Progress, or why it is not ready",
        ),
        Column("Entries", "integer", ".status.entries", "Guest book entries in the copy"),
        Column("Bytes", "integer", ".status.sizeBytes", "Bytes of the copy", priority=1),
        Column("Claim", "string", ".status.claimName", "Where the copy is kept", priority=1),
        Column("Completed", "date", ".status.completedAt", "Time since it was complete"),
        Column("Age", "date", ".metadata.creationTimestamp", "Time since creation", priority=1),
    ),
)


def resource(group: str) -> CustomResource:
    """The kind in a group; ours is `api.SNAPSHOT`."""
    return CustomResource(
        group=group,
        kind=KIND,
        plural=PLURAL,
        short_names=("hws",),
        categories=("all",),
        versions=(VERSION,),
    )
