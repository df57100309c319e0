"""Texts that a regular expression matches.

Python's own parser reads the pattern, and each part is generated. What generates nothing (look
around, back references) does not exist in Go's syntax either.
"""

import functools
import re
from collections.abc import Callable
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any, Final

from kopfkit.crd.cel import python_regex
from kopfkit.errors import KopfkitError
from kopfkit.testing.generation.choices import Choices

Make = Callable[[Choices], str]

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


def matching(pattern: str, choices: Choices) -> str:
    """A text that the whole pattern matches; what an unanchored pattern leaves open is left out.

    Raises KopfkitError for a pattern with a part that nothing can be generated for.
    """
    return _generator(pattern)(choices)


@functools.lru_cache(maxsize=512)
def _generator(pattern: str) -> Make:
    return _sequence(_parser.parse(python_regex(pattern).pattern, re.ASCII), pattern)


def _sequence(parts: Any, pattern: str) -> Make:
    makes = [_part(op, argument, pattern) for op, argument in parts if op is not ops.AT]
    if len(makes) == 1:
        return makes[0]
    return lambda choices: "".join([make(choices) for make in makes])


def _part(op: Any, argument: Any, pattern: str) -> Make:
    if op is ops.LITERAL:
        text = chr(argument)
        return lambda choices: text
    if op is ops.SUBPATTERN:
        return _sequence(argument[3], pattern)
    if op is ops.BRANCH:
        makes = [_sequence(part, pattern) for part in argument[1]]
        return lambda choices: choices.one_of(makes)(choices)
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
        least, most = int(argument[0]), min(int(argument[1]), int(argument[0]) + _MORE)
        make = _sequence(argument[2], pattern)
        return lambda choices: "".join([make(choices) for _ in range(choices.integer(least, most))])
    signs = _signs(op, argument)
    if signs is None:
        raise KopfkitError(f"pattern {pattern!r}", f"has a part nothing is generated for ({op})")
    return lambda choices: choices.one_of(signs)


def _signs(op: Any, argument: Any) -> str | None:
    """The characters that one place of a pattern may have."""
    if op is ops.IN:
        return _members(argument)
    if op is ops.NOT_LITERAL:
        return "".join(chr(code) for code in _ASCII if code != argument)
    if op is ops.CATEGORY:
        return _CATEGORIES[argument]
    return "a.-Z0 " if op is ops.ANY else None


def _members(items: list[Any]) -> str:
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
