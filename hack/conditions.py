"""Writes the tables of docs/reference/conditions.md from hack/states.py: `make docs`.

Only what stands between `<!-- begin KIND CONDITION -->` and `<!-- end -->` is written; the prose
around it belongs to the page. With --check nothing is written, and a page that differs is an error.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import generatedpage
from states import STATES, State

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "conditions.md"


def table(states: Sequence[State]) -> str:
    """The states as a Markdown table."""
    rows = ["| status | reason | means | hint |", "|---|---|---|---|"]
    for state in states:
        reasons = ", ".join(f"`{reason}`" for reason in state.reason.split())
        rows.append(f"| {state.status} | {reasons} | {state.means} | {state.hint} |")
    return "\n".join(row.replace("|  |", "| |") for row in rows)


def written(page: str) -> str:
    """The page with the tables as they are now.

    Raises:
        ValueError: a table has no place in the page.
    """
    for (kind, condition), states in STATES.items():
        begin, end = f"<!-- begin {kind} {condition} -->\n", "<!-- end -->"
        head, found, rest = page.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed or begin in tail:
            raise ValueError(f"{begin.strip()} has to stand in the page once, with {end} after it")
        page = f"{head}{begin}{table(states)}\n{end}{tail}"
    return page


if __name__ == "__main__":
    sys.exit(generatedpage.main(PAGE, written, "hack/states.py", sys.argv[1:]))
