"""An update of an Event that failed waits for its time, and holds nobody up."""

import asyncio
from typing import Any

import pytest

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import ApiError, NotLeading
from kopfkit.runtime.manager.events import HEARTBEAT, Recorder

OBJECT = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "x", "namespace": "ns", "uid": "u"},
}
# Tries after which the recorder is taken to try for ever.
ENOUGH = 20


class Refusing(Client):
    """Takes new events, and refuses updates without awaiting anything, as the gate does."""

    def __init__(self, error: Exception) -> None:
        self.error, self.tries = error, 0

    async def create(self, *_: Any, **__: Any) -> Any:
        return {}

    async def merge(self, *_: Any, **__: Any) -> Any:
        self.tries += 1
        if self.tries > ENOUGH:
            raise asyncio.CancelledError  # nothing else ends a loop that awaits nothing
        raise self.error


@pytest.mark.parametrize(
    "error", [NotLeading("no Lease"), ApiError("Forbidden", status=403)], ids=["lease", "rights"]
)
async def test_a_refused_update_is_tried_again_at_its_time_only(error: Exception) -> None:
    client, moment = Refusing(error), [0.0]
    recorder = Recorder(client, "test", "one", clock=lambda: moment[0])
    task = asyncio.create_task(recorder.run())
    try:
        recorder.normal(OBJECT, "Reason", "note")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert recorder.sent == 1
        for number in (1, 2):
            moment[0] += HEARTBEAT
            recorder.normal(OBJECT, "Reason", "note")  # its count grows
            recorder.warning(OBJECT, f"Other{number}", "note")  # wakes the recorder
            for _ in range(5):
                await asyncio.sleep(0)
            assert client.tries == number
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
