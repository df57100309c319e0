"""Reads catalog/releases.yaml, the hand-written release history.

package: helloworld-operator
defaultChannel: stable
channels: [stable]
releases:                       # oldest first
  - version: 0.1.0
    date: 2026-11-24
    channels: [stable]
    replaces: 0.0.9             # optional: the version that is upgraded from
    skips: [0.0.8]              # optional
    skipRange: '>=0.0.1 <0.1.0' # optional
    served: [v1alpha1, v1]      # API versions that the release's CRDs serve
    stored: v1                  # the one that they store
    deprecatedVersions: [v1alpha1]    # optional: served with a warning
    deprecation: Please upgrade.      # optional: why nobody should install this release any more
    images:                     # optional: what was published, by digest
      operator: registry.example.com/operator@sha256:...
      bundle: registry.example.com/operator-bundle@sha256:...
    name: helloworld.v0.1.0     # optional: of its bundle, where it is not <package>.v<version>
    edges:                      # optional: channels where replaces, skips and skipRange are others
      candidate: {replaces: 0.1.0-rc.1}
    crds:                       # optional: CRDs with other versions
      helloworldsnapshots.test.jiaozi.com: {served: [v1], stored: v1}
accepted:                       # optional: faults of the graph that are published and stay
  - 'channel stable: graph-no-way'

replaces and skips may name a bundle that is no release of the file, such as helloworld.v0.0.1.
A kind without a version that a release serves is not in that release. A version that an earlier
release served and a later one does not stays in the CRD, not served: objects may be stored in it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging import historyparts as parts
from kopfkit.packaging.inputs import check_channel, check_version
from kopfkit.packaging.releases import ACCEPTABLE, NAME, Entry, History, Release
from kopfkit.packaging.ways import ORDER
from kopfkit.project import Faults, Project
from kopfkit.ranges import SEMVER, order

_TOP = {"package", "defaultChannel", "channels", "accepted", "releases"}
_RELEASE = {
    "version",
    "date",
    "channels",
    "replaces",
    "skips",
    "skipRange",
    "served",
    "stored",
    "deprecatedVersions",
    "deprecation",
    "images",
    "name",
    "edges",
    "crds",
}


def _release(faults: Faults, at: str, data: Any) -> Release | None:
    if not isinstance(data, dict):
        faults.add(at, f"{data!r} is not a mapping")
        return None
    parts.unknown(faults, f"{at}.", data, _RELEASE)
    version = data.get("version")
    # A bundle that is there already may have a version that no tag can carry.
    valid = check_version(faults, f"{at}.version", version, build="name" in data)
    date = parts.day(data.get("date"))
    if date is None:
        faults.add(f"{at}.date", f"{data.get('date')!r} is not a day such as 2026-11-24")
        valid = False
    channels = parts.strings(faults, f"{at}.channels", data.get("channels"))
    faults.require(channels, f"{at}.channels", "is empty: a release needs at least one channel")
    apis = parts.versions(faults, at, data)
    usual = parts.entry(faults, at, data)
    deprecated = parts.strings(
        faults, f"{at}.deprecatedVersions", data.get("deprecatedVersions", [])
    )
    for name in deprecated:
        if name not in apis.served or name == apis.stored:
            faults.add(
                f"{at}.deprecatedVersions", f"{name!r} is not served beside the stored version"
            )
    deprecation = data.get("deprecation", "")
    faults.require(
        isinstance(deprecation, str), f"{at}.deprecation", f"{deprecation!r} is not a sentence"
    )
    name = data.get("name", "")
    if name != "" and not (isinstance(name, str) and parts.NAME_OF_A_BUNDLE.fullmatch(name)):
        faults.add(f"{at}.name", f"{name!r} is not a bundle's name")
    images = parts.images(faults, f"{at}.images", data.get("images", {}))
    entries = parts.entries(faults, f"{at}.edges", data.get("edges", {}), channels, usual)
    crds = parts.apis(faults, f"{at}.crds", data.get("crds", {}))
    if not valid or date is None:
        return None
    return Release(
        str(version),
        date,
        channels,
        apis.served,
        apis.stored,
        usual.replaces,
        usual.skips,
        usual.skip_range,
        deprecated,
        str(deprecation),
        images,
        names={str(version): str(name)} if name else {},
        entries=entries,
        apis=crds,
    )


def _completed(package: str, releases: Iterable[Release]) -> tuple[Release, ...]:
    """Each release with what the others say: the names of their bundles, and the API versions that
    are known by then, in the order they came."""
    listed = list(releases)
    names = {version: name for each in listed for version, name in each.names.items()}
    # What a bundle's name means that is here: its version.
    versions = {each.name(package): each.version for each in listed}
    found = []
    known: dict[str, None] = {}
    of_crds: dict[str, dict[str, None]] = {crd: {} for each in listed for crd in each.apis}
    for release in listed:
        known |= dict.fromkeys(filter(None, (*release.served, release.stored)))
        for crd, before in of_crds.items():
            now = release.apis_of(crd)
            before |= dict.fromkeys(filter(None, (*now.served, now.stored)))
        usual = _meant(release.entry(), versions)
        found.append(
            replace(
                release,
                replaces=usual.replaces,
                skips=usual.skips,
                entries={c: _meant(one, versions) for c, one in release.entries.items()},
                names=names,
                known=tuple(known),
                known_apis={crd: tuple(before) for crd, before in of_crds.items()},
            )
        )
    return tuple(found)


def _meant(entry: Entry, versions: Mapping[str, str]) -> Entry:
    skips = tuple(versions.get(one, one) for one in entry.skips)
    return Entry(versions.get(entry.replaces, entry.replaces), skips, entry.skip_range)


def _graph(faults: Faults, history: History) -> None:
    """What holds between releases: channels exist, versions are new, edges lead backward.

    Whether everybody comes to the head by them is the prover's to say (`prover`).
    """
    seen: set[str] = set()
    for index, release in enumerate(history.releases):
        at = f"releases[{index}] ({release.version})"
        faults.require(release.version not in seen, at, "occurs twice")
        seen.add(release.version)
        for channel in release.channels:
            faults.require(
                channel in history.channels, at, f"channel {channel!r} is not in channels"
            )
        for entry in dict.fromkeys(release.entries_in()):
            _edges(faults, history, release, entry, at)
    there = {channel for release in history.releases for channel in release.channels}
    for channel in history.channels:
        faults.require(channel in there, "channels", f"{channel!r} has no release")


def _edges(faults: Faults, history: History, release: Release, entry: Entry, at: str) -> None:
    replaces = entry.replaces
    if SEMVER.fullmatch(replaces):
        why = f"replaces {replaces}, which is not an earlier release"
        faults.require(replaces in history.by_version, at, why)
    accepted = {f"release {release.version}.{by}: graph-down" for by in ORDER}
    if accepted & history.accepted:
        return
    for one in (replaces, *entry.skips):
        if SEMVER.fullmatch(one) and order(one) >= order(release.version):
            faults.add(at, f"replaces or skips {one}, which is not older")


def parse(project: Project, text: str | bytes) -> History:
    """The history in a project's releases.yaml.

    Raises:
        KopfkitError: it is not YAML, or says what cannot be; all faults at once.
    """
    found = read(text, project.name)
    faults = Faults(NAME)
    known = {version.name for resource in project.resources for version in resource.versions}
    newest = found.newest
    # Older ones may have had others; what is generated again of them is checked then.
    for name in newest.served:
        at = f"releases[{len(found.releases) - 1}] ({newest.version})"
        faults.require(name in known, at, f"served version {name!r} is not a version of the API")
    faults.raise_if_any()
    return found


def read(text: str | bytes, package: str = "", *, strict: bool = True) -> History:
    """The history in a releases.yaml, whatever the project serves now.

    Args:
        package: its name; "" for any.
        strict: refuse what cannot hold between releases.

    Raises:
        KopfkitError: as `parse`.
    """
    faults = Faults(NAME)
    data = yamls.load(text, NAME)
    if not isinstance(data, dict):
        raise KopfkitError(NAME, "is not a mapping", "See the comment at its head.")
    parts.unknown(faults, "", data, _TOP)
    name = data.get("package")
    faults.require(
        isinstance(name, str) and name == (package or name),
        "package",
        f"{name!r} is not the project's name ({package})",
    )
    channels = parts.strings(faults, "channels", data.get("channels"))
    default = data.get("defaultChannel")
    faults.require(
        isinstance(default, str) and default in channels,
        "defaultChannel",
        f"{default!r} is not in channels ({', '.join(channels)})",
    )
    accepted = parts.strings(faults, "accepted", data.get("accepted", []))
    for index, one in enumerate(accepted):
        rule = one.rpartition(": ")[2]
        why = f"{one!r} does not end in one of {', '.join(sorted(ACCEPTABLE))}"
        faults.require(rule in ACCEPTABLE, f"accepted[{index}]", why)
    for index, channel in enumerate(channels):
        if f"channel {channel}: channel-spelling" not in accepted:
            check_channel(faults, f"channels[{index}]", channel)
    listed = data.get("releases")
    if not isinstance(listed, list) or not listed:
        faults.add("releases", "is not a list with at least one release")
        listed = []
    releases = [_release(faults, f"releases[{i}]", one) for i, one in enumerate(listed)]
    faults.raise_if_any()
    completed = _completed(str(name), (one for one in releases if one is not None))
    found = History(str(name), str(default), channels, completed, frozenset(accepted))
    if strict:
        _graph(faults, found)
    faults.raise_if_any()
    return found
