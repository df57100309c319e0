"""The writer leaves the old state or the new one, keeps what is not its own, and tells a diff."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.packaging import writer
from kopfkit.packaging.headers import header
from kopfkit.packaging.writer import Output, diff, write

HEAD = header("a test", "nothing")


def generated(text: str) -> str:
    return HEAD + text


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree as an earlier run left it, with a person's file in it."""
    place = tmp_path / "tree"
    write([Output(place, {"a.yaml": generated("1\n"), "sub/b.yaml": generated("2\n")})])
    (place / "notes.md").write_text("mine\n")
    return place


def files(place: Path) -> dict[str, str]:
    return {
        path.relative_to(place).as_posix(): path.read_text()
        for path in place.rglob("*")
        if path.is_file()
    }


def test_a_file_that_is_generated_no_more_goes_and_a_persons_file_stays(tree: Path) -> None:
    write([Output(tree, {"a.yaml": generated("3\n")})])
    assert files(tree) == {"a.yaml": generated("3\n"), "notes.md": "mine\n"}
    assert not (tree / "sub").exists()


def test_nothing_changed_is_nothing_written(tree: Path) -> None:
    before = {path: path.stat().st_ino for path in tree.rglob("*")}
    same = {"a.yaml": generated("1\n"), "sub/b.yaml": generated("2\n")}
    assert write([Output(tree, same)]) == []
    assert before == {path: path.stat().st_ino for path in tree.rglob("*")}


def test_a_persons_file_in_the_way_is_refused_and_nothing_is_written(tree: Path) -> None:
    before = files(tree)
    wanted = [Output(tree, {"notes.md": generated("x\n"), "a.yaml": generated("9\n")})]
    with pytest.raises(KopfkitError, match=r"notes\.md: would be overwritten"):
        write(wanted)
    assert files(tree) == before
    write(wanted, overwrite=True)
    assert files(tree)["notes.md"] == generated("x\n")


def test_all_outputs_are_written_or_none(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = tmp_path / "Dockerfile"
    single.write_text(generated("old\n"))
    before = files(tmp_path)
    real = writer._exchange

    def second_fails(one: Path, other: Path) -> None:
        # The way back must not fail too: only the first attempt does.
        if other == single and one.read_text() == generated("new\n"):
            raise OSError(28, "No space left on device", str(other))
        real(one, other)

    monkeypatch.setattr(writer, "_exchange", second_fails)
    with pytest.raises(KopfkitError, match="No space left on device"):
        write(
            [Output(tree, {"a.yaml": generated("5\n")}), Output(single, {"": generated("new\n")})]
        )
    assert files(tmp_path) == before


def test_nothing_temporary_is_left(tree: Path) -> None:
    write([Output(tree, {"a.yaml": generated("3\n")})])
    assert [path.name for path in tree.parent.iterdir()] == ["tree"]


def test_what_a_killed_run_left_is_removed(tree: Path) -> None:
    left = tree.parent / ".kopfkit-write-dead"
    left.mkdir()
    write([Output(tree, {"a.yaml": generated("3\n")})])
    assert not left.exists()


def test_readers_never_see_half_a_tree(tree: Path) -> None:
    versions = [
        {f"{n}.yaml": generated(f"{turn}\n") for n in range(20)} for turn in ("even", "odd")
    ]
    write([Output(tree, versions[0])])
    stop = threading.Event()
    torn: list[set[str]] = []

    def read() -> None:
        while not stop.is_set():
            # A directory that is open stays the one it was, whatever takes its name.
            handle = os.open(tree, os.O_RDONLY)
            try:
                seen = set()
                for name in os.listdir(handle):
                    if name.endswith(".yaml"):
                        fd = os.open(name, os.O_RDONLY, dir_fd=handle)
                        with os.fdopen(fd) as file:
                            seen.add(file.read())
                if len(seen) > 1:
                    torn.append(seen)
            except FileNotFoundError:
                pass  # the old tree is being deleted: it was complete when it had the name
            finally:
                os.close(handle)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        for turn in range(60):
            write([Output(tree, versions[turn % 2])])
            assert len(set(files(tree).values()) - {"mine\n"}) == 1
    finally:
        stop.set()
        reader.join()
    assert torn == []


SLOW = """
import sys, time
from pathlib import Path
from kopfkit.packaging import writer
real = writer._stage
def slow(output, directory):
    staged = real(output, directory)
    print("staged", flush=True)
    time.sleep(60)
    return staged
writer._stage = slow
writer.write([writer.Output(Path(sys.argv[1]), {"a.yaml": sys.argv[2]})])
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interruption_before_the_exchange_leaves_the_old_tree(
    tree: Path, number: signal.Signals
) -> None:
    before = files(tree)
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tree), generated("new\n")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"staged\n"
        child.send_signal(number)
        child.wait()
    assert files(tree) == before


def test_a_file_system_without_exchange_is_written_all_the_same(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Libc:
        """A C library of another system: no renameat2."""

    monkeypatch.setattr(writer.ctypes, "CDLL", lambda *_, **__: Libc())
    write([Output(tree, {"a.yaml": generated("3\n")})])
    assert files(tree) == {"a.yaml": generated("3\n"), "notes.md": "mine\n"}
    assert [path.name for path in tree.parent.iterdir()] == ["tree"]


def test_the_difference_names_changed_new_and_stale_files_and_writes_nothing(tree: Path) -> None:
    before = files(tree)
    text = diff(Output(tree, {"a.yaml": generated("3\n"), "c.yaml": generated("4\n")}), tree.parent)
    assert "--- a/tree/a.yaml\n+++ b/tree/a.yaml" in text
    assert "-1\n+3" in text
    assert "--- /dev/null\n+++ b/tree/c.yaml" in text
    assert "--- a/tree/sub/b.yaml\n+++ /dev/null" in text
    assert "notes.md" not in text
    assert files(tree) == before


def test_no_difference_is_no_text(tree: Path) -> None:
    same = {"a.yaml": generated("1\n"), "sub/b.yaml": generated("2\n")}
    assert diff(Output(tree, same), tree.parent) == ""


@pytest.mark.parametrize("there", [True, False])
def test_a_link_to_a_tree_elsewhere_stays_one(tree: Path, there: bool) -> None:
    place = tree if there else tree.with_name("absent")
    link, file = tree.parent / "sub/link", tree.parent / "sub/file"
    link.parent.mkdir()
    link.symlink_to(os.path.relpath(place, link.parent))
    file.symlink_to(tree.parent / "elsewhere")
    wanted = [Output(link, {"a.yaml": generated("3\n")}), Output(file, {"": generated("4\n")})]
    assert write(wanted) == [link, file]
    assert link.is_symlink()
    assert file.is_symlink()
    assert (place / "a.yaml").read_text() == generated("3\n")
    assert (place / "notes.md").exists() == there
    assert (tree.parent / "elsewhere").read_text() == generated("4\n")
    assert write(wanted) == []


def test_a_file_where_the_tree_should_be_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "tree"
    place.write_text("a file\n")
    with pytest.raises(KopfkitError, match="is not a directory"):
        write([Output(place, {"a.yaml": generated("1\n")})])
    assert place.read_text() == "a file\n"


@pytest.mark.parametrize("target", ["..", "/does/not/exist"])
def test_a_link_to_a_directory_or_to_nothing_stays(tree: Path, target: str) -> None:
    (tree / "link").symlink_to(target)
    write([Output(tree, {"a.yaml": generated("new\n")})])
    assert (tree / "link").readlink() == Path(target)
    assert (tree / "a.yaml").read_text() == generated("new\n")
