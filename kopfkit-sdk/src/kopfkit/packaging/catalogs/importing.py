"""Writes a package of a catalog as catalog/releases.yaml, so that an operator starts where it is.

What is published is kept as it is (catalog/published), so the catalog that is generated from both
has the same graph and the same bundles. A catalog does not say which API version a CRD stores;
where the bundles are not at hand the most mature one is written, and counted.
"""

import base64
import datetime
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.manifests import CRD, CSV, as_v1, typed
from kopfkit.packaging import historyfile
from kopfkit.packaging.catalog import channels, csv_metadata
from kopfkit.packaging.catalogs.community import UNPUBLISHED
from kopfkit.packaging.catalogs.packages import Package, day_of, maturity
from kopfkit.packaging.catalogs.reading import Blob
from kopfkit.packaging.graphfaults import graph_faults
from kopfkit.packaging.historyparts import NAME_OF_A_BUNDLE
from kopfkit.packaging.inputs import CHANNEL
from kopfkit.packaging.prover import version_faults
from kopfkit.packaging.published import text_of
from kopfkit.packaging.releases import ACCEPTABLE, NO_DAY, Apis, Entry, History, Release
from kopfkit.ranges import SEMVER

Object = dict[str, Any]
# Texts that YAML takes for nothing else.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_HEAD = """\
# The release history, the one source of the upgrade graph; oldest release first. Written once from
# a catalog by `kopfkit catalog import`, and by hand from now on. The bundles that were published
# are kept in catalog/published/.
"""


@dataclass(frozen=True)
class Imported:
    """A package as a release history.

    Attributes:
        text: of catalog/releases.yaml.
        published: the texts of catalog/published/, by the file's name.
        history: what the text says.
        assumed: releases of which nobody says what they store.
    """

    text: str
    published: dict[str, str]
    history: History
    assumed: int


def imported(package: Package) -> Imported:
    """The package, with whole documents (`reading.read(whole=True)`).

    Raises:
        KopfkitError: it cannot be described.
    """
    for name in package.bundles:
        if not NAME_OF_A_BUNDLE.fullmatch(name):
            raise KopfkitError(f"bundle {name}", "has a name that cannot be a file's")
    releases, assumed = _with_apis(package)
    # Only what is generated again has a date in it; of the others the day before is as good.
    day = next((one.date for one in releases if one.date != NO_DAY), datetime.date(1970, 1, 1))
    dated = []
    for release in releases:
        day = day if release.date == NO_DAY else release.date
        dated.append(replace(release, date=day))
    plain = replace(package.history, releases=tuple(dated))
    spelled = frozenset(
        f"channel {one}: channel-spelling"
        for one in package.channels
        if not CHANNEL.fullmatch(one) and NAME_OF_A_BUNDLE.fullmatch(one)
    )
    # What is known of each CRD by a release is told by reading it.
    complete = historyfile.read(_text(plain, spelled), package.name, strict=False)
    faults = [*graph_faults(complete), *version_faults(complete, lambda _: True)]
    accepted = spelled | {f"{one.place}: {one.rule}" for one in faults if one.rule in ACCEPTABLE}
    text = _text(plain, accepted)
    history = historyfile.read(text, package.name)
    if graph_of(history) != graph_of(package.history):
        raise KopfkitError(
            f"package {package.name}",
            "has a graph that catalog/releases.yaml cannot say",
            "Please report it with the catalog.",
        )
    return Imported(text, _published(package, history), history, assumed)


def graph_of(history: History) -> Object:
    """The upgrade graph, to be compared: channel -> bundle -> its edges."""
    return {
        "default": history.default_channel,
        "channels": {
            channel["name"]: {
                one["name"]: (
                    one.get("replaces", ""),
                    frozenset(one.get("skips", [])),
                    one.get("skipRange", ""),
                )
                for one in channel["entries"]
            }
            for channel in channels(history)
        },
    }


def _published(package: Package, history: History) -> dict[str, str]:
    names = [one.name(package.name) for one in history.releases]
    blobs = {name: package.bundles[name] for name in names}
    return {
        f"{name}.yaml": text_of(_migrated(blob))
        for name, blob in blobs.items()
        if blob.document.get("image") != UNPUBLISHED
    }


def _with_apis(package: Package) -> tuple[list[Release], int]:
    """The releases with the API versions of their CRDs; of how many the stored one is assumed."""
    found: list[dict[str, Apis]] = []
    assumed = 0
    dates = []
    for release in package.history.releases:
        blob = package.bundles[release.name(package.name)]
        objects = _objects(blob)
        apis = _in_objects(objects)
        if not apis and (apis := _in_catalog(blob)):
            assumed += 1
        found.append(apis)
        csv = next((one for one in objects if one.get("kind") == CSV), None)
        dates.append(release.date if csv is None else day_of(csv["metadata"].get("annotations")))
    crds = list(dict.fromkeys(crd for apis in found for crd in apis))
    releases = []
    for release, apis, date in zip(package.history.releases, found, dates, strict=True):
        usual = Counter(apis.values()).most_common(1)[0][0] if apis else Apis((), "")
        others = {crd: now for crd in crds if (now := apis.get(crd, Apis((), ""))) != usual}
        releases.append(
            replace(release, date=date, served=usual.served, stored=usual.stored, apis=others)
        )
    return releases, assumed


def _objects(blob: Blob) -> list[Object]:
    """The manifests of a bundle: the files beside its CSV, or what the catalog has of them."""
    place = Path(blob.file).parent
    try:
        if place.name == "manifests" and not blob.line:
            files = [each for each in sorted(place.iterdir()) if each.suffix in yamls.ENDINGS]
            found = [
                one
                for each in files
                if CRD.encode() in each.read_bytes()
                for one in yamls.read_all(each)
            ]
        else:
            values = blob.values("olm.bundle.object")
            found = [yamls.load(base64.b64decode(one["data"])) for one in values]
    except (KopfkitError, ValueError, KeyError, TypeError, OSError):
        return []  # what the catalog says of the bundle remains
    return [typed(one, lambda field, why: None) for one in found if isinstance(one, dict)]


def _migrated(blob: Blob) -> Object:
    """The bundle without the objects that OLM no longer reads, as `opm render` migrates it."""
    csv = next((one for one in _objects(blob) if one.get("kind") == CSV and one.get("spec")), None)
    if csv is None or blob.has("olm.csv.metadata") or not blob.has("olm.bundle.object"):
        return blob.document
    kept = [one for one in blob.document["properties"] if one.get("type") != "olm.bundle.object"]
    csv["metadata"].setdefault("annotations", {})
    metadata = {"type": "olm.csv.metadata", "value": csv_metadata(csv)}
    return {**blob.document, "properties": [*kept, metadata]}


def _in_objects(objects: list[Object]) -> dict[str, Apis]:
    """The API versions of the CRDs among a bundle's manifests."""
    crds = [as_v1(one) for one in objects if one.get("kind") == CRD]
    found = {str(one["metadata"].get("name", "")): _apis_of(one) for one in crds}
    return {crd: apis for crd, apis in found.items() if crd and apis.served}


