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

A kind without a version that a release serves is not in that release. A version that an earlier
release served and a later one does not stays in the CRD, not served: objects may be stored in it.
"""

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging.inputs import check_channel, check_image, check_version, split_image
from kopfkit.packaging.releases import NAME, History, Release
from kopfkit.project import Faults, Project

_TOP = {"package", "defaultChannel", "channels", "releases"}
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
}
_IMAGES = {"operator", "bundle"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _strings(faults: Faults, place: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        faults.require(len(set(value)) == len(value), place, "names something twice")
        return tuple(value)
    faults.add(place, f"{value!r} is not a list of strings")
    return ()


def _day(value: object) -> datetime.date | None:
    """The day in a text, quoted or not; None where it is none."""
    # fromisoformat alone takes 20261124 and 2026-W48-2 too.
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return None


def _unknown(faults: Faults, place: str, found: Mapping[Any, Any], known: set[str]) -> None:
    for key in sorted(str(key) for key in found if key not in known):
        faults.add(f"{place}{key}", f"is unknown; valid are {', '.join(sorted(known))}")


def _release(faults: Faults, at: str, data: Any) -> Release | None:
    if not isinstance(data, dict):
        faults.add(at, f"{data!r} is not a mapping")
        return None
    _unknown(faults, f"{at}.", data, _RELEASE)
    version = data.get("version")
    valid = check_version(faults, f"{at}.version", version)
    date = _day(data.get("date"))
    if date is None:
        faults.add(f"{at}.date", f"{data.get('date')!r} is not a day such as 2026-11-24")
        valid = False
    channels = _strings(faults, f"{at}.channels", data.get("channels"))
    faults.require(channels, f"{at}.channels", "is empty: a release needs at least one channel")
    served = _strings(faults, f"{at}.served", data.get("served"))
    stored = data.get("stored")
    faults.require(
        isinstance(stored, str) and stored in served,
        f"{at}.stored",
        f"{stored!r} is not among the served versions ({', '.join(served)})",
    )
    replaces = data.get("replaces", "")
    if replaces != "":
        valid = check_version(faults, f"{at}.replaces", replaces) and valid
    skips = _strings(faults, f"{at}.skips", data.get("skips", []))
    for index, skipped in enumerate(skips):
        check_version(faults, f"{at}.skips[{index}]", skipped)
    skip_range = data.get("skipRange", "")
    faults.require(
        isinstance(skip_range, str), f"{at}.skipRange", f"{skip_range!r} is not a string"
    )
    deprecated = _strings(faults, f"{at}.deprecatedVersions", data.get("deprecatedVersions", []))
    for name in deprecated:
        if name not in served or name == stored:
            faults.add(
                f"{at}.deprecatedVersions", f"{name!r} is not served beside the stored version"
            )
    deprecation = data.get("deprecation", "")
    faults.require(
        isinstance(deprecation, str), f"{at}.deprecation", f"{deprecation!r} is not a sentence"
    )
    images = _images(faults, f"{at}.images", data.get("images", {}))
    if not valid or date is None:
        return None
    return Release(
        str(version),
        date,
        channels,
        served,
        str(stored),
        str(replaces),
        skips,
        str(skip_range),
        deprecated,
        str(deprecation),
        images,
    )


def _images(faults: Faults, at: str, data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        faults.add(at, f"{data!r} is not a mapping")
        return {}
    _unknown(faults, f"{at}.", data, _IMAGES)
    for name, image in data.items():
        if check_image(faults, f"{at}.{name}", image):
            faults.require(
                split_image(image)[2],
                f"{at}.{name}",
                f"{image!r} has no digest: a tag may mean another image tomorrow",
            )
    return {str(name): str(image) for name, image in data.items()}


def _with_known(releases: Iterable[Release]) -> tuple[Release, ...]:
    """Each release with the versions that are known by then, in the order they came."""
    found = []
    known: dict[str, None] = {}
    for release in releases:
        known |= dict.fromkeys((*release.served, release.stored))
        found.append(replace(release, known=tuple(known)))
    return tuple(found)


def _graph(faults: Faults, project: Project, history: History) -> None:
    """What holds between releases: channels exist, versions are new, edges lead backward.

    Whether everybody comes to the head by them is the prover's to say (`prover`).
    """
    # Only loading a history orders versions; `make bundle` does not wait for it otherwise.
    import semver

    known = {version.name for resource in project.resources for version in resource.versions}
    seen: list[str] = []
    for index, release in enumerate(history.releases):
        at = f"releases[{index}] ({release.version})"
        faults.require(release.version not in seen, at, "occurs twice")
        for channel in release.channels:
            faults.require(
                channel in history.channels, at, f"channel {channel!r} is not in channels"
            )
        for name in release.served:
            faults.require(
                name in known, at, f"served version {name!r} is not a version of the API"
            )
        if release.replaces:
            faults.require(
                release.replaces in seen,
                at,
                f"replaces {release.replaces}, which is not an earlier release",
            )
        for skipped in (release.replaces, *release.skips):
            if skipped and semver.Version.parse(skipped) >= semver.Version.parse(release.version):
                faults.add(at, f"replaces or skips {skipped}, which is not older")
        seen.append(release.version)
    for channel in history.channels:
        heads = [release for release in history.releases if channel in release.channels]
        faults.require(heads, "channels", f"{channel!r} has no release")


def parse(project: Project, text: str | bytes) -> History:
    """The history in a releases.yaml.

    Raises:
        KopfkitError: it is not YAML, or says what cannot be; all faults at once.
    """
    faults = Faults(NAME)
    data = yamls.load(text, NAME)
    if not isinstance(data, dict):
        raise KopfkitError(NAME, "is not a mapping", "See the comment at its head.")
    _unknown(faults, "", data, _TOP)
    faults.require(
        data.get("package") == project.name,
        "package",
        f"{data.get('package')!r} is not the project's name ({project.name})",
    )
    channels = _strings(faults, "channels", data.get("channels"))
    for index, channel in enumerate(channels):
        check_channel(faults, f"channels[{index}]", channel)
    default = data.get("defaultChannel")
    faults.require(
        isinstance(default, str) and default in channels,
        "defaultChannel",
        f"{default!r} is not in channels ({', '.join(channels)})",
    )
    listed = data.get("releases")
    if not isinstance(listed, list) or not listed:
        faults.add("releases", "is not a list with at least one release")
        listed = []
    releases = [_release(faults, f"releases[{i}]", one) for i, one in enumerate(listed)]
    faults.raise_if_any()
    found = History(
        project.name,
        str(default),
        channels,
        _with_known(one for one in releases if one is not None),
    )
    _graph(faults, project, found)
    faults.raise_if_any()
    return found
