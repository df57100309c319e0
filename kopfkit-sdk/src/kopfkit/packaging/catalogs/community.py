"""A package of a community-operators checkout: a directory with a bundle for each version.

There is no catalog in it; the pipelines of these repositories make one by `opm index add`, in the
mode that ci.yaml names as updateGraph (operator-registry v1.47, pkg/registry/bundlegraphloader.go
and pkg/sqlite/load.go):

- replaces-mode: the edges are those of the CSVs, and what a member of a channel replaces is a
  member, too;
- semver-mode: in each channel a version replaces the one below it;
- semver-skippatch-mode: it skips those of its minor version, too.

A package whose ci.yaml says `fbc: {enabled: true}` has its catalogs in catalogs/<OpenShift's
version>/<package> of the checkout instead; the newest of them is read.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kopfkit import manifests, yamls
from kopfkit.errors import KopfkitError
from kopfkit.manifests import CSV, fitted, shapes
from kopfkit.packaging.catalogs import reading
from kopfkit.packaging.catalogs.reading import Blob
from kopfkit.packaging.checks import Finding
from kopfkit.ranges import SEMVER, order

Object = dict[str, Any]
# A catalog's bundle has an image; these get theirs when a pipeline builds it.
UNPUBLISHED = "community.invalid/unpublished:latest"
MODES = ("replaces-mode", "semver-mode", "semver-skippatch-mode")
_PREFIX = "operators.operatorframework.io.bundle"


def bundles(directory: Path) -> list[Path]:
    """The bundles' directories of a package, in order of names; [] if it is none."""
    if not directory.is_dir():
        return []
    return [each.parent for each in sorted(directory.glob("*/manifests")) if each.is_dir()]


def read(directory: Path, *, whole: bool = False) -> tuple[list[Blob], list[Finding]]:
    """The documents of the catalog that the package comes to, and what cannot be read.

    Args:
        whole: as in `reading.read`.

    Raises:
        KopfkitError: ci.yaml names no mode that there is.
    """
    catalog = _catalog(directory)
    if catalog is not None:
        return reading.read(catalog, whole=whole)
    findings: list[Finding] = []
    found = [one for each in bundles(directory) for one in _bundle(each, findings)]
    mode = _mode(directory)
    return list(_documents(directory, found, mode)), findings


class _Bundle:
    """What the graph needs of a bundle."""

    def __init__(self, place: Path, file: Path, csv: Object, annotations: dict[str, str]) -> None:
        spec = csv.get("spec") or {}
        self.file = file
        self.name = str(csv["metadata"].get("name", ""))
        self.version = str(spec.get("version", ""))
        self.replaces = str(spec.get("replaces", ""))
        self.skips = list(spec.get("skips") or [])
        notes = csv["metadata"].get("annotations") or {}
        self.skip_range = str(notes.get("olm.skipRange", ""))
        self.created = str(notes.get("createdAt", ""))
        self.owned = (spec.get("customresourcedefinitions") or {}).get("owned") or []
        self.package = annotations.get(f"{_PREFIX}.package.v1", "")
        listed = annotations.get(f"{_PREFIX}.channels.v1", "")
        self.channels = [one.strip() for one in listed.split(",") if one.strip()]
        self.default = annotations.get(f"{_PREFIX}.channel.default.v1", "")

    @property
    def document(self) -> Object:
        """Its olm.bundle."""
        gvks = [
            {"type": "olm.gvk", "value": dict(zip(("group", "kind", "version"), one, strict=True))}
            for one in dict.fromkeys(
                (
                    str(one.get("name", "")).partition(".")[2],
                    str(one.get("kind", "")),
                    str(one.get("version", "")),
                )
                for one in self.owned
            )
        ]
        named = {"packageName": self.package, "version": self.version}
        metadata = {
            "annotations": {"createdAt": self.created},
            "crdDescriptions": {"owned": self.owned},
        }
        properties = [
            *gvks,
            {"type": "olm.package", "value": named},
            {"type": "olm.csv.metadata", "value": metadata},
        ]
        return {
            "schema": "olm.bundle",
            "name": self.name,
            "package": self.package,
            "image": UNPUBLISHED,
            "properties": properties,
        }


