"""The commands of the Jobs: a copy fetched, a volume filled, killed at any moment and run again."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

Keep = Any
Command = Any


@pytest.fixture
def source(keep: Keep, tmp_path: Path) -> Any:
    """A guest book with three entries."""
    data = tmp_path / "data"
    data.mkdir()
    keeper = keep(data)
    for message in ("one", "two", "three"):
        keeper.sign(message)
    return keeper


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy"
    path.mkdir()
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    path = tmp_path / "fresh"
    path.mkdir()
    return path


def test_what_was_copied_is_what_a_new_guest_book_begins_with(
    source: Any, copy: Path, fresh: Path, command: Command, keep: Keep
) -> None:
    took = command("snapshot", "--from", source.url, "--to", copy)
    source.sign("after the copy")

    gave = command("restore", "--from", copy, "--to", fresh, "--sha256", took.told["sha256"])

    assert (took.code, gave.code) == (0, 0), took.text + gave.text
    assert took.told["entries"] == 3
    assert took.told["bytes"] == (copy / "guestbook.db").stat().st_size
    assert gave.told == {**took.told, "restored": True}
    assert keep(fresh).messages() == ["one", "two", "three"]


def test_a_complete_copy_is_not_taken_again_even_if_nobody_answers(
    source: Any, copy: Path, command: Command
) -> None:
    first = command("snapshot", "--from", source.url, "--to", copy)
    source.kill()

    assert command("snapshot", "--from", source.url, "--to", copy, "--patience", "0") == first


def test_a_volume_with_data_is_left_as_it_is(
    source: Any, copy: Path, fresh: Path, command: Command, keep: Keep
) -> None:
    command("snapshot", "--from", source.url, "--to", copy)
    other = keep(fresh)
    other.sign("mine")
    other.terminate()

    ended = command("restore", "--from", copy, "--to", fresh)

    assert (ended.code, ended.told["restored"]) == (0, False)
    assert keep(fresh).messages() == ["mine"]


def test_a_journal_without_its_file_is_not_played_into_the_restored_one(
    source: Any, copy: Path, fresh: Path, command: Command, keep: Keep
) -> None:
    command("snapshot", "--from", source.url, "--to", copy)
    (fresh / "guestbook.db-journal").write_bytes(os.urandom(4096))
    (fresh / "guestbook.db").touch()

    assert command("restore", "--from", copy, "--to", fresh).told["restored"] is True
    assert not (fresh / "guestbook.db-journal").exists()
    assert keep(fresh).messages() == ["one", "two", "three"]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda copy: _flip(copy / "guestbook.db"), "is damaged: its SHA-256 is"),
        (lambda copy: os.truncate(copy / "guestbook.db", 4096), "is damaged"),
        (lambda copy: (copy / "guestbook.db").unlink(), "No such file"),
        (lambda copy: (copy / "snapshot.json").unlink(), "has no complete copy"),
        (lambda copy: (copy / "snapshot.json").write_text("{"), "cannot be understood"),
        (lambda copy: (copy / "snapshot.json").write_text('{"sha256": 1}'), "cannot be understood"),
    ],
)
def test_a_damaged_copy_is_refused_and_the_volume_stays_empty(
    source: Any,
    copy: Path,
    fresh: Path,
    command: Command,
    break_it: Callable[[Path], object],
    why: str,
) -> None:
    command("snapshot", "--from", source.url, "--to", copy)
    break_it(copy)

    ended = command("restore", "--from", copy, "--to", fresh)

    assert ended.code in (1, 3)
    assert why in ended.told["error"]
    assert "Traceback" not in ended.text
    assert list(fresh.iterdir()) == []


def test_another_copy_than_the_wanted_one_is_refused(
    source: Any, copy: Path, fresh: Path, command: Command
) -> None:
    command("snapshot", "--from", source.url, "--to", copy)

    ended = command("restore", "--from", copy, "--to", fresh, "--sha256", "0" * 64)

    assert ended.code == 3
    assert "has another copy" in ended.told["error"]


def test_a_server_without_a_guest_book_is_final_and_one_that_is_not_there_is_not(
    keep: Keep, copy: Path, command: Command
) -> None:
    without = command("snapshot", "--from", keep(None).url, "--to", copy)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    absent = command("snapshot", "--from", f"http://127.0.0.1:{port}", "--to", copy, "--patience=0")

    assert without.code == 3
    assert "HTTP 404" in without.told["error"]
    assert absent.code == 1
    assert "Connection refused" in absent.told["error"]
    assert not (copy / "snapshot.json").exists()


def test_a_server_that_comes_back_in_time_is_copied(
    source: Any, copy: Path, command: Command, keep: Keep, tmp_path: Path
) -> None:
    port = source.port
    source.kill()
    back = threading.Timer(1.0, lambda: keep(tmp_path / "data", PORT=str(port)))
    back.start()
    try:
        ended = command("snapshot", "--from", source.url, "--to", copy)
    finally:
        back.join()

    assert (ended.code, ended.told["entries"]) == (0, 3)


class _Broken(BaseHTTPRequestHandler):
    """Announces one checksum and sends something else; breaks off; has none."""

    def do_GET(self) -> None:
        mode = self.server.mode  # type: ignore[attr-defined]
        self.server.asked += 1  # type: ignore[attr-defined]
        if mode in ("redirect", "refuses"):
            self.send_response(302 if mode == "redirect" else 418, "SECRET-REASON")
            self.send_header("Location", "/elsewhere?SECRET-PLACE")
            self.send_header("Content-Length", "11")
            self.end_headers()
            self.wfile.write(b"SECRET-BODY")
            return
        if mode == "junk":
            self.wfile.write(b"SECRET-LINE\r\n\r\n")
            return
        self.send_response(200)
        if mode != "none":
            self.send_header("Repr-Digest", f"sha-256=:{'A' * 43}=:")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * (10 if mode == "short" else 1000))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.parametrize(
    ("mode", "code", "why"),
    [
        ("wrong", 1, "was announced"),
        ("short", 1, "no copy came"),
        ("none", 3, "answers without a checksum"),
        # What answers is not ours: it leads nowhere else, and none of its words are told.
        ("redirect", 3, "HTTP 302"),
        ("refuses", 3, "HTTP 418"),
        ("junk", 1, "is not HTTP"),
    ],
)
def test_what_was_damaged_on_the_way_is_no_copy(
    copy: Path, command: Command, mode: str, code: int, why: str
) -> None:
    with HTTPServer(("127.0.0.1", 0), _Broken) as server:
        server.mode, server.asked = mode, 0  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        ended = command("snapshot", "--from", url, "--to", copy, "--patience", "0")
        server.shutdown()
        thread.join()
        asked = server.asked  # type: ignore[attr-defined]

    assert (ended.code, asked) == (code, 1)
    assert "SECRET" not in ended.text + str(ended.told)
    assert why in ended.told["error"]
    assert not (copy / "guestbook.db").exists()


def test_a_command_killed_at_any_moment_leaves_all_or_nothing_and_can_run_again(
    source: Any, copy: Path, fresh: Path, command: Command, keep: Keep
) -> None:
    source.ask("GET", "/")
    seed = random.Random(4)
    steps = [
        ("snapshot", "--from", source.url, "--to", str(copy)),
        ("restore", "--from", str(copy), "--to", str(fresh)),
    ]
    for step in steps:
        for _ in range(6):
            process = subprocess.Popen(
                [sys.executable, "-m", "helloworld_operator", *step],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(seed.uniform(0.1, 0.5))
            process.send_signal(signal.SIGKILL)
            process.wait(20)
            if (fresh / "guestbook.db").exists():
                again = shutil.copytree(fresh, fresh.with_name("look"), dirs_exist_ok=True)
                assert keep(again).messages() == ["one", "two", "three"]
            if (copy / "snapshot.json").exists():
                told = json.loads((copy / "snapshot.json").read_text())
                assert told["entries"] == 3
        assert command(*step).code == 0
    assert keep(fresh).messages() == ["one", "two", "three"]


@pytest.mark.parametrize("after", range(1, 7))
def test_a_kill_between_any_two_steps_on_the_disk_is_mended_by_the_next_run(
    source: Any, copy: Path, fresh: Path, command: Command, keep: Keep, after: int
) -> None:
    """The process ends itself before its nth sync or rename, without any cleaning up."""
    code = f"""
