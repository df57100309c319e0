"""`kopfkit catalog graph` as a person or a Makefile runs it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import frozen
from kopfkit.cli.graph import graph
from kopfkit.errors import KopfkitError
from kopfkit.packaging import releases
from kopfkit.packaging.graph import mermaid, tree
from kopfkit.packaging.picture import svg
from kopfkit.packaging.releases import History


@pytest.fixture(autouse=True)
def in_the_checkout(frozen_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A directory below the root: the command finds it.
    monkeypatch.chdir(frozen_checkout / "config")


def test_without_options_the_tree_is_shown(history: History) -> None:
    done = CliRunner().invoke(graph, [])
    assert (done.exit_code, done.output) == (0, tree(history))


@pytest.mark.parametrize(
    ("name", "options"),
    [("g.svg", []), ("g.mmd", []), ("g.txt", []), ("g.md", ["--format", "mermaid"])],
)
def test_the_file_decides_the_format_unless_it_is_named(
    history: History, tmp_path: Path, name: str, options: list[str]
) -> None:
    place = tmp_path / name
    done = CliRunner().invoke(graph, ["--output", str(place), *options])
    assert done.exit_code == 0, done.output
    wanted = {".svg": svg, ".mmd": mermaid, ".txt": tree, ".md": mermaid}[place.suffix]
    assert place.read_text("utf-8") == wanted(history)


def test_a_terminal_without_these_characters_gets_others() -> None:
    done = CliRunner(charset="ascii").invoke(graph, [])
    assert done.exit_code == 0
    assert "??? 0.4.0" in done.output.encode().decode("ascii")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(graph, ["--output", str(tmp_path / "none" / "g.svg")])
    assert isinstance(done.exception, KopfkitError)
    assert "cannot be written" in str(done.exception)


def test_a_range_that_is_none_is_one_message(
    history_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "checkout"
    frozen.write_sources(place)
    (place / releases.NAME).write_text(history_text.replace("'>=0.2.0 <0.4.0'", "'soon'"))
    monkeypatch.chdir(place)
    done = CliRunner().invoke(graph, [])
    assert isinstance(done.exception, KopfkitError)
    assert "skipRange" in str(done.exception)
