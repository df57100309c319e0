"""What a simulation came to: findings, the worst of them, and both forms of telling."""

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

# Columns of the text.
_WIDTH = 100


class Verdict(Enum):
    """What happens to somebody or something at one step; in rising order of harm."""

    OK = "ok"
    UNKNOWN = "unknown"
    FAILS = "fails"
    CORRUPTS = "corrupts"

    @property
    def exit_code(self) -> int:
        """Of a command that ends with this verdict; 1 and 2 are taken by errors."""
        return {"ok": 0, "unknown": 5, "fails": 3, "corrupts": 4}[self.value]

    @property
    def harm(self) -> int:
        """Grows with it."""
        return list(Verdict).index(self)


def worst(verdicts: "list[Verdict]") -> Verdict:
    """The most harmful one; OK of none."""
    return max(verdicts, key=lambda each: each.harm, default=Verdict.OK)


@dataclass(frozen=True)
class Finding:
    """One verdict.

    Attributes:
        step: of the upgrade, in a few words.
        crd: its name.
        subject: "CRD", "stored objects" or "clients of v1".
        reason: a sentence.
        hint: what to do about it; "" where all is well.
    """

    step: str
    crd: str
    subject: str
    verdict: Verdict
    reason: str
    hint: str = ""


@dataclass(frozen=True)
class Report:
    """The findings about an upgrade from one bundle to another, in order.

    Attributes:
        stopped: the CRD is refused, by OLM's checks or by the API server; it stays as it is.
    """

    old: str
    new: str
    findings: tuple[Finding, ...]
    stopped: bool = False

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        return worst([each.verdict for each in self.findings])

    def at(self, step: str) -> Verdict:
        """The worst verdict of one step; OK for a step that is not reached."""
        return worst([each.verdict for each in self.findings if each.step == step])


def as_json(report: Report) -> str:
    """The report as one JSON document, ending in a newline."""
    document: dict[str, Any] = {
        "old": report.old,
        "new": report.new,
        "verdict": report.verdict.value,
        "stopped": report.stopped,
        "findings": [
            {
                "step": each.step,
                "crd": each.crd,
                "subject": each.subject,
                "verdict": each.verdict.value,
                "reason": each.reason,
                "hint": each.hint,
            }
            for each in report.findings
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_text(report: Report, *, every: bool = True) -> str:
    """A table of verdicts for each CRD, one row a step, and below it the reasons, worst first.

    Args:
        every: also what is ok; else the CRDs that are ok are counted.
    """
    parts = [f"{report.old} -> {report.new}\n"]
    fine = 0
    for crd in dict.fromkeys(each.crd for each in report.findings):
        mine = [each for each in report.findings if each.crd == crd]
        told = mine if every else [each for each in mine if each.verdict is not Verdict.OK]
        if told:
            parts += [f"\n{crd}\n", _table(mine), "\n", *_reasons(told)]
        else:
            fine += 1
    if fine:
        parts.append(f"\n{fine} {'CRDs are' if fine > 1 else 'CRD is'} ok (--all shows why)\n")
    if report.stopped:
        parts.append("\nThe new CRD is refused: the old one stays, and the old release goes on.\n")
    parts.append(f"\nverdict: {report.verdict.value}\n")
    return "".join(parts)


def _table(findings: list[Finding]) -> str:
    steps = list(dict.fromkeys(each.step for each in findings))
    subjects = list(dict.fromkeys(each.subject for each in findings))
    rows = [["step", *subjects]]
    for step in steps:
        cells = []
        for subject in subjects:
            here = [each for each in findings if (each.step, each.subject) == (step, subject)]
            cells.append(worst([each.verdict for each in here]).value if here else "-")
        rows.append([step, *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "".join("  " + "  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def _reasons(findings: list[Finding]) -> Iterator[str]:
    """Each reason once, with the steps it is true at."""
    steps: dict[Finding, list[str]] = {}
    for each in sorted(findings, key=lambda each: -each.verdict.harm):
        steps.setdefault(replace(each, step=""), []).append(each.step)
    for finding, places in steps.items():
        yield _wrapped(f"{finding.verdict.value}: {finding.subject} ({', '.join(places)}):", "  ")
        yield _wrapped(finding.reason, "    ")
        if finding.hint:
            yield _wrapped(f"hint: {finding.hint}", "    ")


def _wrapped(text: str, indent: str) -> str:
    lines = textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines) + "\n"
