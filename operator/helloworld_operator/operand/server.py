"""The HTTP server: what it greets with, the socket, which requests are being answered."""

import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from helloworld_operator.operand.guestbook import GuestBook


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


class Server(ThreadingHTTPServer):
    """The server, which knows its greeting and its guest book (None without a volume)."""

    daemon_threads = True
    request_queue_size = 128
    address_family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET

    def __init__(
        self,
        greeting: Greeting,
        port: int,
        handler: type[BaseHTTPRequestHandler],
        book: GuestBook | None = None,
    ) -> None:
        self.greeting, self.book = greeting, book
        self.copying = threading.Lock()
        self._busy = 0
        self._quiet = threading.Condition()
        super().__init__(("", port), handler)

    def server_bind(self) -> None:
        """Bind, for IPv4 and IPv6 where the machine has both."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is nobody's error."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a request is being answered."""
        with self._quiet:
            self._busy += 1
        try:
            yield
        finally:
            with self._quiet:
                self._busy -= 1
                self._quiet.notify_all()

    def finish(self, seconds: float) -> bool:
        """Wait until nothing is being answered; False where it takes longer than that."""
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._busy, seconds)
