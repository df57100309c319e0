"""Findings about a bundle for people, for programs (JSON), and for code scanning (SARIF)."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from kopfkit import yamls
from kopfkit.cli import _output
from kopfkit.errors import KopfkitError
from kopfkit.manifests import fitted
from kopfkit.packaging.checks import ERROR, RULES, SEVERITIES, WARNING

# SARIF's levels, section 3.27.10 of its specification.
_LEVELS = {ERROR: "error", WARNING: "warning"}
_KEY = ("by", "rule", "file", "field", "why")


@dataclass(frozen=True)
class Fault:
    """A finding, and who has found it.

    Attributes:
        file, field: where; the field is "" for the whole file.
        why: what is wrong.
        by: whose finding it is ("kopfkit", "operator-sdk", "API server", "kube-linter").
        severity: one of SEVERITIES.
        rule: kopfkit's rule; "" for a finding of somebody else's.
    """

    file: str
    field: str
    why: str
    by: str
    severity: str
    rule: str = ""

    @property
    def place(self) -> str:
        """File and field in one."""
        return f"{self.file}: {self.field}" if self.field else self.file

    @property
    def source(self) -> str:
        """Who refuses or warns, and where that stands."""
        return RULES[self.rule].source if self.rule else self.by


@dataclass
class Outcome:
    """Everything that a validation came to.

    Attributes:
        faults: what counts.
        known: how many more the baseline has.
        asked: who was asked, with versions.
        notes: what could not be asked, as sentences.
    """

    faults: list[Fault] = field(default_factory=list)
    known: int = 0
    asked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def fails(self, fail_on: str) -> bool:
        """Whether a finding has this severity or a worse one; "never" is worse than all."""
        if fail_on not in SEVERITIES:
            return False
        least = SEVERITIES.index(fail_on)
        return any(SEVERITIES.index(one.severity) >= least for one in self.faults)


def without_known(faults: Iterable[Fault], baseline: Path | None) -> tuple[list[Fault], int]:
    """The findings that the baseline does not have, and how many of them it has.

    Args:
        baseline: a file that --output json wrote.

    Raises:
        KopfkitError: it is none.
    """
    found = list(faults)
    if baseline is None:
        return found, 0
    wrong: list[str] = []
    shape = {"findings": [dict.fromkeys(_KEY, str)]}
    document = fitted(
        yamls.read(baseline), shape, lambda place, why: wrong.append(f"{place} {why}")
    )
    if wrong or "findings" not in document:
        raise KopfkitError(
            str(baseline),
            "is not a baseline file" + (f" ({wrong[0].strip()})" if wrong else ""),
            "Write one: kopfkit bundle validate DIRECTORY --output json > FILE",
        )
    known = {tuple(one.get(key, "") for key in _KEY) for one in document["findings"]}
    left = [one for one in found if tuple(getattr(one, key) for key in _KEY) not in known]
    return left, len(found) - len(left)


def text(outcome: Outcome, what: str = "bundle") -> str:
    """A line for each finding, the worst first, and a summary of `what` is judged."""
    order = {severity: -at for at, severity in enumerate(SEVERITIES)}
    lines = []
    for one in sorted(outcome.faults, key=lambda one: (order[one.severity], one.place)):
        by = f"{one.by}: {one.rule}" if one.rule else one.by
        lines.append(f"{one.severity}: {one.place}: {one.why} [{by}]")
    lines += [f"note: {note}" for note in outcome.notes]
    return "\n".join([*lines, f"{what}: {_summary(outcome)} ({', '.join(outcome.asked)})"])


def _summary(outcome: Outcome) -> str:
    counts = Counter(one.severity for one in outcome.faults)
    told = [_counted(counts[severity], severity) for severity in reversed(SEVERITIES)]
    words = ", ".join(one for one in told if one) or "valid"
    return f"{words}, {outcome.known} in the baseline" if outcome.known else words


def _counted(number: int, severity: str) -> str:
    return f"{number} {severity}{'s' if number > 1 else ''}" if number else ""


def fields(outcome: Outcome) -> dict[str, Any]:
    """One document; as FILE of --baseline it makes these findings known."""
    faults = [{**asdict(one), "source": one.source} for one in outcome.faults]
    told = {"asked": outcome.asked, "notes": outcome.notes, "known": outcome.known}
    return {**told, "findings": faults}


def as_sarif(outcome: Outcome) -> str:
    """SARIF 2.1.0, as code scanning reads it."""
    used = sorted({_rule(one) for one in outcome.faults})
    sources = {_rule(one): one.source for one in outcome.faults}
    driver = {
        "name": "kopfkit",
        "version": version("kopfkit-sdk"),
        "rules": [{"id": rule, "shortDescription": {"text": sources[rule]}} for rule in used],
    }
    run = {"tool": {"driver": driver}, "results": _results(outcome.faults)}
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _results(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [
        {
            "ruleId": _rule(one),
            "level": _LEVELS.get(one.severity, "note"),
            "message": {"text": f"{one.field}: {one.why}" if one.field else one.why},
            "locations": [
                {
                    "physicalLocation": _physical(one.file),
                    "logicalLocations": [{"fullyQualifiedName": one.field}],
                }
            ],
        }
        for one in faults
    ]


def _physical(file: str) -> dict[str, Any]:
    """Where a file is, with the line that stands behind its name in a catalog's findings."""
    match = re.fullmatch(r"(.+):([0-9]+)", file)
    if match is None:
        return {"artifactLocation": {"uri": file}}
    return {"artifactLocation": {"uri": match[1]}, "region": {"startLine": int(match[2])}}


def _rule(fault: Fault) -> str:
    return fault.rule or fault.by.replace(" ", "-")


def show(outcome: Outcome, form: str, what: str = "bundle") -> None:
    """Print it as "text", "sarif", "json" or "yaml"."""
    if form == _output.TEXT:
        click.echo(text(outcome, what))
    elif form == "sarif":
        click.echo(as_sarif(outcome))
    else:
        _output.show(fields(outcome), form)
