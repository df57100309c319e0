"""Reads the files of a file-based catalog. What cannot be read is a finding; the rest is read all
the same.

Which files count, and how, is as in opm (operator-registry, alpha/declcfg/load.go): every file
below the directory, whatever its ending, but what an .indexignore names.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.manifests import Either, fitted
from kopfkit.packaging.catalogs.ignoring import NAME, Ignored
from kopfkit.packaging.checks import Finding

Object = dict[str, Any]

# What is read of each schema, with the types of opm's structs (alpha/declcfg/declcfg.go).
_ENTRY = {"name": str, "replaces": str, "skips": [str], "skipRange": str}
_PROPERTY = {"type": str}
SHAPES: dict[str, Any] = {
    "olm.package": {
        "name": str,
        "defaultChannel": str,
        "description": str,
        "icon": {"base64data": str, "mediatype": str},
    },
    "olm.channel": {"name": str, "package": str, "entries": [_ENTRY]},
    "olm.bundle": {
        "name": str,
        "package": str,
        "image": str,
        "properties": [_PROPERTY],
        "relatedImages": [{"name": str, "image": str}],
    },
    "olm.deprecations": {
        "package": str,
        "entries": [{"reference": {"schema": str, "name": str}, "message": str}],
    },
}
# Of the properties with a value that is read here (alpha/property/property.go).
_VALUES: dict[str, Any] = {
    "olm.package": {"packageName": str, "version": str, "release": str},
    "olm.gvk": {"group": str, "kind": str, "version": str},
    "olm.csv.metadata": {
        "annotations": {"createdAt": Either(str, dict, list, bool, int, float)},
        "crdDescriptions": {"owned": [{"name": str, "version": str, "kind": str}]},
    },
}


@dataclass(frozen=True)
class Blob:
    """A document of a catalog, with the types of SHAPES where its schema is one of them.

    Attributes:
        file, line: where it begins.
    """

    file: str
    line: int
    document: Object

    @property
    def place(self) -> str:
        """File and line in one."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def found(self, field: str, why: str, rule: str) -> Finding:
        """A finding about it."""
        return Finding(self.place, field, why, rule)

    def has(self, kind: str) -> bool:
        """Whether it has a property of a type."""
        return any(one.get("type") == kind for one in self.document.get("properties", []))

    def values(self, kind: str) -> list[Object]:
        """The values of its properties of a type."""
        properties = self.document.get("properties", [])
        return [one["value"] for one in properties if one.get("type") == kind and "value" in one]


def read(path: Path, *, whole: bool = False) -> tuple[list[Blob], list[Finding]]:
    """The documents below a directory, or of a file, and what cannot be read of them.

    Args:
        whole: keep what only takes memory here: icons, descriptions, the objects in bundles.

    Raises:
        KopfkitError: there is nothing.
    """
    if not path.exists():
        raise KopfkitError(str(path), "does not exist")
    blobs: list[Blob] = []
    findings: list[Finding] = []
    for file in _files(path):
        name = str(file)
        if not file.is_file():
            findings.append(Finding(name, "", "is not a regular file", "unreadable"))
            continue
        try:
            for line, document in yamls.each(file, name):
                blobs += _blob(name, line, document, findings, whole)
        except yamls.DocumentError as error:
            place = f"{name}:{error.line}" if error.line else name
            findings.append(Finding(place, "", error.why, "unreadable"))
    return blobs, findings


def of_documents(
    name: str, documents: list[Object], *, whole: bool = False
) -> tuple[list[Blob], list[Finding]]:
    """As `read`, of documents that are read already: what opm makes of an image."""
    findings: list[Finding] = []
    blobs = [one for each in documents for one in _blob(name, 0, each, findings, whole)]
    return blobs, findings


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    ignored = Ignored(path)
    for directory, below, names in os.walk(path):
        below.sort()
        for name in sorted(names):
            file = Path(directory, name)
            if name != NAME and PurePosixPath(file.relative_to(path)) not in ignored:
                yield file


def _blob(
    name: str, line: int, document: Any, findings: list[Finding], whole: bool
) -> Iterator[Blob]:
    def tell(field: str, why: str) -> None:
        findings.append(Finding(f"{name}:{line}" if line else name, field, why, "wrong-type"))

    if not isinstance(document, dict):
        tell("", "is not an object")
        return
    schema = document.get("schema")
    if not isinstance(schema, str) or not schema:
        findings.append(
            Finding(f"{name}:{line}", "schema", "is missing: no document of a catalog", "schema")
        )
        return
    found = fitted(document, SHAPES.get(schema, {}), tell)
    if "properties" in found and schema == "olm.bundle":
        found["properties"] = list(_properties(found["properties"], tell, whole))
    if not whole:
        found.pop("icon", None)
    yield Blob(name, line, found)


def _properties(properties: list[Object], tell: Any, whole: bool) -> Iterator[Object]:
    for at, one in enumerate(properties):
        kind, value = one.get("type"), one.get("value")
        if kind in _VALUES:
            value = fitted(value, _VALUES[kind], tell, f"properties[{at}].value")
            if kind == "olm.csv.metadata" and not whole:
                value = {
                    "annotations": {
                        key: one
                        for key, one in value.get("annotations", {}).items()
                        if key == "createdAt"
                    },
                    "crdDescriptions": {"owned": value.get("crdDescriptions", {}).get("owned", [])},
                }
        elif not whole:
            value = None
        yield {**one, "value": value}
