"""Texts that a regular expression matches.

Python's own parser reads the pattern, and each part is generated. What generates nothing (look
around, back references) does not exist in Go's syntax either.
"""

import functools
import re
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final

from kopfkit.crd.cel import python_regex
from kopfkit.errors import KopfkitError
from kopfkit.testing.generation.choices import Choices

# Repetitions beyond the least that are tried; the pattern's own most is kept.
_MORE: Final = 6
_ASCII: Final = tuple(range(32, 127))
_CATEGORIES: Final = {
    ops.CATEGORY_DIGIT: "0123456789",
    ops.CATEGORY_SPACE: " \t\n",
    ops.CATEGORY_WORD: "abcXYZ019_",
    ops.CATEGORY_NOT_DIGIT: "ab -",
    ops.CATEGORY_NOT_SPACE: "ab1-",
    ops.CATEGORY_NOT_WORD: " -.",
}


@functools.lru_cache(maxsize=512)
def _parsed(pattern: str) -> Any:
    return _parser.parse(python_regex(pattern).pattern, re.ASCII)


def matching(pattern: str, choices: Choices) -> str:
    """A text that the whole pattern matches; what an unanchored pattern leaves open is left out.

    Raises KopfkitError for a pattern with a part that nothing can be generated for.
    """
    return "".join(_sequence(_parsed(pattern), choices, pattern))


def _sequence(parts: Any, choices: Choices, pattern: str) -> list[str]:
    out: list[str] = []
    for op, argument in parts:
        out += _part(op, argument, choices, pattern)
    return out


def _part(op: Any, argument: Any, choices: Choices, pattern: str) -> list[str]:
    if op is ops.LITERAL:
        return [chr(argument)]
    if op is ops.NOT_LITERAL:
        return [chr(choices.one_of([code for code in _ASCII if code != argument]))]
    if op is ops.ANY:
        return [choices.one_of("a.-Z0 ")]
    if op is ops.IN:
        return [choices.one_of(_members(tuple(argument)))]
    if op is ops.AT:
        return []
    if op is ops.SUBPATTERN:
        return _sequence(argument[3], choices, pattern)
    if op is ops.BRANCH:
        return _sequence(choices.one_of(argument[1]), choices, pattern)
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
        least, most, inner = argument
        times = choices.integer(least, min(int(most), least + _MORE))
        return [text for _ in range(times) for text in _sequence(inner, choices, pattern)]
    if op is ops.CATEGORY:
        return [choices.one_of(_CATEGORIES[argument])]
    raise KopfkitError(f"pattern {pattern!r}", f"has a part nothing is generated for ({op})")


@functools.lru_cache(maxsize=512)
def _members(items: tuple[Any, ...]) -> str:
    """The characters of a class; of a negated or a large one, those in ASCII."""
    negated = items[0][0] is ops.NEGATE
    found: set[str] = set()
    for op, argument in items[negated:]:
        if op is ops.LITERAL:
            found.add(chr(argument))
        elif op is ops.RANGE:
            low, high = argument
            found |= {chr(code) for code in range(low, min(high, low + 127) + 1)}
        else:
            found |= set(_CATEGORIES[argument])
    if negated:
        return "".join(chr(code) for code in _ASCII if chr(code) not in found)
    return "".join(sorted(found, key=lambda sign: (not sign.isalnum(), sign)))
