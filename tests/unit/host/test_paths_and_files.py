"""Where things are kept, and that a crash leaves the old content or the new."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host import files, paths
from kopfkit.testing.waiting import eventually


def test_the_xdg_directories_are_used_without_variables_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KOPFKIT_CACHE_DIR")
    monkeypatch.delenv("KOPFKIT_STATE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/invalid")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert paths.cache_dir() == tmp_path / "c/kopfkit"
    assert paths.state_dir("x") == tmp_path / ".local/state/kopfkit/x"


@pytest.mark.parametrize("name", ["", "..", "a/b", "UPPER", "-a", "a-", "a" * 41, "a b", "a\n"])
def test_a_cluster_name_cannot_leave_its_directory(name: str) -> None:
    with pytest.raises(KopfkitError, match="not a lower-case label"):
        paths.state_dir(name)


def test_asking_for_a_state_directory_does_not_make_it() -> None:
    assert not paths.state_dir("x").exists()


def test_an_unusable_directory_names_the_variable_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KOPFKIT_CACHE_DIR", str(tmp_path / "file/below"))
    with pytest.raises(KopfkitError, match="Set KOPFKIT_CACHE_DIR"):
        paths.cache_dir()


def test_a_written_file_is_private_and_leaves_no_scratch(tmp_path: Path) -> None:
    files.write(tmp_path / "new" / "file", "text")
    assert (tmp_path / "new/file").read_text() == "text"
    assert (tmp_path / "new/file").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "new") == ["file"]


def test_a_failed_write_keeps_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(tmp_path / "file", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


# Each runs in a process of its own, with the directory as its argument.
ADD_TWENTY = """
import sys, pathlib
from kopfkit.host import files
directory = pathlib.Path(sys.argv[1])
for _ in range(20):
    with files.locked(directory / "lock"):
        count = int((directory / "count").read_text())
        (directory / "count").write_text(str(count + 1))
"""
HOLD = """
import sys, pathlib, time
from kopfkit.host import files
directory = pathlib.Path(sys.argv[1])
with files.locked(directory / "lock"):
    (directory / "held").touch()
    while not (directory / "release").exists():
        time.sleep(0.01)
"""


def _start(program: str, directory: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, str(directory)])


def test_a_lock_lets_one_process_in(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    workers = [_start(ADD_TWENTY, tmp_path) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "60"


def test_who_waits_for_a_lock_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    with files.locked(tmp_path / "lock", lambda: told.append("waiting")):
        pass
    assert told == []
    holder = _start(HOLD, tmp_path)
    eventually((tmp_path / "held").exists)
    with files.locked(tmp_path / "lock", lambda: _told(told, tmp_path)):
        pass
    assert holder.wait() == 0
    assert told == ["waiting"]


def _told(told: list[str], directory: Path) -> None:
    told.append("waiting")
    (directory / "release").touch()
