"""From the documents of a catalog to packages, each with the graph of its releases.

The rules are those by which opm reads a catalog (operator-registry, alpha/declcfg/
declcfg_to_model.go and alpha/model/model.go). opm ends at the first fault of many kinds; here each
is told, and what it concerns is left out of the graph.
"""

import datetime
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from kopfkit.packaging.catalogs.reading import Blob
from kopfkit.packaging.checks import Finding
from kopfkit.packaging.inputs import REFERENCE
from kopfkit.packaging.releases import NO_DAY, Entry, History, Release
from kopfkit.ranges import SEMVER, Range, order

Object = dict[str, Any]
# A DNS label (RFC 1123), which a package's name has to be.
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
# The shapes of an API version's name that Kubernetes orders, the most mature first.
_API = re.compile(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")


@dataclass
class Package:
    """A package of a catalog.

    Attributes:
        name: its name.
        blob: its olm.package; None where there is none.
        channels, bundles: its olm.channel and olm.bundle, by name; of two of one name the first.
        deprecations: the messages of its olm.deprecations, by (schema, name).
        history: the releases that can be told apart, in the order of their versions.
    """

    name: str
    blob: Blob | None = None
    channels: dict[str, Blob] = field(default_factory=dict)
    bundles: dict[str, Blob] = field(default_factory=dict)
    deprecations: dict[tuple[str, str], str] = field(default_factory=dict)
    history: History = field(init=False)

    @property
    def default_channel(self) -> str:
        """The name that its olm.package gives, "" if none."""
        return str(self.blob.document.get("defaultChannel", "")) if self.blob else ""


def packages(blobs: list[Blob]) -> tuple[dict[str, Package], list[Finding]]:
    """The packages by name, in the order of the documents, and what opm refuses about them."""
    found: dict[str, Package] = {}
    findings: list[Finding] = []
    by_schema: dict[str, list[Blob]] = defaultdict(list)
    for blob in blobs:
        by_schema[blob.document["schema"]].append(blob)
    for blob in by_schema["olm.package"]:
        findings += _package(found, blob)
    for kind in ("olm.channel", "olm.bundle", "olm.deprecations"):
        for blob in by_schema[kind]:
            name = str(blob.document.get("package", ""))
            if name not in found:
                why = f"is of package {name!r}, which is not here" if name else "names no package"
                findings.append(blob.found("package", why, "package-absent"))
                # What there is of it is shown all the same.
                if not name:
                    continue
                found[name] = Package(name)
            findings += _ADDED[kind](found[name], blob)
    for package in found.values():
        findings += _entries(package)
    return found, findings


def _package(found: dict[str, Package], blob: Blob) -> Iterator[Finding]:
    name = str(blob.document.get("name", ""))
    if name in found:
        yield blob.found("name", f"{name!r} is in {_place(found[name].blob)}, too", "package-twice")
        return
    if not _LABEL.fullmatch(name):
        yield blob.found("name", f"{name!r} is not a DNS label", "package-name")
    found[name] = Package(name, blob)


def _channel(package: Package, blob: Blob) -> Iterator[Finding]:
    name = str(blob.document.get("name", ""))
    if not name:
        yield blob.found("name", "is missing", "channel-name")
    elif name in package.channels:
        why = f"{name!r} is in {_place(package.channels[name])}, too"
        yield blob.found("name", why, "channel-listed-twice")
    else:
        package.channels[name] = blob


def _bundle(package: Package, blob: Blob) -> Iterator[Finding]:
    document = blob.document
    name = str(document.get("name", ""))
    if not name:
        yield blob.found("name", "is missing", "bundle-name")
        return
    if name in package.bundles:
        why = f"{name!r} is in {_place(package.bundles[name])}, too"
        yield blob.found("name", why, "bundle-twice")
        return
    package.bundles[name] = blob
    if not document.get("image") and not blob.has("olm.bundle.object"):
        yield blob.found("image", f"{name} names none", "bundle-image")
    places = [("image", document.get("image", ""))]
    related = enumerate(document.get("relatedImages", []))
    places += [(f"relatedImages[{at}].image", one.get("image", "")) for at, one in related]
    for place, image in places:
        if image and not REFERENCE.fullmatch(image):
            yield blob.found(
                place, f"{name}: {image!r} is not an image reference", "image-reference"
            )
    named = blob.values("olm.package")
    if len(named) != 1:
        why = f"{name} has {len(named)} properties olm.package, not one"
        yield blob.found("properties", why, "bundle-version")
        return
    (one,) = named
    if one.get("packageName") != package.name:
        why = f"{name}: its property olm.package is of {one.get('packageName')!r}"
        yield blob.found("properties", why, "bundle-version")
    version, release = str(one.get("version", "")), one.get("release", "")
    if not SEMVER.fullmatch(version):
        why = f"{name}: {version!r} is not a semantic version"
        yield blob.found("properties", why, "bundle-version")
    elif release and name != f"{package.name}-v{version}-{release}":
        why = f"{name!r} has a release, and is not named {package.name}-v{version}-{release}"
        yield blob.found("name", why, "release-name")


def _deprecations(package: Package, blob: Blob) -> Iterator[Finding]:
    if package.deprecations:
        yield blob.found("", f"a second olm.deprecations of {package.name}", "deprecations")
        return
    for at, entry in enumerate(blob.document.get("entries", [])):
        reference = entry.get("reference", {})
        schema, name = str(reference.get("schema", "")), str(reference.get("name", ""))
        known = {
            "olm.package": {""},
            "olm.channel": package.channels.keys(),
            "olm.bundle": package.bundles.keys(),
        }
        place = f"entries[{at}].reference"
        if schema not in known:
            yield blob.found(f"{place}.schema", f"{schema!r} cannot be deprecated", "deprecations")
        elif name not in known[schema]:
            why = f"{name!r} is no {schema} of {package.name}" if name else "is missing"
            yield blob.found(f"{place}.name", why, "deprecations")
        elif (schema, name) in package.deprecations:
            yield blob.found(place, f"{schema} {name} is deprecated twice", "deprecations")
        else:
            package.deprecations[schema, name] = str(entry.get("message", ""))


_ADDED = {"olm.channel": _channel, "olm.bundle": _bundle, "olm.deprecations": _deprecations}


def _entries(package: Package) -> Iterator[Finding]:
    """Makes the package's history of its channels' entries."""
    entries: dict[str, dict[str, Entry]] = defaultdict(dict)
    for channel, blob in package.channels.items():
        listed = blob.document.get("entries", [])
        if not listed:
            yield blob.found("entries", f"channel {channel} has none", "channel-empty")
        for at, one in enumerate(listed):
            name, place = str(one.get("name", "")), f"entries[{at}]"
            if not name:
                yield blob.found(place, "names no bundle", "entry-without-bundle")
                continue
            if channel in entries[name]:
                why = f"{name} is in channel {channel} twice"
                yield blob.found(place, why, "entry-twice")
                continue
            if name not in package.bundles:
                why = f"{name} has no olm.bundle"
                yield blob.found(place, why, "entry-without-bundle")
            if "" in one.get("skips", []):
                yield blob.found(f"{place}.skips", "has an empty name", "entry-skips")
            within = one.get("skipRange", "")
            if why := _no_range(within):
                yield blob.found(f"{place}.skipRange", why, "graph-skip-range")
                within = ""
            skips = tuple(filter(None, one.get("skips", [])))
            entries[name][channel] = Entry(one.get("replaces", ""), skips, within)
    for name, blob in package.bundles.items():
        if name not in entries:
            yield blob.found("name", f"{name} is in no channel", "bundle-in-no-channel")
    if package.blob is not None:
        if not package.channels:
            yield package.blob.found("", f"{package.name} has no channel", "no-channel")
        default = package.default_channel
        if default not in package.channels:
            why = f"{default!r} is not a channel of {package.name}" if default else "is missing"
            yield package.blob.found("defaultChannel", why, "default-channel")
    yield from _history(package, entries)


def _history(package: Package, entries: dict[str, dict[str, Entry]]) -> Iterator[Finding]:
    names: dict[str, str] = {}
    for name, blob in package.bundles.items():
        version = _version(blob)
        if name not in entries or not version:
            continue
        if version in names:
            why = f"{name} has version {version}, as {names[version]}"
            yield blob.found("properties", why, "version-twice")
            continue
        names[version] = name
    versions = {name: version for version, name in names.items()}

    def meant(entry: Entry) -> Entry:
        return Entry(
            versions.get(entry.replaces, entry.replaces),
            tuple(versions.get(one, one) for one in entry.skips),
            entry.skip_range,
        )

    releases = []
    for version, name in sorted(names.items(), key=lambda one: (order(one[0]), one[0])):
        meaning = {channel: meant(entry) for channel, entry in entries[name].items()}
        found = release(version, package.bundles[name], meaning)
        deprecation = package.deprecations.get(("olm.bundle", name), "")
        releases.append(replace(found, names=names, deprecation=deprecation))
    package.history = History(
        package.name, package.default_channel, tuple(package.channels), tuple(releases)
    )


def release(version: str, bundle: Blob, entries: dict[str, Entry]) -> Release:
    """A release of a catalog, whose entries name versions where there is one."""
    served = {str(one.get("version")) for one in bundle.values("olm.gvk")}
    first = next(iter(entries.values()))
    return Release(
        version,
        day(bundle),
        tuple(entries),
        tuple(sorted(served, key=maturity, reverse=True)),
        "",
        first.replaces,
        first.skips,
        first.skip_range,
        entries={channel: entry for channel, entry in entries.items() if entry != first},
    )


def day(bundle: Blob) -> datetime.date:
    """The day of a bundle's annotation createdAt; NO_DAY where it is none."""
    found = (day_of(one.get("annotations")) for one in bundle.values("olm.csv.metadata"))
    return next((one for one in found if one != NO_DAY), NO_DAY)


def day_of(annotations: Object | None) -> datetime.date:
    """As `day`, of a CSV's annotations."""
    try:
        return datetime.date.fromisoformat(str((annotations or {}).get("createdAt", ""))[:10])
    except ValueError:
        return NO_DAY


def maturity(version: str) -> tuple[int, int, int, int]:
    """Grows with the priority that Kubernetes gives to an API version by its name."""
    match = _API.fullmatch(version)
    if match is None:
        return (0, 0, 0, 0)
    rank = {None: 3, "beta": 2, "alpha": 1}[match[2]]
    return (1, rank, int(match[1]), int(match[3] or 0))


def _version(bundle: Blob) -> str:
    """The version that tells a bundle from the others, with its release; "" if it has none."""
    named = bundle.values("olm.package")
    if len(named) != 1 or not SEMVER.fullmatch(str(named[0].get("version", ""))):
        return ""
    return "-".join(filter(None, (named[0]["version"], named[0].get("release", ""))))


def _no_range(text: str) -> str:
    if not text:
        return ""
    try:
        Range(text)
    except ValueError as error:
        return f"{text!r} is not a range such as '>=0.1.0 <0.4.0' ({error})"
    return ""


def _place(blob: Blob | None) -> str:
    return blob.place if blob else "another place"
