"""SIGKILL after every single API write, in a longer run before it as well: the same end as without,
and no orphans.

A clean run counts the writes. Then one operator for each point dies there, and one operator after
them finds what they left.
"""

import asyncio
import contextlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from budgets import SOAK
from kopfkit.testing.faultproxy import Answer, Drop, Forward, Request
from kopfkit.testing.waiting import eventually

NEW_IMAGE = "localhost:5001/helloworld-operator:new"
AUTOSCALED: dict[str, Any] = {
    "autoscaling": {"maxReplicas": 5},
    "resources": {"requests": {"cpu": "10m"}},
}
FULL: dict[str, Any] = {
    "replicas": 3,
    "greeting": {"message": "new", "language": "zh-Hans"},
    "service": {"type": "NodePort", "port": 8000},
}


@dataclass(frozen=True)
class Change:
    """What happens to the object "x" while no operator runs.

    Attributes:
        before: the settled spec at the start; None where there is no object yet.
        after: the patch of the spec; None where only the operator is another one.
        image: the operand's default image of the operator that acts.
    """

    before: dict[str, Any] | None
    after: dict[str, Any] | None
    image: str = ""


CHANGES = {
    "create": Change(None, FULL),
    "create autoscaled": Change(None, AUTOSCALED),
    "update": Change({"replicas": 1}, FULL),
    "scale up by autoscaling": Change({"replicas": 2}, AUTOSCALED),
    "no autoscaling any more": Change(AUTOSCALED, {"autoscaling": None, "replicas": 2}),
    "upgrade the default image": Change({"replicas": 2}, None, image=NEW_IMAGE),
    "upgrade spec.image": Change({"image": "example.com/x:1"}, {"image": "example.com/x:2"}),
}


@dataclass(frozen=True)
class Point:
    """One moment to die at."""

    number: int
    when: str

    def __str__(self) -> str:
        return f"{self.when} write {self.number}"


class Killer:
    """Takes note of the writes, and kills the operator at its point."""

    def __init__(self, kit: Any, point: Point | None) -> None:
        self._kit, self._point = kit, point
        self.writes: list[str] = []
        self.operator: Any = None
        self.died = False

    async def __call__(self, request: Request, forward: Forward) -> Answer:
        if not self._kit.counts(request):
            return await forward()
        self.writes.append(str(request))
        if self._point is None or len(self.writes) != self._point.number:
            return await forward()
        if self._point.when == "after":
            await forward()
        self.operator.process.kill()
        self.died = True
        raise Drop


def _change(world: Any, change: Change) -> None:
    if change.before is None:
        world.create("x", **(change.after or {}))
    elif change.after is not None:
        world.api.patch(world.hello("x"), {"spec": change.after})


def _settled(world: Any) -> bool:
    """Whether the status is about the newest spec, and the Deployment controller has seen its."""
    found = world.items("Deployment")
    seen = [
        each.get("status", {}).get("observedGeneration") == each["metadata"]["generation"]
        for each in found
    ]
    return bool(found) and all(seen) and bool(world.told())


def _finished(world: Any, killer: Killer) -> None:
    """Wait until the operator is dead, or has told the status and written nothing for a while."""
    eventually(lambda: killer.died or (_settled(world) and killer.writes))
    quiet = False
    while not killer.died and not quiet:
        eventually(lambda: killer.died or _settled(world))
        before = list(killer.writes)
        with contextlib.suppress(AssertionError):
            eventually(lambda seen=before: killer.died or seen != killer.writes, timeout=2.5)
        quiet = before == killer.writes


LONG = SOAK or float(os.environ.get("RELIABILITY", "1")) > 1
# The others go the same ways; a longer run tries them, too.
TRIED = CHANGES if LONG else ("create", "update", "upgrade the default image")
# Who died before a write left the same objects as who died after the one before it, and before the
# first one there is nothing to find; a longer run tries both.
DEATHS = ("before", "after") if LONG else ("after",)


def _points(count: int, moments: Iterable[str] = DEATHS) -> list[Point]:
    return [Point(number, when) for number in range(1, count + 1) for when in moments]


