"""Snapshots by the clock on the real API server, with a clock that the test sets.

The part of the operator that makes and deletes them runs here in the test's own process: no test
waits for a minute to pass. What starts it, and the Jobs, are the other files' matter.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller import helloworlds, retention
from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.world import SNAPSHOTS, World
from kopfkit.controller import Context, Problem, assembly
from kopfkit.controller.sources import Target
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Resource
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.store import key_of
from kopfkit.testing.client import Api

HWS = "helloworldsnapshots"
CONTROLLER = helloworlds.controller(None)
OWNER_LABEL = "test.jiaozi.com/helloworld-uid"


class Quiet:
    """Takes Events."""

    def normal(self, obj: Any, reason: str, note: str) -> None:
        pass

    warning = normal


@dataclass
class Kept:
    """What one look told."""

    again: float | None
    problem: Problem | None
    last: Any


@dataclass
class Clockwork:
    """One HelloWorld, and the part of an operator that looks after its snapshots."""

    api: Api
    client: ViewingClient
    world: Any
    owner: Any
    now: datetime
    woken: list[Any] = field(default_factory=list)

    async def context(self) -> Context:
        """The context of an operator that was just started."""

        def wrote(by: Target, resource: Resource, obj: Any) -> None:
            self.woken.append(key_of(obj))

        stores = assembly.new_stores(assembly.sources(MANAGER, [CONTROLLER]))
        found, version = await self.client.list(SNAPSHOTS.resource, self.world.namespace)
        stores[SNAPSHOTS.resource].replace(found, version)
        parts = assembly.parts(MANAGER, CONTROLLER, self.client, stores, Quiet(), wrote=wrote)
        return Context(self.owner, parts)

    async def look(self, *, settled: bool = True, keep: int = 2, cron: str = "@hourly") -> Kept:
        """One look by an operator that was just started."""
        spec = {
            "persistence": {"size": "1Mi", "storageClassName": "fixed"},
            "snapshots": {"schedule": cron, "keep": keep},
        }
        ctx, seen = await self.context(), World(self.owner, msgspec.convert(spec, v1.Spec))
        await retention.keep(seen, ctx, self.now, settled=settled)
        problem = seen.problems[0] if seen.problems else None
        again = ctx.again.total_seconds() if ctx.again is not None else None
        return Kept(again, problem, msgspec.to_builtins(seen.last_snapshot))

    def finish(self, name: str, *, ready: bool = True) -> None:
        """What the Job's end makes of a snapshot."""
        states = {"Ready": ready, "Failed": not ready}
        conditions = [
            {
                "type": kind,
                "status": str(state),
                "reason": "Test",
                "message": "",
                "lastTransitionTime": "2026-11-25T00:00:00Z",
            }
            for kind, state in states.items()
        ]
        status = {"conditions": conditions, "completedAt": f"{self.now:%Y-%m-%dT%H:%M:%SZ}"}
        self.api.patch(self.world.path(HWS, name) + "/status", {"status": status})

    def names(self) -> list[str]:
        return sorted(self.world.names(HWS))


@pytest.fixture
async def clockwork(
    plane: Any, api: Api, world: Any, hello: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Clockwork]:
    # With the rights that the operator ships with, and no more.
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig("clockwork")[0]))
    client = ViewingClient(credentials.load, manager=MANAGER)
    await client.open()
    owner = hello(replicas=0).get()
    made = datetime.fromisoformat(owner["metadata"]["creationTimestamp"])
    # Half past the hour after next: one run has come since.
    now = made.astimezone(UTC).replace(minute=30, second=0) + timedelta(hours=2)
    yield Clockwork(api, client, world, owner, now)
    await client.close()


def name(at: datetime) -> str:
    return f"x-{at:%Y%m%d%H}00"


async def test_a_due_run_makes_one_snapshot_and_tells_when_the_next_is(
    clockwork: Clockwork,
) -> None:
    kept = await clockwork.look()

    assert clockwork.names() == [name(clockwork.now)]
    assert kept.again == pytest.approx(30 * 60, abs=1)
    made = clockwork.world.get(HWS, name(clockwork.now))
    assert made["metadata"]["labels"]["test.jiaozi.com/made-by"] == "schedule"
    assert made["metadata"]["labels"]["test.jiaozi.com/helloworld"] == "x"
    assert made["spec"] == {"helloWorldName": "x", "storageClassName": "fixed"}
    assert "ownerReferences" not in made["metadata"]
    assert [key[1] for key in clockwork.woken] == clockwork.names()
    # The same look, by another operator: nothing more.
    await clockwork.look()
    assert len(clockwork.names()) == 1


