"""Faults of an upgrade graph by itself: what opm rejects, and users that no upgrade path leads on.

Every installed version x every channel is walked as OLM v0 and OLM v1 would. What releases serve
and store is checked in `prover`; what is wrong with one entry alone, in `historyfile`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.routes import OLM_V0, OLM_V1, Route, steps_v0, steps_v1, walk
from kopfkit.packaging.ways import (
    REPLACES,
    SKIP_RANGE,
    SKIPS,
    heads,
    members,
    off_the_chain,
    offered,
    ring,
    sources,
)
from kopfkit.ranges import Range, order

# Heads, ranges and rings are what opm refuses (see `ways`); the rest is what the resolvers make of
# a graph that it takes (see `routes`).
RANGE, DOWN, HEADS, RING, STRANDED, DEPRECATED, ARRIVES, VERSIONS = (
    "graph-skip-range",
    "graph-down",
    "graph-heads",
    "graph-ring",
    "graph-stranded",
    "graph-deprecated-head",
    "graph-no-way",
    "graph-versions",
)

# Releases that a sentence names; of more it says how many.
_NAMED = 5


@dataclass(frozen=True)
class GraphFault:
    """What is wrong with the upgrade graph: a rule, the place, and why."""

    rule: str
    place: str
    why: str


def graph_faults(history: History) -> list[GraphFault]:
    """Every fault that the graph has by itself, whatever its releases serve."""
    found = edge_faults(history)
    if any(one.rule == RANGE for one in found):
        return found
    told: set[tuple[str, str]] = set()
    for steps, resolver, channel in all_steps(history):
        found += _arrives(history, steps, resolver, channel, told)
    return found


def edge_faults(history: History) -> list[GraphFault]:
    """The faults of single edges and of channels: what opm refuses, and what leads down."""
    found = [one for release in history.releases for one in _ranges(release)]
    if found:
        return found
    for release in history.releases:
        found += _order(history, release)
    for channel in history.channels:
        found += _head(history, channel)
    return found


def all_steps(history: History) -> Iterator[tuple[dict[str, str], str, str]]:
    """What each resolver makes of each channel, and OLM v1 of all."""
    for channel in history.channels:
        yield steps_v0(history, channel), OLM_V0, channel
    for channel in ("", *history.channels):
        yield steps_v1(history, channel), OLM_V1, channel


def _order(history: History, release: Release) -> Iterator[GraphFault]:
    """Edges lead from lower versions to higher ones."""
    at = f"release {release.version}"
    version = release.version
    if any(one.skip_range and version in Range(one.skip_range) for one in release.entries_in()):
        yield GraphFault(
            DOWN,
            f"{at}.{SKIP_RANGE}",
            f"includes {version} itself, so that OLM v0 offers it again to its own users; "
            f"end the skipRange below {version}",
        )
    for entry in dict.fromkeys(release.entries_in()):
        for by, named in ((REPLACES, (entry.replaces,)), (SKIPS, entry.skips)):
            if version in named:
                yield GraphFault(DOWN, f"{at}.{by}", "names the release itself; take it out")
    down: dict[str, list[str]] = {}
    for other, by in sources(history, release).items():
        if order(other) >= order(version):
            down.setdefault(by, []).append(other)
    for by, others in down.items():
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield GraphFault(
            DOWN,
            f"{at}.{by}",
            f"makes {', '.join(others[:_NAMED])}{more} upgrade down to {version}; end the {by} "
            f"below {version}",
        )


def _head(history: History, channel: str) -> Iterator[GraphFault]:
    found = [one.version for one in heads(history, channel)]
    at = f"channel {channel}"
    if len(found) > 1:
        *others, head = found
        yield GraphFault(
            HEADS,
            at,
            f"has {len(found)} heads ({', '.join(found)}), and opm rejects it; "
            f"have {head} replace or skip {', '.join(others)}",
        )
    elif not found and members(history, channel):
        why = "has no head, since each release is replaced or skipped, and opm rejects it; "
        yield GraphFault(HEADS, at, f"{why}do not replace or skip the newest one")
    elif cycle := ring(history, channel):
        why = f"has a cycle of replaces ({' -> '.join(cycle)}), and opm rejects it; "
        yield GraphFault(RING, at, f"{why}do not replace what is newer")
    elif off := off_the_chain(history, channel):
        yield GraphFault(
            STRANDED,
            at,
            f"has no chain of replaces from its head {found[-1]} to {', '.join(off)}, and opm "
            "rejects it; do not skip what is replaced, or skip those, too",
        )
    if found and history.release(found[-1]).deprecation:
        yield GraphFault(
            DEPRECATED,
            at,
            f"ends at {found[-1]}, which is deprecated; release a version that replaces it, or "
            "take its deprecation away",
        )


def target_of(history: History, channel: str) -> str:
    """The version that everybody has to come to, "" where there is none."""
    there = list(members(history, channel) if channel else history.releases)
    usable = [one for one in there if not one.deprecation] or there
    return max((one.version for one in usable), key=order, default="")


def _arrives(
    history: History,
    steps: dict[str, str],
    resolver: str,
    channel: str,
    told: set[tuple[str, str]],
) -> Iterator[GraphFault]:
    target = target_of(history, channel)
    ends: dict[str, str] = {}
    for installed in history.releases:
        start = installed.version
        if not target or order(start) >= order(target):
            continue  # newer than what is offered there, as with who leaves the candidate channel
        end = end_of(steps, start, ends)
        if end == target or (end, channel) in told:
            continue
        told.add((end, channel))
        way = walk(steps, start, resolver, channel)
        avoided = _avoided(history, way)
        why = (
            f" (it never upgrades to deprecated releases: {', '.join(avoided)})" if avoided else ""
        )
        above = "above that is not deprecated" if avoided else "above it"
        users = f"users on {start} stop at {end}" if start != end else f"users on {start} are stuck"
        yield GraphFault(
            ARRIVES,
            f"channel {channel}" if channel else "all channels",
            f"{users}: {resolver} has no upgrade path from {end} to {target}{why}; "
            f"name {end} in the replaces, skips or skipRange of a release {above}",
        )


def end_of(steps: Mapping[str, str], start: str, ends: dict[str, str]) -> str:
    """Where a way ends, as `walk`; what is known of it is kept in `ends`."""
    passed: dict[str, None] = {}
    at = start
    while at not in ends and at not in passed:
        passed[at] = None
        at = steps.get(at, at)
    if at in ends:
        end = ends[at]
    elif steps.get(at, at) == at:
        end = at
    else:
        return walk(steps, start, "", "").end  # a ring, whose end depends on the start
    ends.update(dict.fromkeys(passed, end))
    return end


def _avoided(history: History, way: Route) -> list[str]:
    """The deprecated releases by which a way would go on under OLM v0, and does not under v1."""
    if way.resolver != OLM_V1:
        return []
    there = members(history, way.channel) if way.channel else history.releases
    return [one.version for one in there if one.deprecation and offered(one, way.end, way.channel)]


def _unreadable(skip_range: str) -> str:
    """Why a skipRange is none; "" where it is one, or absent."""
    try:
        Range(skip_range or ">=0.0.0")
    except ValueError as error:
        return str(error)
    return ""


def _ranges(release: Release) -> Iterator[GraphFault]:
    for entry in dict.fromkeys(release.entries_in()):
        if error := _unreadable(entry.skip_range):
            place = f"release {release.version}.skipRange"
            why = f"{entry.skip_range!r} is not a range such as '>=0.1.0 <0.4.0' ({error})"
            yield GraphFault(RANGE, place, why)
