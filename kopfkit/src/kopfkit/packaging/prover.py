"""Proves the upgrade graph: from any release one comes to the head, and loses nothing on the way.

Every installed version x every channel is walked as OLM v0 and OLM v1 would. A fault names the way
that is bad, and what to change in catalog/releases.yaml. The rules about versions of the API are
the API server's: what is in `status.storedVersions` must stay in the CRD, and whatever is not
stored as it is asked for needs somebody to convert it (Kubernetes documentation, "Versions in
CustomResourceDefinitions"). Deliberately not here: what is wrong with one entry alone (`releases`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from kopfkit.packaging.editions import edition
from kopfkit.packaging.releases import NAME, History, Release
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
from kopfkit.project import Faults, Project
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


def prove(project: Project, history: History) -> Faults:
    """Every fault of the graph; none means that it is proved."""
    faults = Faults(NAME)
    found = graph_faults(history)
    for one in found:
        if f"{one.place}: {one.rule}" not in history.accepted:
            faults.add(one.place, one.why)
    if any(one.rule == RANGE for one in found):
        return faults
    for one in version_faults(history, lambda each: edition(project, each).conversion is not None):
        if f"{one.place}: {one.rule}" not in history.accepted:
            faults.add(one.place, one.why)
    return faults


def version_faults(history: History, converts: Callable[[Release], bool]) -> list[GraphFault]:
    """Every step on which stored objects or clients are lost.

    Args:
        converts: whether a release has a conversion.
    """
    found: list[GraphFault] = []
    told: set[tuple[str, str, str]] = set()
    converting = {one.version: converts(one) for one in history.releases}
    # CRDs that have other versions than the rest are looked at by themselves.
    crds = ("", *dict.fromkeys(crd for one in history.releases for crd in one.apis))
    for steps, resolver, channel in all_steps(history):
        for installed in history.releases:
            way = walk(steps, installed.version, resolver, channel)
            for crd in crds:
                found += _keeps(history, way, crd, converting, told)
    return found


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
            f"leads from {version} to itself, and OLM v0 chooses it again for whoever has it; "
            f"write a skipRange that ends below {version}",
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
            f"leads from {', '.join(others[:_NAMED])}{more} down to {version}; write a {by} that "
            f"ends below {version}",
        )


def _head(history: History, channel: str) -> Iterator[GraphFault]:
    found = [one.version for one in heads(history, channel)]
    at = f"channel {channel}"
    if len(found) > 1:
        *others, head = found
        yield GraphFault(
            HEADS,
            at,
            f"has {len(found)} heads ({', '.join(found)}), and opm refuses it; "
            f"have {head} replace or skip {', '.join(others)}",
        )
    elif not found and members(history, channel):
        why = "has no head, since each release is replaced or skipped, and opm refuses it; "
        yield GraphFault(HEADS, at, f"{why}do not replace or skip the newest one")
    elif circle := ring(history, channel):
        why = f"leads in a circle by replaces ({' -> '.join(circle)}), and opm refuses it; "
        yield GraphFault(RING, at, f"{why}do not replace what is newer")
    elif off := off_the_chain(history, channel):
        yield GraphFault(
            STRANDED,
            at,
            f"comes from its head {found[-1]} by replaces alone not to {', '.join(off)}, and opm "
            "refuses it; do not skip what is replaced, or skip those, too",
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
        why = f" (it goes to no deprecated release: {', '.join(avoided)})" if avoided else ""
        above = "above that is not deprecated" if avoided else "above it"
        yield GraphFault(
            ARRIVES,
            f"channel {channel}" if channel else "all channels",
            f"{resolver} leads who has {start} by {way} and no further, and never to {target}"
            f"{why}; name {end} in the replaces, skips or skipRange of a release {above}",
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


def _keeps(
    history: History,
    way: Route,
    crd: str,
    converting: Mapping[str, bool],
    told: set[tuple[str, str, str]],
) -> Iterator[GraphFault]:
    """What is stored stays readable at each step, and somebody converts where versions meet."""
    stored = {history.release(way.versions[0]).apis_of(crd).stored}
    for name_from, name_to in pairwise(way.versions):
        old, new = history.release(name_from), history.release(name_to)
        was, now = old.apis_of(crd), new.apis_of(crd)
        stored.add(now.stored)
        stored.discard("")
        if (name_from, name_to, crd) in told or not was.served or not now.served:
            continue
        why = ""
        if lost := stored - {*new.known_of(crd), *now.served}:
            why = (
                f"drops {', '.join(sorted(lost))}, in which objects may be stored "
                f"(status.storedVersions); keep it among the versions of {name_to}"
            )
        elif len(stored | set(now.served)) > 1 and not converting[name_to]:
            why = (
                f"stores {', '.join(sorted(stored))} and serves {', '.join(now.served)}, and "
                f"nothing converts between them in {name_to}; declare a conversion"
            )
        elif now.stored != was.stored and now.stored not in was.served:
            why = (
                f"stores {now.stored}, which {name_from} does not serve: until the webhook of "
                f"{name_to} runs, every request of its clients fails; pass a release that serves "
                f"{now.stored} and still stores {was.stored}, and take {name_from} out of the "
                f"{offered(new, name_from)} of {name_to}"
            )
        elif gone := set(was.served) - set(now.served) - set(old.deprecated_versions):
            why = (
                f"does not serve {', '.join(sorted(gone))}, which {name_from} serves without a "
                f"warning; deprecate it in a release that everybody passes (deprecatedVersions)"
            )
        if why:
            told.add((name_from, name_to, crd))
            of = f"{crd}: " if crd else ""
            where = f"(on the way {way}, {way.resolver})"
            yield GraphFault(VERSIONS, f"{name_from} -> {name_to}", f"{of}{why} {where}")


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
            why = f"{entry.skip_range!r} is no range such as '>=0.1.0 <0.4.0' ({error})"
            yield GraphFault(RANGE, place, why)
