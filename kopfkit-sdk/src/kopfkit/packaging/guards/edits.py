"""Entries put into a YAML text that somebody else wrote, and taken out of it again.

Every other byte stays: comments, order of keys, quotes, line ends. What is put in stands between
two comment lines; a line that it replaces becomes a comment there. So the result is a text that
a person can read and compare, and the original is in it.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.yamls.places import part

Object = dict[str, Any]
BEGIN: Final = "# kopfkit guard: begin"
END: Final = "# kopfkit guard: end"
WAS: Final = "# kopfkit guard: was "


@dataclass(frozen=True)
class Edit:
    """One entry.

    Attributes:
        path: keys of the mapping or list that gets it; what is missing of it is made.
        key: in a mapping; None: it is appended to a list.
        value: as JSON has it.
    """

    path: tuple[str, ...]
    key: str | None
    value: Any


def put(document: Object, edits: Sequence[Edit]) -> Object:
    """The document with the entries."""
    found = copy.deepcopy(document)
    for edit in edits:
        place: Any = found
        for at, step in enumerate(edit.path):
            fresh: Any = [] if edit.key is None and at == len(edit.path) - 1 else {}
            if place.get(step) is None:
                place[step] = fresh
            place = place[step]
        if edit.key is None:
            place.append(copy.deepcopy(edit.value))
        else:
            place[edit.key] = copy.deepcopy(edit.value)
    return found


def inserted(text: str, edits: Sequence[Edit], name: str) -> str:
    """The text with the entries.

    Args:
        text: one document in block style, without what an earlier call put in.
        edits: those of one place are put in in their order.
        name: the file, for errors.

    Raises:
        KopfkitError: the text is written in a way in which it cannot be changed by lines.
    """
    wanted = put(yamls.load(text, name), edits)
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    open_ended = not text.endswith("\n")
    if lines and open_ended:
        lines[-1] += ending
    changes = list(enumerate(_changes(text, wanted, edits)))
    # From the end, so that the lines of those before stay where they are.
    for _, (first, end, block) in sorted(changes, key=lambda one: (*one[1][:2], one[0]))[::-1]:
        was = [f"{WAS}{line}" for line in lines[first:end]]
        new = [f"{line}{ending}" for line in block.splitlines()]
        lines[first:end] = [f"{BEGIN}{ending}", *was, *new, f"{END}{ending}"]
    found = "".join(lines)
    if open_ended:
        found = found.removesuffix(ending)
    try:
        same = yamls.load(found, name) == wanted and taken_out(found, name) == text
    except yamls.DocumentError:
        same = False
    if not same:
        raise KopfkitError(
            name,
            "is written in a way in which it cannot be changed line by line (JSON, braces over "
            "several levels, aliases)",
            "Write it as YAML with one key a line, as kubectl -o yaml does.",
        )
    return found


def taken_out(text: str, name: str) -> str:
    """The text as it was before `inserted`; itself if nothing was put in.

    Args:
        text: of a file.
        name: the file, for errors.

    Raises:
        KopfkitError: the two comments around an entry are no longer as they were written, so that
            nobody can tell where it ends.
    """
    kept: list[str] = []
    inside = False
    at = 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        bare = line.rstrip("\r\n")
        mark = bare.strip()
        if mark in (BEGIN, END):
            if mark != bare or inside is (mark == BEGIN):
                raise _damaged(name, number)
            inside, at = not inside, number
            if mark == END and bare == line and kept:
                kept[-1] = kept[-1].rstrip("\r\n")
        elif not inside:
            kept.append(line)
        elif line.startswith(WAS):
            kept.append(line.removeprefix(WAS))
    if inside:
        raise _damaged(name, at)
    return "".join(kept)


def _damaged(name: str, number: int) -> KopfkitError:
    return KopfkitError(
        f"{name}:{number}",
        f"the comments {BEGIN!r} and {END!r} are not in pairs, each alone in its line without "
        "indentation",
        "Restore the file from version control, or generate the bundle again and inject the guard.",
    )


def _changes(text: str, wanted: Object, edits: Sequence[Edit]) -> Iterator[tuple[int, int, str]]:
    """Lines that are replaced (none where something is inserted), and what by."""
    root = part(text)
    done: set[tuple[str, ...]] = set()
    for edit in edits:
        node, steps = root, (*edit.path, *([] if edit.key is None else [edit.key]))
        for at, step in enumerate(steps):
            if node is None or not node.block:
                break  # `inserted` tells that this is not what was wanted
            found = node.child(step)
            if found is not None and found.block and at < len(edit.path):
                node = found
                continue
            here = steps[: at + 1]
            if here not in done:
                done.add(here)
                block = _indented({step: _at(wanted, here)}, node.column)
                yield (
                    (node.end, node.end, block)
                    if found is None
                    else (found.first, found.end, block)
                )
            break
        else:
            if node is not None:
                yield node.end, node.end, _indented([edit.value], node.column)


def _at(document: Any, path: Sequence[str]) -> Any:
    for step in path:
        document = document[step]
    return document


def _indented(value: Any, column: int) -> str:
    lines = yamls.dump(value).splitlines()
    return "\n".join(f"{' ' * column}{line}" if line else "" for line in lines)
