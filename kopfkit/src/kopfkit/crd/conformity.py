"""Whether a value conforms to a structural schema: types, limits, enums, patterns, formats.

k8s.io/apiextensions-apiserver pkg/apiserver/validation does this in the API server, after pruning
and defaulting, which are `structural`'s; rules (CEL) are asked separately, as there. For what
cannot leave the judgement to the API server: a converter, which restores values from a place where
anybody may write. So in doubt a value does not conform.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from kopfkit.crd.cel import python_regex
from kopfkit.crd.errors import CrdError

Schema = dict[str, Any]

_INT_LIMITS: Final = {"int32": 2**31, "int64": 2**63}
_HEX: Final = "[0-9a-fA-F]"
_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_HOST: Final = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_DATE: Final = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
# Formats of texts that the API server checks (pkg/apiserver/validation/formats.go): what each of
# these admits, it admits. A text of another format that it checks is refused when the schema is
# looked at.
_FORMATS: Final = {
    "date": _DATE,
    "date-time": f"{_DATE}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{{1,9}})?"
    "(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])",
    "byte": "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "duration": "[0-9]{1,9}(ns|us|ms|s|m|h)",
    "email": f"[A-Za-z0-9._+-]{{1,64}}@{_HOST}([.]{_HOST})*",
    "hostname": f"{_HOST}([.]{_HOST})*",
    "ipv4": f"{_OCTET}([.]{_OCTET}){{3}}",
    "uri": "[a-z][a-z0-9+.-]*://[!-~]+",
    "uuid": f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}",
    "password": "[\\s\\S]*",
}
_UNCHECKABLE: Final = frozenset(
    {
        *("bsonobjectid", "cidr", "creditcard", "datetime", "hexcolor", "ip", "ipv6", "isbn"),
        *("isbn10", "isbn13", "mac", "rgbcolor", "ssn", "uuid3", "uuid4", "uuid5"),
    }
)


def check_formats(schema: Schema, path: str) -> None:
    """Raises CrdError if a text in the schema has a format that cannot be checked here."""
    if schema.get("type") == "string" and schema.get("format") in _UNCHECKABLE:
        raise CrdError(
            path,
            f"has the format {schema['format']}, which a converter cannot check",
            "Say it with a pattern or a rule instead.",
        )
    for key, inner in schema.get("properties", {}).items():
        check_formats(inner, f"{path}.{key}")
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            check_formats(schema[part], f"{path}[]")


def misfits(value: Any, schema: Schema, path: str = "") -> Iterator[tuple[str, str]]:
    """Where a value does not conform, as (path of the field, what is wrong).

    Args:
        value: JSON, pruned and defaulted (`kopfkit.crd.structural`).
        schema: a structural schema.
        path: what paths begin with.
    """
    if value is None and schema.get("nullable"):
        return
    if "enum" in schema and not any(
        type(one) is type(value) and one == value for one in schema["enum"]
    ):
        yield path, "is none of the enum"
        return
    if schema.get("x-kubernetes-int-or-string"):
        # Go reads either as an int64 or as a text.
        kind = "string" if isinstance(value, str) else "integer"
    else:
        kind = schema.get("type", "")
    check = _CHECKS.get(kind)
    if check is not None:
        yield from check(value, schema, path)


def _object(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, "is not an object"
        return
    yield from _count(len(value), schema, "Properties", path)
    if len(value) > schema.get("maxProperties", len(value)):
        return  # what is too much anyway is not looked at one by one
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{path}.{key}", "is missing"
    known = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for key, item in value.items():
        inner = known.get(key, others)
        if isinstance(inner, dict):
            yield from misfits(item, inner, f"{path}.{key}")


def _array(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, "is not a list"
        return
    yield from _count(len(value), schema, "Items", path)
    if len(value) > schema.get("maxItems", len(value)):
        return
    items = schema.get("items", {})
    for at, item in enumerate(value):
        yield from misfits(item, items, f"{path}[{at}]")
    if (kind := schema.get("x-kubernetes-list-type")) in ("set", "map"):
        keys = schema.get("x-kubernetes-list-map-keys", ())
        seen: list[Any] = []
        for item in value:
            if kind == "map":
                item = [item.get(key) for key in keys] if isinstance(item, dict) else item
            if item in seen:
                yield path, "has the same item twice"
                return
            seen.append(item)


def _string(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, str):
        yield path, "is not a text"
        return
    yield from _count(len(value), schema, "Length", path)
    if len(value) > schema.get("maxLength", len(value)):
        return  # patterns are for texts of a length that was thought of
    if "pattern" in schema and not python_regex(schema["pattern"]).search(value):
        yield path, "does not match its pattern"
    form = _FORMATS.get(schema.get("format", ""))
    if form is not None and not re.fullmatch(form, value):
        yield path, f"is no {schema['format']}"


def _integer(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if type(value) is not int:
        yield path, "is not an integer"
        return
    limit = _INT_LIMITS.get(schema.get("format", ""), 2**63)
    if not -limit <= value < limit:
        yield path, f"is no {schema.get('format', 'int64')}"
    yield from _range(value, schema, path)


def _number(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if type(value) not in (int, float):
        yield path, "is not a number"
        return
    yield from _range(value, schema, path)


def _boolean(value: Any, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    if type(value) is not bool:
        yield path, "is not a boolean"


_CHECKS: Final = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
}


def _count(found: int, schema: Schema, what: str, path: str) -> Iterator[tuple[str, str]]:
    if found < schema.get(f"min{what}", 0):
        yield path, f"has too few {what.lower()}"
    if found > schema.get(f"max{what}", found):
        yield path, f"has too many {what.lower()}"


def _range(value: float, schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (value == low and schema.get("exclusiveMinimum"))):
        yield path, "is too small"
    if high is not None and (value > high or (value == high and schema.get("exclusiveMaximum"))):
        yield path, "is too large"
    if (step := schema.get("multipleOf")) and value % step:
        yield path, f"is no multiple of {step}"
