"""Parts of the test suite run side by side, in the order they need, and leave nothing behind."""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from kopfkit.testing.waiting import eventually
from parts import Part, Run


def sh(name: str, script: str, needs: Sequence[str] = (), after: Sequence[str] = ()) -> Part:
    return Part(name, ["sh", "-c", script], needs, after)


def run(directory: Path, *parts: Part) -> Run:
    made = Run(parts, directory, os.environ)
    made(lambda _: None)
    return made


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        # A process that nobody has waited for yet has ended all the same.
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


def test_a_part_waits_for_those_it_comes_after_and_the_others_do_not(tmp_path: Path) -> None:
    file = tmp_path / "told"
    until = f"until [ -e {file} ]; do sleep 0.05; done"
    told = run(
        tmp_path,
        sh("first", f"timeout 60 sh -c '{until}'; echo first >> {file}; exit 3"),
        sh("second", f"echo second >> {file}", after=["first"]),
        sh("beside", f"echo beside >> {file}"),
    )
    assert file.read_text().split() == ["beside", "first", "second"]
    assert {name: each.code for name, each in told.outcomes.items()} == {
        "first": 3,
        "second": 0,
        "beside": 0,
    }


def test_a_part_whose_need_failed_is_left_out_and_so_is_what_needs_it(tmp_path: Path) -> None:
    told = run(
        tmp_path,
        sh("cluster", "exit 1"),
        sh("tests", "true", needs=["cluster"]),
        sh("more", "true", needs=["tests"], after=["other"]),
        sh("other", "true"),
    )
    codes = {name: each.code for name, each in told.outcomes.items()}
    assert codes == {"cluster": 1, "tests": None, "more": None, "other": 0}


def test_what_a_part_printed_is_in_its_log_and_says_how_far_it_has_come(tmp_path: Path) -> None:
    told = run(tmp_path, sh("unit", "echo '.... [  7%]'; echo '... [ 43%]'; echo oops >&2"))
    assert (told.outcomes["unit"].progress, told.outcomes["unit"].seconds > 0) == ("43%", True)
    assert "oops" in told.outcomes["unit"].log.read_text()


def test_what_a_part_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    told = run(tmp_path, sh("unit", "sleep 1000 & echo $!"))
    left = int(told.outcomes["unit"].log.read_text())
    eventually(lambda: not alive(left))


def test_ctrl_c_reaches_every_part_which_may_clean_up_and_starts_no_other(tmp_path: Path) -> None:
    code = (
        "import pathlib, time\n"
        "try:\n"
        "    print('up', flush=True); time.sleep(1000)\n"
        "except KeyboardInterrupt:\n"
        f"    pathlib.Path({str(tmp_path / 'cleaned')!r}).touch()\n"
    )
    parts = [
        Part("tests", [sys.executable, "-c", code]),
        sh("left", "sleep 1000 & echo $!; wait"),
        sh("later", "true", after=["tests"]),
    ]
    made = Run(parts, tmp_path, os.environ)

    def press(told: Run) -> None:
        logs = [told.outcomes[name].log for name in ("tests", "left")]
        if all(log.exists() and log.read_text() for log in logs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(press)
    assert (tmp_path / "cleaned").exists()
    assert made.outcomes["later"].code is None
    left = int(made.outcomes["left"].log.read_text())
    eventually(lambda: not alive(left))


def test_a_part_that_ignores_ctrl_c_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parts._GRACE", 0.5)
    made = Run([sh("deaf", "trap '' INT; echo $$; sleep 1000")], tmp_path, os.environ)

    def press(told: Run) -> None:
        if told.outcomes["deaf"].log.read_text():
            time.sleep(0.1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(press)
    assert not alive(int(made.outcomes["deaf"].log.read_text()))
