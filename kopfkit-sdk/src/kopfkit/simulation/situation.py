"""What is known of a cluster beyond the bundles; the defaults are those of a fresh install."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
# By the CRD's name, then by the version the objects are written in.
Objects = Mapping[str, Mapping[str, list[Object]]]


@dataclass(frozen=True)
class Situation:
    """A cluster before the upgrade.

    Attributes:
        crds: CRDs as they are, by name; without one the old bundle's counts.
        stored_versions: `status.storedVersions` by CRD; without an entry what `crds` has, else the
            version that the old bundle stores.
        secret_owner: of the certificate's Secret, "csv" or "deployment"; "" to tell it from the
            old bundle's RBAC.
        objects: None if none are known, which is not the same as there being none.
        guard: whether the releases' guard answers, if they have one.
        protected: whether an admission policy refuses to take a conversion away; None to tell it
            from the old bundle's RBAC.
        not_offered: why the catalog does not offer the new release to who has the old one, "" if
            it does; None to tell it from the new bundle's CSV.
    """

    crds: Mapping[str, Object] = field(default_factory=dict)
    stored_versions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret_owner: str = ""
    objects: Objects | None = None
    guard: bool = True
    protected: bool | None = None
    not_offered: str | None = None
