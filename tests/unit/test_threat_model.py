"""docs/threat-model.md names a test for each thing it says, and each of them exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))


def _tests(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert name.startswith("test_")
    assert name in _tests(path)


def test_every_line_about_what_holds_names_a_test() -> None:
    assert len(NAMED) > 30
    for heading in ("What decides", "Content of objects", "Ports", "Rights"):
        section = re.split(r"^## ", TEXT.split(f"## {heading}")[1], flags=re.MULTILINE)[0]
        rows = [line for line in section.splitlines() if line.startswith("|")][2:]
        assert rows
        assert [row for row in rows if "`tests/" not in row] == []


def test_how_to_report_is_said_and_invents_no_address() -> None:
    text = (ROOT / "SECURITY.md").read_text()

    assert "docs/threat-model.md" in text
    assert "@" not in text
