"""The release history as a value: the one source of the upgrade graph.

It is written by hand in catalog/releases.yaml; `historyfile` says how, and reads it.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from kopfkit.errors import KopfkitError

NAME = "catalog/releases.yaml"


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
        known: API versions that it or an earlier release serves.
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
    known: tuple[str, ...] = ()

    @property
    def created_at(self) -> str:
        """The CSV's createdAt."""
        return f"{self.date.isoformat()}T00:00:00Z"

    def name(self, package: str, version: str = "") -> str:
        """The name of the release's CSV and bundle (or of another version's)."""
        return f"{package}.v{version or self.version}"


@dataclass(frozen=True)
class History:
    """All releases of a package, oldest first, and its channels."""

    package: str
    default_channel: str
    channels: tuple[str, ...]
    releases: tuple[Release, ...]

    def release(self, version: str) -> Release:
        """The release of that version; KopfkitError if it is not in the history."""
        for release in self.releases:
            if release.version == version:
                return release
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
