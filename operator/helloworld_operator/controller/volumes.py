"""The claim of a HelloWorld's guest book: what is wanted, how it grows, and what fills it. Pure.

A claim only grows (Kubernetes, "Expanding Persistent Volumes Claims"), keeps its class, and goes
with its HelloWorld. It carries a note of what it was filled with: without one, nothing is known to
be on the volume, and no pod may start before a restore has ended.
"""

from typing import Any, Final

from helloworld_operator.api import v1
from helloworld_operator.controller import names
from helloworld_operator.controller.observe import mapping
from helloworld_operator.controller.records import EMPTY, Record
from helloworld_operator.controller.wish import Object, PodParts, metadata, signed
from kopfkit.quantities import resource_quantity

# What a volume was filled with: the name of a HelloWorldSnapshot, or NOTHING.
FILLED: Final = "test.jiaozi.com/filled-from"
NOTHING: Final = "-"
# Where the greeting server finds it.
DIRECTORY: Final = "/data"
_VOLUME: Final = "data"
_SCRATCH: Final = "tmp"
# The group that owns what a fresh volume holds; the pods' own.
GROUP_ID: Final = 65532


def claim(
    owner: Object,
    persistence: v1.Persistence,
    live: Object | None,
    filled: str,
    record: Record = EMPTY,
) -> Object:
    """The PersistentVolumeClaim that is wanted.

    Args:
        owner: the HelloWorld as read.
        persistence: its spec.persistence.
        live: our claim as it is, or None.
        filled: what the volume was filled with, or "" while that is not known.
        record: what it is to remember of images.
    """
    requests = mapping(mapping(mapping(live).get("spec")).get("resources")).get("requests")
    there = mapping(requests).get("storage")
    size = larger(str(persistence.size), there)
    if there and mapping(mapping(live).get("status")).get("phase") != "Bound":
        size = there  # nothing to grow yet; the API server refuses it
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if persistence.storage_class_name:
        # Never another class than it has: it cannot be changed.
        given = mapping(mapping(live).get("spec")).get("storageClassName")
        spec["storageClassName"] = given or persistence.storage_class_name
    wanted: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(owner, names.claim_name(owner["metadata"]["name"])),
        "spec": spec,
    }
    notes = {**({FILLED: filled} if filled else {}), **record.annotations}
    if notes:
        wanted["metadata"]["annotations"] = notes
    return signed(wanted)


def filled_from(live: Object | None) -> str:
    """What our claim says it was filled with, or ""."""
    annotations = mapping(mapping(mapping(live).get("metadata")).get("annotations"))
    return str(annotations.get(FILLED) or "")


def larger(wanted: str, there: Any) -> str:
    """The larger one of two quantities; `wanted` where the other is none."""
    one, other = resource_quantity(wanted), resource_quantity(there)
    return str(there) if one is not None and other is not None and other > one else wanted


def capacity(live: Object | None) -> str | None:
    """How much the volume really holds, or None while there is none."""
    found = mapping(mapping(mapping(live).get("status")).get("capacity")).get("storage")
    return str(found) if found else None


def growing(live: Object | None) -> str:
    """How the volume is growing, as a sentence; "" where it is as large as it should be."""
    has = capacity(live)
    resources = mapping(mapping(mapping(live).get("spec")).get("resources"))
    asked = mapping(resources.get("requests")).get("storage")
    one, other = resource_quantity(has), resource_quantity(asked)
    if one is None or other is None or one >= other:
        return ""
    return f"the volume grows from {has} to {asked}{_resizing(mapping(live))}"


def infeasible(live: Object | None) -> str:
    """Why the storage cannot grow the volume, or ""."""
    status = mapping(mapping(live).get("status"))
    state = mapping(status.get("allocatedResourceStatuses")).get("storage")
    if state in ("ControllerResizeInfeasible", "NodeResizeInfeasible"):
        return f"the storage cannot grow the volume ({state}){_resizing(mapping(live))}"
    return ""


def cannot_grow(live: Object | None, why: str) -> str:
    """What to tell where the API server refused to let our claim grow."""
    of = mapping(mapping(live).get("spec")).get("storageClassName")
    return (
        f"volumes of StorageClass {of} cannot grow ({why}): set spec.persistence.size back to "
        f"{capacity(live)}, or have allowVolumeExpansion set in the class"
    )


def parts(owner: Object) -> PodParts:
    """What the volume adds to the greeting server's pod."""
    claimed = {"claimName": names.claim_name(owner["metadata"]["name"])}
    return PodParts(
        volumes=(
            {"name": _VOLUME, "persistentVolumeClaim": claimed},
            # A snapshot is made here, so that it needs no room on the volume itself.
            {"name": _SCRATCH, "emptyDir": {}},
        ),
        mounts=(
            {"name": _VOLUME, "mountPath": DIRECTORY},
            {"name": _SCRATCH, "mountPath": "/tmp"},
        ),
        env=({"name": "DATA_DIR", "value": DIRECTORY},),
        security={"fsGroup": GROUP_ID, "fsGroupChangePolicy": "OnRootMismatch"},
    )


def _resizing(live: Object) -> str:
    """What the claim's conditions say about resizing, as the end of a sentence."""
    conditions = mapping(live.get("status")).get("conditions")
    said = [
        str(each.get("message") or each.get("type"))
        for each in map(mapping, conditions if isinstance(conditions, list) else [])
        if "Resiz" in str(each.get("type")) and each.get("status") == "True"
    ]
    return f": {'; '.join(said)}" if said else ""
