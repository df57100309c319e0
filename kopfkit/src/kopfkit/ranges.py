"""Ranges of versions, as a skipRange has them and OLM reads them.

Grammar and meaning are those of blang/semver v4 (range.go), which OLM, opm and operator-sdk use:
comparators `< <= > >= = == ! !=` before a version, blanks for "and", `||` for "or" (which binds
less), `x` for any number at the end (1.x, 1.2.x). A pre-release is in a range by its order alone:
1.0.0-rc.1 is in <1.0.0.
"""

import re
from functools import lru_cache

import semver

SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
# (comparator, version), all of which must hold.
_All = tuple[tuple[str, semver.Version], ...]
_ONE = re.compile(r"(==|=|!=|!|<=|<|>=|>|)\s*([0-9]\S*)", re.ASCII)
_WILDCARD = re.compile(r"(0|[1-9]\d*)(?:\.(0|[1-9]\d*))?(?:\.x)+", re.ASCII)
_HOLDS = {
    "=": lambda order: order == 0,
    "!": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


class Range:
    """A range of versions: `"0.3.0" in Range(">=0.2.0 <0.4.0")`. ValueError says what OLM cannot
    read in it."""

    def __init__(self, text: str) -> None:
        self._alternatives = _parse(text)

    def __contains__(self, version: str) -> bool:
        found = semver.Version.parse(version)
        return any(
            all(_HOLDS[sign](found.compare(limit)) for sign, limit in every)
            for every in self._alternatives
        )


@lru_cache
def _parse(text: str) -> tuple[_All, ...]:
    """The alternatives of a range. ValueError says what cannot be read."""
    return tuple(
        tuple(limit for one in _words(part) for limit in _limits(*one)) for part in text.split("||")
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
