"""From samples to a table for people and a document for programs."""

import dataclasses
import json
import os
import platform
import statistics as plain
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import bundles, webhooks
from bench.measure import Sample
from bench.statistics import ratio

# (key, kind of sample, title, digits). Less is better in every row.
ROWS: Final = (
    ("first_reconcile", "converge", "exec to first reconcile, s", 2),
    ("children", "converge", "children of {count} new objects made, s", 2),
    ("converge", "converge", "first status of {count} new objects told, s", 2),
    ("cpu_per_object", "converge", "operator CPU per new object ({count}), ms", 2),
    ("cluster_cpu_per_object", "converge", "API server, etcd, controllers: CPU per object, ms", 1),
    ("rss_idle", "converge", "memory idle, MB", 0),
    ("rss_loaded", "converge", "memory with {count} objects, MB", 0),
    ("writes_per_object", "settle", "API writes per created object, all pods made ({count})", 2),
    ("first_status", "settle", "first status of {count} objects, s", 2),
    ("final_status", "settle", "final status of {count} objects, all pods made, s", 2),
    ("settled_cpu_per_object", "settle", "operator CPU per object, all pods made ({count}), ms", 2),
    ("writes_at_restart", "settle", "API writes per object at a quiet restart", 2),
    ("cpu_at_restart", "settle", "CPU of a restart over {count} objects, s", 2),
)
# Conversion: webhooks beside each other.
CONVERSION: Final = (
    ("p50_ms", "convert", "one conversion over TLS, median, ms", 2),
    ("p99_ms", "convert", "one conversion over TLS, p99, ms", 2),
    ("cpu_ms", "convert", "webhook CPU of it, ms", 2),
    ("seconds", "reviews", "10,000 objects in reviews of {count}, s", 2),
    ("cpu_ms", "reviews", "webhook CPU per object in reviews of {count}, ms", 3),
    ("first", "list", "LIST of {count} through v1alpha1, first one, s", 2),
    ("cpu_ms", "list", "webhook CPU per object of it, ms", 2),
    ("again", "list", "the same LIST again, from the API server's cache, s", 2),
    ("rss_idle", "webhook", "webhook memory idle, MB", 0),
    ("rss_single", "webhook", "webhook memory after conversions of one object, MB", 0),
    ("rss_reviews", "webhook", "webhook memory after all reviews, MB", 0),
)
BUNDLE: Final = (
    ("seconds", "bundle", "one bundle, s", 2),
    ("cpu", "bundle", "CPU of it, s", 2),
)
_REFERENCE: Final = "ours"
# Rows that say the same of every burst: told once, from the runs of the main size.
_ONCE: Final = frozenset({"first_reconcile", "rss_idle", "cluster_cpu_per_object"})


Row = tuple[str, str, str, int]


def table(
    samples: Sequence[Sample],
    operators: Sequence[str],
    rows: Sequence[Row] = ROWS,
    title: str = "Operators",
) -> Table:
    """One row per figure: the median of each operator and the ratio ours / other with its 95 %
    interval."""
    made = Table(title=f"{title}. Less is better. In brackets: ours / other, median, 95 % interval")
    made.add_column("")
    for operator in operators:
        made.add_column(operator, justify="right")
    for key, kind, text, digits in rows:
        for count in _counts(samples, kind, key):
            cells = [_cell(samples, kind, count, key, name, digits) for name in operators]
            if any(cells):
                made.add_row(text.format(count=f"{count:,}"), *cells)
    return made


def growth(samples: Sequence[Sample], operators: Sequence[str]) -> list[str]:
    """How the CPU per object grows from the smallest burst to the largest, as lines."""
    counts = sorted({each.count for each in samples if each.kind == "converge"})
    lines = []
    for name in operators:
        known = {
            count: plain.median(found)
            for count in counts
            if (found := _values(samples, "converge", count, "cpu_per_object", name))
        }
        if len(known) > 1:
            small, large = min(known), max(known)
            times = known[large] / known[small]
            lines.append(f"{name}: CPU per object from {small} to {large} objects: {times:.2f} x")
    return lines


def strangers(samples: Iterable[Sample]) -> float:
    """The median share of one processor that other processes took during the bursts."""
    found = [each.values["strangers"] for each in samples if "strangers" in each.values]
    return plain.median(found) if found else 0.0


def show(console: Console, samples: Sequence[Sample], operators: Sequence[str]) -> None:
    """Print everything.

    Args:
        operators: the columns of the operators' table.
    """
    for rows, names, title in (
        (CONVERSION, webhooks.NAMES, "Conversion webhooks"),
        (BUNDLE, bundles.NAMES, "make bundle and operator-sdk generate bundle"),
        (ROWS, operators, "Operators"),
    ):
        kinds = {kind for _, kind, _, _ in rows}
        there = {each.operator for each in samples if each.kind in kinds}
        if there:
            shown = [name for name in names if name in there]
            console.print(table(samples, shown, rows, title))
    for line in growth(samples, operators):
        console.print(line)
    if not any("strangers" in each.values for each in samples):
        return
    share = strangers(samples)
    console.print(f"Other processes took {share:.2f} of one processor meanwhile (median).")
    if share > 0.1:
        console.print("The machine was shared: trust ratios between neighbours, not single times.")


def write(
    path: Path, samples: Sequence[Sample], settings: Mapping[str, Any], missing: Mapping[str, str]
) -> None:
    """Write all samples as JSON."""
    document = {
        "settings": dict(settings),
        "machine": {"processors": os.cpu_count(), "python": platform.python_version()},
        "commit": _commit(),
        "missing": dict(missing),
        "strangers": strangers(samples),
        "samples": [dataclasses.asdict(each) for each in samples],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def _counts(samples: Sequence[Sample], kind: str, key: str) -> list[int]:
    found = sorted({each.count for each in samples if each.kind == kind and key in each.values})
    if key not in _ONCE or not found:
        return found
    often = [sum(each.count == count and each.kind == kind for each in samples) for count in found]
    return [found[often.index(max(often))]]


def _values(
    samples: Sequence[Sample], kind: str, count: int, key: str, operator: str
) -> list[float]:
    return [
        each.values[key]
        for each in samples
        if (each.kind, each.count, each.operator) == (kind, count, operator) and key in each.values
    ]


def _cell(
    samples: Sequence[Sample], kind: str, count: int, key: str, operator: str, digits: int
) -> str:
    found = _values(samples, kind, count, key, operator)
    if not found:
        return ""
    text = f"{plain.median(found):.{digits}f}"
    if operator == _REFERENCE:
        return text
    told = ratio(_values(samples, kind, count, key, _REFERENCE), found)
    if told is None:
        return text
    if told.count == 1:
        return f"{text} [{told.median:.2f}]"
    return f"{text} [{told.median:.2f}, {told.low:.2f}-{told.high:.2f}]"


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()
