"""Proves the upgrade graph: from any release one comes to the head, and loses nothing on the way.

Every installed version x every channel is walked as OLM v0 and OLM v1 would. A fault names the way
that is bad, and what to change in catalog/releases.yaml. The rules about versions of the API are
the API server's: what is in `status.storedVersions` must stay in the CRD, and whatever is not
stored as it is asked for needs somebody to convert it (Kubernetes documentation, "Versions in
CustomResourceDefinitions"). Deliberately not here: what is wrong with one entry alone (`releases`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from kopfkit.crd import CustomResource
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
    if not any(one.rule == RANGE for one in found):
        several = sum(len(each.versions) > 1 for each in project.resources) > 1
        stories = [
            Story(
                f"{each.kind} " if several else "",
                _story(project, history, each),
                partial(_converts, project, each),
            )
            for each in project.resources
        ]
        found += version_faults(history, stories)
    for one in found:
        if f"{one.place}: {one.rule}" not in history.accepted:
            faults.add(one.place, one.why)
    return faults


@dataclass(frozen=True)
class Story:
    """The history as one kind sees it.

    Attributes:
        name: of the kind, with a blank; "" where it goes without saying.
        history: with its API versions.
        converts: whether a release converts its objects.
    """

    name: str
    history: History
    converts: Callable[[Release], bool]


def version_faults(history: History, stories: Iterable[Story]) -> list[GraphFault]:
    """Every step on which stored objects or clients of a kind are lost."""
    found: list[GraphFault] = []
    told: set[tuple[str, str, str]] = set()
    listed = list(stories)
    for steps, resolver, channel in all_steps(history):
        for installed in history.releases:
            way = walk(steps, installed.version, resolver, channel)
            for story in listed:
                found += _keeps(story, way, told)
    return found


def stories_of_crds(history: History) -> Iterator[Story]:
    """The history as each CRD sees it that has other versions than the rest, and as the rest do;
    where there is no description of a project. Whatever has several versions is converted."""
    for crd in ("", *dict.fromkeys(crd for one in history.releases for crd in one.apis)):
        releases = tuple(_of_crd(one, crd) for one in history.releases)
        yield Story(f"{crd} ".lstrip(), replace(history, releases=releases), lambda _: True)


def _of_crd(release: Release, crd: str) -> Release:
    apis = release.apis_of(crd)
    return replace(
        release, served=apis.served, stored=apis.stored, known=release.known_of(crd), apis={}
    )


def _converts(project: Project, resource: CustomResource, release: Release) -> bool:
    there = {*release.known, *release.served, release.stored}
    versions = [each for each in resource.versions if each.name in there]
    return project.conversion is not None and len(versions) > 1


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
            f"makes {', '.join(others[:_NAMED])}{more} upgrade down to {version}; "
            f"end the {by} below {version}",
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
    elif circle := ring(history, channel):
        why = f"leads in a circle by replaces ({' -> '.join(circle)}), and opm rejects it; "
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


def _story(project: Project, history: History, resource: CustomResource) -> History:
    """The history as one kind sees it, without the versions that only other kinds have. A release
    that lacks the kind serves nothing of it."""
    own = {each.name for each in resource.versions}
    others = {each.name for one in project.resources for each in one.versions} - own

    def mine(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in others)

    def seen(release: Release) -> Release:
        if resource.crd_name in release.apis:
            return _of_crd(release, resource.crd_name)
        there = [each for each in edition(project, release).resources if each.kind == resource.kind]
        stored = [each.name for kind in there for each in kind.versions if each.storage]
        return replace(
            release,
            served=mine(release.served),
            known=mine(release.known),
            deprecated_versions=mine(release.deprecated_versions),
            stored="".join(stored) if release.stored in others else release.stored,
        )

    return replace(history, releases=tuple(seen(each) for each in history.releases))


def _keeps(story: Story, way: Route, told: set[tuple[str, str, str]]) -> Iterator[GraphFault]:
    """What is stored of a kind stays readable at each step, and somebody converts where its
    versions meet."""
    stored: set[str] = set()
    for name_from, name_to in pairwise(way.versions):
        old, new = story.history.release(name_from), story.history.release(name_to)
        if not old.served:
            continue  # the kind comes with this step, or later
        stored |= {old.stored, new.stored} - {""}
        if (name_from, name_to, story.name) in told:
            continue
        step, why = f"{name_from} -> {name_to}", ""
        if lost := stored - {*new.known, *new.served}:
            why = (
                f"drops {', '.join(sorted(lost))}, in which objects may be stored "
                f"(status.storedVersions); keep it among the versions of {name_to}"
            )
        elif len(stored | set(new.served)) > 1 and not story.converts(new):
            why = (
                f"stores {', '.join(sorted(stored))} and serves {', '.join(new.served)}, and "
                f"nothing converts between them in {name_to}; declare a conversion"
            )
        elif new.stored != old.stored and new.stored not in old.served:
            why = (
                f"stores {new.stored}, which {name_from} does not serve: until the webhook of "
                f"{name_to} runs, every request of its clients fails; pass a release that serves "
                f"{new.stored} and still stores {old.stored}, and take {name_from} out of the "
                f"{offered(new, name_from)} of {name_to}"
            )
        elif gone := set(old.served) - set(new.served) - set(old.deprecated_versions):
            why = (
                f"does not serve {', '.join(sorted(gone))}, which {name_from} serves without a "
                f"warning; deprecate it in a release that everybody passes (deprecatedVersions)"
            )
        if why:
            told.add((name_from, name_to, story.name))
            path = f"(upgrade path {way}, {way.resolver})"
            yield GraphFault(VERSIONS, step, f"{story.name}{why} {path}")


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