def _bundle(place: Path, findings: list[Finding]) -> Iterator[_Bundle]:
    """The bundle in a directory; nothing, with findings, where it has no readable CSV."""
    csvs, before = [], len(findings)
    for file in sorted((place / "manifests").iterdir()):
        if file.suffix in yamls.ENDINGS and file.is_file():
            csvs += [(file, one) for one in _documents_of(file, findings) if one.get("kind") == CSV]
    if not csvs and len(findings) > before:
        return  # it is one of the files that cannot be read
    if len(csvs) != 1:
        why = f"has {len(csvs)} ClusterServiceVersions, not one"
        findings.append(Finding(str(place / "manifests"), "", why, "one-csv"))
        return
    ((file, csv),) = csvs
    csv = manifests.typed(csv, _tell(file, findings))
    annotations: dict[str, str] = {}
    for path in sorted(each for each in (place / "metadata").glob("*.y*ml") if each.is_file()):
        for one in _documents_of(path, findings, b"annotations"):
            found = fitted(one, shapes.ANNOTATIONS, _tell(path, findings)).get("annotations", {})
            annotations |= {key: value for key, value in found.items() if isinstance(value, str)}
    yield _Bundle(place, file, csv, annotations)


def _documents_of(
    file: Path, findings: list[Finding], having: bytes = CSV.encode()
) -> Iterator[Object]:
    try:
        # Most files are CRDs, and parsing them takes most of the time.
        if file.stat().st_size <= yamls.LARGEST and having not in file.read_bytes():
            return
        yield from (one for one in yamls.read_all(file) if isinstance(one, dict))
    except yamls.DocumentError as error:
        place = f"{file}:{error.line}" if error.line else str(file)
        findings.append(Finding(place, "", error.why, "unreadable"))
    except OSError as error:
        findings.append(Finding(str(file), "", f"cannot be read ({error.strerror})", "unreadable"))


def _tell(file: Path, findings: list[Finding]) -> Any:
    return lambda field, why: findings.append(Finding(str(file), field, why, "wrong-type"))


def _ci(directory: Path) -> Object:
    file = directory / "ci.yaml"
    found = yamls.read(file) if file.is_file() else {}
    return found if isinstance(found, dict) else {}


def _catalog(directory: Path) -> Path | None:
    """The newest file-based catalog of a package that has some; None of another one."""
    fbc = _ci(directory).get("fbc")
    if not isinstance(fbc, dict) or not fbc.get("enabled"):
        return None
    place = directory.absolute().parents[1] / "catalogs"
    found = [each for each in place.glob(f"*/{directory.name}") if each.is_dir()]
    return max(found, key=lambda each: _numbers(each.parent.name), default=None)


def _numbers(name: str) -> list[int]:
    return [int(one) for one in re.findall("[0-9]+", name)]


def _mode(directory: Path) -> str:
    file = directory / "ci.yaml"
    mode = str(_ci(directory).get("updateGraph") or MODES[0])
    if mode not in MODES:
        raise KopfkitError(
            str(file), f"names updateGraph {mode!r}", f"Valid values: {', '.join(MODES)}."
        )
    return mode


def _documents(directory: Path, found: list[_Bundle], mode: str) -> Iterator[Blob]:
    if not found:
        return
    numbered = [one for one in found if SEMVER.fullmatch(one.version)]
    numbered.sort(key=lambda one: (order(one.version), one.version))
    name = next((one.package for one in reversed(numbered) if one.package), directory.name)
    members: dict[str, dict[str, _Bundle]] = defaultdict(dict)
    for one in numbered:
        for channel in one.channels:
            members[channel][one.name] = one
    named = [one.default for one in reversed(numbered) if one.default]
    # Where none is named, the one channel that there is.
    default = named[0] if named else next(iter(members), "") if len(members) == 1 else ""
    package = {"schema": "olm.package", "name": name, "defaultChannel": default}
    yield Blob(str(directory), 0, package)
    by_name = {one.name: one for one in numbered}
    for channel, inside in members.items():
        listed = list(inside.values())
        if mode == MODES[0]:
            entries = _by_csv(listed, by_name)
        else:
            entries = _by_version(listed, skip_patches=mode == MODES[2])
        document = {"schema": "olm.channel", "package": name, "name": channel, "entries": entries}
        yield Blob(str(directory), 0, document)
    for one in found:
        yield Blob(str(one.file), 0, one.document)


def _by_csv(members: list[_Bundle], known: dict[str, _Bundle]) -> list[Object]:
    inside = {one.name: one for one in members}
    waiting = list(members)
    while waiting:
        below = known.get(waiting.pop().replaces)
        if below is not None and below.name not in inside:
            inside[below.name] = below
            waiting.append(below)
    return [_entry(one, one.replaces, one.skips) for one in inside.values()]


def _by_version(members: list[_Bundle], *, skip_patches: bool) -> list[Object]:
    found = []
    for at, one in enumerate(members):
        below = members[at - 1].name if at else ""
        minor = one.version.split(".")[:2]
        same = [each for each in members[:at] if each.version.split(".")[:2] == minor]
        found.append(_entry(one, below, [each.name for each in same] if skip_patches else []))
    return found


def _entry(one: _Bundle, replaces: str, skips: list[str]) -> Object:
    entry: Object = {"name": one.name, "replaces": replaces, "skips": skips}
    return {**entry, "skipRange": one.skip_range}
