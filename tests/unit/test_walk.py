"""Following a page of docs/: what counts as printed, and how commands end that do not end."""

import os
from pathlib import Path

import pytest

import pages
from kopfkit.testing.waiting import eventually
from walk import Walk, check_said


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Walk:
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    return Walk(project, os.environ)


def cmdline(process: int) -> bytes:
    """The command line of a process; empty where it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def follow(walk: Walk, page: str) -> None:
    """Follow a page with this text."""
    (pages.DOCS / "page.md").write_text(page)
    walk.follow("page.md")


def test_dots_stand_for_what_has_no_space_around_it() -> None:
    check_said("... pods are ready ...\n", '{"msg": "2 of 2 pods are ready", "level": "info"}\n')
    with pytest.raises(AssertionError, match="is not there"):
        check_said("... pods are ready ...\n", '{"msg": "2 of 2 pods are gone"}\n')


def test_the_other_terminal_runs_until_ctrl_c(walk: Walk) -> None:
    loop = "```console terminal=2\n$ while sleep 0.1; do echo asked; done\nasked\n```\n"
    stop = "```console terminal=2\n^C\n```\n"
    follow(walk, loop + stop)
    with pytest.raises(AssertionError, match="nothing runs"):
        follow(walk, loop + stop + stop)


def test_what_has_ended_before_ctrl_c_fails(walk: Walk) -> None:
    (walk.path / "served").touch()
    loop = "```console terminal=2\n$ while ls served; do sleep 0.1; done\nserved\n```\n"
    gone = "```console\n$ rm served; sleep 1\n```\n"
    with pytest.raises(AssertionError, match="has ended by itself"):
        follow(walk, f"{loop}{gone}```console terminal=2\n^C\n```\n")


def test_a_patch_that_does_not_apply_is_shown_with_the_reason(walk: Walk) -> None:
    patch = "--- a/gone.py\n+++ b/gone.py\n@@ -1 +1 @@\n-a\n+b\n"
    with pytest.raises(AssertionError, match=r"gone\.py: No such file"):
        follow(walk, f"```diff\n{patch}```\n")


def test_a_command_over_its_time_ends_with_its_children_and_tells_what_it_printed(
    tmp_path: Path,
) -> None:
    (tmp_path / "child").write_text("echo $$ > pid; echo begun; sleep 600\n")
    with pytest.raises(AssertionError, match=r"not within 1 s:\nbegun\n$"):
        pages.run(["bash", "-c", "bash child; true"], tmp_path, os.environ, timeout=1)
    child = int((tmp_path / "pid").read_text())
    eventually(lambda: not cmdline(child))
