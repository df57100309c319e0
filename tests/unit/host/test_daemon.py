"""Long-lived processes: found again by another command, never confused with somebody else's."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host import daemon
from kopfkit.host.daemon import Daemon
from kopfkit.testing.waiting import eventually

# What a process that ended before it was looked at leaves.
GONE = '{"pid": 999999999, "started": null}'


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Daemon]:
    found = Daemon("sleeper", tmp_path / "run", ["/bin/sleep", "1000"])
    found.start()
    yield found
    found.stop()
    daemon.sweep(tmp_path)


def test_another_command_finds_and_stops_it(sleeper: Daemon) -> None:
    again = Daemon("sleeper", sleeper.directory)
    assert again.pid() == sleeper.pid() is not None
    assert again.stop()
    assert not sleeper.alive()
    assert not again.stop()


def test_a_second_start_keeps_the_first_process(sleeper: Daemon) -> None:
    before = sleeper.pid()
    Daemon("sleeper", sleeper.directory, ["/bin/sleep", "1000"]).start()
    assert sleeper.pid() == before


def test_a_killed_process_is_not_alive(sleeper: Daemon) -> None:
    pid = sleeper.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not sleeper.alive())
    assert sleeper.pid() is None


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "1000"]) as foreign:
        record = {"pid": foreign.pid, "started": "some-boot:1", "program": "/bin/sleep"}
        (tmp_path / "sleeper.pid").write_text(json.dumps(record))
        stale = Daemon("sleeper", tmp_path)
        assert not stale.alive()
        assert not stale.stop()
        assert foreign.poll() is None
        foreign.kill()


@pytest.mark.parametrize(
    "junk", ["", "{", "[]", "null", '{"pid": "x", "started": "y"}', GONE, "\0"]
)
def test_a_damaged_pid_file_means_not_running(tmp_path: Path, junk: str) -> None:
    (tmp_path / "sleeper.pid").write_text(junk)
    found = Daemon("sleeper", tmp_path)
    assert not found.alive()
    assert not found.stop()


def test_the_environment_of_a_process_is_there_as_soon_as_its_start_has_returned() -> None:
    # Linux tells whoever starts a process that it runs a moment before its environment is there.
    marked = {**os.environ, daemon.OWNER: "here"}
    for _ in range(200):
        with subprocess.Popen(["/bin/sleep", "1000"], env=marked) as process:
            found = daemon.environment(process.pid)
            process.kill()
        assert f"{daemon.OWNER}=here".encode() in found


def test_a_process_without_an_environment_or_a_program_is_nobodys() -> None:
    with subprocess.Popen(["/bin/sleep", "1000"], env={}) as process:
        assert daemon.environment(process.pid) == [b""]
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
        with pytest.raises(OSError, match="No such"):
            daemon.environment(process.pid)


def test_sweep_finds_a_process_whose_pid_file_is_lost(sleeper: Daemon, tmp_path: Path) -> None:
    pid = sleeper.pid()
    (sleeper.directory / "sleeper.pid").unlink()
    assert not sleeper.alive()
    assert daemon.sweep(tmp_path) == [pid]
    assert pid is not None
    assert daemon.started_at(pid) is None


def test_sweep_spares_a_directory_whose_name_merely_begins_alike(
    sleeper: Daemon, tmp_path: Path
) -> None:
    assert daemon.sweep(tmp_path / "ru") == []
    assert sleeper.alive()


def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
    stubborn = Daemon("stubborn", tmp_path, ["/bin/sh", "-c", script])
    stubborn.start()
    eventually(lambda: "ready" in stubborn.log.read_text())
    assert stubborn.stop(grace=0.2)
    assert not stubborn.alive()


def test_a_ctrl_c_at_the_terminal_does_not_reach_it(sleeper: Daemon) -> None:
    pid = sleeper.pid()
    assert pid is not None
    assert os.getsid(pid) == pid


def test_the_log_has_both_outputs(tmp_path: Path) -> None:
    talker = Daemon("talker", tmp_path, ["/bin/sh", "-c", "echo one; echo two >&2"])
    talker.start()
    eventually(lambda: not talker.alive())
    assert talker.log_tail() == "  | one\n  | two"
    talker.stop()


def test_a_program_that_cannot_be_executed_is_named(tmp_path: Path) -> None:
    with pytest.raises(KopfkitError, match="ghost: cannot be started"):
        Daemon("ghost", tmp_path, ["/no/such/program"]).start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_tied_process_ends_with_its_starter(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import sys, time; from pathlib import Path; from kopfkit.host.daemon import Daemon\n"
        f"d = Daemon('tied', Path({str(tmp_path)!r}), ['/bin/sleep', '1000'], tied=True)\n"
        "d.start(); print(d.pid(), flush=True); time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n")
        starter.send_signal(number)
        starter.wait()
    eventually(lambda: not daemon.started_at(pid))
