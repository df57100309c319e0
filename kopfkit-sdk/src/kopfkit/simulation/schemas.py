"""An object against a version's schema, offline: types, limits, enums, patterns and formats.

A structural schema is JSON Schema of draft 4 but for what is translated here
(apiextensions-apiserver pkg/apiserver/validation, kube-openapi pkg/validation): `nullable`,
`x-kubernetes-int-or-string`, Go's patterns, and formats, of which unknown ones are passed over.
Rules in CEL are asked by `kopfkit.crd.structural`, lists of type set and map and embedded resources
by `kopfkit.simulation.writes`: OLM asks neither.

Some patterns and formats only Go can judge. Objects that have them are undecided, not refused.
"""

import base64
import binascii
import datetime
import functools
import ipaddress
import re
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from kopfkit.crd.cel.regexes import python_regex

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Schema = dict[str, Any]
_ALL_OF: Final = ("allOf", "anyOf", "oneOf")
_HOST: Final = re.compile(
    r"([a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_DURATION: Final = re.compile(r"[+-]?(0|(\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w))+")
_MAC: Final = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
# A message shows the beginning of a long value.
_SHOWN: Final = 200


def faults(obj: dict[str, Any], schema: Schema) -> list[tuple[str, str]]:
    """Where an object breaks a version's schema, each as (path of the field, sentence)."""
    return Validator(schema).faults(obj)


class Validator:
    """A schema that is made ready once for many objects."""

    def __init__(self, schema: Schema) -> None:
        draft, self._formats = _draft()
        self._validator = draft(translated(schema), format_checker=self._formats)

    def faults(self, obj: Any) -> list[tuple[str, str]]:
        """As the function of that name."""
        return self.judge(obj)[0]

    def judge(self, obj: Any) -> tuple[list[tuple[str, str]], list[str]]:
        """The faults of an object, and what cannot be checked here, as clauses."""
        self._formats.undecided.clear()
        try:
            found = list(_leaves(self._validator.iter_errors(obj)))
        except RecursionError:
            return [], ["it is nested too deeply"]
        undecided = list(dict.fromkeys(self._formats.undecided))
        # What is undecided counts as fitting; where not fitting is what is asked for, it decides.
        sure = [one for one in found if not undecided or one.validator not in ("not", "oneOf")]
        return sorted((_path(error), _sentence(error)) for error in sure), undecided


def translated(schema: Schema) -> Schema:
    """The schema as draft 4 has it."""
    found = {key: value for key, value in schema.items() if not key.startswith("x-")}
    for key in ("nullable", "default", "example", "externalDocs", "description", "title"):
        found.pop(key, None)
    if isinstance(found.get("properties"), dict):
        found["properties"] = {
            name: translated(inner) for name, inner in found["properties"].items()
        }
    for key in ("items", "additionalProperties", "not"):
        if isinstance(found.get(key), dict):
            found[key] = translated(found[key])
    for key in _ALL_OF:
        if isinstance(found.get(key), list):
            found[key] = [translated(each) for each in found[key]]
    if schema.get("x-kubernetes-int-or-string"):
        found["type"] = ["integer", "string"]
    # Null where it may be is asked nothing else, not even the enum.
    return {"anyOf": [{"type": "null"}, found]} if schema.get("nullable") else found


def _leaves(errors: "Iterator[ValidationError]") -> "Iterator[ValidationError]":
    for error in errors:
        choices: Any = error.validator_value
        nullable = error.validator == "anyOf" and choices[0] == {"type": "null"}
        if nullable and error.context:
            yield from _leaves(each for each in error.context if each.schema_path[0] == 1)
        else:
            yield error


def _path(error: "ValidationError") -> str:
    parts = [f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.absolute_path]
    return "".join(parts).removeprefix(".")


def _sentence(error: "ValidationError") -> str:
    text = error.message
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _is_integer(_: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    # 1.0 is an integer in JSON.
    return isinstance(value, int) or (isinstance(value, float) and value.is_integer())


def _text(holds: Callable[[str], Any]) -> Callable[[object], bool]:
    """A check that is asked for strings only, and may raise ValueError for no."""

    def check(value: object) -> bool:
        if not isinstance(value, str):
            return True
        try:
            return holds(value) is not False
        except ValueError:
            return False

    return check


def _full(regex: "re.Pattern[str]") -> Callable[[object], bool]:
    return _text(lambda value: regex.fullmatch(value) is not None)


def _bits(bits: int) -> Callable[[object], bool]:
    limit = 2 ** (bits - 1)
    return lambda value: not isinstance(value, int | float) or -limit <= value < limit


def _byte(value: str) -> bool:
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        return False
    return True


def _date_time(value: str) -> bool:
    if not _TIME.fullmatch(value):
        return False
    # More digits of a second than Python takes are no fault.
    whole = re.sub(r"\.\d+", "", value.upper()).replace("Z", "+00:00")
    return datetime.datetime.fromisoformat(whole) is not None


_FORMATS: Final = {
    "byte": _text(_byte),
    "cidr": _text(lambda value: "/" in value and ipaddress.ip_network(value, strict=False)),
    "date": _text(
        lambda value: (
            re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None
            and datetime.date.fromisoformat(value)
        )
    ),
    "date-time": _text(_date_time),
    "datetime": _text(_date_time),
    "duration": _full(_DURATION),
    "hostname": _text(lambda value: len(value) <= 255 and bool(_HOST.fullmatch(value))),
    "int32": _bits(32),
    "int64": _bits(64),
    "ipv4": _text(ipaddress.IPv4Address),
    "ipv6": _text(ipaddress.IPv6Address),
    "mac": _full(_MAC),
    "uuid": _text(uuid.UUID),
}


# Formats that the API server checks and that are not checked here
# (apiextensions-apiserver pkg/apiserver/validation/formats.go).
_UNCHECKED: Final = frozenset(
    {
        *("bsonobjectid", "creditcard", "email", "hexcolor", "isbn", "isbn10", "isbn13"),
        *("k8s-long-name", "k8s-short-name", "rgbcolor", "ssn", "uri", "uuid3", "uuid4", "uuid5"),
    }
)
# All that it checks; any other is passed over.
FORMATS: Final = frozenset({*_FORMATS, *_UNCHECKED})


def _draft() -> tuple[Any, Any]:
    """The validator's class, and formats with a list of what they cannot decide.

    Imported when the first object is checked: with what it finds installed, jsonschema may take
    a second to import, and a simulation without objects does without it.
    """
    import jsonschema

    formats: Any = jsonschema.FormatChecker(formats=())
    formats.undecided = []

    def undecided(name: str) -> Callable[[object], bool]:
        def check(value: object) -> bool:
            if isinstance(value, str) and value:
                formats.undecided.append(f"{value[:_SHOWN]!r} as {name}")
            return True

        return check

    formats.checkers = {name: (check, ()) for name, check in _FORMATS.items()}
    formats.checkers |= {name: (undecided(name), ()) for name in _UNCHECKED}
    return _class(), formats


@functools.cache
def _class() -> Any:
    import jsonschema
    from jsonschema.validators import extend

    def pattern(validator: Any, pattern: str, value: Any, _: Any) -> "Iterator[ValidationError]":
        if not isinstance(value, str):
            return
        try:
            regex = python_regex(pattern)
        except re.error:
            # Go knows it, Python does not; only the API server can judge.
            validator.format_checker.undecided.append(f"the pattern {pattern}")
            return
        if not regex.search(value):
            yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")

    draft: Any = jsonschema.Draft4Validator
    make: Any = extend
    checker = draft.TYPE_CHECKER.redefine("integer", _is_integer)
    return make(draft, validators={"pattern": pattern}, type_checker=checker)
