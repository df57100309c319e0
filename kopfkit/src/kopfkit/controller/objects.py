"""The object that is reconciled, with the types of its API."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kopfkit.runtime.api.resources import Object as Raw

if TYPE_CHECKING:
    from msgspec import Struct
    from pydantic import BaseModel

SpecT = TypeVar("SpecT", bound="Struct | BaseModel")
StatusT = TypeVar("StatusT", bound="Struct | BaseModel")


@dataclass(frozen=True)
class Metadata:
    """The metadata of an object.

    Attributes:
        labels, annotations: of the prefixes `app.kubernetes.io/` and of the API's own group; the
            caches keep no others.
    """

    name: str
    namespace: str
    uid: str
    generation: int
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True)
class Object(Generic[SpecT, StatusT]):
    """One object, as a reconcile is given it.

    Attributes:
        spec: decoded, with defaults. Not to be changed.
        status: a copy of the stored status, to be changed in place. It is written when the
            reconcile ends, whichever way. Conditions are set with `Context.condition`.
        raw: the object as the caches have it.
    """

    metadata: Metadata
    spec: SpecT
    status: StatusT
    raw: Raw

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return self.metadata.namespace


@dataclass(frozen=True)
class Undecoded(Generic[StatusT]):
    """An object whose spec the types of its API refuse.

    Attributes:
        error: what is wrong with the spec.
        status: as of `Object`.
        raw: the object as the caches have it.
    """

    metadata: Metadata
    error: str
    status: StatusT
    raw: Raw


def metadata_of(raw: Raw) -> Metadata:
    """The metadata of a raw object."""
    found: dict[str, Any] = raw["metadata"]
    return Metadata(
        found["name"],
        found.get("namespace", ""),
        found["uid"],
        found.get("generation", 0),
        found.get("labels") or {},
        found.get("annotations") or {},
    )
