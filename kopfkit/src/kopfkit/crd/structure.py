"""What makes a schema that somebody else wrote a structural one, every problem at once.

The rules are those of k8s.io/apiextensions-apiserver pkg/apiserver/schema/validation.go and of
pkg/apis/apiextensions/validation: the API server refuses a CRD that breaks one. Types of limits,
CEL and formats are left to the API server (`kopfkit bundle validate` asks one).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Path = tuple[str | int, ...]
_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
# Fields of JSON Schema and OpenAPI that apiextensions.k8s.io/v1 forbids.
_FORBIDDEN: Final = (
    "$ref",
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
)
# Forbidden inside allOf, anyOf, oneOf and not: they belong to the structure outside.
_OUTSIDE: Final = (
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)
_LIST_TYPES: Final = ("atomic", "map", "set")


def problems(schema: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """What is wrong with the schema of a whole version: where, and why as a clause."""
    if not isinstance(schema, Mapping):
        yield path, "is no schema (a mapping)"
        return
    if schema.get("type") != "object":
        yield (*path, "type"), f"is {_shown(schema.get('type'))}; the whole object's is object"
    metadata = _mapping(_mapping(schema.get("properties")).get("metadata"))
    extra = sorted({*metadata} - {"type", "properties"}, key=str)
    fields = sorted({*_mapping(metadata.get("properties"))} - {"name", "generateName"}, key=str)
    for key in extra:
        yield (*path, "properties", "metadata", key), "limits metadata, which no schema may"
    for key in fields:
        where = (*path, "properties", "metadata", "properties", key)
        yield where, "limits a field of metadata; only name and generateName may be limited"
    yield from _walk(schema, path, whole=True)


def _walk(schema: Any, path: Path, *, whole: bool = False) -> Iterator[tuple[Path, str]]:
    if not isinstance(schema, Mapping):
        yield path, "is no schema (a mapping)"
        return
    yield from _own(schema, path, whole=whole)
    properties = schema.get("properties")
    if properties is not None and not isinstance(properties, Mapping):
        yield (*path, "properties"), "is no mapping of schemas"
    for name, inner in _mapping(properties).items():
        yield from _walk(inner, (*path, "properties", str(name)))
    others = schema.get("additionalProperties")
    if others is not None and not isinstance(others, bool):
        yield from _walk(others, (*path, "additionalProperties"))
    if isinstance(schema.get("items"), list):
        yield (*path, "items"), "is a list; one schema holds for all items"
    elif "items" in schema:
        yield from _walk(schema["items"], (*path, "items"))
    for key in ("allOf", "anyOf", "oneOf"):
        for index, inner in enumerate(_listed(schema.get(key))):
            yield from _junctor(inner, schema, (*path, key, index))
    if "not" in schema:
        yield from _junctor(schema["not"], schema, (*path, "not"))


def _own(schema: Mapping[Any, Any], path: Path, *, whole: bool) -> Iterator[tuple[Path, str]]:
    """What the schema says of its own value."""
    kind = schema.get("type")
    either = schema.get("x-kubernetes-int-or-string") is True
    free = schema.get("x-kubernetes-preserve-unknown-fields") is True
    if kind is None and not either and not free and not whole:
        yield path, "has no type"
    elif kind is not None and kind not in _TYPES:
        yield (*path, "type"), f"is {_shown(kind)}, not one of {', '.join(_TYPES)}"
    for key in _FORBIDDEN:
        if key in schema:
            yield (*path, key), "is not allowed in a CustomResourceDefinition"
    if schema.get("uniqueItems") is True:
        yield (*path, "uniqueItems"), "is not allowed; x-kubernetes-list-type: set says it"
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        yield (*path, "x-kubernetes-preserve-unknown-fields"), "is false; true or absent"
    others = schema.get("additionalProperties", True)
    if schema.get("properties") and (others is False or isinstance(others, Mapping)):
        yield (*path, "additionalProperties"), "excludes properties"
    if kind == "array" and "items" not in schema:
        yield path, "is a list without items"
    merged = schema.get("x-kubernetes-list-type")
    if merged is not None and merged not in _LIST_TYPES:
        yield (*path, "x-kubernetes-list-type"), f"is {_shown(merged)}"
    if (merged == "map") != bool(schema.get("x-kubernetes-list-map-keys")):
        yield path, "needs x-kubernetes-list-type: map and x-kubernetes-list-map-keys together"
    if schema.get("x-kubernetes-embedded-resource") is True and kind != "object":
        yield path, "is an embedded resource, and its type is not object"
    if not isinstance(schema.get("description", ""), str):
        yield (*path, "description"), "is no text"
    if not isinstance(schema.get("enum", []), list):
        yield (*path, "enum"), "is no list"
    required = schema.get("required")
    if required is not None and not all(isinstance(one, str) for one in _listed(required, [0])):
        yield (*path, "required"), "is no list of names"


def _junctor(inner: Any, outer: Mapping[Any, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """A schema inside allOf, anyOf, oneOf or not: it only limits what is specified outside."""
    if not isinstance(inner, Mapping):
        yield path, "is no schema (a mapping)"
        return
    # The two ways in which int-or-string is written; there the types may stand inside.
    either = outer.get("x-kubernetes-int-or-string") is True
    for key in _OUTSIDE:
        if key in inner and not (either and key == "type" and inner[key] in ("integer", "string")):
            yield (*path, key), "must stand outside allOf, anyOf, oneOf and not"
    known = _mapping(outer.get("properties"))
    for name, schema in _mapping(inner.get("properties")).items():
        yield from _junctor(schema, _mapping(known.get(name)), (*path, "properties", str(name)))
    if "items" in inner:
        yield from _junctor(inner["items"], _mapping(outer.get("items")), (*path, "items"))
    for key in ("allOf", "anyOf", "oneOf"):
        for index, deeper in enumerate(_listed(inner.get(key))):
            yield from _junctor(deeper, outer, (*path, key, index))
    if "not" in inner:
        yield from _junctor(inner["not"], outer, (*path, "not"))


def undescribed(schema: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """The fields of a version's spec and status that have no description, and the version itself
    where it has none. Items and values of maps may do without."""
    if not schema.get("description"):
        yield path
    known = _mapping(schema.get("properties"))
    for part in ("spec", "status"):
        if isinstance(known.get(part), Mapping):
            yield from _undescribed(known[part], (*path, "properties", part))


def _undescribed(schema: Mapping[str, Any], path: Path, *, named: bool = True) -> Iterator[Path]:
    if named and not schema.get("description"):
        yield path
    for name, inner in _mapping(schema.get("properties")).items():
        if isinstance(inner, Mapping):
            yield from _undescribed(inner, (*path, "properties", str(name)))
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            yield from _undescribed(schema[key], (*path, key), named=False)


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any, otherwise: Any = ()) -> Any:
    return value if isinstance(value, list) else otherwise


def _shown(value: Any) -> str:
    return "absent" if value is None else repr(value)
