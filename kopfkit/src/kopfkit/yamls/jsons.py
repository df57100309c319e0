"""JSON as Kubernetes reads it: one object after the other, numbers as in `scalars`."""

import functools
import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from kopfkit.yamls import scalars

_SPACE = re.compile(r"[ \t\n\r]*")
# A surrogate pair, which YAML does not have, and half of one, which json.loads lets through and no
# UTF-8 can hold; Go replaces it.
_ESCAPE = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


class Twice(ValueError):
    """A key is there twice.

    Args:
        line: how many lines are before the document.
        text: the document.
    """

    def __init__(self, line: int, text: str) -> None:
        super().__init__("a key is there twice")
        self.line = line
        self.text = text


class _Repeated(Exception):
    pass


def documents(text: str, depth: int) -> Iterator[tuple[int, Any]]:
    """The values in a text, each with the line in which it begins.

    Args:
        depth: how many objects and lists may be inside each other.

    Raises:
        Twice: an object has a key twice.
        ValueError: the text is no JSON, or too deep.
    """
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(_unescaped, text)
    at = _after_space(text, 0)
    line, counted = 0, 0
    while at < len(text):
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = _strict().raw_decode(text, at)
        except _Repeated:
            _, end = json.JSONDecoder().raw_decode(text, at)
            raise Twice(line, text[at:end]) from None
        except RecursionError:
            raise ValueError("too deep") from None
        if not _shallow(value, depth):
            raise ValueError("too deep")
        yield line + 1, value
        at = _after_space(text, end)


def _unescaped(found: re.Match[str]) -> str:
    if found["half"]:
        return "\N{REPLACEMENT CHARACTER}"
    return str(json.loads(f'"{found[0]}"')) if found["pair"] else found[0]


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


@functools.cache
def _strict() -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_float=_number,
        parse_int=_number,
        parse_constant=_constant,
    )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Repeated
    return found


def _number(text: str) -> int | float:
    """A number as YAML reads it too; ValueError where it is too large for JSON in Go."""
    value = scalars.resolve(text)
    if isinstance(value, float):
        return scalars.number(value)
    if not isinstance(value, int):
        raise ValueError(f"{text} is too large")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _shallow(value: Any, depth: int) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(depth):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return not level