import os, sys
from helloworld_operator import cli
left = [{after}]
def counted(real):
    def step(*arguments):
        left[0] -= 1
        if not left[0]:
            os._exit(9)
        return real(*arguments)
    return step
os.fsync, os.replace = counted(os.fsync), counted(os.replace)
cli.main(sys.argv[1:])
"""
    for step in (
        ("snapshot", "--from", source.url, "--to", str(copy)),
        ("restore", "--from", str(copy), "--to", str(fresh)),
    ):
        run = [sys.executable, "-c", code, *step]
        died = subprocess.run(run, capture_output=True, text=True, timeout=60)
        assert died.returncode in (0, 9), died.stderr
        ended = command(*step)
        assert ended.code == 0, ended.text
        assert ended.told["entries"] == 3

    assert keep(fresh).messages() == ["one", "two", "three"]


def test_without_a_kubelet_the_commands_say_it_on_their_output_only(
    source: Any, copy: Path
) -> None:
    # The file is the kubelet's to make. Something else on this machine may have made it.
    log = Path("/dev/termination-log")
    existed = log.exists()
    environment = {key: value for key, value in os.environ.items() if key != "TERMINATION_LOG"}
    arguments = ("snapshot", "--from", source.url, "--to", str(copy))
    done = subprocess.run(
        [sys.executable, "-m", "helloworld_operator", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "has 3 entries" in done.stdout
    assert log.exists() is existed
