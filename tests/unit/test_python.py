"""What not every Python that is supported does alike."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_nothing_is_raised_in_an_except_star() -> None:
    """Python before 3.11.4, as in Debian 12 and so in the operator's image, puts it into another
    group (gh-103590), and no `except` finds it."""
    looked = 0
    for package in ("kopfkit/src", "kopfkit-sdk/src", "operator"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.TryStar):
                    looked += 1
                    raised = [one for each in node.handlers for one in ast.walk(each)]
                    assert not any(isinstance(one, ast.Raise) for one in raised), path
    assert looked > 0
