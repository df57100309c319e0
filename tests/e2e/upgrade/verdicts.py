"""Holds the simulator's verdict on an upgrade against what clients met in it.

A verdict of "fails" says that calls can fail; a run in which none did is no contradiction. But what
was met must never be worse than what was said.
"""

from helloworld_operator.project import PROJECT
from kopfkit.packaging.bundle import manifests
from kopfkit.packaging.releases import Release
from kopfkit.simulation import Report, Verdict, as_text, bundle_of, simulate

from .experiment import Outcome
from .publishing import Parts

# The image has no part in it.
IMAGE = "localhost/operator:v0"


def predicted(old: tuple[Release, Parts], new: tuple[Release, Parts]) -> Report:
    """What the simulator says about the upgrade between two releases with these parts."""
    one, other = (
        bundle_of(parts.apply(manifests(PROJECT, release, IMAGE)).values())
        for release, parts in (old, new)
    )
    return simulate(one, other)


def met(outcome: Outcome) -> Verdict:
    """The same for what was measured."""
    if outcome.record.wrong or outcome.lost:
        return Verdict.CORRUPTS
    return Verdict.FAILS if outcome.record.failures else Verdict.OK


def no_worse(outcome: Outcome, report: Report) -> None:
    """Fails if the clients met something worse than was predicted."""
    found = met(outcome)
    assert found.harm <= report.verdict.harm, (
        f"met {found.value}: {outcome.record.failures[:3]} {outcome.record.wrong[:3]}\n"
        f"{as_text(report)}"
    )
