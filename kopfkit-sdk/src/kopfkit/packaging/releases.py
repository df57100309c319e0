"""The release history as a value: the one source of the upgrade graph.

It is written by hand in catalog/releases.yaml; `historyfile` says how, and reads it.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from kopfkit.errors import KopfkitError
from kopfkit.ranges import SEMVER, Range

NAME = "catalog/releases.yaml"
# Rules of the graph by which no tool refuses a catalog, so that a fault may stay.
ACCEPTABLE = frozenset(
    {"channel-spelling", "graph-down", "graph-deprecated-head", "graph-no-way", "graph-versions"}
)
# The date of a release of which nobody says it.
NO_DAY = datetime.date.min


@dataclass(frozen=True)
class Entry:
    """Whose users a release is offered to in a channel.

    Attributes:
        replaces, skips: versions of the history; a bundle's name where the history has none of it.
        skip_range: a range of versions.
    """

    replaces: str = ""
    skips: tuple[str, ...] = ()
    skip_range: str = ""


@dataclass(frozen=True)
class Apis:
    """The API versions of a CRD in a release."""

    served: tuple[str, ...]
    stored: str


@dataclass(frozen=True)
class Release:
    """One release.

    Attributes:
        version: without v.
        date: its day, the only date that generated files carry.
        channels: that it is in.
        served: API versions that its CRDs serve.
        stored: the one that they store.
        replaces, skips, skip_range: whose users it is offered to; versions, and a range of them.
        deprecated_versions: served ones whose clients are warned.
        deprecation: why nobody should install it any more, "" if anybody may.
        images: references by digest of what was published, by "operator" and "bundle".
        names: the bundles of the history that are not named <package>.v<version>, by version.
        entries: what differs from `replaces`, `skips` and `skip_range` in a channel, by channel.
        apis: what differs from `served` and `stored` for a CRD, by its name.
        known: API versions that it or an earlier release serves; of a CRD in `apis`, by its name.
    """

    version: str
    date: datetime.date
    channels: tuple[str, ...]
    served: tuple[str, ...]
    stored: str
    replaces: str = ""
    skips: tuple[str, ...] = ()
    skip_range: str = ""
    deprecated_versions: tuple[str, ...] = ()
    deprecation: str = ""
    images: Mapping[str, str] = field(default_factory=dict, hash=False)
    names: Mapping[str, str] = field(default_factory=dict, hash=False, repr=False)
    entries: Mapping[str, Entry] = field(default_factory=dict, hash=False)
    apis: Mapping[str, Apis] = field(default_factory=dict, hash=False)
    known: tuple[str, ...] = ()
    known_apis: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)

    def apis_of(self, crd: str) -> Apis:
        """The API versions of a CRD, by its name."""
        return self.apis.get(crd) or Apis(self.served, self.stored)

    def known_of(self, crd: str) -> tuple[str, ...]:
        """The API versions of a CRD that it or an earlier release serves."""
        return self.known_apis.get(crd, self.known)

    def entry(self, channel: str = "") -> Entry:
        """Whose users it is offered to in a channel."""
        usual = Entry(self.replaces, self.skips, self.skip_range)
        return self.entries.get(channel, usual)

    def entries_in(self, channel: str = "") -> tuple[Entry, ...]:
        """As `entry`; with "" in any of its channels."""
        return tuple(map(self.entry, (channel,) if channel else self.channels))

    @property
    def created_at(self) -> str:
        """The CSV's createdAt."""
        return f"{self.date.isoformat()}T00:00:00Z"

    def name(self, package: str, reference: str = "") -> str:
        """The name of the release's CSV and bundle, or of what `replaces` and `skips` refer to."""
        version = reference or self.version
        if version in self.names:
            return self.names[version]
        return f"{package}.v{version}" if SEMVER.fullmatch(version) else version


@dataclass(frozen=True)
class History:
    """All releases of a package, oldest first, and its channels.

    Attributes:
        accepted: faults of the graph that stay, as "<place>: <rule>".
    """

    package: str
    default_channel: str
    channels: tuple[str, ...]
    releases: tuple[Release, ...]
    accepted: frozenset[str] = frozenset()

    @cached_property
    def by_version(self) -> Mapping[str, Release]:
        """The releases by version."""
        return {one.version: one for one in self.releases}

    @cached_property
    def place(self) -> Mapping[str, int]:
        """Where each version stands in the history."""
        return {version: at for at, version in enumerate(self.by_version)}

    @cached_property
    def _within(self) -> dict[str, tuple[str, ...]]:
        return {}

    def within(self, skip_range: str) -> tuple[str, ...]:
        """The versions in a range, in the history's order. ValueError says why it is none."""
        if skip_range not in self._within:
            inside = Range(skip_range)
            self._within[skip_range] = tuple(one for one in self.by_version if one in inside)
        return self._within[skip_range]

    def release(self, version: str) -> Release:
        """The release of that version; KopfkitError if it is not in the history."""
        if version in self.by_version:
            return self.by_version[version]
        known = ", ".join(release.version for release in self.releases)
        raise KopfkitError(
            f"version {version}",
            f"is not in {NAME} (it has {known})",
            f"Add an entry for {version} with its date, channels, served and stored versions.",
        )

    @property
    def newest(self) -> Release:
        """The last release of the file."""
        return self.releases[-1]
