"""How much an SVG grows where its parts are used again: a browser draws each use anew.

With <use>, patterns, masks, markers and clip paths, a few hundred bytes draw a thousand million
elements, and the browser that is asked to do so answers to nobody any more. So the uses are
followed and counted: those that attributes name. What an element uses by a style sheet, or inherits
from another one, is not counted.
"""

import re
from bisect import bisect_left
from typing import Any
from urllib.parse import unquote
from xml.parsers import expat

# Elements that are drawn again, and uses of any: a browser takes a tenth of a second for them.
LARGEST = 100_000
# "#a" in href="#a", fill="url('#a')", style="mask:url(#a)", values="#a;#b".
_NAMED = re.compile(r"#([^\s;,()\"']+)")


class _Refused(Exception):
    pass


def refusal(data: bytes) -> str:
    """Why a browser should not draw an SVG, "" if it may.

    Args:
        data: of the file.
    """
    reader = _Reader()
    try:
        reader.read(data)
    except expat.ExpatError as error:
        return f"it is no XML ({error})"
    except _Refused as refused:
        return str(refused)
    if reader.grows():
        return f"its parts use each other, for more than {LARGEST} elements in all"
    return ""


class _Reader:
    """Elements by their place in the file; an element's content lies between it and its end."""

    def __init__(self) -> None:
        self._ends: list[int] = []
        self._open: list[int] = []
        self._ids: dict[str, int] = {}
        # Where something is used, ascending, and what.
        self._places: list[int] = []
        self._uses: list[str] = []

    def read(self, data: bytes) -> None:
        """Raises ExpatError, or _Refused for what cannot be counted."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.EntityDeclHandler = self._entity
        parser.Parse(data, True)

    def grows(self) -> bool:
        """Whether more is drawn again than LARGEST allows, or something for ever."""
        uses = []
        for place, name in zip(self._places, self._uses, strict=True):
            target = self._ids.get(name)
            # What contains its use is not drawn again (SVG 2, 5.6); it may also be a color.
            if target is not None and not target <= place < self._ends[target]:
                uses.append((place, target))
        places = [place for place, _ in uses]
        drawn, todo = 0, [target for _, target in uses]
        while todo and drawn <= LARGEST:
            first = todo.pop()
            end = self._ends[first]
            inside = uses[bisect_left(places, first) : bisect_left(places, end)]
            todo += (target for _, target in inside)
            drawn += end - first + len(inside)
        return drawn > LARGEST

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        here = len(self._ends)
        self._open.append(here)
        self._ends.append(0)
        for key, value in attributes.items():
            if key == "id":
                self._ids.setdefault(value, here)
            # As URLs are read: without line ends and tabs.
            if "data:image/svg" in "".join(value.split()).lower():
                raise _Refused("it has another SVG in it")
            for used in _NAMED.findall(value):
                self._places.append(here)
                self._uses.append(unquote(used))

    def _end(self, name: str) -> None:
        self._ends[self._open.pop()] = len(self._ends)

    def _entity(self, *_: Any) -> None:
        raise _Refused("it declares entities, which may grow without end")
