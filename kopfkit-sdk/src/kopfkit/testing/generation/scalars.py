"""Generated numbers and texts, within a schema's limits.

Rules have to hold, too, but a rule cannot be solved in general. So rules give hints: a pattern that
`matches` names is generated from, a rule about quantities asks for quantities, and the texts that a
rule compares with are tried. What came out is then judged by the rules themselves.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from kopfkit.crd.cel import Program
from kopfkit.testing.generation.choices import Choices
from kopfkit.testing.generation.regexes import matching

Schema = dict[str, Any]

_INT64: Final = 2**63 - 1
_LIMITS: Final = {"int32": 2**31 - 1}
# Characters of a text without a limit of its own.
_LONG: Final = 12
# Characters beyond which even a few longest texts would be more than an object may weigh.
_HUGE: Final = 50_000
_MATCHES: Final = re.compile(r"^self\.matches\(")
# Steps between the least and the largest number.
_PARTS: Final = 1000
# New tries for a text of a pattern that is too long or too short.
_TRIES: Final = 20
_UNITS: Final = ("", "m", "k", "M", "G", "Ki", "Mi", "Gi", "Ti", "e3")


def integer(schema: Schema, choices: Choices) -> int:
    """An integer within `minimum`, `maximum` (and their exclusive forms) and `multipleOf`."""
    bound = _LIMITS.get(schema.get("format", ""), _INT64)
    low = int(schema.get("minimum", -bound - 1)) + bool(schema.get("exclusiveMinimum"))
    high = int(schema.get("maximum", bound)) - bool(schema.get("exclusiveMaximum"))
    step = int(schema.get("multipleOf", 1))
    return choices.integer(-(-low // step), high // step) * step


def number(schema: Schema, choices: Choices) -> float | int:
    """A number within its limits; whole ones, too, which JSON writes without a point."""
    if "minimum" not in schema and "maximum" not in schema:
        return choices.number()
    low = float(schema.get("minimum", schema.get("maximum", 0) - 1000))
    high = float(schema.get("maximum", low + 1000))
    first = 1 if schema.get("exclusiveMinimum") else 0
    last = _PARTS - 1 if schema.get("exclusiveMaximum") else _PARTS
    return low + (high - low) * choices.integer(first, last) / _PARTS


def int_or_string(schema: Schema, rules: Sequence[Program], choices: Choices) -> int | str:
    """What `x-kubernetes-int-or-string` takes."""
    if choices.chance(30):
        return choices.integer(0, 2**31 - 1)
    return text(schema, rules, choices)


def text(schema: Schema, rules: Sequence[Program], choices: Choices) -> str:
    """A text of the right length, form and pattern, as far as the rules give hints."""
    low = schema.get("minLength", 0)
    high = schema.get("maxLength", max(low, _LONG))
    for _ in range(_TRIES):
        made = _guess(schema, rules, choices, low, high)
        if low <= len(made) <= high:
            return made
    choices.give_up()
    raise AssertionError("giving up returned")


def _guess(schema: Schema, rules: Sequence[Program], choices: Choices, low: int, high: int) -> str:
    """A text that is likely to do; its length may be wrong where a form decides it."""
    made = formatted(schema["format"], choices) if "format" in schema else None
    if made is not None:
        return made
    for pattern in [schema.get("pattern"), *map(_pattern, rules)]:
        if pattern is not None:
            return matching(str(pattern), choices)
    if any("uantity(" in rule.rule for rule in rules):
        return f"{choices.integer(0, 4096)}{choices.one_of(_UNITS)}"
    hints = [literal for rule in rules for literal in rule.literals]
    if hints and choices.chance(20):
        return choices.one_of(hints)
    if high > _LONG and choices.chance(3):
        # The longest, once in a while; of two characters only, so that it costs little to draw.
        pair = choices.character() + choices.character()
        return (pair * high)[:high] if high < _HUGE else pair
    return "".join(choices.character() for _ in range(choices.integer(low, max(low, _LONG))))


def _pattern(rule: Program) -> str | None:
    """The pattern that a rule wants the text to match; None if it says something else."""
    if _MATCHES.match(rule.rule) and len(rule.literals) == 1:
        return rule.literals[0]
    return None


def formatted(form: str, choices: Choices) -> str | None:
    """A text of an OpenAPI format that the API server checks; None for others.

    k8s.io/apiextensions-apiserver pkg/apiserver/validation/formats.go lists them.
    """

    def digits(low: int, high: int, width: int = 2) -> str:
        return f"{choices.integer(low, high):0{width}}"

    def date() -> str:
        return f"{digits(1970, 2100, 4)}-{digits(1, 12)}-{digits(1, 28)}"

    hexadecimal = "0123456789abcdef"
    match form:
        case "date":
            return date()
        case "date-time":
            zone = choices.one_of(("Z", "+08:00", ".123456Z"))
            return f"{date()}T{digits(0, 23)}:{digits(0, 59)}:{digits(0, 59)}{zone}"
        case "duration":
            return f"{choices.integer(0, 9999)}{choices.one_of(('s', 'm', 'h'))}"
        case "byte":
            return choices.one_of(("", "aGVsbG8=", "AAAA"))
        case "ipv4" | "ip":
            return ".".join(str(choices.integer(0, 255)) for _ in range(4))
        case "ipv6":
            return choices.one_of(("::", "::1", "2001:db8::ff"))
        case "cidr":
            return f"10.{choices.integer(0, 255)}.0.0/16"
        case "uuid" | "uuid3" | "uuid4" | "uuid5":
            block = "".join(choices.one_of(hexadecimal) for _ in range(12))
            return f"{block[:8]}-{block[8:]}-4abc-8def-{block}"
        case "hostname":
            return choices.one_of(("localhost", "a.example.com"))
        case "email":
            return "someone@example.com"
        case "uri":
            return choices.one_of(("https://example.com/a?b=c", "urn:x:y"))
    return None
