"""Tasks beside serving that begin again whatever ends them.

A pod that serves is restarted by nobody, so a task of it that ends stays away until the next
release. What the tasks themselves expect, they repeat themselves; here is the rest: no credentials
yet, a token that cannot be read, an error in the code.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Client

log = logging.getLogger(__name__)

# Seconds until the second try; twice as many before each further one.
FIRST: Final = 1.0
LONGEST: Final = 60.0

Task = Callable[[Client], Coroutine[Any, Any, None]]


async def keep(
    client: Client, what: str, *tasks: Task, first: float = FIRST, longest: float = LONGEST
) -> None:
    """Run tasks that never end with a client, until this is cancelled.

    When one of them fails, all are cancelled, the failure is logged, and after a pause all begin
    again with new credentials.

    Args:
        client: it need not be open, and is closed in the end.
        what: what they keep, for the log ("the certificate").
        first, longest: seconds between two tries, at first and at most. Tasks that have run for
            the longest pause begin anew with the first.
    """
    pause = first
    while True:
        began = time.monotonic()
        try:
            await client.open()
            async with asyncio.TaskGroup() as group:
                for task in tasks:
                    group.create_task(task(client))
        except* KopfkitError as errors:
            for error in errors.exceptions:
                log.error("cannot keep %s through upgrades: %s", what, error)
        except* Exception:
            log.exception("%s: not kept through upgrades, by a bug in kopfkit", what)
        finally:
            await client.close()
        if time.monotonic() - began > longest:
            pause = first
        log.info("trying to keep %s again in %g s", what, pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)
