"""Ranges of versions, as a skipRange has them and OLM reads them.

Grammar and meaning are those of blang/semver v4 (range.go), which OLM, opm and operator-sdk use:
comparators `< <= > >= = == ! !=` before a version, blanks for "and", `||` for "or" (which binds
less), `x` for any number at the end (1.x, 1.2.x). A pre-release is in a range by its order alone:
1.0.0-rc.1 is in <1.0.0.
"""

import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import semver

SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
# What orders as versions do: numbers, whether it is no pre-release, and the pre-release's parts.
Key = tuple[int, int, int, bool, tuple[tuple[int, int, str], ...]]
# (comparator, version), all of which must hold.
_All = tuple[tuple[str, semver.Version], ...]
_Tests = tuple[tuple[Callable[[Key, Key], Any], Key], ...]
_ONE = re.compile(r"(==|=|!=|!|<=|<|>=|>|)\s*([0-9]\S*)", re.ASCII)
_WILDCARD = re.compile(r"(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.x)+", re.ASCII)
_HOLDS: dict[str, Callable[[Key, Key], Any]] = {
    "=": operator.eq,
    "!": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@lru_cache(maxsize=1 << 16)
def order(version: str) -> Key:
    """What to sort and compare a semantic version by; build metadata does not count.

    ValueError where it is none.
    """
    if not SEMVER.fullmatch(version):
        raise ValueError(f"{version!r} is no version")
    core, dash, rest = version.partition("+")[0].partition("-")
    major, minor, patch = map(int, core.split("."))
    parts = tuple(
        (0, int(one), "") if one.isdigit() else (1, 0, one) for one in rest.split(".") if dash
    )
    return major, minor, patch, not dash, parts


class Range:
    """A range of versions: `"0.3.0" in Range(">=0.2.0 <0.4.0")`. ValueError says what OLM cannot
    read in it."""

    def __init__(self, text: str) -> None:
        self._alternatives = _parse(text)

    def __contains__(self, version: str) -> bool:
        found = order(version)
        return any(all(test(found, limit) for test, limit in every) for every in self._alternatives)


@lru_cache
def _parse(text: str) -> tuple[_Tests, ...]:
    """The alternatives of a range. ValueError says what cannot be read."""
    return tuple(
        tuple(
            (_HOLDS[sign], order(str(limit)))
            for one in _words(part)
            for sign, limit in _limits(*one)
        )
        for part in text.split("||")
    )


def _words(part: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while part[at:].strip():
        match = _ONE.match(part, at + len(part[at:]) - len(part[at:].lstrip()))
        if match is None:
            raise ValueError(f"{part[at:].strip()!r} is not read")
        found.append((match[1], match[2]))
        at = match.end()
    if not found:
        raise ValueError("a side of || is empty" if part else "it is empty")
    return found


def _limits(sign: str, text: str) -> _All:
    sign = {"": "=", "==": "=", "!=": "!"}.get(sign, sign)
    if (match := _WILDCARD.fullmatch(text)) is not None and text.count(".") <= 2:
        major, minor = int(match[1]), match[2]
        low = semver.Version(major, int(minor or 0), 0)
        # The first version that is beyond all of them.
        high = semver.Version(major + 1, 0, 0) if minor is None else low.bump_minor()
        if sign == "!":
            raise ValueError(f"!{text} can hold for no version, as OLM reads it")
        return {
            "=": ((">=", low), ("<", high)),
            ">": ((">=", high),),
            ">=": ((">=", low),),
            "<": (("<", low),),
            "<=": (("<", high),),
        }[sign]
    if not SEMVER.fullmatch(text):
        raise ValueError(f"{text!r} is no version")
    return ((sign, semver.Version.parse(text)),)
