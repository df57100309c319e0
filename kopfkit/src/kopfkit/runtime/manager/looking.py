"""Something the leader looks at again and again, whatever happens in between."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from kopfkit.runtime.api.errors import ApiError, NotLeading

# Seconds between two looks whether we lead.
_LOOK: Final = 1.0


async def look_for_ever(
    once: Callable[[], Awaitable[None]],
    *,
    may: Callable[[], bool],
    failed: Callable[[ApiError], None],
    interval: float,
) -> None:
    """Call `once` for ever while this process may write.

    Args:
        once: one look, and what it asks for.
        may: whether this process may write now.
        failed: told of a look that failed; the next one comes as usual.
        interval: seconds between two looks.
    """
    while True:
        try:
            while not may():  # noqa: ASYNC110 - leadership is a fact, not an event
                await asyncio.sleep(_LOOK)
            await once()
        except NotLeading:
            continue
        except ApiError as error:
            failed(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # else kopf's stop cancelled what we awaited; go on
        await asyncio.sleep(interval * random.uniform(0.9, 1.1))
