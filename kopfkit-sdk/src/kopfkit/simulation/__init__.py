"""What an upgrade by OLM will do to CRDs, stored objects and clients, said before it is done.

    old, new = read_bundle(Path("bundle-0.2.0")), read_bundle(Path("bundle-0.3.0"))
    report = simulate(old, new)
    assert report.verdict is Verdict.OK, as_text(report)

Works on bundles alone; objects and the state of a cluster make the answer sharper. The rules are
those of OLM v0 (operator-lifecycle-manager 0.38) and of the API server. Left out: the resolver
(whether the catalog offers the upgrade at all), RBAC, and what the operator itself does.
"""

from kopfkit.simulation.bundles import Bundle, bundle_of, read_bundle
from kopfkit.simulation.preflight import Violation, preflight
from kopfkit.simulation.reports import Finding, Report, Verdict, as_json, as_text
from kopfkit.simulation.situation import Situation
from kopfkit.simulation.upgrade import simulate

__all__ = [
    "Bundle",
    "Finding",
    "Report",
    "Situation",
    "Verdict",
    "Violation",
    "as_json",
    "as_text",
    "bundle_of",
    "preflight",
    "read_bundle",
    "simulate",
]
