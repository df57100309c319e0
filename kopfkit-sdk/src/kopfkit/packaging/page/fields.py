"""The fields of a CRD's schema as lines of a reference."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
# Lines of one version; a schema with more of them is one that nobody reads in a browser.
MOST = 2000
# Characters of a path. Names are longer where somebody wants a page that fills the memory: each
# field repeats those around it.
_LONGEST_PATH = 1000
# What the API server adds to every object.
_COMMON = {"apiVersion", "kind", "metadata"}
_ENDS = (("minimum", "at least", "more than"), ("maximum", "at most", "less than"))
_LIMITS = (
    ("minLength", "shortest"),
    ("maxLength", "longest"),
    ("minItems", "fewest items"),
    ("maxItems", "most items"),
    ("pattern", "matches"),
    ("format", "format"),
)


@dataclass(frozen=True)
class Field:
    """A field.

    Attributes:
        path: from the object's top, as `spec.ports[].name`.
        limits: what is taken, in words.
    """

    path: str
    type: str
    required: bool
    description: str
    default: str
    limits: str


def fields_of(schema: Object, most: int = MOST) -> Iterator[Field]:
    """The fields below a schema, each before those inside it; the last one says what is left out.

    Args:
        schema: openAPIV3Schema of a version.
        most: how many.
    """
    for count, one in enumerate(_below("", schema, top=True)):
        if count == most:
            yield Field("…", "", False, f"Only the first {most} fields are shown.", "", "")
            return
        yield one


def _below(path: str, schema: Object, *, top: bool = False) -> Iterator[Field]:
    required = schema.get("required", [])
    for name, inner in schema.get("properties", {}).items():
        if top and name in _COMMON:
            continue
        where = f"{path}.{name}" if path else name
        yield from _field(where[:_LONGEST_PATH], inner, name in required)


def _field(path: str, schema: Object, required: bool) -> Iterator[Field]:
    kind, inside, suffix = _type(schema), schema, ""
    # A list's or a map's items are shown as the fields of the list itself.
    while True:
        extra = inside.get("additionalProperties")
        if isinstance(inside.get("items"), dict):
            inside, suffix = inside["items"], suffix + "[]"
        elif isinstance(extra, dict):
            inside, suffix = extra, suffix + ".*"
        else:
            break
    default = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else ""
    yield Field(path, kind, required, schema.get("description", ""), default, _limits(schema))
    yield from _below(path + suffix, inside)


def _type(schema: Object) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_type(schema.get('items', {})) or 'anything'}"
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        return f"map of {_type(extra) or 'anything'}"
    return str(kind or "anything")


def _limits(schema: Object) -> str:
    told = []
    if "enum" in schema:
        told.append("one of " + ", ".join(map(str, schema["enum"])))
    for key, reached, passed in _ENDS:
        if key in schema:
            exclusive = schema.get(f"exclusive{key.capitalize()}")
            told.append(f"{passed if exclusive else reached} {schema[key]}")
    told += [f"{words} {schema[key]}" for key, words in _LIMITS if key in schema]
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        told.append("keeps fields that are not named here")
    told += [
        each.get("message") or each.get("rule", "")
        for each in schema.get("x-kubernetes-validations", [])
    ]
    return "; ".join(told)
