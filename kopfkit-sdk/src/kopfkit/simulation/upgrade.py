"""OLM's upgrade from one bundle to another, step by step, with a verdict for each.

The steps are what OLM 0.38 was seen to do (docs/decisions/0014-simulator.md). Times are left out:
how long a step lasts, hence how many calls fail, depends on the cluster; whether any can does not.
"""

from collections.abc import Iterator
from typing import Any

from kopfkit.simulation.bundles import Bundle
from kopfkit.simulation.checks import checks
from kopfkit.simulation.outcome import afterwards
from kopfkit.simulation.preflight import served
from kopfkit.simulation.reports import Finding, Report, Verdict
from kopfkit.simulation.rollout import passage
from kopfkit.simulation.situation import Situation
from kopfkit.simulation.steps import CHECK, REST, WRITE

Object = dict[str, Any]


def simulate(old: Bundle, new: Bundle, situation: Situation | None = None) -> Report:
    """What the upgrade does to every CRD of both bundles, its objects and its clients."""
    known = situation or Situation()
    found = list(_offered(old, new, known.not_offered))
    stopped = False
    for name in sorted({*old.crds, *new.crds}):
        if name in old.crds and name in new.crds:
            judged = list(checks(old, new, name, known))
            found += judged
            stopped = stopped or any(map(_stops, judged))
        else:
            found += _alone(old, new, name)
    if not stopped:
        for name in sorted(old.crds.keys() & new.crds.keys()):
            found += passage(old, new, name, known)
            found += afterwards(old, new, name, known)
    order = {name: at for at, name in enumerate(sorted({each.crd for each in found}))}
    found.sort(key=lambda each: order[each.crd])
    return Report(old.name, new.name, tuple(found), stopped)


def _offered(old: Bundle, new: Bundle, why: str | None) -> Iterator[Finding]:
    """Whether there is an upgrade edge between them, as far as bundles or the catalog say."""
    hint = "List it in spec.replaces or spec.skips, or simulate the steps between."
    if why:
        yield Finding(CHECK, new.name, "upgrade", Verdict.FAILS, why, "Simulate the steps between.")
    elif why is None and new.follows(old) is False and old.name != new.name:
        text = f"neither replaces nor skips {old.name}: there is no upgrade edge between them."
        yield Finding(CHECK, new.name, "upgrade", Verdict.FAILS, text, hint)


def _stops(finding: Finding) -> bool:
    return finding.verdict is not Verdict.OK and finding.subject == "CRD"


def _alone(old: Bundle, new: Bundle, name: str) -> Iterator[Finding]:
    if name in new.crds:
        text = f"created, serves {', '.join(served(new.crds[name]))}."
        yield Finding(WRITE, name, "CRD", Verdict.OK, text)
        return
    text = "not in the new bundle: it stays with its objects, and nothing reconciles them."
    yield Finding(REST, name, "CRD", Verdict.FAILS, text, "Keep the CRD in the bundle.")
    if old.conversion(name) is not None:
        yield Finding(
            REST,
            name,
            "stored objects",
            Verdict.FAILS,
            "its conversion webhook is gone, so no LIST through a version not stored succeeds.",
            "Keep the CRD and its webhook in the bundle.",
        )
