"""Proves the upgrade graph: from any release one comes to the head, and loses nothing on the way.

A fault names the upgrade path that is bad, and what to change in catalog/releases.yaml. The rules
about versions of the API are the API server's: what is in `status.storedVersions` must stay in the
CRD, and whatever is not stored as it is asked for needs somebody to convert it (Kubernetes
documentation, "Versions in CustomResourceDefinitions").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

from kopfkit.crd import CustomResource
from kopfkit.packaging.editions import edition
from kopfkit.packaging.graphfaults import RANGE, VERSIONS, GraphFault, all_steps, graph_faults
from kopfkit.packaging.releases import NAME, History, Release
from kopfkit.packaging.routes import Route, walk
from kopfkit.packaging.ways import offered
from kopfkit.project import Faults, Project


def prove(project: Project, history: History) -> Faults:
    """Every fault of the graph; none means that it is proved."""
    faults = Faults(NAME)
    found = graph_faults(history)
    if not any(one.rule == RANGE for one in found):
        for resource in project.resources:
            found += _faults_of(project, history, resource)
    for one in found:
        if f"{one.place}: {one.rule}" not in history.accepted:
            faults.add(one.place, one.why)
    return faults


def _faults_of(project: Project, history: History, resource: CustomResource) -> list[GraphFault]:
    """The faults of the upgrade paths for the objects of one kind."""

    def converts(release: Release) -> bool:
        there = {*release.known, *release.served, release.stored}
        versions = [each for each in resource.versions if each.name in there]
        return project.conversion is not None and len(versions) > 1

    several = sum(len(each.versions) > 1 for each in project.resources) > 1
    label = f"{resource.kind} " if several else ""
    return version_faults(_as_seen_by(project, history, resource), converts, label)


def _as_seen_by(project: Project, history: History, resource: CustomResource) -> History:
    """The history of one kind, without the versions that only other kinds have. A release that
    lacks the kind serves nothing of it."""
    own = {each.name for each in resource.versions}
    others = {each.name for one in project.resources for each in one.versions} - own

    def mine(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in others)

    def seen(release: Release) -> Release:
        apis = release.apis_of(resource.crd_name)
        there = [each for each in edition(project, release).resources if each.kind == resource.kind]
        stored = [each.name for kind in there for each in kind.versions if each.storage]
        return replace(
            release,
            served=mine(apis.served),
            known=mine(release.known_of(resource.crd_name)),
            deprecated_versions=mine(release.deprecated_versions),
            stored="".join(stored) if apis.stored in others else apis.stored,
            apis={},
            known_apis={},
        )

    return replace(history, releases=tuple(seen(each) for each in history.releases))


def version_faults(
    history: History, converts: Callable[[Release], bool], label: str = ""
) -> list[GraphFault]:
    """Every step on which stored objects or clients are lost.

    Args:
        converts: whether a release has a conversion.
        label: how each sentence begins.
    """
    found: list[GraphFault] = []
    told: set[tuple[str, str, str]] = set()
    converting = {one.version: converts(one) for one in history.releases}
    # CRDs that have other versions than the rest are looked at by themselves.
    crds = {"": label} | {crd: f"{crd} " for one in history.releases for crd in one.apis}
    for steps, resolver, channel in all_steps(history):
        for installed in history.releases:
            way = walk(steps, installed.version, resolver, channel)
            for crd, begins in crds.items():
                found += _keeps(history, way, crd, begins, converting, told)
    return found


def _keeps(
    history: History,
    way: Route,
    crd: str,
    label: str,
    converting: Mapping[str, bool],
    told: set[tuple[str, str, str]],
) -> Iterator[GraphFault]:
    """What is stored stays readable at each step, and somebody converts where versions meet."""
    stored: set[str] = set()
    for name_from, name_to in pairwise(way.versions):
        old, new = history.release(name_from), history.release(name_to)
        was, now = old.apis_of(crd), new.apis_of(crd)
        if not was.served:
            continue  # the kind comes with this step, or later
        stored |= {was.stored, now.stored} - {""}
        if (name_from, name_to, crd) in told or not now.served:
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
            where = f"(upgrade path {way}, {way.resolver})"
            yield GraphFault(VERSIONS, f"{name_from} -> {name_to}", f"{label}{why} {where}")
