"""Logs: one line per decision, as text for a person or as JSON for a collector.

Extra fields (`extra={"kind": "HelloWorld", "object": "default/x", "generation": 3}`) stand before
the text or become JSON keys.
kopf's own running commentary is kept for --log-level debug; its retries are told once per request
and half minute, since an API server that is down concerns every watch every few seconds. So is what
anybody can cause who reaches a port (`kopfkit.repeats`).
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Final

from kopfkit.repeats import Repeats

FORMATS: Final = ("text", "json")
LEVELS: Final = ("debug", "info", "warning", "error")

# Line ends to some readers, that JSON lets pass as they are.
_LINE_ENDS: Final = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}
_ATTEMPT: Final = re.compile(r"#\d+(/\d+)?|resourceVersion=\d+|0x[0-9a-f]+")
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _extra(record: logging.LogRecord) -> dict[str, object]:
    # Names with an underscore or of mappings are kopf's own additions to its records.
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _STANDARD and isinstance(value, str | int | float | bool)
    }


def _stamp(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(record.msecs):03d}Z"


def _one_line(text: str) -> str:
    """Control characters escaped: what an object or a server says must not look like our lines."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


class TextFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z INFO    HelloWorld default/x generation=3  applied Deployment`"""

    def format(self, record: logging.LogRecord) -> str:
        extra = _extra(record)
        subject = extra.pop("object", "")
        if subject:
            subject = f"{extra.pop('kind', '')} {subject}".strip()
        pairs = " ".join(f"{name}={value}" for name, value in extra.items())
        about = _one_line(" ".join(filter(None, (str(subject), pairs))))
        text = _one_line(record.getMessage())
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        about = f"{about}  " if about else ""
        return f"{_stamp(record)} {record.levelname:<7} {about}{text}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, then the extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False).translate(_LINE_ENDS)


class _Repeats(Repeats):
    """Knows also kopf's retries, whatever the attempt's number, and what libraries say about each
    client that does not speak as it should."""

    def fault(self, record: logging.LogRecord) -> str:
        if record.name.startswith("kopf") and "Request attempt" in record.getMessage():
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            # Its address stays: each is a fault of its own.
            return _ATTEMPT.sub("", record.getMessage())
        if record.name.startswith(("aiohttp", "asyncio")):
            # By the template: what is filled in may be a client's.
            return f"{record.name} {record.msg}"
        return super().fault(record)


def setup(form: str, level: str) -> None:
    """Send all logs to standard error.

    Args:
        form: one of FORMATS.
        level: one of LEVELS.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(_Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    quiet = logging.DEBUG if level == "debug" else logging.WARNING
    for name in ("kopf", "asyncio", "aiohttp"):
        logging.getLogger(name).setLevel(quiet)
