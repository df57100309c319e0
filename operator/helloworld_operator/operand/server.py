"""The greeting server's process: what it is told, what it listens on, how it ends.

The greeting comes from the environment: GREETING_MESSAGE, GREETING_LANGUAGE (a tag as in RFC 5646,
may be empty), POD_NAME, PORT; DATA_DIR is the volume of the guest book, if there is one.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from helloworld_operator.operand.guestbook import GuestBook
from helloworld_operator.operand.handler import Handler
from helloworld_operator.settings import OPERAND_PORT
from kopfkit.errors import KopfkitError

# Seconds between two writes of the counter of visits.
_FLUSH: Final = 1.0
# Seconds that requests get to end after SIGTERM; the pod is killed after 10.
_GRACE: Final = 7.0


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

    def __init__(self, greeting: Greeting, port: int, book: GuestBook | None = None) -> None:
        self.greeting, self.book = greeting, book
        self.copying = threading.Lock()
        self._busy = 0
        self._quiet = threading.Condition()
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


def serve(environment: Mapping[str, str] = os.environ) -> None:
    """Answer until SIGTERM or SIGINT, then finish what is being answered.

    Raises:
        KopfkitError: the port is not a number or cannot be listened on, or the guest book cannot
            be used.
    """
    given = environment.get("PORT") or str(OPERAND_PORT)
    greeting = Greeting.of(environment)
    directory = environment.get("DATA_DIR")
    book = GuestBook(Path(directory)) if directory else None
    try:
        server = Server(greeting, int(given), book)
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
    if book is not None:
        threading.Thread(target=_flush, args=(book,), daemon=True).start()
        print(f"keeps {len(book)} entries in {book.path}", file=sys.stderr)
    print(f"greets with {greeting.message!r} on port {server.server_port}", file=sys.stderr)
    with server:
        server.serve_forever(poll_interval=0.2)
    server.finish(_GRACE)
    if book is not None:
        book.close()


def _flush(book: GuestBook) -> None:
    while True:
        time.sleep(_FLUSH)
        try:
            book.flush()
        except Exception as error:
            # A disk that fails is told to who writes an entry; visits wait in memory.
            print(f"cannot write the counter of visits: {error}", file=sys.stderr)
