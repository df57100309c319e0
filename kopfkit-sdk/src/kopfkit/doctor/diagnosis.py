"""A project from its files to its findings."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from kopfkit.doctor import apis, code, manifests, pods, sources
from kopfkit.doctor.findings import ERROR, Finding
from kopfkit.errors import KopfkitError


@dataclass(frozen=True)
class Diagnosis:
    """What was found.

    Attributes:
        findings: what stands between the project and OLM.
        looked: what was looked at.
        notes: handlers that were found, and files that were not read.
    """

    findings: tuple[Finding, ...]
    looked: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def diagnose(directory: Path) -> Diagnosis:
    """Look at a project.

    Raises:
        KopfkitError: it is no directory.
    """
    if not directory.is_dir():
        raise KopfkitError(str(directory), "is no directory", "Name the operator's checkout.")
    found = sources.find(directory)
    said = code.Code()
    for path in found.python:
        # Tests make objects of all kinds, and are not in the image.
        if path.parts[0] in ("tests", "test") or path.name.startswith("test_"):
            continue
        if (text := found.text(path)) is not None:
            code.read(said, path, text)
    written = manifests.read(found)
    broken = (
        Finding("syntax", ERROR, str(path), line, f"is no Python: {why}", "Correct it.")
        for path, line, why in said.broken
    )
    looked = (
        f"{len(found.python)} Python files",
        f"{len(found.manifests)} manifests",
        f"{len(found.dockerfiles)} Dockerfiles",
    )
    return Diagnosis(
        (*broken, *apis.findings(said, written), *pods.findings(found, said, written)),
        looked,
        (*_handlers(said), *found.notes),
    )


def _handlers(said: code.Code) -> list[str]:
    """One sentence for each resource that handlers are about."""
    counts: dict[str, Counter[str]] = {}
    for one in said.handlers:
        at = one.selector
        group = at.group if at is not None else None
        version = at.version if at is not None else None
        where = "/".join(part for part in (group, version) if part)
        name = " ".join(part for part in (one.name or "an unknown resource", where) if part)
        counts.setdefault(name, Counter())[one.on] += 1
    return [
        f"handlers of {name}: "
        + ", ".join(f"{on} ({number})" if number > 1 else on for on, number in found.items())
        for name, found in sorted(counts.items())
    ]
