"""Health as the kubelet asks for it."""

import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.runtime.telemetry.health import DEAD, Health


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def health(clock: Clock) -> AsyncIterator[Health]:
    made = Health(clock=clock)
    yield made
    await made.stop()


async def test_a_busy_event_loop_is_alive(health: Health) -> None:
    port = await health.start(0)
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(ask, port, "healthz")
        deadline = time.monotonic() + 10
        while not asked.done() and time.monotonic() < deadline:
            pass  # this thread's event loop does not turn meanwhile
        assert asked.result(0) == (200, "ok\n")


async def test_an_event_loop_that_no_longer_turns_is_dead(health: Health, clock: Clock) -> None:
    port = await health.start(0)
    clock.seconds += DEAD + 1
    with ThreadPoolExecutor(1) as other:
        # No await in between, so the loop has no chance to give its sign of life.
        status, text = other.submit(ask, port, "healthz").result()

    assert status == 503
    assert text == "event loop: has not turned for 61 s\n"


async def test_ready_says_what_is_missing(health: Health) -> None:
    missing = ["not filled yet"]
    health.checks = {"caches": lambda: missing[0], "watches": lambda: ""}
    port = await health.start(0)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(ask, port, "readyz").result() == (
            503,
            "caches: not filled yet\nwatches: ok\n",
        )
        missing[0] = ""
        assert other.submit(ask, port, "readyz").result()[0] == 200


async def test_a_taken_port_is_an_expected_failure(health: Health) -> None:
    port = await health.start(0)
    with pytest.raises(KopfkitError, match="cannot listen"):
        await Health().start(port)


async def test_after_the_end_nobody_answers(health: Health) -> None:
    port = await health.start(0)
    await health.stop()
    with pytest.raises(urllib.error.URLError):
        ask(port, "healthz")
