"""`make soak` goes on where it was stopped, and writes its record when everything has passed."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import soak
import soakrun
import suite
from parts import Part

# Notes that it ran, and fails while there is a file "broken" beside the note.
PROGRAM = """
import pathlib, sys
note = pathlib.Path(sys.argv[1])
note.open("a").write(".")
sys.exit(note.name == "integration" and (note.parent / "broken").exists())
"""
Runs = Callable[[], dict[str, int]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """How often each part has run, of a suite of five."""
    notes = tmp_path / "notes"
    notes.mkdir()

    def part(name: str, *needs: str) -> Part:
        return Part(name, [sys.executable, "-c", PROGRAM, notes / name], needs=needs)

    parts = [
        part("tools"),
        part("unit"),
        part("integration", "tools"),
        part("cluster", "tools"),
        part("e2e", "cluster"),
    ]
    monkeypatch.setattr(suite, "plan", lambda *_, **__: parts)
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    monkeypatch.setattr(suite, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(suite.paths, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(soakrun, "KEPT", tmp_path / "soak.json")
    monkeypatch.setattr(soak, "RECORD", str(tmp_path / "soak.md"))
    return lambda: {path.name: path.stat().st_size for path in notes.iterdir() if path.is_file()}


def test_what_has_passed_is_not_run_again_and_the_record_comes_at_the_end(
    runs: Runs, tmp_path: Path
) -> None:
    record, broken = tmp_path / "soak.md", tmp_path / "notes" / "broken"
    broken.touch()
    assert soakrun.main() == 1
    assert not record.exists()
    broken.unlink()
    assert soakrun.main() == 0
    # Of what only prepares, nothing but what the part that was left needs.
    assert runs() == {"tools": 2, "unit": 1, "integration": 2, "cluster": 1, "e2e": 1}
    assert soak.check(soakrun.ROOT, record)["sources"] == soak.sources(soakrun.ROOT)
    rows = [line.split(" | ")[0] for line in record.read_text().splitlines()]
    assert rows[-3:] == ["| unit", "| integration", "| e2e"]


def test_nothing_is_kept_for_other_sources_or_from_a_file_that_cannot_be_read(
    tmp_path: Path,
) -> None:
    file = tmp_path / "soak.json"
    file.write_text(json.dumps({"sources": "sha256:1", "passed": {"unit": "in 1:00"}}))
    assert soakrun.kept(file, "sha256:1") == {"unit": "in 1:00"}
    assert soakrun.kept(file, "sha256:2") == {}
    for text in ("", "[]", "{}", '{"sources": "sha256:1", "passed": 3}'):
        file.write_text(text)
        assert soakrun.kept(file, "sha256:1") == {}
    assert soakrun.kept(tmp_path / "none", "sha256:1") == {}


def test_the_parts_of_a_soak_run_the_tests_of_the_suite_each_once() -> None:
    def tests(*, split: bool) -> Counter[Path]:
        found: Counter[Path] = Counter()
        for part in suite.plan(suite.LAYERS, split=split):
            for place in (suite.ROOT / word for word in map(str, part.command) if "tests/" in word):
                found.update(place.rglob("test_*.py") if place.is_dir() else [place])
        return found

    assert tests(split=True) == tests(split=False)
    assert set(tests(split=True).values()) == {1}
