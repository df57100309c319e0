"""What has to be done to one JSON value to get another, and doing it with care.

A difference is kept leaf by leaf, each with the value it replaces. When it is applied later, a leaf
whose value is no longer the one it replaces is left alone: somebody changed it since, and wins.
Lists are leaves: two versions of a list cannot be merged without knowing what its items mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


class Absent:
    """The type of ABSENT: no value at all, which is not the same as null."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True)
class Change:
    """One leaf: the value it should have, and the value it has without our doing.

    Either may be ABSENT: no value to add, or a value to take away.
    """

    value: Any
    over: Any


# JSON pointer (RFC 6901) -> change.
Changes = Mapping[str, Change]


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same text; unlike ==, True is not 1 and 1 is not 1.0."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def difference(base: Any, wanted: Any) -> dict[str, Change]:
    """The changes that make `base` into `wanted`."""
    changes: dict[str, Change] = {}
    _compare(base, wanted, "", changes)
    return changes


def _compare(base: Any, wanted: Any, pointer: str, changes: dict[str, Change]) -> None:
    # Most of an object passes through a conversion as it is, the very same dict: nothing below it
    # has to be looked at, and no pointer to it is needed.
    if isinstance(wanted, dict) and (isinstance(base, dict) or (base is ABSENT and wanted)):
        there: dict[str, Any] = base if isinstance(base, dict) else {}
        for key, item in wanted.items():
            current = there.get(key, ABSENT)
            if current is not item:
                _compare(current, item, f"{pointer}/{_escape(key)}", changes)
        for key, current in there.items():
            if key not in wanted:
                changes[f"{pointer}/{_escape(key)}"] = Change(ABSENT, current)
    elif not same(base, wanted):
        changes[pointer] = Change(wanted, base)


def apply(content: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """`content` with the changes made whose place still holds the value they replace.

    Returns a new dict; the argument and everything in it stay as they are. Each dict on the way is
    copied once, however many changes are below it.
    """
    made = dict(content)
    copied = {id(made): made}
    for pointer, change in changes.items():
        _put(made, [_unescape(part) for part in pointer.split("/")[1:]], change, copied)
    return made


def _put(
    content: dict[str, Any], path: list[str], change: Change, copied: dict[int, dict[str, Any]]
) -> None:
    """Make one change in place where it applies; `copied` are the dicts that may be changed."""
    key = path[-1]
    parent: Any = content
    for part in path[:-1]:
        parent = parent.get(part, ABSENT) if isinstance(parent, dict) else None
        if parent is ABSENT:
            # Only what was not there before can be put under a parent that is not there now.
            if change.over is not ABSENT or change.value is ABSENT:
                return
            break
    else:
        if not isinstance(parent, dict) or not same(parent.get(key, ABSENT), change.over):
            return
    place = content
    for part in path[:-1]:
        below = place.get(part, {})
        if id(below) not in copied:
            below = dict(below)
            copied[id(below)] = below
            place[part] = below
        place = below
    if change.value is ABSENT:
        place.pop(key, None)
    else:
        place[key] = change.value


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
