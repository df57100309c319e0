"""The greeting server: what the Deployment of a HelloWorld runs.

The standard library's HTTP server, because this process runs once per pod and does next to nothing:
20 MB instead of aiohttp's 35, and no import of kopf or a Kubernetes client.

The greeting comes from the environment: GREETING_MESSAGE, GREETING_LANGUAGE (a tag as in RFC 5646,
may be empty), POD_NAME, PORT.
"""

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from helloworld_operator.settings import OPERAND_PORT
from kopfkit.errors import KopfkitError

# Seconds a client may take for its request or between two of them.
_PATIENCE: Final = 10
_ALLOWED: Final = "GET, HEAD"


@dataclass(frozen=True)
class Greeting:
    """What is answered: the message, its language ("" for none) and who answers."""

    message: str
    language: str
    served_by: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Greeting":
        """The greeting that the environment holds."""
        return cls(
            message=environment.get("GREETING_MESSAGE") or "Hello, World!",
            language=environment.get("GREETING_LANGUAGE", ""),
            served_by=environment.get("POD_NAME") or socket.gethostname(),
        )


class Handler(BaseHTTPRequestHandler):
    """GET and HEAD of / and /healthz; anything else is refused as HTTP has it."""

    protocol_version = "HTTP/1.1"
    server_version = "helloworld"
    sys_version = ""
    timeout = _PATIENCE
    server: "Server"

    def do_GET(self) -> None:
        """Answer the greeting or the health check."""
        path = self.path.partition("?")[0]
        if path == "/healthz":
            self._answer(HTTPStatus.OK, "ok\n", "text/plain; charset=utf-8")
        elif path == "/":
            self._greet()
        else:
            self._answer(HTTPStatus.NOT_FOUND, "not found: there is / and /healthz\n")

    do_HEAD = do_GET

    def _greet(self) -> None:
        greeting = self.server.greeting
        headers = {"Vary": "Accept"}
        if greeting.language:
            headers["Content-Language"] = greeting.language
        if _wants_json(self.headers.get("Accept", "")):
            body = {
                "message": greeting.message,
                "language": greeting.language or None,
                "servedBy": greeting.served_by,
            }
            text, kind = json.dumps(body, ensure_ascii=False), "application/json"
        else:
            text, kind = greeting.message, "text/plain; charset=utf-8"
        self._answer(HTTPStatus.OK, text + "\n", kind, headers)

    def _refuse(self) -> None:
        # The body is not read, so the connection cannot be used again.
        self.close_connection = True
        headers = {"Allow": _ALLOWED, "Connection": "close"}
        text = f"{self.command} is not allowed: {_ALLOWED}\n"
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED, text, headers=headers)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse

    def _answer(
        self,
        status: HTTPStatus,
        text: str,
        kind: str = "text/plain; charset=utf-8",
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

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing per request: probes alone would fill the log."""


class Server(ThreadingHTTPServer):
    """The server, which knows its greeting."""

    daemon_threads = True
    request_queue_size = 128
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def __init__(self, greeting: Greeting, port: int) -> None:
        self.greeting = greeting
        super().__init__(("", port), Handler)

    def server_bind(self) -> None:
        """Bind, for IPv4 and IPv6 where the machine has both."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


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


def serve(environment: Mapping[str, str] = os.environ) -> None:
    """Answer until SIGTERM or SIGINT.

    Raises:
        KopfkitError: the port is not a number or cannot be listened on.
    """
    given = environment.get("PORT") or str(OPERAND_PORT)
    greeting = Greeting.of(environment)
    try:
        server = Server(greeting, int(given))
    except (ValueError, OverflowError) as error:
        raise KopfkitError(f"PORT={given}", "is not a port number", "set 1 to 65535.") from error
    except OSError as error:
        raise KopfkitError(
            f"port {given}", f"cannot listen ({error.strerror or error})", "set PORT to another."
        ) from error

    def end(number: int, frame: Any) -> None:
        # shutdown waits for the loop, which this handler interrupts: it needs a thread of its own.
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    print(f"greets with {greeting.message!r} on port {server.server_port}", file=sys.stderr)
    with server:
        server.serve_forever(poll_interval=0.2)
