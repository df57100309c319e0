"""The reasons in the status are an interface: a table has each one, and the docs show it."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helloworld_operator import controller
from helloworld_operator.controller.snapshots import STUCK
from kopfkit.controller import rollouts, verdicts
from kopfkit.controller.podfailures import REASONS

SOURCES = Path(controller.__file__).parent
ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "hack"))
import conditions  # noqa: E402
import states  # noqa: E402

# Whose first argument is a reason, or whose second is (`ctx.condition(kind, status, reason)`: the
# third).
FIRST = {"Problem", "Waiting", "Terminal", "Look", "Obstacle"}
# The modules that tell what a snapshot's own condition says.
SNAPSHOTS = {"snapshots.py", "originals.py"}
# A Job without a pod says the same of either kind (`podfailures.refusal`).
OF_A_JOB = {"QuotaExceeded", "PodsRefused"}
# What the framework tells of children of any kind, and of those that are repaired
# (`kopfkit.controller.context`).
OF_CHILDREN = {"NameCollision", "WaitingForDeletion"}
OF_REPAIRED = {"Forbidden", "Rejected", "ServerError"}


def words(node: ast.expr | None, known: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression may be: a constant, either side of an `if`, or a variable."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from words(node.body, known)
            yield from words(node.orelse, known)
        case ast.Name() if node.id in known:
            yield from words(known.pop(node.id), known)


def _reason(node: ast.AST) -> ast.expr | None:
    """The expression that gives a condition's reason, where a node is one that does."""
    match node:
        case ast.Call(func=ast.Name(id=name), args=[reason, *_]) if name in FIRST:
            return reason
        case ast.Call(func=ast.Attribute(attr="condition"), args=[_, _, reason, *_]):
            return reason
        case ast.Call(func=ast.Attribute(attr="problem" | "wait"), args=[reason, _]):
            return reason
        case ast.Tuple(elts=[ast.Constant(value=True | False), reason, _]):
            return reason
        case ast.Assign(targets=[ast.Name(id="reason")], value=reason):
            return reason
    return None


def reasons_in(source: str) -> set[str]:
    """Every reason that a module gives a condition."""
    found: set[str] = set()
    for scope in ast.walk(ast.parse(source)):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes = list(ast.walk(scope))
            known = {
                each.targets[0].id: each.value
                for each in nodes
                if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)
            }
            for reason in filter(None, map(_reason, nodes)):
                found |= set(words(reason, dict(known)))
    return {each for each in found if each.isidentifier() and each[0].isupper()}


def emitted(kind: str) -> set[str]:
    """Every reason that the operator gives the conditions of a kind."""
    found = OF_A_JOB | OF_CHILDREN
    if kind == "HelloWorld":
        for module in (rollouts, verdicts):
            found |= OF_REPAIRED | reasons_in(Path(module.__file__).read_text())
    for path in SOURCES.glob("*.py"):
        if (path.name in SNAPSHOTS) == (kind == "HelloWorldSnapshot"):
            found |= reasons_in(path.read_text())
    # What stands in the way of the snapshot before an upgrade is told of its HelloWorld.
    return found | ({*REASONS, *STUCK} if kind == "HelloWorld" else {"AsExpected"})


@pytest.mark.parametrize("kind", ["HelloWorld", "HelloWorldSnapshot"])
def test_the_table_has_the_reasons_in_the_code_and_no_others(kind: str) -> None:
    assert emitted(kind) - states.reasons(kind) == set()
    assert states.reasons(kind) - emitted(kind) == set()


def test_the_page_shows_the_table() -> None:
    page = conditions.PAGE.read_text()
    assert conditions.written(page) == page


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    page = conditions.PAGE.read_text()
    with pytest.raises(ValueError, match="begin HelloWorld Degraded"):
        conditions.written(page.replace("<!-- begin HelloWorld Degraded -->\n", ""))


def test_a_new_reason_in_the_code_is_noticed() -> None:
    source = """
def told(broken):
    why = "Lost" if broken else "Found"
    return [Problem("Odd", ""), (True, why, ""), ctx.condition("Ready", False, "New", "")]
"""
    assert reasons_in(source) == {"Lost", "Found", "Odd", "New"}
