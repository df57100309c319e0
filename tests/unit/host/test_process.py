"""Commands that are waited for."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, process
from kopfkit.testing.waiting import eventually


def test_output_comes_back_and_input_goes_in() -> None:
    assert process.run(["cat"], input="hello") == "hello"


def test_without_input_a_command_cannot_wait_for_the_terminal() -> None:
    assert process.run(["cat"]) == ""


def test_a_failure_shows_the_end_of_what_was_printed() -> None:
    script = "seq 100; echo the reason >&2; exit 3"
    with pytest.raises(process.CommandFailed, match="status 3") as failure:
        process.run(["sh", "-c", script])
    assert "the reason" in failure.value.output
    assert "| 100" in str(failure.value)
    assert "| 1\n" not in str(failure.value)


def test_a_missing_program_is_named() -> None:
    with pytest.raises(KopfkitError, match="no-such-program: was not found"):
        process.run(["no-such-program"])


def test_a_program_that_is_no_program_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").touch()
    with pytest.raises(KopfkitError, match="cannot be run"):
        process.run([tmp_path / "text"])


def test_a_signal_is_named() -> None:
    with pytest.raises(process.CommandFailed, match="SIGKILL"):
        process.run(["sh", "-c", "kill -9 $$"])


def test_a_timeout_ends_the_grandchildren_too(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; wait"
    for timeout in (0.5, 5, 50):  # until the shell has come so far
        with pytest.raises(KopfkitError, match="took longer"):
            process.run(["sh", "-c", script], timeout=timeout)
        if (tmp_path / "pid").exists():
            break
    assert daemon.started_at(int((tmp_path / "pid").read_text())) is None


def test_an_interrupt_ends_the_grandchildren_too(tmp_path: Path) -> None:
    script = f"sleep 1000 & echo $! > {tmp_path}/pid; wait"
    code = f"from kopfkit.host import process; process.run(['sh', '-c', {script!r}])"
    runner = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE)
    eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    os.kill(runner.pid, signal.SIGINT)
    _, errors = runner.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
    assert daemon.started_at(int((tmp_path / "pid").read_text())) is None


def test_lines_of_standard_error_are_passed_on_as_they_come() -> None:
    lines: list[str] = []
    assert process.run(["sh", "-c", "echo a >&2; echo b >&2; echo out"], on_line=lines.append)
    assert lines == ["a", "b"]


def test_output_that_is_not_utf8_does_not_hide_the_failure() -> None:
    with pytest.raises(process.CommandFailed, match="status 1"):
        process.run(["sh", "-c", r"printf '\377\376'; exit 1"])
