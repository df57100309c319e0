"""docs/how-to/cookbook.md is one module: its types are right, and what it asserts holds."""

import re
import subprocess
import sys
from pathlib import Path

from pages import DOCS, blocks

PAGE = (DOCS / "how-to" / "cookbook.md").read_text("utf-8")
CODE = "\n\n".join(blocks(PAGE, "python"))


def test_the_code_of_the_page_runs_and_what_it_asserts_holds() -> None:
    exec(compile(CODE, "cookbook.md", "exec"), {"__name__": "cookbook"})


def test_each_recipe_asserts_something() -> None:
    recipes = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert [one.splitlines()[0] for one in recipes if "\nassert " not in one] == []


def test_the_code_of_the_page_is_as_ruff_wants_it(tmp_path: Path) -> None:
    module = tmp_path / "cookbook.py"
    module.write_text(CODE)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length=100", str(module)]
    done = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
