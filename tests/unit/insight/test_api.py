"""docs/reference/api.md lists what `__all__` says of each public module, and nothing else."""

import inspect
import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "hack"))
import api  # noqa: E402

MODULES = [module for modules in api.PUBLIC.values() for module in modules]
PAGE = api.PAGE.read_text()


def listed(module: str) -> set[str]:
    """The names that the page has of a module."""
    _, found, rest = PAGE.partition(f"### `{module}` (")
    assert found, module
    body = rest.partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)
    bare = [line for line in body.splitlines() if line.startswith("`")]
    return {*rows, *(name for line in bare for name in re.findall(r"`(\w+)`", line))}


@pytest.mark.parametrize("module", MODULES)
def test_the_page_lists_what_a_module_offers(module: str) -> None:
    offered = import_module(module).__all__
    assert sorted(set(offered)) == sorted(offered)
    assert listed(module) == {*offered}


@pytest.mark.parametrize("module", MODULES)
def test_what_is_offered_is_there_and_explained(module: str) -> None:
    loaded = import_module(module)
    for name in loaded.__all__:
        found = getattr(loaded, name)
        if inspect.isclass(found) or inspect.isfunction(found):
            assert inspect.getdoc(found), f"{module}.{name}"


def test_writing_the_page_keeps_what_is_written_by_hand() -> None:
    """Whether its descriptions are today's docstrings, `make verify` says."""
    head, _, _ = PAGE.partition(api.BEGIN)
    written = api.written(PAGE)
    assert written.startswith(head)
    assert api.written(written) == written


def test_the_operator_may_import_the_public_modules_of_the_framework_and_no_others() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (each for each in settings["contracts"] if "public names" in each["name"])
    allowed = {each.rpartition(" -> ")[2] for each in contract["ignore_imports"]}
    public = {each for each in MODULES if each.startswith("kopfkit.controller.")}
    assert allowed == public
