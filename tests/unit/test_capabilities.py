"""The pages on the five capability levels name tests, and every test that they name exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs/capabilities").glob("[1-5]-*.md"))
_NAMED = re.compile(r"`(tests/[\w./-]+\.py)::(\w+)`")


def functions(path: Path) -> set[str]:
    """The names of the functions that a file defines."""
    tree = ast.parse(path.read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_there_is_a_page_for_each_level() -> None:
    assert [page.name[0] for page in PAGES] == list("12345")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    named = _NAMED.findall(page.read_text())
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or name not in functions(ROOT / file)
    ]
    assert named
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_line_of_a_page_names_a_test(page: Path) -> None:
    rows = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    claims = [row for row in rows if row != "| what | shown by |"]
    assert claims
    assert [row for row in claims if not _NAMED.search(row)] == []


def test_the_overview_links_every_page() -> None:
    overview = (ROOT / "docs/capabilities/README.md").read_text()
    assert [page.name for page in PAGES if f"({page.name})" not in overview] == []
