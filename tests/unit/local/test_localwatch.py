"""Which saved files count, whatever happens to them meanwhile."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from kopfkit.local import localwatch
from kopfkit.local.localwatch import Sources


@pytest.fixture
def package(tmp_path: Path) -> Path:
    made = tmp_path / "tea"
    for name in ("__init__.py", "cups/one.py", "cups/.hidden", "cups/one.py~", "__pycache__/x.pyc"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


def saved(saves: Iterator[list[Path]]) -> set[Path]:
    """The files that were saved, once there are some."""
    # A look takes a tenth of a second.
    for files in islice(saves, 600):
        if files:
            return set(files)
    raise AssertionError("nothing was saved")


def test_sources_are_what_a_process_reads_and_no_hidden_or_generated_file(package: Path) -> None:
    assert {str(each.relative_to(package)) for each in localwatch._files(package)} == {
        "__init__.py", "cups/one.py",
    }  # fmt: skip


def test_a_file_is_saved_where_its_content_is_another(package: Path) -> None:
    saves = Sources([package], []).saves()
    (package / "__init__.py").touch()
    (package / "cups" / "one.py").write_text("another")
    assert saved(saves) == {package / "cups" / "one.py"}


def test_a_directory_that_is_deleted_while_it_is_read_is_passed_over(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As git does between two branches."""
    scandir = os.scandir

    def late(path: os.PathLike[str] | str) -> object:
        if Path(path).name == "cups":
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", late)
    assert [each.name for each in localwatch._files(package)] == ["__init__.py"]


def test_a_module_that_is_one_file_is_followed_when_an_editor_exchanges_it(tmp_path: Path) -> None:
    module = tmp_path / "tea.py"
    module.write_text("one")
    saves = Sources([module], []).saves()
    for text in ("two", "three"):
        draft = tmp_path / ".draft"
        draft.write_text(text)
        draft.replace(module)
        assert saved(saves) == {module}


def test_a_syntax_error_is_told_and_a_file_that_is_gone_is_none(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "bad.py").write_text("x = (\n")
    assert localwatch.broken([package / "gone.py", package / "cups"]) == ""
    assert f"{package}/bad.py:1: SyntaxError" in localwatch.broken([package / "bad.py"])
    (package / "bad.py").unlink()
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    assert localwatch.broken([package / "bad.py"]) == ""
