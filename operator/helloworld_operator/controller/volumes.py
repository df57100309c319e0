"""The claim of a HelloWorld's guest book: what is wanted, how it grows, and what fills it. Pure.

A claim only grows (Kubernetes, "Expanding Persistent Volumes Claims"), keeps its class, and goes
with its HelloWorld. It carries a note of what it was filled with: without one, nothing is known to
be on the volume, and no pod may start before a restore has ended.
"""

from typing import Any, Final

from helloworld_operator.api import hub
from helloworld_operator.controller import names
from helloworld_operator.controller.images import IMAGES
from kopfkit.controller import capacity, dig
from kopfkit.controller import claim as wanted_claim
from kopfkit.controller.images import EMPTY, Record

Raw = dict[str, Any]

# What a volume was filled with: the name of a HelloWorldSnapshot, or NOTHING.
FILLED: Final = "test.jiaozi.com/filled-from"
NOTHING: Final = "-"
# Where the greeting server finds it.
_DIRECTORY: Final = "/data"
# What the volume adds to the greeting server's pod. A snapshot is made in /tmp, so that it needs no
# room on the volume itself.
ENVIRONMENT: Final = ({"name": "DATA_DIR", "value": _DIRECTORY},)
MOUNTS: Final = (
    {"name": "data", "mountPath": _DIRECTORY},
    {"name": "tmp", "mountPath": "/tmp"},
)


def volumes(name: str) -> list[Raw]:
    """The volumes of the pod of the HelloWorld of that name."""
    claimed = {"claimName": names.claim_name(name)}
    return [{"name": "data", "persistentVolumeClaim": claimed}, {"name": "tmp", "emptyDir": {}}]


def claim(
    name: str,
    persistence: hub.Persistence,
    live: Raw | None,
    filled: str,
    record: Record = EMPTY,
) -> Raw:
    """The PersistentVolumeClaim that is wanted.

    Args:
        name: of the HelloWorld.
        persistence: its spec.persistence.
        live: its claim as it is, or None.
        filled: what the volume was filled with, or "" while that is not known.
        record: what it is to remember of images.
    """
    metadata: Raw = {"name": names.claim_name(name), "labels": names.labels(name)}
    if notes := {**({FILLED: filled} if filled else {}), **IMAGES.annotations(record)}:
        metadata["annotations"] = notes
    wanted_class = persistence.storage_class_name
    return wanted_claim(metadata, str(persistence.size), storage_class=wanted_class, live=live)


def filled_from(live: Raw | None) -> str:
    """What our claim says it was filled with, or ""."""
    return str(dig(live, "metadata", "annotations", FILLED) or "")


def cannot_grow(live: Raw | None, why: str) -> str:
    """What to tell where the API server refused to let our claim grow."""
    of = dig(live, "spec", "storageClassName")
    return (
        f"volumes of StorageClass {of} cannot grow ({why}): set spec.persistence.size back to "
        f"{capacity(live)}, or have allowVolumeExpansion set in the class"
    )
