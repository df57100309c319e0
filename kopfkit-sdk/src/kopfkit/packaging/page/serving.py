"""Serves a page on loopback, and tells the browsers that show it when it has changed."""

import json
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kopfkit.packaging.page.rendering import EVENTS, UNKNOWN_EDITION, policy

HOST = "127.0.0.1"
# Seconds between two signs of life, by which a browser that went is noticed.
_ALIVE = 15.0


class PageServer(ThreadingHTTPServer):
    """The server of one page.

    Args:
        port: on loopback; 0 for a free one.
        page: HTML.

    Raises:
        OSError: the port is in use.
    """

    daemon_threads = True

    def __init__(self, port: int, page: str) -> None:
        super().__init__((HOST, port), _Handler)
        self.page = page
        self.problem = ""
        self.edition = 0
        self.changed = threading.Condition()

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell of an error in an answer, but not of a browser that did not wait for it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self.server_port}/"

    def show(self, page: str) -> None:
        """Have every browser show another page."""
        self._tell(page, "")

    def complain(self, why: str) -> None:
        """Have every browser show why there is no other page."""
        self._tell(self.page, why)

    def _tell(self, page: str, problem: str) -> None:
        with self.changed:
            self.page, self.problem, self.edition = page, problem, self.edition + 1
            self.changed.notify_all()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "kopfkit"
    sys_version = ""

    def do_GET(self) -> None:
        # A page of somebody else's whose name leads to loopback (DNS rebinding) gets nothing.
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN)
        elif self.path == "/":
            self._answer("text/html; charset=utf-8")
            with self.server.changed:
                edition, page = self.server.edition, self.server.page
            known = UNKNOWN_EDITION.replace("0", str(edition))
            self.wfile.write(page.replace(UNKNOWN_EDITION, known, 1).encode())
        elif self.path.startswith(EVENTS + "?"):
            seen = self.path.partition("?")[2]
            self._answer("text/event-stream")
            self._events(self.wfile.write, seen)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def _answer(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        for name, value in (
            ("Content-Type", kind),
            ("Content-Security-Policy", policy(live=True) + "; frame-ancestors 'none'"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def _events(self, write: Callable[[bytes], object], seen: str) -> None:
        """Tell of each edition after the one that the browser has."""
        server = self.server
        try:
            while True:
                with server.changed:
                    if str(server.edition) == seen:
                        server.changed.wait(_ALIVE)
                    edition = str(server.edition)
                    news, seen = edition != seen, edition
                    told = json.dumps(server.problem)
                write(f"data: {told}\n\n".encode() if news else b": alive\n\n")
        except OSError:
            return  # it went

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are not logged."""
