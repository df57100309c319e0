"""Which files of a catalog opm leaves out: those that an .indexignore names, as .gitignore does."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

NAME = ".indexignore"


class Ignored:
    """The patterns of every .indexignore below a directory."""

    def __init__(self, root: Path) -> None:
        self._rules: list[tuple[PurePosixPath, re.Pattern[str], bool]] = []
        for file in sorted(root.rglob(NAME)) if root.is_dir() else ():
            if file.is_file():
                below = PurePosixPath(file.parent.relative_to(root))
                text = file.read_text("utf-8", "replace")
                self._rules += ((below, *rule) for rule in _rules(text))

    def __contains__(self, path: PurePosixPath) -> bool:
        """Whether a file is left out; its path from the root."""
        left_out = False
        for below, pattern, ignores in self._rules:
            if path.is_relative_to(below) and pattern.fullmatch(str(path.relative_to(below))):
                left_out = ignores
        return left_out


def _rules(text: str) -> Iterator[tuple[re.Pattern[str], bool]]:
    for line in map(str.rstrip, text.splitlines()):
        glob = line.removeprefix("!")
        if not glob or line.startswith("#"):
            continue
        directory, glob = glob.endswith("/"), glob.rstrip("/")
        # A pattern with a slash inside holds from its own directory on, another one anywhere.
        anywhere = "" if "/" in glob else "(.*/)?"
        inside = "/.*" if directory else "(/.*)?"
        yield re.compile(anywhere + _as_regex(glob.removeprefix("/")) + inside), line[0] != "!"


def _as_regex(glob: str) -> str:
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    known = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(part, re.escape(part)) for part in parts)
