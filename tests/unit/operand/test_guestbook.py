"""The guest book, as visitors and the kubelet meet it: HTTP, a directory, signals."""

import base64
import hashlib
import http.client
import json
import socket
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.operand.forms import MAX_BODY
from helloworld_operator.operand.guestbook import FORMAT, GuestBook
from helloworld_operator.operand.handler import Handler
from helloworld_operator.operand.server import Greeting, Server

Keep = Any
JSON = {"Content_Type": "application/json"}
FORM = {"Content_Type": "application/x-www-form-urlencoded"}


def test_an_entry_is_answered_with_its_number_and_listed(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)
    body = json.dumps({"name": "Ада", "message": "你好\n🌍"})

    status, _, text = keeper.ask("POST", "/guestbook", body, **JSON)

    assert status == 201
    assert json.loads(text).items() >= {"id": 1, "name": "Ада", "message": "你好\n🌍"}.items()
    assert keeper.book()["entries"] == [json.loads(text)]
    assert keeper.book()["total"] == 1


def test_a_form_is_taken_as_browsers_send_it(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)

    assert keeper.ask("POST", "/guestbook", "message=a+b%C3%A9&name=", **FORM)[0] == 201
    assert keeper.book()["entries"][0]["message"] == "a bé"
    assert keeper.book()["entries"][0]["name"] == "anonymous"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("[" * 5000, "application/json", 400),
        ('{"message": 5}', "application/json", 400),
        ('{"message": " "}', "application/json", 400),
        ('{"message": "\\ud800"}', "application/json", 400),
        ('{"message": "a\\u0000b"}', "application/json", 400),
        ('{"message": "x", "name": "a\\nb"}', "application/json", 400),
        (json.dumps({"message": "x" * 1001}), "application/json", 400),
        (json.dumps({"message": "x", "name": "n" * 101}), "application/json", 400),
        ("message=%ff", "application/x-www-form-urlencoded", 400),
        ("&" * 20 + "message=x&" * 20, "application/x-www-form-urlencoded", 400),
        ("message", "text/plain", 415),
        ("x" * (MAX_BODY + 1), "application/json", 413),
    ],
)
def test_what_is_no_entry_is_refused_with_a_sentence_and_changes_nothing(
    keep: Keep, tmp_path: Path, body: str, kind: str, status: int
) -> None:
    keeper = keep(tmp_path)

    found, _, text = keeper.ask("POST", "/guestbook", body, Content_Type=kind)

    assert (found, keeper.book()["total"]) == (status, 0)
    assert text.strip()


def test_the_longest_entry_is_taken_however_it_is_escaped(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)

    assert keeper.sign("🌍" * 1000, "é" * 100) == 201
    assert keeper.messages() == ["🌍" * 1000]


def test_a_body_without_a_length_is_refused(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)
    connection = http.client.HTTPConnection("127.0.0.1", keeper.port, timeout=20)
    connection.putrequest("POST", "/guestbook")
    connection.endheaders()

    assert connection.getresponse().status == 411
    connection.close()


def test_entries_come_in_pages_from_the_newest(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)
    for number in range(5):
        keeper.sign(str(number))

    assert [each["id"] for each in keeper.book("?limit=2")["entries"]] == [5, 4]
    assert [each["id"] for each in keeper.book("?limit=2&before=4")["entries"]] == [3, 2]
    for query in ("?limit=0", "?limit=101", "?limit=x", "?before=-1", "?before=" + "9" * 30):
        assert keeper.ask("GET", f"/guestbook{query}")[0] == 400


def test_without_a_volume_there_is_no_guest_book_and_the_answer_says_why(keep: Keep) -> None:
    keeper = keep(None)

    for path in ("/guestbook", "/snapshot"):
        status, _, text = keeper.ask("GET", path)
        assert status == 404
        assert b"spec.persistence" in text
    assert keeper.ask("POST", "/guestbook", "message=x", **FORM)[0] == 405
    assert "visits" not in json.loads(keeper.ask("GET", "/", Accept="application/json")[2])


def test_visits_are_counted_and_survive_sigterm(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)
    for _ in range(3):
        keeper.ask("GET", "/")
    keeper.ask("HEAD", "/")
    keeper.ask("GET", "/healthz")

    assert keeper.terminate() == 0
    again = keep(tmp_path)
    assert json.loads(again.ask("GET", "/", Accept="application/json")[2])["visits"] == 4


def test_every_answered_entry_survives_sigkill_at_any_moment(keep: Keep, tmp_path: Path) -> None:
    answered: list[str] = []
    for life in range(4):
        keeper = keep(tmp_path)
        assert set(answered) <= set(keeper.messages())
        killer = threading.Timer(0.15 + 0.1 * life, keeper.process.kill)
        killer.start()
        try:
            for number in range(10_000):
                message = f"{life}-{number}"
                if keeper.sign(message) == 201:
                    answered.append(message)
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        killer.join()
        keeper.kill()
        # A page of the list holds 100.
        answered = answered[-20:]

    assert answered
    keeper = keep(tmp_path)
    assert set(answered) <= set(keeper.messages())


