"""The ways of a channel: from which release users come to which, and by what.

Rules of OLM v0's resolver (operator-lifecycle-manager, pkg/controller/registry/resolver/cache):
a catalog's entry is offered to who has what it replaces or skips, or a version in its skipRange.
Whether the ways are good ones is not judged here.
"""

from dataclasses import dataclass

from kopfkit.packaging.ranges import Range
from kopfkit.packaging.releases import History, Release

REPLACES, SKIPS, SKIP_RANGE = "replaces", "skips", "skipRange"


@dataclass(frozen=True)
class Way:
    """From one release to another of the same channel.

    Attributes:
        source, target: their versions.
        by: REPLACES, SKIPS or SKIP_RANGE; the first of them that offers it.
    """

    source: str
    target: str
    by: str


def members(history: History, channel: str) -> tuple[Release, ...]:
    """The releases of a channel, oldest first."""
    return tuple(release for release in history.releases if channel in release.channels)


def offered(target: Release, version: str) -> str:
    """By which field a release is offered to who has a version; "" if by none.

    A skipRange that is none offers nothing.
    """
    if target.version == version:
        return ""
    if target.replaces == version:
        return REPLACES
    if version in target.skips:
        return SKIPS
    try:
        return SKIP_RANGE if target.skip_range and version in Range(target.skip_range) else ""
    except ValueError:
        return ""


def ways(history: History, channel: str) -> tuple[Way, ...]:
    """Every way of a channel, by target and then by source, in the order of the history."""
    releases = members(history, channel)
    return tuple(
        Way(source.version, target.version, by)
        for target in releases
        for source in releases
        if (by := offered(target, source.version))
    )


def heads(history: History, channel: str) -> tuple[Release, ...]:
    """The releases of a channel that no other one of it replaces or skips; a skipRange does not
    count. opm accepts a channel with exactly one."""
    passed = {way.source for way in ways(history, channel) if way.by != SKIP_RANGE}
    return tuple(one for one in members(history, channel) if one.version not in passed)
