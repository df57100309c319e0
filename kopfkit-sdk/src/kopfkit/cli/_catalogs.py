"""Catalogs of others for the commands: where they are read from, and how they are judged."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from kopfkit import yamls
from kopfkit.cli._bundlereport import Fault, Outcome
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
    """The packages of a path, or of a catalog's image; see `sources.load`.

    Raises:
        KopfkitError: it is neither, or cannot be read.
    """
    if os.path.lexists(source) or not {":", "@"} & set(source):
        return load(Path(source), whole=whole)
    from kopfkit.cli._opm import rendered

    blobs, unread = reading.of_documents(source, rendered(source), whole=whole)
    found, wrong = packages(blobs)
    if not found:
        raise KopfkitError(f"image {source}", "is no catalog", "Name the image of a catalog.")
    return found, [*unread, *wrong]


def opened(source: str, name: str) -> Package:
    """The one package that is meant, with a warning of what could not be read of the catalog.

    Raises:
        KopfkitError: there is none that can be shown, or there are several.
    """
    found, findings = loaded(source)
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


def judge(source: str, *, package: str = "", opm: bool = True) -> Outcome:
    """Every fault of a catalog, and who was asked.

    Args:
        package: look at this one only.
        opm: ask opm, too, unless the source is an image, which it has read already.
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
    if opm and path.exists():
        from kopfkit.cluster import toolchain

        outcome.asked.append(f"opm {toolchain.choose(OPM).version}")
        outcome.faults += _opm(path, found)
    return outcome


def _opm(path: Path, found: Packages) -> Iterator[Fault]:
    """What opm says; it ends at the first fault of many kinds, and reads directories only."""
    from kopfkit.cli._validation import tool_fault

    if path.is_dir() and not community.bundles(path):
        said = tool_fault(OPM, ["validate", str(path)])
    else:
        with tempfile.TemporaryDirectory(prefix="kopfkit-catalog-") as place:
            if path.is_dir():
                Path(place, "catalog.yaml").write_text(_text(found), "utf-8")
            else:
                shutil.copy(path, place)
            said = tool_fault(OPM, ["validate", place]).replace(place, str(path.parent))
    if said:
        yield Fault(str(path), "", said, OPM, ERROR)


def _text(found: Packages) -> str:
    return yamls.dump(*(blob.document for each in found.values() for blob in _blobs(each)))


def _blobs(package: Package) -> Iterator[reading.Blob]:
    if package.blob is not None:
        yield package.blob
    yield from package.channels.values()
    yield from package.bundles.values()
