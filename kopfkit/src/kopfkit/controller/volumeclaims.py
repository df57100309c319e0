"""PersistentVolumeClaims: how much a volume holds, how it grows, and why it does not.

Pure, of a claim as it is read. A claim only grows (Kubernetes, "Expanding Persistent Volumes
Claims").
"""

from typing import Any

from kopfkit.controller.owners import dig, items
from kopfkit.quantities import resource_quantity
from kopfkit.runtime.api.resources import Object as Raw


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


def _resizing(live: Raw | None) -> str:
    """What the claim's conditions say about resizing, as the end of a sentence."""
    said = [
        str(each.get("message") or each.get("type"))
        for each in items(dig(live, "status", "conditions"))
        if "Resiz" in str(each.get("type")) and each.get("status") == "True"
    ]
    return f": {'; '.join(said)}" if said else ""


def claim(
    metadata: Raw, size: str, *, storage_class: str | None = None, live: Raw | None = None
) -> Raw:
    """The PersistentVolumeClaim for one writer that is wanted.

    Args:
        metadata: of the claim.
        size: that is asked for; a claim that has more keeps it.
        storage_class: that is asked for; a claim keeps its class, which cannot be changed.
        live: the claim as it is, or None.
    """
    there = dig(live, "spec", "resources", "requests", "storage")
    size = larger(size, there)
    if there and dig(live, "status", "phase") != "Bound":
        size = there  # nothing to grow yet; the API server refuses it
    spec: Raw = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if storage_class:
        spec["storageClassName"] = dig(live, "spec", "storageClassName") or storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
