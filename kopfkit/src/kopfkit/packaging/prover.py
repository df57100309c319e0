"""Proves the upgrade graph: from any release one comes to the head, and loses nothing on the way.

Every installed version x every channel is walked as OLM v0 and OLM v1 would. A fault names the way
that is bad, and what to change in catalog/releases.yaml. The rules about versions of the API are
the API server's: what is in `status.storedVersions` must stay in the CRD, and whatever is not
stored as it is asked for needs somebody to convert it (Kubernetes documentation, "Versions in
CustomResourceDefinitions"). Deliberately not here: what is wrong with one entry alone (`releases`).
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import semver

from kopfkit.crd import CustomResource
from kopfkit.packaging.editions import edition
from kopfkit.packaging.releases import NAME, History, Release
from kopfkit.packaging.routes import OLM_V1, Route, route_v0, route_v1
from kopfkit.packaging.ways import SKIP_RANGE, heads, members, off_the_chain, offered
from kopfkit.project import Faults, Project
from kopfkit.ranges import Range


def prove(project: Project, history: History) -> Faults:
    """Every fault of the graph; none means that it is proved."""
    faults = Faults(NAME)
    for release in history.releases:
        if release.skip_range:
            _check_range(faults, release)
    if faults.found:
        return faults
    for release in history.releases:
        _order(faults, history, release)
    for channel in history.channels:
        _head(faults, history, channel)
    told: set[tuple[str, str]] = set()
    kept: set[tuple[str, str, str]] = set()
    stories = [(each, _story(project, history, each)) for each in project.resources]
    for installed in history.releases:
        ways = [
            *(route_v0(history, channel, installed.version) for channel in history.channels),
            *(route_v1(history, installed.version, channel) for channel in ("", *history.channels)),
        ]
        for way in ways:
            _arrives(faults, history, way, told)
            for resource, story in stories:
                _keeps(faults, project, resource, story, way, kept)
    return faults


def _order(faults: Faults, history: History, release: Release) -> None:
    """Edges lead from lower versions to higher ones."""
    at = f"release {release.version}"
    version = semver.Version.parse(release.version)
    if release.skip_range and release.version in Range(release.skip_range):
        faults.add(
            f"{at}.{SKIP_RANGE}",
            f"leads from {version} to itself, and OLM v0 chooses it again for whoever has it; "
            f"write a skipRange that ends below {version}",
        )
    for other in history.releases:
        by = offered(release, other.version)
        if by and semver.Version.parse(other.version) >= version:
            faults.add(
                f"{at}.{by}",
                f"leads from {other.version} down to {release.version}; "
                f"write a {by} that ends below {release.version}",
            )


def _head(faults: Faults, history: History, channel: str) -> None:
    found = [one.version for one in heads(history, channel)]
    if len(found) > 1:
        *others, head = found
        faults.add(
            f"channel {channel}",
            f"has {len(found)} heads ({', '.join(found)}), and opm refuses it; "
            f"have {head} replace or skip {', '.join(others)}",
        )
    elif off := off_the_chain(history, channel):
        faults.add(
            f"channel {channel}",
            f"comes from its head {found[-1]} by replaces alone not to {', '.join(off)}, and opm "
            "refuses it; do not skip what is replaced, or skip those, too",
        )
    if found and history.release(found[-1]).deprecation:
        faults.add(
            f"channel {channel}",
            f"ends at {found[-1]}, which is deprecated; release a version that replaces it, or "
            "take its deprecation away",
        )


def _target(history: History, way: Route) -> str:
    """The version that a way has to end at, "" where there is none for it."""
    there = list(members(history, way.channel) if way.channel else history.releases)
    usable = [one for one in there if not one.deprecation] or there
    return max((one.version for one in usable), key=semver.Version.parse, default="")


def _arrives(faults: Faults, history: History, way: Route, told: set[tuple[str, str]]) -> None:
    start, end = way.versions[0], way.end
    target = _target(history, way)
    if not target or semver.Version.parse(start) >= semver.Version.parse(target):
        return  # newer than what is offered there, as with who leaves the candidate channel
    if end == target or (end, way.channel) in told:
        return
    told.add((end, way.channel))
    where = f"channel {way.channel}" if way.channel else "all channels"
    avoided = _avoided(history, way)
    why = f" (it goes to no deprecated release: {', '.join(avoided)})" if avoided else ""
    above = "above that is not deprecated" if avoided else "above it"
    faults.add(
        where,
        f"{way.resolver} leads who has {start} by {way} and no further, and never to {target}"
        f"{why}; name {end} in the replaces, skips or skipRange of a release {above}",
    )


def _avoided(history: History, way: Route) -> list[str]:
    """The deprecated releases by which a way would go on under OLM v0, and does not under v1."""
    if way.resolver != OLM_V1:
        return []
    there = members(history, way.channel) if way.channel else history.releases
    return [one.version for one in there if one.deprecation and offered(one, way.end)]


def _story(project: Project, history: History, resource: CustomResource) -> History:
    """The history as one kind sees it, without the versions that only other kinds have. A release
    that lacks the kind serves nothing of it."""
    own = {each.name for each in resource.versions}
    others = {each.name for one in project.resources for each in one.versions} - own

    def mine(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in others)

    def seen(release: Release) -> Release:
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


def _keeps(
    faults: Faults,
    project: Project,
    resource: CustomResource,
    history: History,
    way: Route,
    told: set[tuple[str, str, str]],
) -> None:
    """What is stored of a kind stays readable at each step, and somebody converts where its
    versions meet."""
    stored: set[str] = set()
    several = sum(len(each.versions) > 1 for each in project.resources) > 1
    for name_from, name_to in pairwise(way.versions):
        old, new = history.release(name_from), history.release(name_to)
        if not old.served:
            continue  # the kind comes with this step, or later
        stored |= {old.stored, new.stored}
        if (name_from, name_to, resource.kind) in told:
            continue
        step, why = f"{name_from} -> {name_to}", ""
        there = {*new.known, *new.served, new.stored}
        versions = [each for each in resource.versions if each.name in there]
        converts = project.conversion is not None and len(versions) > 1
        if lost := stored - {*new.known, *new.served}:
            why = (
                f"drops {', '.join(sorted(lost))}, in which objects may be stored "
                f"(status.storedVersions); keep it among the versions of {name_to}"
            )
        elif len(stored | set(new.served)) > 1 and not converts:
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
            told.add((name_from, name_to, resource.kind))
            of = f"{resource.kind} " if several else ""
            faults.add(step, f"{of}{why} (on the way {way}, {way.resolver})")


def _check_range(faults: Faults, release: Release) -> None:
    try:
        Range(release.skip_range)
    except ValueError as error:
        place, text = f"release {release.version}.skipRange", release.skip_range
        faults.add(place, f"{text!r} is no range such as '>=0.1.0 <0.4.0' ({error})")
