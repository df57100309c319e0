"""A change of message or image while somebody asks without a break: no request fails."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.waiting import eventually

# Asks the Service by its name, each time on a connection of its own, as a new visitor does; ends
# when the pod is told to. Two at a time, so that one slow answer does not hide the others.
ASK = """
import collections, json, signal, sys, threading, time, urllib.request
seen, over = collections.Counter(), threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
def ask():
    while not over.is_set():
        try:
            with urllib.request.urlopen(sys.argv[1], timeout=10) as answer:
                seen[answer.read().decode().strip()] += 1
        except Exception as error:
            seen[f"failed: {error!r}"] += 1
        time.sleep(0.01)
for _ in range(2):
    threading.Thread(target=ask, daemon=True).start()
while not over.wait(0.5):
    print(json.dumps(seen), flush=True)
"""


class Visitor:
    """A pod that asks until the test ends; `seen` counts the answers by their text."""

    def __init__(self, world: Any) -> None:
        self._world = world

    def seen(self) -> dict[str, int]:
        """Counts so far; LookupError before the first ones."""
        lines = self._world.run("logs", "visitor", "--tail=1").strip()
        if not lines:
            raise LookupError("nothing yet")
        counts: dict[str, int] = json.loads(lines)
        return counts

    def sees(self, text: str, more: int = 50) -> dict[str, int]:
        """Wait until `text` was answered `more` times more than now; all counts then."""
        goal = self._safe().get(text, 0) + more
        eventually(lambda: self._safe().get(text, 0) >= goal, timeout=180, interval=0.5)
        return self.seen()

    def _safe(self) -> dict[str, int]:
        try:
            return self.seen()
        except LookupError:
            return {}


@pytest.fixture
def visitor(world: Any, run_pod: Callable[..., None]) -> Visitor:
    """A visitor of a HelloWorld of two pods that greets with `one`."""
    world.create("hello", {"replicas": 2, "greeting": {"message": "one"}})
    world.ready("hello", 2)
    run_pod("visitor", ASK, "http://hello/")
    found = Visitor(world)
    found.sees("one")
    return found


def failed(seen: dict[str, int]) -> dict[str, int]:
    """What went wrong, by its text."""
    return {text: count for text, count in seen.items() if text.startswith("failed")}


def test_a_change_of_the_message_fails_no_request(world: Any, visitor: Visitor) -> None:
    for message in ("two", "three"):
        world.change("hello", {"greeting": {"message": message}})
        world.becomes("hello", "Progressing", "False", "RolloutComplete")
        seen = visitor.sees(message)
    assert failed(seen) == {}


def test_a_change_of_the_image_fails_no_request(
    world: Any, visitor: Visitor, variants: Any
) -> None:
    world.change("hello", {"image": variants.other, "greeting": {"message": "other"}})
    world.becomes("hello", "Progressing", "False", "RolloutComplete")
    visitor.sees("other")
    world.change("hello", {"image": None, "greeting": {"message": "own"}})
    world.becomes("hello", "Progressing", "False", "RolloutComplete")
    assert failed(visitor.sees("own")) == {}


def test_scaling_down_fails_no_request(world: Any, visitor: Visitor) -> None:
    world.run("scale", "hw/hello", "--replicas=4")
    world.ready("hello", 4)
    visitor.sees("one")
    world.run("scale", "hw/hello", "--replicas=1")
    world.ready("hello", 1)
    assert failed(visitor.sees("one")) == {}


def test_a_broken_image_fails_no_request(world: Any, visitor: Visitor, variants: Any) -> None:
    world.change("hello", {"image": variants.broken})
    world.becomes("hello", "Degraded", "True", "PodsCrashing")
    world.change("hello", {"image": None})
    world.becomes("hello", "Progressing", "False", "RolloutComplete")
    assert failed(visitor.sees("one")) == {}
