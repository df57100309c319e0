"""Catalogs of others for the commands: where they are read from, and how they are judged."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from kopfkit import yamls
from kopfkit.cli._bundlereport import Fault, Outcome
from kopfkit.cli._opm import is_template, rendered
from kopfkit.errors import KopfkitError
from kopfkit.packaging.catalogs import community, judging, reading
from kopfkit.packaging.catalogs.packages import Package, packages
from kopfkit.packaging.catalogs.sources import Packages, load, one_of
from kopfkit.packaging.checks import ERROR, RULES, Finding

OPM = "opm"
# Rules about what cannot be read, and how many such places are told.
_UNREAD = {"unreadable", "wrong-type", "schema", "one-csv"}
_TOLD = 3


def loaded(source: str, *, whole: bool = False) -> tuple[Packages, list[Finding]]:
    """The packages of a path, or of what opm makes of an image or of its own template; see
    `sources.load`.

    Raises:
        KopfkitError: it is neither, or cannot be read.
    """
    if not is_template(Path(source)) and (os.path.lexists(source) or not {":", "@"} & set(source)):
        return load(Path(source), whole=whole)
    return of_rendered(source, rendered(source), whole=whole)


def of_rendered(
    source: str, documents: list[dict[str, Any]], *, whole: bool = False
) -> tuple[Packages, list[Finding]]:
    """As `loaded`, of what opm has made of an image or a template."""
    blobs, unread = reading.of_documents(source, documents, whole=whole)
    found, wrong = packages(blobs)
    if not found:
        what = f"template {source}" if is_template(Path(source)) else f"image {source}"
        raise KopfkitError(what, "is no catalog", "Name one that has bundles.")
    return found, [*unread, *wrong]


def opened(source: str, name: str, *, whole: bool = False) -> Package:
    """The one package that is meant, with a warning of what could not be read of the catalog.

    Args:
        whole: with icons, descriptions, and the objects in bundles.

    Raises:
        KopfkitError: there is none that can be shown, or there are several.
    """
    found, findings = loaded(source, whole=whole)
    unread = [one for one in findings if one.rule in _UNREAD]
    readable = [each for each in found.values() if each.history.releases]
    if unread and not readable:
        hint = "kopfkit catalog validate names every error."
        raise KopfkitError(unread[0].place, unread[0].why, hint)
    for one in unread[:_TOLD]:
        click.echo(f"warning: {one.place}: {one.why}; this part is left out", err=True)
    if len(unread) > _TOLD:
        click.echo(f"warning: {len(unread) - _TOLD} more parts are left out", err=True)
    return one_of(found, name, source)


def judge(source: str, *, package: str = "", opm: bool = True, olm_v1: bool = False) -> Outcome:
    """Every fault of a catalog, and who was asked.

    Args:
        package: look at this one only.
        opm: ask opm, too, unless the source is an image, which it has read already.
        olm_v1: let OLM v1's catalogd unpack it, too.
    """
    found, findings = loaded(source)
    if package:
        found = {package: one_of(found, package, source)}
    for each in found.values():
        findings += judging.judged(each)
    outcome = Outcome(asked=["kopfkit's checks"])
    outcome.faults = [
        Fault(one.file, one.field, one.why, "kopfkit", RULES[one.rule].severity, one.rule)
        for one in findings
    ]
    path = Path(source)
    if opm and path.exists() and not is_template(path):
        from kopfkit.toolchain import toolchain

        outcome.asked.append(f"opm {toolchain.choose(OPM).version}")
        outcome.faults += _opm(path, found)
    if olm_v1:
        from kopfkit.host.progress import Progress
        from kopfkit.olm import olmv1
        from kopfkit.toolchain import toolchain

        outcome.asked.append(f"OLM v1's catalogd {toolchain.version(olmv1.TOOL)}")
        with olmv1.OlmV1(Progress()) as asked, _directory(path, found) as place:
            said = asked.refusal_of_catalog(place).replace(str(place), str(path))
        if said:
            outcome.faults.append(Fault(source, "", said, "OLM v1: catalogd", ERROR))
    return outcome


def _opm(path: Path, found: Packages) -> Iterator[Fault]:
    """What opm says; it ends at the first fault of many kinds."""
    from kopfkit.cli._validation import tool_fault

    with _directory(path, found) as place:
        said = tool_fault(OPM, ["validate", str(place)])
        if place != path:
            said = said.replace(str(place), str(path.parent))
    if said:
        yield Fault(str(path), "", said, OPM, ERROR)


@contextlib.contextmanager
def _directory(path: Path, found: Packages) -> Iterator[Path]:
    """A catalog as a directory, which is what the tools read: the path itself if it is one."""
    if path.is_dir() and not community.bundles(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="kopfkit-catalog-") as place:
        if path.is_file():
            shutil.copy(path, place)
        else:
            Path(place, "catalog.yaml").write_text(_text(found), "utf-8")
        yield Path(place)


def _text(found: Packages) -> str:
    return yamls.dump(*(blob.document for each in found.values() for blob in _blobs(each)))


def documents(package: Package) -> list[dict[str, Any]]:
    """The documents of a package's graph: those of a file-based catalog, deprecations included."""
    entries = [
        {"reference": {"schema": schema, **({"name": name} if name else {})}, "message": message}
        for (schema, name), message in package.deprecations.items()
    ]
    blob = {"schema": "olm.deprecations", "package": package.name, "entries": entries}
    return [*(one.document for one in _blobs(package)), *([blob] if entries else [])]


def _blobs(package: Package) -> Iterator[reading.Blob]:
    if package.blob is not None:
        yield package.blob
    yield from package.channels.values()
    yield from package.bundles.values()
