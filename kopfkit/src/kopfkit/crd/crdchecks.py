"""What the API server refuses in a CustomResourceDefinition of somebody's, every problem at once.

Each problem is (path, why, hint). Only what is certainly wrong is one: a file that a cluster has
accepted must pass. Schemas are `structure`'s.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kopfkit.crd import structure

Found = tuple[structure.Path, str, str]
KIND: Final = "CustomResourceDefinition"
_API: Final = "apiextensions.k8s.io/v1"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
# The API server takes any DNS label for a version's name.
_KIND = re.compile(r"[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?")
# Written by the API server alone; kubectl get -o yaml shows them.
_WRITTEN: Final = ("generation", "managedFields", "resourceVersion", "selfLink", "uid")
# Fields of v1beta1's spec that v1 has in each version.
_MOVED: Final = ("additionalPrinterColumns", "subresources", "validation", "version")


def problems(document: Any) -> Iterator[Found]:
    """Everything wrong with a document that should be a CRD; nothing raises."""
    if not isinstance(document, Mapping) or document.get("kind") != KIND:
        kind = document.get("kind") if isinstance(document, Mapping) else None
        what = f"is of kind {kind}" if isinstance(kind, str) else "has no kind"
        yield ("kind",), f"{what}, not {KIND}", ""
        return
    version = document.get("apiVersion")
    if version != _API:
        hint = ""
        if version == "apiextensions.k8s.io/v1beta1":
            hint = "Kubernetes 1.22 removed it: in v1 each version has its own schema."
        yield ("apiVersion",), f"is {version}, not {_API}", hint
        return
    if document.get("status"):
        hint = "Delete it: the API server writes the status."
        yield ("status",), "is in the file", hint
    yield from _metadata(document)
    spec = document.get("spec")
    if not isinstance(spec, Mapping):
        yield ("spec",), "is no mapping", ""
        return
    yield from _spec(spec)
    yield from _versions(spec.get("versions"))


def _metadata(document: Mapping[Any, Any]) -> Iterator[Found]:
    meta = document.get("metadata")
    if not isinstance(meta, Mapping):
        yield ("metadata",), "is no mapping", ""
        return
    for key in _WRITTEN:
        if meta.get(key) is not None:
            yield ("metadata", key), "is in the file", "Delete it: the API server writes it."
    for key in ("annotations", "labels"):
        values = meta.get(key)
        if values is not None and not (
            isinstance(values, Mapping) and all(isinstance(one, str) for one in values.values())
        ):
            yield ("metadata", key), "is no mapping of texts", "Put values in quotes."
    spec = document.get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    if isinstance(spec, Mapping) and isinstance(names, Mapping):
        expected = f"{names.get('plural')}.{spec.get('group')}"
        if meta.get("name") != expected:
            why = f"is {meta.get('name')}, not {expected}"
            yield ("metadata", "name"), why, "It is the plural and the group."


def _spec(spec: Mapping[Any, Any]) -> Iterator[Found]:
    group = spec.get("group")
    parts = group.split(".") if isinstance(group, str) else []
    if len(parts) < 2 or not all(_LABEL.fullmatch(one) for one in parts):
        yield ("spec", "group"), f"is {group!r}, no domain", "Use one that you own."
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        yield ("spec", "scope"), f"is {spec.get('scope')}, not Namespaced or Cluster", ""
    if spec.get("preserveUnknownFields"):
        hint = "Put x-kubernetes-preserve-unknown-fields: true at the fields that are free."
        yield ("spec", "preserveUnknownFields"), "is true, which v1 refuses", hint
    for key in _MOVED:
        if key in spec:
            yield ("spec", key), "is a field of v1beta1", "In v1 it is in each of spec.versions."
    names = spec.get("names")
    if not isinstance(names, Mapping):
        yield ("spec", "names"), "is no mapping", ""
        return
    for key, shape in (("kind", _KIND), ("plural", _LABEL)):
        if not (isinstance(names.get(key), str) and shape.fullmatch(names[key])):
            yield ("spec", "names", key), f"is {names.get(key)!r}, no name", ""
    for key, shape in (("listKind", _KIND), ("singular", _LABEL)):
        value = names.get(key)
        if value is not None and not (isinstance(value, str) and shape.fullmatch(value)):
            yield ("spec", "names", key), f"is {value!r}, no name", ""
    for key in ("categories", "shortNames"):
        values = names.get(key)
        if values is not None and not (
            isinstance(values, list)
            and all(isinstance(one, str) and _LABEL.fullmatch(one) for one in values)
        ):
            yield ("spec", "names", key), "is no list of names in lower case", ""


def _versions(versions: Any) -> Iterator[Found]:
    at: structure.Path = ("spec", "versions")
    if not isinstance(versions, list) or not versions:
        yield at, "is no list of versions", ""
        return
    named: list[Any] = []
    for index, version in enumerate(versions):
        here = (*at, index)
        if not isinstance(version, Mapping):
            yield here, "is no mapping", ""
            continue
        name = version.get("name")
        if not (isinstance(name, str) and _LABEL.fullmatch(name)):
            yield (*here, "name"), f"is {name!r}, no name of a version", ""
        elif name in named:
            yield (*here, "name"), f"is {name}, as another version's", ""
        named.append(name)
        yield from _version(version, here)
    good = [one for one in versions if isinstance(one, Mapping)]
    stored = [str(one.get("name")) for one in good if one.get("storage") is True]
    if len(stored) != 1:
        why = f"have {len(stored)} storage versions ({', '.join(stored) or 'none'})"
        yield at, why, "Exactly one version has storage: true."


def _version(version: Mapping[Any, Any], here: structure.Path) -> Iterator[Found]:
    for key in ("served", "storage"):
        if not isinstance(version.get(key), bool):
            yield (*here, key), "is not true or false", ""
    if not isinstance(version.get("deprecated", False), bool):
        yield (*here, "deprecated"), "is not true or false", ""
    if not isinstance(version.get("deprecationWarning", ""), str):
        yield (*here, "deprecationWarning"), "is no text", ""
    schema = version.get("schema")
    root = schema.get("openAPIV3Schema") if isinstance(schema, Mapping) else None
    place = (*here, "schema", "openAPIV3Schema")
    if root is None:
        hint = "The least is type: object with x-kubernetes-preserve-unknown-fields: true."
        yield place, "is missing", hint
    else:
        for path, why in structure.problems(root, place):
            yield path, why, ""
    yield from _subresources(version.get("subresources"), (*here, "subresources"))
    for key, wanted in (
        ("additionalPrinterColumns", ("name", "type", "jsonPath")),
        ("selectableFields", ("jsonPath",)),
    ):
        listed = version.get(key)
        if listed is not None and not isinstance(listed, list):
            yield (*here, key), "is no list", ""
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            given = one if isinstance(one, Mapping) else {}
            for name in wanted:
                if not isinstance(given.get(name), str):
                    hint = "v1beta1 has JSONPath." if "JSONPath" in given else ""
                    yield (*here, key, index), f"has no {name}", hint


def _subresources(found: Any, here: structure.Path) -> Iterator[Found]:
    if found is None:
        return
    if not isinstance(found, Mapping):
        yield here, "is no mapping", ""
        return
    scale = found.get("scale")
    if scale is None:
        return
    given = scale if isinstance(scale, Mapping) else {}
    for key, start in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        if not (isinstance(given.get(key), str) and given[key].startswith(start)):
            yield (*here, "scale", key), f"does not begin with {start}", ""
    if not isinstance(given.get("labelSelectorPath", ""), str):
        yield (*here, "scale", "labelSelectorPath"), "is no text", ""
