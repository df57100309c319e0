"""`make soak`: all tests with their full budgets, in as many sittings as it takes.

Hours on two processors. What has passed is kept for the sources that it was about, so that a soak
that was stopped, or found a fault in a test, goes on with what is left. When nothing is left, the
record is written that `make release` asks for.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import results
import soak
import suite
from parts import Outcome, Part

ROOT = suite.ROOT
KEPT = ROOT / "build" / "soak.json"


def kept(path: Path, sources: str) -> dict[str, str]:
    """What has passed with these sources: part -> result, as the record tells it."""
    try:
        found = json.loads(path.read_text())
        return dict(found["passed"]) if found["sources"] == sources else {}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def results_of(parts: Sequence[Part]) -> list[str]:
    """The parts that say something about the sources; the others prepare what these need."""
    needed = {name for part in parts for name in part.needs}
    return [part.name for part in parts if part.name not in needed]


def left(parts: Sequence[Part], passed: Mapping[str, str]) -> list[Part]:
    """The parts that have not passed, with all that they need."""
    names = {name for name in results_of(parts) if name not in passed}
    while more := {need for it in parts if it.name in names for need in it.needs} - names:
        names |= more
    return [part for part in parts if part.name in names]


def main() -> int:
    """Run what is left; the exit code."""
    begun = soak.sources(ROOT)
    passed = kept(KEPT, begun)
    parts = suite.plan(suite.LAYERS, split=True)
    wanted = results_of(parts)

    def keep(outcome: Outcome) -> None:
        soak.unchanged(ROOT, begun)
        if outcome.code == 0 and outcome.part.name in wanted:
            tests = len(results.read(suite.LOGS / f"{outcome.part.name}.xml"))
            what = f"{tests} tests" if tests else "passed"
            passed[outcome.part.name] = f"{what} in {results.clock(outcome.seconds)}"
            KEPT.write_text(json.dumps({"sources": begun, "passed": passed}, indent=1))

    if passed:
        print(f"Passed before, with the same sources: {', '.join(passed)}.")
    if remaining := left(parts, passed):
        suite.run_parts(remaining, keep)
    if not set(wanted) <= set(passed):
        return 1
    soak.write(ROOT, ROOT / soak.RECORD, begun, {name: passed[name] for name in wanted})
    print(f"{soak.RECORD} is written. Commit it.")
    return 0


if __name__ == "__main__":
    os.environ["SOAK"], os.environ["CI"] = "1", "true"
    sys.exit(suite.until_interrupted(main))
