"""The ways of a channel: from which release users come to which, and by what.

Rules of OLM v0's resolver (operator-lifecycle-manager, pkg/controller/registry/resolver/cache):
a catalog's entry is offered to who has what it replaces or skips, or a version in its skipRange;
one that another entry of the channel skips is not offered at all. Whether the ways are good ones is
not judged here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kopfkit.packaging.releases import Entry, History, Release
from kopfkit.ranges import Range

REPLACES: Final = "replaces"
SKIPS: Final = "skips"
SKIP_RANGE: Final = "skipRange"
ORDER: Final = (REPLACES, SKIPS, SKIP_RANGE)


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


def offered(target: Release, source: str, channel: str = "") -> str:
    """By what a release is offered to who has the version `source`; "" if it is not.

    The first that holds of REPLACES, SKIPS and SKIP_RANGE. ValueError for a skipRange that is none.

    Args:
        channel: where; "" for any of the target's.
    """
    found = (
        by for entry in target.entries_in(channel) if (by := _by(entry, source, target.version))
    )
    return min(found, key=ORDER.index, default="")


def _by(entry: Entry, source: str, target: str) -> str:
    if source == target:
        return ""
    if source == entry.replaces:
        return REPLACES
    if source in entry.skips:
        return SKIPS
    return SKIP_RANGE if entry.skip_range and source in Range(entry.skip_range) else ""


def sources(
    history: History, target: Release, channel: str = "", beyond: Iterable[str] = ()
) -> dict[str, str]:
    """Every version that a release is offered to, in the history's order, and by what; as
    `offered`, but without a look at each pair of versions.

    Args:
        beyond: versions to look at that are not in the history.
    """
    found: dict[str, str] = {}
    for entry in dict.fromkeys(target.entries_in(channel)):
        new = dict.fromkeys(entry.skips, SKIPS)
        if entry.replaces:
            new[entry.replaces] = REPLACES
        if entry.skip_range:
            inside = Range(entry.skip_range)
            others = (one for one in beyond if one in inside)
            new = dict.fromkeys((*history.within(entry.skip_range), *others), SKIP_RANGE) | new
        found = new | {one: min(by, new.get(one, by), key=ORDER.index) for one, by in found.items()}
    found.pop(target.version, None)
    place = history.place
    known = {*place, *beyond} if beyond else place.keys()
    there = sorted(found.keys() & known, key=lambda one: place.get(one, len(place)))
    return {version: found[version] for version in there}


def edges(history: History, channel: str) -> list[Edge]:
    """Every way of a channel, by target and then by source, in the order of the history."""
    releases = members(history, channel)
    there = {one.version for one in releases}
    return [
        Edge(source, target.version, by)
        for target in releases
        for source, by in sources(history, target, channel).items()
        if source in there
    ]


def heads(history: History, channel: str) -> tuple[Release, ...]:
    """The releases of a channel that none of it replaces or skips; a skipRange does not count. opm
    accepts a channel with exactly one (operator-registry, alpha/model/model.go, Channel.Head)."""
    entries = [one.entry(channel) for one in members(history, channel)]
    passed = {version for one in entries for version in (one.replaces, *one.skips)}
    return tuple(one for one in members(history, channel) if one.version not in passed)


def skipped(history: History, channel: str) -> frozenset[str]:
    """The versions that some release of the channel skips."""
    found = (one.entry(channel).skips for one in members(history, channel))
    return frozenset(version for skips in found for version in skips)


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
        at = by_version.get(at.entry(channel).replaces)
    passed = skipped(history, channel)
    return [one for version, one in found.items() if version not in passed]


def off_the_chain(history: History, channel: str) -> list[str]:
    """The versions of a channel that opm calls stranded.

    Nothing skips them, and the chain of replaces from the head does not come to them; it ends at
    a release that is skipped (operator-registry, alpha/model/model.go, validateReplacesChain).
    """
    there = {one.version: one for one in members(history, channel)}
    passed = skipped(history, channel)
    found: dict[str, None] = {}
    for head in heads(history, channel)[-1:]:
        at = head.version
        while at and at not in found:
            found[at] = None
            below = there[at].entry(channel).replaces if at in there else ""
            at = "" if below in passed else below
    return [version for version in there if version not in found and version not in passed]


def ring(history: History, channel: str) -> list[str]:
    """The versions from which replaces leads back to the first of them; [] if it leads to an end.

    opm looks from the head on (operator-registry, alpha/model/model.go, validateReplacesChain).
    """
    there = {one.version: one for one in members(history, channel)}
    passed = skipped(history, channel)
    found: list[str] = []
    seen: set[str] = set()
    at = next((one.version for one in heads(history, channel)[-1:]), "")
    while at in there and at not in seen:
        found.append(at)
        seen.add(at)
        below = there[at].entry(channel).replaces
        at = "" if below in passed else below
    return [*found[found.index(at) :], at] if at in seen else []
