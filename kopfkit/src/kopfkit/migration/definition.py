"""What a CRD says about how its objects are stored, and when they must not be rewritten."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any, Final

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Object, Resource

DEFINITIONS: Final = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


@dataclass(frozen=True)
class Definition:
    """One look at a CRD.

    Attributes:
        name: of the CRD.
        uid, generation: its identity and the count of changes of its spec. Nothing that is decided
            here holds any longer when one of them differs.
        resource_version: for a write that must meet the CRD as it was read.
        storage: the version that writes are stored in.
        stored: `status.storedVersions`.
        through: the resource in the version that objects are read and written through: the stored
            one, or another where that is not served.
        kind: of the objects.
        converts: whether a webhook converts; False is strategy None.
        alike: whether all versions have the same schema.
        annotations: of the CRD.
    """

    name: str
    uid: str
    generation: int
    resource_version: str
    storage: str
    stored: tuple[str, ...]
    through: Resource
    kind: str
    converts: bool
    alike: bool
    annotations: dict[str, str]

    @property
    def migrated(self) -> bool:
        """Whether nothing is stored in any version but the current one."""
        return self.stored == (self.storage,)

    @property
    def storage_hash(self) -> str:
        """How discovery tells the version that is stored (StorageVersionHash in
        k8s.io/apiserver/pkg/endpoints/discovery)."""
        text = f"{self.through.group}/{self.storage}/{self.kind}"
        return base64.b64encode(hashlib.sha256(text.encode()).digest()[:8]).decode()

    def same(self, other: "Definition") -> bool:
        """Whether the spec is the same as at another look."""
        return (self.uid, self.generation) == (other.uid, other.generation)


def read(crd: Object, to: str | None = None) -> Definition:
    """The Definition of a CRD as the API server returns it.

    Args:
        to: the version that the caller means to migrate to; None takes what the CRD stores.

    Raises:
        KopfkitError: its objects must not be rewritten; says why and what helps.
    """
    spec, metadata = crd["spec"], crd["metadata"]
    what = f"CRD {metadata['name']}"
    versions: list[dict[str, Any]] = spec["versions"]
    storage = next(version["name"] for version in versions if version.get("storage"))
    stored = tuple((crd.get("status") or {}).get("storedVersions") or ())
    _wanted(what, to, storage, [version["name"] for version in versions])
    served = [version["name"] for version in versions if version.get("served")]
    if not served:
        raise KopfkitError(
            what,
            "serves no version, so that its objects can be neither read nor written",
            "Serve one version at least until its objects are migrated.",
        )
    found = Definition(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        resource_version=metadata["resourceVersion"],
        storage=storage,
        stored=stored,
        through=Resource(
            spec["group"], storage if storage in served else served[0], spec["names"]["plural"]
        ),
        kind=spec["names"]["kind"],
        converts=(spec.get("conversion") or {}).get("strategy") == "Webhook",
        alike=all(one.get("schema") == versions[0].get("schema") for one in versions),
        annotations=metadata.get("annotations") or {},
    )
    if not found.migrated and not found.converts and not found.alike:
        others = ", ".join(version for version in stored if version != storage)
        raise KopfkitError(
            what,
            "nothing converts (strategy None), and its versions differ: what is stored in "
            f"{others} would lose every field that {storage} does not have",
            "Install the operator whose webhook converts, and see it in spec.conversion.",
        )
    return found


def _wanted(what: str, to: str | None, storage: str, versions: list[str]) -> None:
    if to is None or to == storage:
        return
    if to not in versions:
        raise KopfkitError(
            what, f"has no version {to}", f"It has {', '.join(versions)}; {storage} is stored."
        )
    raise KopfkitError(
        what,
        f"stores {storage}, not {to}: objects are always written in the version it stores",
        f"Install the release that stores {to} first.",
    )
