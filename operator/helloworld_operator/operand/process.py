"""The greeting server's process: what it is told and how it ends.

The greeting comes from the environment: GREETING_MESSAGE, GREETING_LANGUAGE (a tag as in RFC 5646,
may be empty), POD_NAME, PORT; DATA_DIR is the volume of the guest book, if there is one.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from helloworld_operator.operand.guestbook import GuestBook
from helloworld_operator.operand.handler import Handler
from helloworld_operator.operand.server import Greeting, Server
from helloworld_operator.settings import OPERAND_PORT
from kopfkit.errors import KopfkitError

# Seconds between two writes of the counter of visits.
_FLUSH: Final = 1.0
# Seconds that requests get to end after SIGTERM; the pod is killed after 10.
_GRACE: Final = 7.0


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
        server = Server(greeting, int(given), Handler, book)
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
