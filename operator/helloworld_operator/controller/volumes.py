"""The claim of a HelloWorld's guest book: what is wanted, how it grows, and what fills it. Pure.

A claim only grows (Kubernetes, "Expanding Persistent Volumes Claims"), keeps its class, and goes
with its HelloWorld. It carries a note of what it was filled with: without one, nothing is known to
be on the volume, and no pod may start before a restore has ended.
"""

from typing import Any, Final

from helloworld_operator.api import v1
from helloworld_operator.controller import names
from helloworld_operator.controller.images import EMPTY, Record
from kopfkit.controller import dig, items
from kopfkit.quantities import resource_quantity

Raw = dict[str, Any]

# What a volume was filled with: the name of a HelloWorldSnapshot, or NOTHING.
FILLED: Final = "test.jiaozi.com/filled-from"
NOTHING: Final = "-"
# Where the greeting server finds it.
_DIRECTORY: Final = "/data"
# The group that owns what a fresh volume holds; the pods' own.
_GROUP: Final = 65532
# What the volume adds to the greeting server's pod. A snapshot is made in /tmp, so that it needs no
# room on the volume itself.
ENVIRONMENT: Final = ({"name": "DATA_DIR", "value": _DIRECTORY},)
MOUNTS: Final = (
    {"name": "data", "mountPath": _DIRECTORY},
    {"name": "tmp", "mountPath": "/tmp"},
)
SECURITY: Final = {"fsGroup": _GROUP, "fsGroupChangePolicy": "OnRootMismatch"}


def volumes(name: str) -> list[Raw]:
    """The volumes of the pod of the HelloWorld of that name."""
    claimed = {"claimName": names.claim_name(name)}
    return [{"name": "data", "persistentVolumeClaim": claimed}, {"name": "tmp", "emptyDir": {}}]


def claim(
    name: str,
    persistence: v1.Persistence,
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
    there = dig(live, "spec", "resources", "requests", "storage")
    size = larger(str(persistence.size), there)
    if there and dig(live, "status", "phase") != "Bound":
        size = there  # nothing to grow yet; the API server refuses it
    spec: Raw = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if persistence.storage_class_name:
        # Never another class than it has: it cannot be changed.
        given = dig(live, "spec", "storageClassName")
        spec["storageClassName"] = given or persistence.storage_class_name
    metadata: Raw = {"name": names.claim_name(name), "labels": names.labels(name)}
    if notes := {**({FILLED: filled} if filled else {}), **record.annotations}:
        metadata["annotations"] = notes
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def filled_from(live: Raw | None) -> str:
    """What our claim says it was filled with, or ""."""
    return str(dig(live, "metadata", "annotations", FILLED) or "")


def larger(wanted: str, there: Any) -> str:
    """The larger one of two quantities; `wanted` where the other is none."""
    one, other = resource_quantity(wanted), resource_quantity(there)
    return str(there) if one is not None and other is not None and other > one else wanted


def capacity(live: Raw | None) -> str | None:
    """How much the volume really holds, or None while there is none."""
    found = dig(live, "status", "capacity", "storage")
    return str(found) if found else None


def growing(live: Raw | None) -> str:
    """How the volume is growing, as a sentence; "" where it is as large as it should be."""
    has, asked = capacity(live), dig(live, "spec", "resources", "requests", "storage")
    one, other = resource_quantity(has), resource_quantity(asked)
    if one is None or other is None or one >= other:
        return ""
    return f"the volume grows from {has} to {asked}{_resizing(live)}"


def infeasible(live: Raw | None) -> str:
    """Why the storage cannot grow the volume, or ""."""
    state = dig(live, "status", "allocatedResourceStatuses", "storage")
    if state in ("ControllerResizeInfeasible", "NodeResizeInfeasible"):
        return f"the storage cannot grow the volume ({state}){_resizing(live)}"
    return ""


def cannot_grow(live: Raw | None, why: str) -> str:
    """What to tell where the API server refused to let our claim grow."""
    of = dig(live, "spec", "storageClassName")
    return (
        f"volumes of StorageClass {of} cannot grow ({why}): set spec.persistence.size back to "
        f"{capacity(live)}, or have allowVolumeExpansion set in the class"
    )


def _resizing(live: Raw | None) -> str:
    """What the claim's conditions say about resizing, as the end of a sentence."""
    said = [
        str(each.get("message") or each.get("type"))
        for each in items(dig(live, "status", "conditions"))
        if "Resiz" in str(each.get("type")) and each.get("status") == "True"
    ]
    return f": {'; '.join(said)}" if said else ""
