"""A release history that no release of the operator changes, and a checkout that has it.

A test that names a version, a channel's head or a number of releases reads these. The operator's
description is today's (docs/decisions/0018-releases.md). A test of what is committed takes the
fixtures `live` and `root`, and holds for any history.
"""

import contextlib
import shutil
from pathlib import Path

from click.testing import CliRunner

from helloworld_operator.project import PROJECT
from kopfkit.cli import kopfkit
from kopfkit.packaging import historyfile, releases

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "tests" / "history" / "releases.yaml").read_text("utf-8")
HISTORY = historyfile.parse(PROJECT, TEXT)

COMMANDS = (("manifests",), ("bundle", "generate"), ("catalog", "generate"))


def write_sources(place: Path) -> None:
    """Writes what a checkout with this history has by hand: nothing is generated yet."""
    (place / releases.NAME).parent.mkdir(parents=True)
    (place / releases.NAME).write_text(TEXT, "utf-8")
    for name in ("pyproject.toml", "catalog/.indexignore"):
        shutil.copy(ROOT / name, place / name)


def generate(place: Path) -> None:
    """Writes what the commands of kopfkit generate in a checkout."""
    with contextlib.chdir(place):
        for words in COMMANDS:
            done = CliRunner().invoke(kopfkit, words, catch_exceptions=False)
            assert done.exit_code == 0, done.output
