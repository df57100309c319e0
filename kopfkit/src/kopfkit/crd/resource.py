"""The description of a custom resource: names, versions, columns, scale.

Plain values without behaviour; `definition` reads them. Everything is frozen, so that one module
constant can be shared by the generators, the controller and the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from msgspec import Struct
    from pydantic import BaseModel

SpecT = TypeVar("SpecT", bound="Struct | BaseModel")
StatusT = TypeVar("StatusT", bound="Struct | BaseModel")


@dataclass(frozen=True)
class Column:
    """One printer column of `kubectl get`.

    Args:
        name: the heading.
        type: "integer", "number", "string", "boolean" or "date".
        path: JSONPath as kubectl writes it, e.g. ".spec.replicas".
        priority: 0 shows always, greater than 0 only with `-o wide`.
    """

    name: str
    type: str
    path: str
    description: str = ""
    format: str = ""
    priority: int = 0


@dataclass(frozen=True)
class Scale:
    """The scale subresource's three JSONPaths; `selector_path` is what an autoscaler reads."""

    spec_path: str
    status_path: str
    selector_path: str = ""


@dataclass(frozen=True)
class Version(Generic[SpecT, StatusT]):
    """One version of the API.

    Args:
        name: "v1", "v1alpha1", ...
        spec: Struct of `.spec`; its docstring is the field's description.
        status: Struct of `.status`; the status subresource is always on.
        served: whether the API server answers it.
        storage: whether etcd holds it; exactly one version of a resource.
        scale: the scale subresource, None for none.
        deprecation_warning: the Warning header clients get; None for a current version.
        description: what `kubectl explain` says first.
    """

    name: str
    spec: type[SpecT]
    status: type[StatusT]
    description: str
    served: bool = True
    storage: bool = False
    columns: tuple[Column, ...] = ()
    scale: Scale | None = None
    deprecation_warning: str | None = None


@dataclass(frozen=True)
class CustomResource:
    """One custom resource with all versions of its API.

    Args:
        singular: the kind in lower case by default.
        list_kind: the kind with "List" by default.
    """

    group: str
    kind: str
    plural: str
    versions: Sequence[Version[Any, Any]]
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    scope: str = "Namespaced"

    def __post_init__(self) -> None:
        object.__setattr__(self, "versions", tuple(self.versions))
        object.__setattr__(self, "singular", self.singular or self.kind.lower())
        object.__setattr__(self, "list_kind", self.list_kind or f"{self.kind}List")

    @property
    def crd_name(self) -> str:
        """The CRD's metadata.name, e.g. "helloworlds.test.jiaozi.com"."""
        return f"{self.plural}.{self.group}"

    def version(self, name: str) -> Version[Any, Any]:
        """The version of that name; KeyError if the resource has none."""
        for version in self.versions:
            if version.name == name:
                return version
        raise KeyError(f"{self.kind} has no version {name}")
