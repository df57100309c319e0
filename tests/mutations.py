"""Documents with one part exchanged: what somebody else's file may hold at any place."""

import copy
from typing import Any

from hypothesis import strategies as st

# One of each type that JSON has, with values that Python treats in its own ways.
WRONG: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "text",
    "\x00",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": None},
    {"name": []},
    {"a": {"b": 1}},
)
_REMOVED = object()


def deep(levels: int = 150) -> Any:
    """A list in a list in a list."""
    found: Any = []
    for _ in range(levels):
        found = [found]
    return found


def places(value: Any) -> list[tuple[Any, ...]]:
    """The path of every node below the document itself."""
    found: list[tuple[Any, ...]] = []
    pairs: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in pairs:
        found.append((key,))
        if isinstance(inner, dict | list):
            found += [(key, *rest) for rest in places(inner)]
    return found


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value at a path; with none if that is `_REMOVED`."""
    found = copy.copy(document)
    key, rest = path[0], path[1:]
    if rest:
        found[key] = changed(document[key], rest, value)
    elif value is _REMOVED:
        del found[key]
    else:
        found[key] = value
    return found


def shallow(paths: list[tuple[Any, ...]], limit: int) -> list[tuple[Any, ...]]:
    """The paths of at most `limit` steps."""
    return [path for path in paths if len(path) <= limit]


@st.composite
def mutants(draw: st.DrawFn, document: Any, places: list[tuple[Any, ...]]) -> Any:
    """The document with one to three of these places exchanged or removed."""
    found = document
    for path in draw(st.lists(st.sampled_from(places), min_size=1, max_size=3)):
        value = draw(st.sampled_from((*WRONG, deep(), _REMOVED)))
        try:
            found = changed(found, path, value)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return found
