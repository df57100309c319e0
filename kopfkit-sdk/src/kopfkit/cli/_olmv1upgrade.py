"""`kopfkit simulate upgrade --olm-v1`: the steps that OLM v1 takes, and a report of each."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from kopfkit.cli._catalogbundles import contents, held
from kopfkit.cli._catalogs import documents
from kopfkit.host.progress import Progress
from kopfkit.olm.olmv1 import OlmV1, ResolverError
from kopfkit.packaging.catalogs.packages import Package
from kopfkit.packaging.releases import Release
from kopfkit.simulation import Report, Situation, as_json, as_text
from kopfkit.simulation.bundles import Bundle
from kopfkit.simulation.checks import stored_versions
from kopfkit.simulation.olmv1 import Answer, simulate
from kopfkit.simulation.preflight import versions
from kopfkit.simulation.reports import worst

# Steps after which a walk ends whatever is behind them.
_MOST = 200
# What is known of the cluster before the first step, by the bundles of it.
Known = Callable[[Bundle, Bundle], Situation]


def between(before: Bundle, after: Bundle, known: Known) -> list[Report]:
    """The report of the upgrade from one bundle to another.

    Raises:
        KopfkitError: OLM v1's code cannot be built.
    """
    with OlmV1(Progress()) as asked:
        return [_edge(asked, before, after, known(before, after))]


def in_catalog(source: str, package: str, old: str, new: str, known: Known) -> list[Report]:
    """A report for each step by which OLM v1 leads from a bundle of a catalog to another.

    Raises:
        KopfkitError: they are not there, cannot be read, or OLM v1's code cannot be built.
    """
    holding, start, end = held(source, package, old, new)
    with OlmV1(Progress()) as asked:
        way, why = _way(asked, holding, start, end)
        bundles = {one.version: contents(source, holding, one) for one in way}
        reports = []
        situation = Situation()
        for at, (one, other) in enumerate(pairwise(way)):
            before, after = bundles[one.version], bundles[other.version]
            situation = known(before, after) if at == 0 else _next(before, situation)
            stored = {name: stored_versions(before, name, situation) for name in before.crds}
            situation = replace(situation, not_offered=why, stored_versions=stored)
            reports.append(_edge(asked, before, after, situation))
    return reports


def _next(before: Bundle, situation: Situation) -> Situation:
    """What is known before a later step: versions that releases before have stored stay in
    `status.storedVersions` as long as the CRD has them."""
    stored = {}
    for name, crd in before.crds.items():
        earlier = situation.stored_versions.get(name, ())
        kept = [one for one in earlier if one in versions(crd)]
        stored[name] = tuple(dict.fromkeys([*kept, *stored_versions(before, name, Situation())]))
    return Situation(stored_versions=stored)


def _way(asked: OlmV1, package: Package, start: Release, end: Release) -> tuple[list[Release], str]:
    """The releases that OLM v1 installs one after the other, and why the last is not reached."""
    if start.version == end.version:
        return [start, end], ""
    blobs = documents(package)
    by_name = {one.name(package.name): one for one in package.history.releases}

    def following(at: Release, pin: str = "") -> Release | None:
        name = at.name(package.name)
        chosen = asked.chosen(blobs, package.name, name, at.version, pin=pin)
        return by_name.get(chosen) if chosen != name else None

    way, refused = [start], ""
    try:
        at = following(start)
        while at is not None and at not in way and len(way) < _MOST:
            way.append(at)
            if at.version == end.version:
                return way, ""
            at = following(at)
        # A ClusterExtension may want one version, as long as it follows the installed one.
        if following(start, end.version) is not None:
            return [start, end], ""
    except ResolverError as error:
        # It refuses the bundle that it has chosen, because of dependencies.
        refused = f" ({error.why})"
    names = [one.name(package.name) for one in way]
    walked = (
        f"leads from {' to '.join(names)}" if len(way) > 1 else f"leads nowhere from {names[0]}"
    )
    why = f"OLM v1's resolver {walked}, and never to {end.name(package.name)}{refused}."
    return [start, end], why


def _edge(asked: OlmV1, before: Bundle, after: Bundle, situation: Situation) -> Report:
    told = asked.upgrade(
        [before.csv, *before.crds.values()],
        [after.csv, *after.crds.values()],
        live=situation.crds,
        stored=situation.stored_versions,
    )
    unsafe = {name: tuple(reasons) for name, reasons in told.unsafe.items()}
    return simulate(before, after, situation, Answer(told.refused, unsafe, told.old, told.new))


def shown(reports: Sequence[Report], *, as_json_: bool, every: bool) -> tuple[str, int]:
    """The reports as one text or JSON document, and the exit code of the worst."""
    verdict = worst([each.verdict for each in reports])
    if not as_json_:
        text = "\n".join(as_text(each, every=every) for each in reports)
        return text, verdict.exit_code
    edges = [json.loads(as_json(each)) for each in reports]
    document = {"resolver": "OLM v1", "verdict": verdict.value, "edges": edges}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n", verdict.exit_code
