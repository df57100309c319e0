"""What the greeting server answers: / and /healthz always, /guestbook and /snapshot with a volume.

GET / greets (and counts the visit). GET /guestbook lists, POST /guestbook writes an entry. GET
/snapshot answers with a consistent copy of the guest book and its SHA-256 (Repr-Digest, RFC 9530).
Anything else is refused as HTTP has it.
"""

import base64
import hashlib
import json
import re
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, BinaryIO, Final

from helloworld_operator.operand import forms
from helloworld_operator.operand.guestbook import Full, GuestBook
from helloworld_operator.operand.server import Server

# Seconds a client may take for its request or between two of them, and for any part of an answer.
_PATIENCE: Final = 10
# Seconds for a whole snapshot: this much, and a second for each MiB.
_SNAPSHOT_PATIENCE: Final = 60
# Seconds to wait for the one before: its client has all bytes a moment before its copy is removed.
_TURN: Final = 2.0
_CHUNK: Final = 256 * 1024
_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_ALLOWED: Final = {"/guestbook": "GET, HEAD, POST"}
# What a header's value may have (RFC 9110, section 5.5, without what is obsolete in it).
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_NO_VOLUME: Final = "there is no guest book: it needs a volume (spec.persistence)\n"


class Handler(BaseHTTPRequestHandler):
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    server_version = "helloworld"
    sys_version = ""
    timeout = _PATIENCE
    # Head and body go out in two writes: with Nagle's algorithm the body would wait until the
    # client has acknowledged the head, which Linux delays by 40 ms.
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        """Answer the greeting, the health check, the guest book or a copy of it."""
        with self.server.busy():
            path, _, query = self.path.partition("?")
            if path == "/healthz":
                self._answer(HTTPStatus.OK, "ok\n")
            elif path == "/":
                self._greet()
            elif path in ("/guestbook", "/snapshot"):
                self._with_book(path, query)
            else:
                where = "/, /healthz and /guestbook" if self.server.book else "/ and /healthz"
                self._answer(HTTPStatus.NOT_FOUND, f"not found: there is {where}\n")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Write an entry into the guest book."""
        with self.server.busy():
            if self.path.partition("?")[0] != "/guestbook" or self.server.book is None:
                self._refuse_method()
                return
            try:
                name, message = forms.entry(self.headers.get("Content-Type", ""), self._body())
                entry = self.server.book.add(name, message)
            except forms.Refused as refusal:
                self._close(refusal.status, refusal.sentence)
            except Full:
                self._close(
                    HTTPStatus.INSUFFICIENT_STORAGE,
                    "the volume is full: nothing was written (spec.persistence.size can grow)",
                )
            except sqlite3.Error as error:
                self._close(HTTPStatus.SERVICE_UNAVAILABLE, f"nothing was written: {error}")
            else:
                self._json(HTTPStatus.CREATED, asdict(entry))

    def _greet(self) -> None:
        greeting, book = self.server.greeting, self.server.book
        visits = book.visit() if book is not None and self.command == "GET" else None
        headers = {"Vary": "Accept"}
        if greeting.language:
            headers["Content-Language"] = greeting.language
        if _wants_json(self.headers.get("Accept", "")):
            body: dict[str, Any] = {
                "message": greeting.message,
                "language": greeting.language or None,
                "servedBy": greeting.served_by,
            }
            if visits is not None:
                body["visits"] = visits
            self._json(HTTPStatus.OK, body, headers)
        else:
            self._answer(HTTPStatus.OK, greeting.message + "\n", _TEXT, headers)

    def _with_book(self, path: str, query: str) -> None:
        book = self.server.book
        if book is None:
            self._answer(HTTPStatus.NOT_FOUND, _NO_VOLUME)
            return
        try:
            if path == "/snapshot":
                self._snapshot(book)
            else:
                page = forms.page(query)
                entries = [asdict(each) for each in book.entries(page.limit, page.before)]
                body = {"total": len(book), "visits": book.visits, "entries": entries}
                self._json(HTTPStatus.OK, body)
        except forms.Refused as refusal:
            self._answer(refusal.status, refusal.sentence + "\n")
        except sqlite3.Error as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"the volume does not work: {error}\n")

    def _snapshot(self, book: GuestBook) -> None:
        # One at a time: each takes room on the node, and the disk's attention.
        if not self.server.copying.acquire(timeout=_TURN):
            text = "another snapshot is being taken\n"
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, text, headers={"Retry-After": "2"})
            return
        try:
            with tempfile.TemporaryDirectory(prefix="snapshot-") as directory:
                path = Path(directory, "copy")
                try:
                    book.copy(path)
                    with path.open("rb") as file:
                        digest = hashlib.file_digest(file, "sha256").digest()
                except OSError as error:
                    text = f"no room for the copy: {error.strerror}\n"
                    self._answer(HTTPStatus.INSUFFICIENT_STORAGE, text)
                    return
                self._send_file(path, digest)
        finally:
            self.server.copying.release()

    def _send_file(self, path: Path, digest: bytes) -> None:
        size = path.stat().st_size
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/vnd.sqlite3")
        self.send_header("Content-Length", str(size))
        self.send_header("Repr-Digest", f"sha-256=:{base64.b64encode(digest).decode()}:")
        self.end_headers()
        if self.command == "HEAD":
            return
        end = time.monotonic() + _SNAPSHOT_PATIENCE + size / 2**20
        with path.open("rb") as file:
            self._stream(file, end)

    def _stream(self, file: BinaryIO, end: float) -> None:
        while chunk := file.read(_CHUNK):
            if time.monotonic() > end:
                # Who reads too slowly must not keep others from taking a snapshot.
                self.close_connection = True
                return
            self.wfile.write(chunk)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length")
        if length is None:
            raise forms.Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        if not (length.isascii() and length.isdecimal()):
            raise forms.Refused(HTTPStatus.BAD_REQUEST, "Content-Length is no number")
        if len(length) > 9 or int(length) > forms.MAX_BODY:
            raise forms.Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body may have {forms.MAX_BODY} bytes",
            )
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise forms.Refused(HTTPStatus.BAD_REQUEST, "the body is shorter than it says")
        return body

    def _refuse_method(self) -> None:
        allowed = _ALLOWED.get(self.path.partition("?")[0], "") if self.server.book else ""
        allowed = allowed or "GET, HEAD"
        text = f"{self.command} is not allowed: {allowed}"
        self._close(HTTPStatus.METHOD_NOT_ALLOWED, text, {"Allow": allowed})

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method

    def _close(
        self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None
    ) -> None:
        # The body may not have been read, so the connection cannot be used again.
        self.close_connection = True
        self._answer(status, text + "\n", headers={**(headers or {}), "Connection": "close"})

    def _json(
        self, status: HTTPStatus, body: Any, headers: Mapping[str, str] | None = None
    ) -> None:
        self._answer(status, json.dumps(body, ensure_ascii=False) + "\n", _JSON, headers)

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        kind: str = _TEXT,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        body = text.encode(errors="replace")  # a lone surrogate from a broken environment
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_header(self, keyword: str, value: str) -> None:
        """A header; one whose value has a line end, or what no header may have, is left out.

        The greeting's language comes from an object that others write: a line end in it would
        begin a header of their choice, or a body.
        """
        if _VALUE.fullmatch(value):
            super().send_header(keyword, value)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing per request: probes alone would fill the log."""


def _wants_json(accept: str) -> bool:
    """Whether JSON is asked for before plain text; quality values are honoured roughly: by
    order."""
    for part in accept.lower().split(","):
        kind = part.partition(";")[0].strip()
        if kind in ("application/json", "application/*"):
            return True
        if kind.startswith("text/") or kind == "*/*":
            return False
    return False
