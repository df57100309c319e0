"""In which lines of a YAML text a field stands: for errors about what was read from it, and for who
changes a few lines of it and leaves the rest as it is."""

from collections.abc import Sequence
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Lines:
    """The lines of one document.

    Args:
        text: that `yamls.load` accepts: what bounds its depth is there, not here.
    """

    def __init__(self, text: bytes) -> None:
        self._root = _composed(text)

    def of(self, path: Sequence[str | int]) -> int:
        """The line, from 1, of the deepest part of a path that is there; 0 where nothing is."""
        node, line = self._root, 0
        if node is not None:
            line = node.start_mark.line + 1
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = [(key, value) for key, value in node.value if key.value == str(step)]
                if not found:
                    return line
                line, node = found[0][0].start_mark.line + 1, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
                if not 0 <= step < len(node.value):
                    return line
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                return line
        return line


class Part:
    """A value in a text and the lines it takes, from 0; comments around it do not count.

    Attributes:
        first: the line in which it begins, that of its key if it has one.
        end: the line behind its last.
        column: in which the keys or the dashes of a block begin.
        block: whether it is a mapping or a list with one entry a line.
    """

    def __init__(self, node: Any, first: int) -> None:
        self._node, self.first = node, first
        self.end, self.column = _end(node), int(node.start_mark.column)
        collection = isinstance(node, yaml.CollectionNode)
        self.block = collection and bool(node.value) and not node.flow_style

    def child(self, key: str) -> "Part | None":
        """The value of a key of a mapping; None if it has none such."""
        if not isinstance(self._node, yaml.MappingNode):
            return None
        for name, value in self._node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                return Part(value, int(name.start_mark.line))
        return None


def part(text: str) -> Part | None:
    """The value of the only document of a text that `yamls.load` accepts; None where there is
    none."""
    root = _composed(text.encode())
    return None if root is None else Part(root, int(root.start_mark.line))


def _composed(text: bytes) -> Any:
    try:
        return yaml.compose(text, Loader=_LOADER)
    except (yaml.YAMLError, RecursionError):
        return None


def _end(node: Any) -> int:
    """The line behind a node's last. What the parser calls the end of a block is the beginning of
    whatever comes next, so that of its last scalar counts."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    mark = node.end_mark
    # A literal ends where the next line begins, anything else within its last line.
    return int(
        mark.line if mark.column == 0 and mark.line > node.start_mark.line else mark.line + 1
    )
