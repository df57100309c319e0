"""The conditions Progressing and Degraded of an object whose work is the rollout of a workload.

Each is an ordered chain of checks, of which the first that applies is told (`decide`); a controller
adds its own, or chains of its own beside them. A sentence stands in one condition, and the others
name its reason and that condition.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from kopfkit.controller.conditions import see
from kopfkit.controller.findings import Findings
from kopfkit.controller.outcome import Problem
from kopfkit.controller.rollouts import Rollout

__all__ = [
    "DEGRADED",
    "PROGRESSING",
    "Check",
    "Verdict",
    "pod_problems",
]

Verdict: TypeAlias = tuple[bool, str, str]
"""State, reason and message of a condition, as `Context.condition` takes them."""
Check: TypeAlias = Callable[[Findings, Rollout], Verdict | None]


def pod_problems(found: Findings, at: Rollout) -> list[Problem]:
    """Why pods are missing: refused by the API server, or made and not starting."""
    causes = (at.refused, *found.troubles, at.paused)
    return [each for each in causes if each is not None]


# -- Progressing: what stands in the way, what is waited for, how far the pods are


def _hindered(found: Findings, at: Rollout) -> Verdict | None:
    return (False, found.problems[0].reason, see("Degraded")) if found.problems else None


def _waits(found: Findings, at: Rollout) -> Verdict | None:
    return (True, found.waiting.reason, found.waiting.message) if found.waiting else None


def _paused(found: Findings, at: Rollout) -> Verdict | None:
    return (False, at.paused.reason, see("Degraded")) if at.paused else None


def _held_up(found: Findings, at: Rollout) -> Verdict | None:
    return (False, "RolloutStuck", see("Degraded")) if at.stalled else None


def _rolling(found: Findings, at: Rollout) -> Verdict | None:
    return not at.complete, at.progress.reason, at.progress.message


# -- Degraded: what a person has to do something about


def _in_trouble(found: Findings, at: Rollout) -> Verdict | None:
    causes = [*found.problems, *pod_problems(found, at)]
    if not causes:
        return None
    return True, causes[0].reason, "; ".join(each.message for each in causes)


def _stalled(found: Findings, at: Rollout) -> Verdict | None:
    return (True, "RolloutStuck", at.stalled) if at.stalled else None


def _as_expected(found: Findings, at: Rollout) -> Verdict | None:
    return False, "AsExpected", ""


PROGRESSING: Final[tuple[Check, ...]] = (_hindered, _waits, _paused, _held_up, _rolling)
DEGRADED: Final[tuple[Check, ...]] = (_in_trouble, _stalled, _as_expected)
