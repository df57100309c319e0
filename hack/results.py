"""What the parts of a test run found, from pytest's JUnit files: counts, the slowest, what was left
out and why."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from parts import Outcome

SLOWEST = 10
# Lines of a failed part's log that are shown; the log has the rest.
_SHOWN = 400
# Lines of a failed test's reason in the closing list, and their width.
_WHY, _WIDE = 6, 400


@dataclass(frozen=True)
class Case:
    """One test as pytest recorded it.

    Attributes:
        name: path and name of the test.
        seconds: with its fixtures.
        state: "passed", "failed" or "skipped".
        reason: why it failed or was skipped.
    """

    name: str
    seconds: float
    state: str
    reason: str = ""


def read(junit: Path) -> list[Case]:
    """The tests of a JUnit file; none where pytest did not come as far as writing one."""
    try:
        root = ElementTree.parse(junit).getroot()
    except (OSError, ElementTree.ParseError):
        return []
    found = []
    for case in root.iter("testcase"):
        skipped = case.find("skipped")
        bad = next((it for it in case if it.tag in ("failure", "error")), None)
        told = bad if bad is not None else skipped
        # An expected failure has run.
        left_out = skipped is not None and skipped.get("type") != "pytest.xfail"
        found.append(
            Case(
                f"{case.get('classname', '')}::{case.get('name', '')}".lstrip(":"),
                float(case.get("time", "0")),
                "failed" if bad is not None else "skipped" if left_out else "passed",
                (told.get("message") or "") if told is not None else "",
            )
        )
    return found


def table(outcomes: Sequence[Outcome], cases: dict[str, list[Case]]) -> list[str]:
    """A line for each part: wall and processor time, and what became of its tests."""
    wide = max([14, *(len(each.part.name) + 2 for each in outcomes)])
    lines = [f"{'part':<{wide}}{'wall':>9}{'processor':>11}  tests"]
    for outcome in outcomes:
        name = outcome.part.name
        told = _counts(cases[name]) if cases.get(name) else ""
        if outcome.code is None:
            lines.append(f"{name:<{wide}}{'-':>9}{'-':>11}  not run")
            continue
        ended = "" if outcome.code == 0 else f"failed (exit {outcome.code}), see {outcome.log}"
        lines.append(
            f"{name:<{wide}}{clock(outcome.seconds):>9}{clock(outcome.processor):>11}  "
            + ", ".join(filter(None, (told, ended)))
        )
    return lines


def slowest(cases: Iterable[Case]) -> list[str]:
    """The slowest tests, a line each."""
    ordered = sorted(cases, key=lambda case: -case.seconds)[:SLOWEST]
    return [f"{case.seconds:7.1f} s  {case.name}" for case in ordered]


def left_out(cases: Iterable[Case]) -> list[str]:
    """What was skipped, by reason."""
    reasons: dict[str, list[str]] = {}
    for case in cases:
        if case.state == "skipped":
            reasons.setdefault(case.reason, []).append(case.name)
    return [f"{len(names)} tests: {reason}" for reason, names in reasons.items()]


def failed(cases: Iterable[Case]) -> list[str]:
    """What failed, and the beginning of why: the last lines of a long log are what is kept."""
    return [
        line
        for case in cases
        if case.state == "failed"
        for line in (case.name, *(f"  {why}"[:_WIDE] for why in case.reason.splitlines()[:_WHY]))
    ]


def failures(outcome: Outcome) -> list[str]:
    """What a failed part printed about it: pytest's sections of failures, else the end."""
    lines = outcome.log.read_text(errors="replace").splitlines()
    marks = ("FAILURES ", "ERRORS ", "short test summary")
    begins = [i for i, line in enumerate(lines) if line.startswith("=") and _has(line, marks)]
    shown = lines[begins[0] :] if begins else lines[-60:]
    return shown if len(shown) <= _SHOWN else [*shown[:_SHOWN], "...", *shown[-60:]]


def closing(cases: Sequence[Case]) -> str:
    """The last line: how many tests passed, failed and were skipped."""
    count = {state: sum(case.state == state for case in cases) for state in _STATES}
    return ", ".join(f"{number} {state}" for state, number in count.items())


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds: "4:07"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def last_times(path: Path) -> dict[str, float]:
    """The seconds that each part took when it last succeeded; empty where nothing is recorded."""
    try:
        found = json.loads(path.read_text())
        return {str(name): float(seconds) for name, seconds in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


_STATES = ("passed", "failed", "skipped")


def _counts(cases: Sequence[Case]) -> str:
    count = {state: sum(case.state == state for case in cases) for state in _STATES}
    return ", ".join(f"{number} {state}" for state, number in count.items() if number)


def _has(line: str, marks: Iterable[str]) -> bool:
    return any(mark in line for mark in marks)
