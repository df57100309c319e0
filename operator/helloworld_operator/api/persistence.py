"""What v1 says about data: the volume, its snapshots, and what it is filled from.

Limits only. What is done about them is the controller's; a snapshot itself is `api.snapshot`.
"""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from kopfkit.crd import QUANTITY_LENGTH, QUANTITY_RULE, Rule, hints, patterns

# A guest book of some hundred thousand lines.
DEFAULT_SIZE: Final = "64Mi"
DEFAULT_KEEP: Final = 3
# A snapshot is a volume: a mistake in the schedule should not fill the storage.
MAX_KEEP: Final = 50

# An empty SQLite database and its journal have tens of kilobytes; below this a file system is
# hardly any space at all.
SMALLEST: Final = Rule(
    "!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity('1Mi')) >= 0",
    "size must be at least 1Mi",
)
# PersistentVolumeClaims grow and never shrink (Kubernetes, "Expanding Persistent Volumes Claims").
_GROWS: Final = Rule(
    "!isQuantity(string(self)) || quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0",
    "size cannot be made smaller, volumes only grow; for a smaller one take a snapshot, and "
    "restore it in a new HelloWorld",
)
StorageClassName = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=patterns.OBJECT_NAME_LENGTH,
        description="StorageClass of the volume. If omitted, the cluster's default class. It "
        "cannot be changed later.",
        extra=hints(
            rules=[
                Rule(
                    f"self.matches('{patterns.OBJECT_NAME}')",
                    "storageClassName must be the name of a StorageClass: lower case letters, "
                    "digits, '-' and '.', at most 253 characters; kubectl get storageclass lists "
                    "them",
                )
            ]
        ),
    ),
]


class Persistence(msgspec.Struct, rename="camel", omit_defaults=True):
    """A volume for the guest book and the counter of visits. One pod at a time writes to it, so
    replicas is then 0 or 1. The volume goes with the HelloWorld; snapshots of it stay."""

    kubernetes_rules: ClassVar = (
        Rule(
            "has(self.storageClassName) == has(oldSelf.storageClassName) && "
            "(!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
            "storageClassName cannot be changed, a volume keeps its class; take a snapshot, and "
            "restore it in a new HelloWorld with the other class",
            field_path=".storageClassName",
        ),
    )

    size: Annotated[
        int | Annotated[str, Meta(max_length=QUANTITY_LENGTH)],
        Meta(
            description="Size of the volume, as a quantity such as 64Mi or 1Gi: at least 1Mi. It "
            "can be increased later if the StorageClass allows expansion, and never decreased.",
            extra=hints(int_or_string=True, rules=[QUANTITY_RULE, SMALLEST, _GROWS]),
        ),
    ] = DEFAULT_SIZE
    storage_class_name: StorageClassName | None = None


class Snapshots(msgspec.Struct, rename="camel", omit_defaults=True):
    """Scheduled HelloWorldSnapshots, and how many of them are kept."""

    schedule: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=100,
                description="Schedule of snapshots in UTC: five cron fields (minute, hour, day of "
                "month, month, day of week) such as '30 2 * * *', or @hourly, @daily, @weekly. If "
                "omitted, no snapshots are scheduled.",
                extra=hints(
                    rules=[
                        Rule(
                            f"self.matches('{patterns.SCHEDULE}')",
                            "schedule must be @hourly, @daily, @weekly or the five fields minute "
                            "(0-59), hour (0-23), day of month (1-31), month (1-12) and day of "
                            "week (0-7) with one space between them, such as '30 2 * * *'",
                        )
                    ]
                ),
            ),
        ]
        | None
    ) = None
    keep: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_KEEP,
            description="Number of scheduled snapshots to keep, 1 to 50; older ones are deleted. "
            "Snapshots that users create are never deleted.",
        ),
    ] = DEFAULT_KEEP


class RestoreFrom(msgspec.Struct, rename="camel", omit_defaults=True):
    """The snapshot an empty volume is filled from before the first pod starts. A volume that has
    data is left as it is."""

    snapshot_name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=patterns.OBJECT_NAME_LENGTH,
            description="Name of a HelloWorldSnapshot in the same namespace.",
            extra=hints(
                rules=[
                    Rule(
                        f"self.matches('{patterns.OBJECT_NAME}')",
                        "snapshotName must be the name of a HelloWorldSnapshot: lower case "
                        "letters, digits, '-' and '.', at most 253 characters; kubectl get hws "
                        "lists them",
                    ),
                    Rule(
                        "self == oldSelf",
                        "snapshotName cannot be changed: a volume is restored once, while it is "
                        "empty; remove restoreFrom, or restore in a new HelloWorld",
                    ),
                ]
            ),
        ),
    ]