def _apis_of(crd: Object) -> Apis:
    versions = crd["spec"]["versions"]
    served = [one["name"] for one in versions if one.get("served") and one["name"]]
    stored = next((one["name"] for one in versions if one.get("storage")), "")
    return Apis(tuple(served), stored if stored in served else next(iter(served), ""))


def _in_catalog(blob: Blob) -> dict[str, Apis]:
    """The API versions that a catalog says, by the names of the CRDs that the CSV owns."""
    owned = [
        one
        for value in blob.values("olm.csv.metadata")
        for one in value.get("crdDescriptions", {}).get("owned", [])
    ]
    kinds = {
        (one.get("name", "").partition(".")[2], one.get("kind")): one["name"]
        for one in owned
        if one.get("name")
    }
    found: dict[str, dict[str, None]] = {}
    for one in blob.values("olm.gvk"):
        crd = kinds.get((one.get("group", ""), one.get("kind")))
        if crd and one.get("version"):
            found.setdefault(crd, {})[one["version"]] = None
    return {
        crd: Apis(tuple(sorted(served, key=maturity)), max(served, key=maturity))
        for crd, served in found.items()
    }


def _text(history: History, accepted: frozenset[str]) -> str:
    """The file, in the style in which `kopfkit release prepare` adds to it."""
    lines = [
        f"package: {_scalar(history.package)}",
        f"defaultChannel: {_scalar(history.default_channel)}",
        f"channels: {_flow(history.channels)}",
    ]
    if accepted:
        lines += ["accepted:", *(f"  - {_scalar(one)}" for one in sorted(accepted))]
    lines.append("releases:")
    for release in history.releases:
        lines += _release(history, release)
    return _HEAD + "\n".join(lines) + "\n"


def _release(history: History, release: Release) -> Iterator[str]:
    name = release.name(history.package)
    usual = release.entry()
    yield f"  - version: {release.version}"
    yield f"    date: {release.date.isoformat()}"
    if name != f"{history.package}.v{release.version}" or "+" in release.version:
        yield f"    name: {_scalar(name)}"
    yield f"    channels: {_flow(release.channels)}"
    for key, value in _edges(usual).items():
        yield f"    {key}: {_flow(value)}"
    yield f"    served: {_flow(release.served)}"
    if release.stored:
        yield f"    stored: {_scalar(release.stored)}"
    if release.deprecation:
        yield f"    deprecation: {_scalar(release.deprecation)}"
    others = {channel: one for channel, one in release.entries.items() if one != usual}
    if others:
        yield "    edges:"
        yield from (f"      {_scalar(name)}: {_flow(_edges(one))}" for name, one in others.items())
    if release.apis:
        yield "    crds:"
        for crd, apis in release.apis.items():
            stored = {"stored": apis.stored} if apis.served else {}
            yield f"      {_scalar(crd)}: {_flow({'served': apis.served, **stored})}"


def _edges(entry: Entry) -> dict[str, Any]:
    found = {
        "replaces": entry.replaces,
        "skips": tuple(dict.fromkeys(entry.skips)),
        "skipRange": entry.skip_range,
    }
    return {key: value for key, value in found.items() if value}


def _flow(value: Any) -> str:
    """A value in one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(text: str) -> str:
    plain = SEMVER.fullmatch(text) or (_PLAIN.fullmatch(text) and text.lower() not in _WORDS)
    return text if plain else json.dumps(text)
