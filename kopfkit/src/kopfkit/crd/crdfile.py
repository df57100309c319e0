"""An existing CustomResourceDefinition file, as the source of a resource instead of Python types.

The file is taken as it is; what it can be wrong in is told all at once, with its lines. PyYAML is
imported only when a file is read: what runs in a cluster reads none.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kopfkit.crd import crdchecks, structure
from kopfkit.crd.errors import CrdError, Errors

# Bytes: etcd stores no larger object (1.5 MiB), so no CRD that was ever installed is longer.
LARGEST: Final = 2 << 20
_NEEDS = "Install pyyaml where CRD files are read; an operator's pod needs none of them."


@dataclass(frozen=True)
class Problem:
    """What keeps a file from being a CRD, or a description that it lacks.

    Attributes:
        line: in the file, from 1; 0 where it is not known.
        place: the field ("spec.versions[0].name"); "" for the whole file.
        why: what is wrong, as a clause.
        hint: what to do, as a sentence, or "".
    """

    line: int
    place: str
    why: str
    hint: str = ""


@dataclass(frozen=True)
class CrdFile:
    """A CRD file that was read.

    Attributes:
        path: as it was given.
        content: the one document in it.
        problems: why it cannot be used.
        warnings: fields without a description, which `kubectl explain` and consoles show.
    """

    path: Path
    content: Mapping[str, Any] = field(repr=False, hash=False)
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    def check(self) -> None:
        """Raises CrdError that lists every problem, if there is one."""
        errors = Errors()
        for one in self.problems:
            with errors.collected():
                raise CrdError(self.placed(one), one.why, one.hint)
        errors.raise_if_any(str(self.path))

    def placed(self, one: Problem) -> str:
        """File, line and field of a problem in one."""
        where = f"{self.path}:{one.line}" if one.line else str(self.path)
        return f"{where}: {one.place}" if one.place else where


def read(path: Path) -> CrdFile:
    """Read a file and look for everything that is wrong with it; it may be anything."""
    try:
        from kopfkit import yamls
        from kopfkit.yamls.places import Lines
    except ModuleNotFoundError as error:
        return _unreadable(path, f"cannot be read without PyYAML ({error})", _NEEDS)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
    except OSError as error:
        hint = "A relative path starts in the current directory; Path(__file__).parent is safer."
        return _unreadable(path, f"cannot be read ({error.strerror})", hint)
    if len(text) > LARGEST:
        return _unreadable(path, f"is larger than {LARGEST >> 20} MiB, which no CRD is")
    try:
        documents = yamls.load_all(text, str(path))
    except yamls.DocumentError as error:
        return CrdFile(path, {}, (Problem(error.line, "", error.why, error.hint),))
    if len(documents) != 1:
        why = f"has {len(documents)} documents, not one"
        return _unreadable(path, why, "Give each CRD a file of its own.")
    (document,) = documents
    lines = Lines(text)

    def at(where: structure.Path, why: str, hint: str = "") -> Problem:
        return Problem(lines.of(where), shown(where), why, hint)

    problems = tuple(at(*one) for one in crdchecks.problems(document))
    if problems:
        return CrdFile(path, document if isinstance(document, Mapping) else {}, problems)
    return CrdFile(path, document, (), tuple(at(*one) for one in _warnings(document)))


def _warnings(crd: Mapping[str, Any]) -> Iterator[tuple[structure.Path, str]]:
    for index, version in enumerate(crd["spec"]["versions"]):
        schema = version["schema"]["openAPIV3Schema"]
        start = ("spec", "versions", index, "schema", "openAPIV3Schema")
        for where in structure.undescribed(schema, start):
            yield where, "has no description"


def shown(path: structure.Path) -> str:
    """A path as people write it: spec.versions[0].name."""
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)
    return text.removeprefix(".")


def _unreadable(path: Path, why: str, hint: str = "") -> CrdFile:
    return CrdFile(path, {}, (Problem(0, "", why, hint),))
