"""From the parser's events to values, as go-yaml's decoder does it.

PyYAML's composer and constructor stand between events and values; without them a large CRD takes a
third of the time, and what they do differently from Go (anchors, merge keys, repeated keys) needs
no undoing. Depth and the size of what aliases stand for are bounded.
"""

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import yaml

from kopfkit.yamls import scalars
from kopfkit.yamls.errors import DocumentError

# Mappings and lists inside each other. Kubernetes' deepest schemas have some 60; what walks through
# an object afterwards does so by recursion, for which Python has 1000 frames.
MAX_DEPTH = 200

# go-yaml's bound on aliases (decode.go, allowedAliasRatio): the share of all nodes that may come
# from aliases is 99 % in a document of up to 400,000 nodes, and falls to 10 % at 4,000,000.
_FREE_ALIASES, _FREE_NODES = 100, 1000
_SMALL, _LARGE = 400_000, 4_000_000
_SHARE_SMALL, _SHARE_LARGE = 0.99, 0.10

_MERGE = "<<"
_MERGE_TAG = "tag:yaml.org,2002:merge"
_BEGUN = (yaml.MappingStartEvent, yaml.SequenceStartEvent)


class _Open:
    """Stands for an anchored mapping or list whose end is not read yet."""


class Composer:
    """Reads the documents of one stream.

    Args:
        name: the file, for errors.
        parse: gives the next event.
    """

    def __init__(self, name: str, parse: Callable[[], Any]) -> None:
        self._name = name
        self._parse = parse
        # Anchor -> value and the number of its nodes.
        self._anchors: dict[str, tuple[Any, int] | _Open] = {}
        self._nodes = 0
        self._repeated = 0

    def documents(self) -> Iterator[tuple[int, Any]]:
        """Each document with the line in which it begins.

        Raises:
            DocumentError: it says what Kubernetes' YAML does not.
            yaml.YAMLError: it is not YAML.
        """
        while type(event := self._parse()) is not yaml.StreamEndEvent:
            if type(event) is yaml.DocumentStartEvent:
                self._anchors = {}
                self._nodes = self._repeated = 0
                event = self._parse()
                found = self._placed(event, 0)
                self._bound(event)
                yield _line(event), found

    def _placed(self, event: Any, depth: int) -> Any:
        """A node's value as JSON has it."""
        value = self._node(event, depth)
        if type(value) is float:
            try:
                return scalars.number(value)
            except ValueError as error:
                self._refuse(event, str(error))
        return value

    def _node(self, event: Any, depth: int) -> Any:
        """A node's value; a float is still one, since as a key it is written otherwise."""
        self._nodes += 1
        kind = type(event)
        anchor = event.anchor
        value: Any
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if anchor is not None:
                self._anchors[anchor] = (value, 1)
            return value
        if kind is yaml.AliasEvent:
            return self._alias(event, depth)
        if depth >= MAX_DEPTH:
            self._too_deep(event)
        before, opened = self._nodes, _Open()
        if anchor is not None:
            self._anchors[anchor] = opened
        if kind is yaml.MappingStartEvent:
            value = self._mapping(depth + 1)
        else:
            value = self._sequence(depth + 1)
        # An anchor of the same name inside stays in force.
        if anchor is not None and self._anchors[anchor] is opened:
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _scalar(self, event: Any) -> scalars.Scalar:
        if event.tag is None:
            text: str = event.value
            return scalars.resolve(text) if event.implicit[0] else text
        try:
            return scalars.tagged(event.tag, event.value)
        except ValueError as error:
            self._refuse(event, str(error))

    def _sequence(self, depth: int) -> list[Any]:
        found = []
        while type(event := self._parse()) is not yaml.SequenceEndEvent:
            found.append(self._placed(event, depth))
        return found

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while type(event := self._parse()) is not yaml.MappingEndEvent:
            if _merges(event):
                # Go takes the keys in the order in which they stand: what is merged replaces the
                # keys before it, and gives way to those behind it.
                for one in self._merged(depth):
                    found.update(one)
                continue
            try:
                key = scalars.key(self._node(event, depth))
            except ValueError as error:
                self._refuse(event, str(error))
            if key in lines:
                why = f"the key {key!r} is there twice (first in line {lines[key]})"
                self._refuse(event, why, "Remove one of the two.")
            lines[key] = _line(event)
            found[key] = self._placed(self._parse(), depth)
        return found

    def _merged(self, depth: int) -> list[dict[str, Any]]:
        """What stands behind `<<`, in the order in which it applies."""
        event = self._parse()
        if type(event) is not yaml.SequenceStartEvent:
            return [self._mergeable(event, depth)]
        found = []
        while type(event := self._parse()) is not yaml.SequenceEndEvent:
            found.append(self._mergeable(event, depth))
        return found[::-1]

    def _mergeable(self, event: Any, depth: int) -> dict[str, Any]:
        if type(event) in (yaml.MappingStartEvent, yaml.AliasEvent):
            value = self._node(event, depth)
        else:
            value = None
        if not isinstance(value, dict):
            self._refuse(event, "<< needs a mapping or a list of mappings")
        return value

    def _alias(self, event: Any, depth: int) -> Any:
        found = self._anchors.get(event.anchor)
        if found is None:
            self._refuse(event, f"there is no anchor {event.anchor!r} before *{event.anchor}")
        if isinstance(found, _Open):
            self._refuse(event, f"the anchor {event.anchor!r} contains itself")
        value, nodes = found
        self._nodes += nodes
        self._repeated += nodes
        self._bound(event)
        return self._copy(event, value, depth)

    def _copy(self, event: Any, value: Any, depth: int) -> Any:
        """A value of its own for each alias: who changes one does not change the others."""
        if not isinstance(value, dict | list):
            return value
        if depth >= MAX_DEPTH:
            self._too_deep(event)
        if isinstance(value, dict):
            return {key: self._copy(event, one, depth + 1) for key, one in value.items()}
        return [self._copy(event, one, depth + 1) for one in value]

    def _bound(self, event: Any) -> None:
        if self._repeated <= _FREE_ALIASES or self._nodes <= _FREE_NODES:
            return
        part = min(max((self._nodes - _SMALL) / (_LARGE - _SMALL), 0.0), 1.0)
        share = _SHARE_SMALL - (_SHARE_SMALL - _SHARE_LARGE) * part
        if self._repeated > share * self._nodes:
            self._refuse(
                event,
                f"aliases stand for {self._repeated} of its {self._nodes} values, more than "
                "Kubernetes takes",
                "Write out what the anchors stand for, or name less by them.",
            )

    def _too_deep(self, event: Any) -> NoReturn:
        self._refuse(event, f"more than {MAX_DEPTH} mappings and lists are inside each other")

    def _refuse(self, event: Any, why: str, hint: str = "") -> NoReturn:
        raise DocumentError(self._name, _line(event), why, hint)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _merges(event: Any) -> bool:
    return (
        type(event) is yaml.ScalarEvent
        and event.value == _MERGE
        and (event.implicit[0] or event.tag == _MERGE_TAG)
    )