# Writes of one change, at most; a run that makes more fails.
MOST = 8


@pytest.mark.parametrize("name", TRIED)
def test_dying_at_any_write_changes_nothing_in_the_end(
    name: str, lane: Any, start: Any, world: Any, kit: Any
) -> None:
    change, clean = CHANGES[name], world()
    worlds = {point: world() for point in _points(MOST)}
    if change.before is not None:
        first = start("--no-leader-elect")
        for each in (clean, *worlds.values()):
            each.create("x", **change.before)
        for each in (clean, *worlds.values()):
            eventually(lambda each=each: _settled(each))
        first.stop()
    image = {"image": change.image} if change.image else {}

    def die(world: Any, point: Point | None) -> Killer:
        one = lane()
        killer = one.proxy.on_request = Killer(kit, point)
        _change(world, change)
        killer.operator = operator = one.start(
            "--no-leader-elect", f"--namespace={world.namespace}", **image
        )
        _finished(world, killer)
        operator.stop() if point is None else operator.kill()
        return killer

    writes = die(clean, None).writes
    assert 0 < len(writes) <= MOST, writes
    points = [point for point in worlds if point.number <= len(writes)]
    with ThreadPoolExecutor(3) as pool:
        killers = list(pool.map(lambda point: die(worlds[point], point), points))
    # The status may be told in one write more or less; every other point was reached.
    reached = {point for point, killer in zip(points, killers, strict=True) if killer.died}
    assert {point for point in points if "/status" not in writes[point.number - 1]} <= reached
    start("--no-leader-elect", **image)

    print(f"{len(points)} points: {', '.join(writes)}")
    for point in points:
        found = worlds[point]
        try:
            # Both move on: a rollout without nodes is stuck after three minutes.
            eventually(lambda found=found: kit.same(found.picture(), clean.picture()) is None)
        except AssertionError as error:
            error.add_note(f"died {point}: {writes[point.number - 1]}")
            raise
        assert found.orphans() == []


def test_an_object_deleted_at_any_write_leaves_no_orphans(
    lane: Any, world: Any, kit: Any, api: Any
) -> None:
    points = _points(3, ("before", "after"))
    worlds = {point: world() for point in points}

    def delete(point: Point) -> None:
        one, here, seen = lane(), worlds[point], []

        async def hook(request: Request, forward: Forward) -> Answer:
            if not kit.counts(request):
                return await forward()
            seen.append(str(request))
            here_and_now = len(seen) == point.number
            if here_and_now and point.when == "before":
                await asyncio.to_thread(api.delete, here.hello("x"))
            answer = await forward()
            if here_and_now and point.when == "after":
                await asyncio.to_thread(api.delete, here.hello("x"))
            return answer

        one.proxy.on_request = hook
        operator = one.start("--no-leader-elect", f"--namespace={here.namespace}")
        here.create("x", **FULL)
        eventually(lambda: len(seen) >= point.number and not here.items("HelloWorld"))
        eventually(lambda: here.orphans() == [])
        # The next object of that name is a new one, and complete.
        here.create("x", **FULL)
        # A create that was on its way when the object before went may have come after the look: the
        # garbage collector takes that child, too.
        eventually(lambda: here.orphans() == [] and _settled(here))
        operator.stop()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(delete, points))


def test_an_object_deleted_while_the_operator_is_dead_goes_with_its_children(
    lane: Any, start: Any, world: Any, kit: Any, api: Any
) -> None:
    points = _points(3)
    worlds = {point: world() for point in points}

    def die(point: Point) -> None:
        one, here = lane(), worlds[point]
        killer = one.proxy.on_request = Killer(kit, point)
        here.create("x", **FULL)
        killer.operator = one.start("--no-leader-elect", f"--namespace={here.namespace}")
        eventually(lambda: killer.died)
        api.delete(here.hello("x"))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(die, points))
    start("--no-leader-elect").says("Caches synced")
    for here in worlds.values():
        eventually(lambda here=here: here.orphans() == [])