async def test_two_operators_at_the_same_time_make_one(clockwork: Clockwork) -> None:
    await asyncio.gather(*(clockwork.look() for _ in range(5)))

    assert len(clockwork.names()) == 1


async def test_runs_missed_in_a_week_are_made_up_for_once(clockwork: Clockwork) -> None:
    await clockwork.look()
    clockwork.finish(name(clockwork.now))

    clockwork.now += timedelta(days=7)
    for _ in range(3):
        await clockwork.look()

    assert len(clockwork.names()) == 2


async def test_snapshots_do_not_pile_up_behind_one_that_is_being_taken(
    clockwork: Clockwork,
) -> None:
    await clockwork.look()
    first = name(clockwork.now)
    for _ in range(3):
        clockwork.now += timedelta(hours=1)
        await clockwork.look()
    assert clockwork.names() == [first]

    clockwork.finish(first, ready=False)
    await clockwork.look()
    assert clockwork.names() == [first, name(clockwork.now)]


async def test_only_the_newest_ready_ones_of_its_own_are_kept(clockwork: Clockwork) -> None:
    others = [
        {},  # made by a person
        {"test.jiaozi.com/made-by": "schedule"},  # made by somebody who copied a label
        # of a HelloWorld of the same name that is gone
        {"test.jiaozi.com/made-by": "schedule", OWNER_LABEL: "0000"},
    ]
    for number, labels in enumerate(others):
        body = {
            "apiVersion": "test.jiaozi.com/v1",
            "kind": "HelloWorldSnapshot",
            "metadata": {
                "name": f"other-{number}",
                "namespace": clockwork.world.namespace,
                "labels": labels,
            },
            "spec": {"helloWorldName": "x"},
        }
        clockwork.api.create(body)
        clockwork.finish(f"other-{number}")
    made = []
    for ready in (True, True, False, True, False):
        await clockwork.look()
        made.append(name(clockwork.now))
        clockwork.finish(made[-1], ready=ready)
        clockwork.now += timedelta(hours=1)

    await clockwork.look()

    running = name(clockwork.now)
    # Two ready ones, the newest failure, and the one that is being taken.
    kept = [made[1], made[3], made[4], running]
    assert clockwork.names() == sorted([*kept, "other-0", "other-1", "other-2"])


async def test_nothing_is_taken_before_the_first_rollout(clockwork: Clockwork) -> None:
    await clockwork.look(settled=False)

    assert clockwork.names() == []


async def test_a_snapshot_of_somebody_else_in_the_place_of_a_run_is_left_alone(
    clockwork: Clockwork,
) -> None:
    body = {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorldSnapshot",
        "metadata": {"name": name(clockwork.now), "namespace": clockwork.world.namespace},
        "spec": {"helloWorldName": "x"},
    }
    clockwork.api.create(body)

    kept = await clockwork.look()

    assert kept.problem is not None
    assert kept.problem.reason == "InvalidSchedule"
    assert name(clockwork.now) in kept.problem.message
    assert clockwork.names() == [name(clockwork.now)]


async def test_a_schedule_that_names_no_time_is_told(clockwork: Clockwork) -> None:
    kept = await clockwork.look(cron="0 0 30 2 *")

    assert kept.problem is not None
    assert "names no time that ever comes" in kept.problem.message
    assert clockwork.names() == []


async def test_the_newest_complete_one_is_the_last(clockwork: Clockwork) -> None:
    await clockwork.look()
    first = name(clockwork.now)
    clockwork.finish(first)
    time = f"{clockwork.now:%Y-%m-%dT%H:%M:%SZ}"
    clockwork.now += timedelta(hours=1)

    kept = await clockwork.look()

    assert kept.last == {"name": first, "time": time}


async def test_the_snapshot_before_an_upgrade_is_taken_anew_when_it_is_old(
    clockwork: Clockwork,
) -> None:
    spec = msgspec.convert({"persistence": {"storageClassName": "fixed"}}, v1.Spec)

    async def before() -> Any:
        ctx, seen = await clockwork.context(), World(clockwork.owner, spec)
        return await retention.before_upgrade(seen, ctx, clockwork.now, "upgrade-1")

    assert not (await before()).ready
    uid = clockwork.world.get(HWS, "x-upgrade-1")["metadata"]["uid"]
    clockwork.finish("x-upgrade-1")
    assert (await before()).ready
    clockwork.now += timedelta(hours=2)

    assert not (await before()).ready
    assert not (await before()).ready
    assert clockwork.world.get(HWS, "x-upgrade-1")["metadata"]["uid"] != uid
