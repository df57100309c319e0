"""Log lines as a person and as a collector read them."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from kopfkit.controller.statuswriter import about
from kopfkit.repeats import QUIET, Repeats, often
from kopfkit.runtime.telemetry import logs


class Stream:
    """What went to standard error since the last `clear`."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture, self._text = capture, ""

    def getvalue(self) -> str:
        self._text += self._capture.readouterr().err
        return self._text

    def clear(self) -> None:
        self.getvalue()
        self._text = ""


@pytest.fixture
def stream(capsys: pytest.CaptureFixture[str]) -> Iterator[Stream]:
    """What `setup` writes to; the process's logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("kopf", "asyncio", "aiohttp")}
    yield Stream(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in levels.items():
        logging.getLogger(name).setLevel(old)


def one(stream: Stream) -> Any:
    """The one line that was written, as JSON."""
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def test_json_has_the_object_and_the_generation_as_fields(stream: Stream) -> None:
    logs.setup("json", "info")
    logging.getLogger("x.y").info(
        "applied %s", "Service", extra={"object": "ns/a", "generation": 3}
    )
    line = one(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "x.y",
        "message": "applied Service",
        "object": "ns/a",
        "generation": 3,
    }


def test_text_begins_with_kind_and_name_of_the_object(stream: Stream) -> None:
    logs.setup("text", "info")
    owner = {"kind": "Teapot", "metadata": {"namespace": "ns", "name": "a", "generation": 3}}
    logging.getLogger("x").warning("is gone", extra=about(owner))
    assert re.fullmatch(r"\S+Z WARNING Teapot ns/a generation=3  is gone\n", stream.getvalue())


@pytest.mark.parametrize("form", logs.FORMATS)
def test_a_message_with_line_ends_stays_one_line(stream: Stream, form: str) -> None:
    logs.setup(form, "info")
    forged = "no\n2026-01-01T00:00:00.000Z INFO    ns/a  all is well\r\x1b[2K\x00\u2028"
    logging.getLogger("x").info("refused: %s", forged, extra={"object": "ns/a\nb"})
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()
    if form == "json":
        assert one(stream)["message"] == f"refused: {forged}"
    else:
        assert "no\\n2026" in stream.getvalue()


@pytest.mark.parametrize("form", logs.FORMATS)
def test_other_scripts_are_readable(stream: Stream, form: str) -> None:
    logs.setup(form, "info")
    logging.getLogger("x").info("你好, мир 👋")
    assert "你好, мир 👋" in stream.getvalue()


def test_a_traceback_is_a_field_of_json_and_follows_the_text(stream: Stream) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logs.setup("json", "info")
        logging.getLogger("x").exception("failed")
        line = one(stream)
        assert "ValueError: broken" in line["error"]
        stream.clear()
        logs.setup("text", "info")
        logging.getLogger("x").exception("failed")
    assert stream.getvalue().splitlines()[-1] == "ValueError: broken"


def test_what_is_below_the_level_is_not_written_and_kopf_only_in_debug(
    stream: Stream,
) -> None:
    logs.setup("text", "info")
    logging.getLogger("x").debug("detail")
    logging.getLogger("kopf.x").info("commentary")
    assert stream.getvalue() == ""
    logs.setup("text", "debug")
    logging.getLogger("kopf.x").info("commentary")
    assert "commentary" in stream.getvalue()


def test_a_fault_that_anybody_can_cause_is_told_once_in_a_while_with_a_count() -> None:
    now = 100.0
    repeats = Repeats(lambda: now)

    def told(text: str, **extra: Any) -> str:
        record = logging.makeLogRecord({"msg": "refused: %s", "args": (text,), **extra})
        return record.getMessage() if repeats.filter(record) else ""

    junk = often("junk")
    assert told("first", **junk) == "refused: first"
    assert [told("again", **junk) for _ in range(430)] == [""] * 430
    # Another fault, and what is none of this kind, are told meanwhile.
    assert told("first", **often("other")) == "refused: first"
    assert told("ours") == told("ours") == "refused: ours"
    now += QUIET
    assert told("last", **junk) == "refused: last (and 430 more in 30 s)"
    assert told("again", **junk) == ""


def test_clients_that_do_not_speak_http_fill_no_log(stream: Stream) -> None:
    logs.setup("text", "info")
    for name in ("aiohttp.server", "asyncio"):
        for number in range(50):
            logging.getLogger(name).error("Error handling request from %s", number)
    assert len(stream.getvalue().splitlines()) == 2


def test_kopfs_retries_are_told_once(stream: Stream) -> None:
    logs.setup("text", "info")
    log = logging.getLogger("kopf.clients")
    for attempt in range(1, 4):
        log.error("Request attempt #%d/9 failed; will retry: GET /apis/x", attempt)
    log.error("Request attempt #1/9 failed; will retry: GET /apis/y")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert all(" WARNING " in line for line in lines)
