"""Reads the go.mod of each tool group: the one place where the versions of the tools are pinned.

A group is a directory under `tools/` with a go.mod (`tool` directives and every version) and a
go.sum (the hash of every module). Programs that share most of their packages are one group, so that
these are compiled once (docs/decisions/0043-one-build-for-a-cluster.md); otherwise groups are
separate, so that one tool's dependencies do not change the build of another.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError

TOOLS = Path(__file__).parent / "tools"

_REQUIREMENT = re.compile(r"^\s*(?:require\s+)?(\S+)\s+(v\d\S*)(?:\s*//.*)?$", re.MULTILINE)
_REPLACEMENT = re.compile(r"^\s*(?:replace\s+)?(\S+)\s+=>\s+(\S+)\s+(v\S+)", re.MULTILINE)
_GO = re.compile(r"^go\s+(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Group:
    """One tool group.

    Attributes:
        name: the directory's name.
        versions: module path -> pinned version ("v1.34.4"), replacements applied.
        go: the Go release that the modules need, as (major, minor).
    """

    name: str
    versions: dict[str, str]
    go: tuple[int, int]

    @property
    def directory(self) -> Path:
        """Where go.mod and go.sum are."""
        return TOOLS / self.name

    def module_of(self, package: str) -> str:
        """The module that has the Go package `package`: the longest pinned path it begins with."""
        parts = package.split("/")
        for length in range(len(parts), 0, -1):
            path = "/".join(parts[:length])
            if path in self.versions:
                return path
        raise KopfkitError(package, f"is in no module of the tool group {self.name}")


@functools.cache
def group(name: str) -> Group:
    """The group `name`. Raises KopfkitError if there is none."""
    try:
        text = (TOOLS / name / "go.mod").read_text()
    except OSError as error:
        raise KopfkitError(f"tool group {name}", "has no go.mod") from error
    return parse(name, text)


def parse(name: str, text: str) -> Group:
    """The group `name` from the text of its go.mod."""
    versions = dict(_REQUIREMENT.findall(text))
    for path, replacement, version in _REPLACEMENT.findall(text):
        if path == replacement and path in versions:
            versions[path] = version
    release = _GO.search(text)
    if release is None:
        raise KopfkitError(f"tool group {name}", "its go.mod has no go directive")
    return Group(name, versions, (int(release[1]), int(release[2])))
