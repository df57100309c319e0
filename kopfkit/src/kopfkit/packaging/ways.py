"""The ways of a channel: from which release users come to which, and by what.

Rules of OLM v0's resolver (operator-lifecycle-manager, pkg/controller/registry/resolver/cache):
a catalog's entry is offered to who has what it replaces or skips, or a version in its skipRange;
one that another entry of the channel skips is not offered at all. Whether the ways are good ones is
not judged here.
"""

from dataclasses import dataclass
from typing import Final

from kopfkit.packaging.releases import History, Release
from kopfkit.ranges import Range

REPLACES: Final = "replaces"
SKIPS: Final = "skips"
SKIP_RANGE: Final = "skipRange"


@dataclass(frozen=True)
class Edge:
    """From one release to another.

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


def offered(target: Release, source: str) -> str:
    """By what a release is offered to who has the version `source`; "" if it is not.

    The first that holds of REPLACES, SKIPS and SKIP_RANGE. ValueError for a skipRange that is none.
    """
    if source == target.version:
        return ""
    if source == target.replaces:
        return REPLACES
    if source in target.skips:
        return SKIPS
    return SKIP_RANGE if target.skip_range and source in Range(target.skip_range) else ""


def edges(history: History, channel: str) -> list[Edge]:
    """Every way of a channel, by target and then by source, in the order of the history."""
    releases = members(history, channel)
    return [
        Edge(source.version, target.version, by)
        for target in releases
        for source in releases
        if (by := offered(target, source.version))
    ]


def heads(history: History, channel: str) -> tuple[Release, ...]:
    """The releases of a channel that no other one of it replaces or skips; a skipRange does not
    count. opm accepts a channel with exactly one."""
    passed = {edge.source for edge in edges(history, channel) if edge.by != SKIP_RANGE}
    return tuple(one for one in members(history, channel) if one.version not in passed)


def skipped(history: History, channel: str) -> frozenset[str]:
    """The versions that some release of the channel skips."""
    return frozenset(version for one in members(history, channel) for version in one.skips)


def chain(history: History, channel: str) -> list[Release]:
    """What OLM v0 chooses from, the head first.

    From the head along `replaces`, without what a release of the channel skips: that is offered to
    nobody, and who has it is led on. A channel without exactly one head, or whose chain closes, is
    not resolved at all (operator-lifecycle-manager, pkg/controller/registry/resolver/resolver.go,
    sortChannel).
    """
    by_version = {one.version: one for one in members(history, channel)}
    found: dict[str, Release] = {}
    ends = heads(history, channel)
    at = ends[0] if len(ends) == 1 else None
    while at is not None:
        if at.version in found:
            return []
        found[at.version] = at
        at = by_version.get(at.replaces)
    passed = skipped(history, channel)
    return [one for version, one in found.items() if version not in passed]


def off_the_chain(history: History, channel: str) -> list[str]:
    """The versions of a channel that opm calls stranded.

    Nothing skips them, and the chain of replaces from the head does not come to them; it ends at
    a release that is skipped (operator-registry, alpha/model/model.go, validateReplacesChain).
    """
    by_version = {one.version: one for one in members(history, channel)}
    passed = skipped(history, channel)
    found: list[str] = []
    for head in heads(history, channel)[-1:]:
        found.append(head.version)
        while (
            found[-1] in by_version
            and (below := by_version[found[-1]].replaces)
            and below not in passed
            and below not in found
        ):
            found.append(below)
    return [version for version in by_version if version not in {*found, *passed}]
