"""docs/how-to/write-an-operator.md is the tested example."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "databases"
PAGE = (ROOT / "docs" / "how-to" / "write-an-operator.md").read_text()
FILE = re.compile(r"^```python file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("name", "text"), FILE.findall(PAGE))
def test_the_page_shows_the_file(name: str, text: str) -> None:
    assert (EXAMPLE / name).read_text() == text


def test_the_page_shows_both_files() -> None:
    assert [name for name, _ in FILE.findall(PAGE)] == [
        "databases/operator.py",
        "databases/project.py",
    ]


def test_the_pages_scenario_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLE)
    from databases import operator

    async def register(name: str, record: dict[str, str]) -> None:
        pass

    monkeypatch.setattr(operator, "register", register)
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(code, {})


def test_the_example_has_less_than_120_lines() -> None:
    lines = [
        line
        for file in ("operator", "__main__")
        for line in (EXAMPLE / "databases" / f"{file}.py").read_text().splitlines()
    ]
    assert len(lines) < 120


def test_the_example_uses_public_names_only() -> None:
    tree = ast.parse((EXAMPLE / "databases" / "operator.py").read_text())
    used = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    kopfkit = {name for name in used if name and name.startswith("kopfkit")}
    assert kopfkit == {"kopfkit.controller", "kopfkit.controller.kinds", "kopfkit.crd"}