def test_a_request_that_is_being_answered_ends_before_sigterm_does(
    keep: Keep, tmp_path: Path
) -> None:
    keeper = keep(tmp_path)
    body = json.dumps({"message": "in the middle"}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", keeper.port, timeout=20)
    connection.putrequest("POST", "/guestbook")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:5])
    # Answered after the connection before it was taken up: that one's headers are read by now.
    keeper.ask("GET", "/healthz")
    ending = threading.Thread(target=keeper.terminate, daemon=True)
    ending.start()
    while _listens(keeper.port):  # until it takes no new ones
        pass
    connection.send(body[5:])

    assert connection.getresponse().status == 201
    connection.close()
    ending.join()
    assert keeper.process.returncode == 0
    assert keep(tmp_path).messages() == ["in the middle"]


def test_a_snapshot_is_a_consistent_copy_while_entries_are_written(
    keep: Keep, tmp_path: Path
) -> None:
    keeper = keep(tmp_path)
    stop = threading.Event()
    written = []

    def write() -> None:
        while not stop.is_set():
            written.append(keeper.sign("x" * 500))

    writers = [threading.Thread(target=write, daemon=True) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        before = 0
        for number in range(5):
            status, headers, copy = keeper.ask("GET", "/snapshot")
            assert status == 200
            digest = base64.b64encode(hashlib.sha256(copy).digest()).decode()
            assert headers["Repr-Digest"] == f"sha-256=:{digest}:"
            path = tmp_path / f"copy-{number}"
            path.write_bytes(copy)
            database = sqlite3.connect(path)
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            count, last = database.execute("SELECT count(*), max(id) FROM entries").fetchone()
            database.close()
            assert count == (last or 0) >= before
            before = count
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert set(written) == {201}


def test_one_snapshot_at_a_time_is_taken(keep: Keep, tmp_path: Path) -> None:
    keeper = keep(tmp_path)
    for _ in range(40):
        keeper.sign("x" * 1000)
    # More than the kernel buffers, so that a client that does not read holds the copy.
    with sqlite3.connect(tmp_path / "guestbook.db") as database:
        row = ("INSERT INTO entries (at, name, message) VALUES ('', '', ?)", ("y" * 1000,))
        for _ in range(20_000):
            database.execute(*row)
    database.close()
    slow = http.client.HTTPConnection("127.0.0.1", keeper.port, timeout=20)
    slow.request("GET", "/snapshot")
    answer = slow.getresponse()

    status, headers, _ = keeper.ask("GET", "/snapshot")
    assert (status, headers["Retry-After"]) == (503, "2")
    assert keeper.sign("meanwhile") == 201
    answer.read()
    slow.close()


def test_newer_data_is_not_touched_and_the_message_says_what_to_do(
    keep: Keep, tmp_path: Path
) -> None:
    keep(tmp_path).terminate()
    file = tmp_path / "guestbook.db"
    with sqlite3.connect(file) as database:
        database.execute(f"PRAGMA user_version={FORMAT + 1}")
    database.close()
    before = file.read_bytes()

    with pytest.raises(AssertionError) as said:
        keep(tmp_path)

    assert f"has format {FORMAT + 1}, and this version understands up to {FORMAT}" in str(
        said.value
    )
    assert "hint: run the image that wrote it" in str(said.value)
    assert "Traceback" not in str(said.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"other program"])
def test_a_file_that_is_no_guest_book_is_left_alone(
    keep: Keep, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "guestbook.db"
    if content == b"other program":
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE theirs (a)")
        database.close()
    else:
        file.write_bytes(content)
    before = file.read_bytes()

    with pytest.raises(AssertionError, match=r"error: .*guestbook.db: (is not|cannot be used)"):
        keep(tmp_path)
    assert file.read_bytes() == before


def test_a_directory_that_is_missing_is_one_clear_line(keep: Keep, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="cannot be used") as said:
        keep(tmp_path / "missing")
    assert "Traceback" not in str(said.value)


def test_a_full_volume_refuses_entries_and_goes_on_greeting(tmp_path: Path) -> None:
    book = GuestBook(tmp_path)
    server = Server(Greeting("hi", "", "pod"), 0, Handler, book)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        # SQLite's own limit has the same meaning as a full disk: SQLITE_FULL.
        book._db.execute("PRAGMA max_page_count=8")
        found = [_sign(server.server_port, "x" * 1000) for _ in range(30)]
        assert found[0] == 201
        assert found[-1] == 507
        kept = found.count(201)
        assert len(book) == kept
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        # It has grown.
        book._db.execute("PRAGMA max_page_count=1000")
        assert _sign(server.server_port, "x") == 201
        assert book.visits == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        book.close()


def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """A killed process cannot show it, only a power failure could: the settings that promise it."""
    book = GuestBook(tmp_path)

    assert book._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert book._db.execute("PRAGMA journal_mode").fetchone() == ("truncate",)
    book.close()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=20).close()
    except OSError:
        return False
    return True


def _sign(port: int, message: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/guestbook", json.dumps({"message": message}), headers)
    status = connection.getresponse().status
    connection.close()
    return status
