"""The description of a custom resource: names, versions, columns, scale.

Plain values; `definition` reads them. Everything is frozen, so that one module
constant can be shared by the generators, the controller and the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from msgspec import Struct

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kopfkit.crd.crdfile import CrdFile

SpecT = TypeVar("SpecT", bound="Struct | BaseModel | dict[str, Any]")
StatusT = TypeVar("StatusT", bound="Struct | BaseModel | dict[str, Any]")


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
        spec: Struct of `.spec`; its docstring is the field's description. dict[str, Any] is a free
            object, of which the API server checks nothing.
        status: the same of `.status`; the status subresource is always on.
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


class Untyped(Struct):
    """Spec and status of a version that comes from a CRD file: no types, only a schema."""


@dataclass(frozen=True)
class CustomResource:
    """One custom resource with all versions of its API.

    Args:
        singular: the kind in lower case by default.
        list_kind: the kind with "List" by default.
        file: the CRD file that it was read from (`from_yaml`); then the schemas are the file's, and
            the versions have no types.
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
    file: "CrdFile | None" = field(default=None, repr=False)

    @classmethod
    def from_yaml(cls, path: str | Path) -> "CustomResource":
        """The resource of an existing CRD file, which is taken as it is.

        Of schemas, columns, subresources, names, selectable fields and annotations nothing is
        changed. A release decides what is served and stored; the conversion and kopfkit's labels
        are added when manifests are generated.

        Args:
            path: of a file with one CustomResourceDefinition (apiextensions.k8s.io/v1), in YAML or
                JSON.

        Raises:
            CrdError: it lists everything that keeps the file from being a CRD, with its lines.
        """
        from kopfkit.crd import crdfile

        found = crdfile.read(Path(path))
        found.check()
        spec = found.content["spec"]
        names = spec["names"]
        return cls(
            group=spec["group"],
            kind=names["kind"],
            plural=names["plural"],
            versions=[_version(one, names["kind"]) for one in spec["versions"]],
            singular=names.get("singular") or "",
            list_kind=names.get("listKind") or "",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            scope=spec["scope"],
            file=found,
        )

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


def _version(of: Mapping[str, Any], kind: str) -> Version[Untyped, Untyped]:
    """A version as a CRD has it, that no check refuses."""
    scale = (of.get("subresources") or {}).get("scale")
    warning = of.get("deprecationWarning", f"{kind} {of['name']} is deprecated")
    return Version(
        of["name"],
        Untyped,
        Untyped,
        of["schema"]["openAPIV3Schema"].get("description") or f"{kind} {of['name']}.",
        served=of["served"],
        storage=of["storage"],
        columns=tuple(
            Column(
                one["name"],
                one["type"],
                one["jsonPath"],
                one.get("description") or "",
                one.get("format") or "",
                one.get("priority") or 0,
            )
            for one in of.get("additionalPrinterColumns") or ()
        ),
        scale=Scale(
            scale["specReplicasPath"],
            scale["statusReplicasPath"],
            scale.get("labelSelectorPath") or "",
        )
        if scale
        else None,
        deprecation_warning=warning if of.get("deprecated") else None,
    )
