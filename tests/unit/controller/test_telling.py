"""What is told beside the status: Events, objections to an upgrade, and to whom."""

from typing import Any

import pytest

from helloworld_operator.api import v1
from helloworld_operator.controller.observe import DEPLOYMENTS, HELLOWORLDS
from helloworld_operator.controller.observed import Observed, Problem, Waiting
from helloworld_operator.controller.sources import new_stores
from helloworld_operator.controller.telling import Teller
from kopfkit.controller.errors import Vanished
from kopfkit.runtime.client import Client, Resource
from kopfkit.runtime.errors import Conflict, NotFound

KEY = ("ns", "x")


class Server(Client):
    """Stores the status of one HelloWorld."""

    def __init__(self) -> None:
        self.owner: Any = {
            "apiVersion": "test.jiaozi.com/v1",
            "kind": "HelloWorld",
            "metadata": {"name": "x", "namespace": "ns", "uid": "u", "generation": 1},
        }
        self.version, self.patches = 1, 0
        self.fails: Exception | None = None

    async def merge(
        self, resource: Resource, namespace: Any, name: str, body: Any, *, subresource: str = ""
    ) -> Any:
        assert (resource, subresource) == (HELLOWORLDS, "status")
        if self.fails is not None:
            raise self.fails
        self.patches += 1
        self.version += 1
        status = {key: value for key, value in body["status"].items() if value is not None}
        metadata = {**self.owner["metadata"], "resourceVersion": str(self.version)}
        self.owner = {**self.owner, "metadata": metadata, "status": status}
        return self.owner

    async def get(self, resource: Resource, namespace: Any, name: str) -> Any:
        if self.owner is None:
            raise NotFound(name)
        return self.owner


class Recorder:
    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def normal(self, obj: Any, reason: str, note: str) -> None:
        self.told.append(("Normal", reason))

    def warning(self, obj: Any, reason: str, note: str) -> None:
        self.told.append(("Warning", reason))


class Objections:
    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def set(self, ok: bool, reason: str = "", message: str = "", *, of: str = "") -> None:
        if ok:
            self.held.pop(of, None)
        else:
            self.held[of] = reason


class World:
    """One HelloWorld that is told about again and again."""

    def __init__(self) -> None:
        self.server, self.events, self.objections = Server(), Recorder(), Objections()
        self.stores = new_stores()
        self.good: str | None = None
        self.teller = Teller(
            self.server,
            self.stores,
            recorder=self.events,
            upgradeable=self.objections,
            now=lambda: "2026-01-01T00:00:00Z",
        )

    async def tell(self, **more: Any) -> None:
        await self.teller.tell(Observed(self.server.owner, v1.Spec(), **more))

    async def rolled(self, image: str, *, done: bool, **more: Any) -> None:
        names = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
        numbers = dict.fromkeys(names, 1) if done else {"availableReplicas": 1, "replicas": 1}
        pod = {"spec": {"containers": [{"name": "greeting", "image": image}]}}
        live = {
            "metadata": {"generation": 1},
            "spec": {"replicas": 1, "template": pod},
            "status": {"observedGeneration": 1, **numbers, **more.pop("at", {})},
        }
        # What a plan knows of a child's record.
        fields = {"image": self.good}
        await self.tell(children={DEPLOYMENTS: live}, fields=fields, **more)
        self.good = image if done else self.good


@pytest.fixture
def world() -> World:
    return World()


async def test_a_first_rollout_is_no_event_and_holds_no_upgrade(world: World) -> None:
    await world.rolled("a", done=False)
    assert world.objections.held == {}
    await world.rolled("a", done=True)

    assert world.events.told == []
    assert world.server.patches == 2


async def test_an_exchange_of_the_image_holds_upgrades_until_it_is_done(world: World) -> None:
    await world.rolled("a", done=True)
    await world.rolled("b", done=False)
    assert world.objections.held == {"ns/x": "RolloutInProgress"}
    await world.rolled("b", done=True)

    assert world.objections.held == {}
    assert world.events.told == [("Normal", "RolledOut")]


async def test_a_status_that_nobody_wrote_for_us_holds_no_upgrade_of_the_operator(
    world: World,
) -> None:
    world.server.owner["status"] = {"image": "forged"}

    await world.rolled("a", done=False)

    assert world.objections.held == {}


async def test_a_stuck_exchange_and_an_object_that_is_gone_hold_nothing(world: World) -> None:
    await world.rolled("a", done=True)
    await world.rolled("b", done=False)
    stuck = [{"type": "Progressing", "status": "False", "message": "timed out"}]
    await world.rolled("b", done=False, at={"conditions": stuck})
    assert world.objections.held == {}

    await world.rolled("c", done=False)
    world.teller.forget(KEY)
    assert world.objections.held == {}


async def test_waiting_for_a_snapshot_holds_upgrades_and_for_a_deletion_does_not(
    world: World,
) -> None:
    await world.rolled("a", done=False, waiting=Waiting("WaitingForSnapshot", "to restore it"))
    assert world.objections.held == {}
    await world.rolled("a", done=True)
    await world.rolled("a", done=True, waiting=Waiting("WaitingForSnapshot", "soon"))
    assert world.objections.held == {"ns/x": "RolloutInProgress"}
    await world.rolled("a", done=True, waiting=Waiting("WaitingForDeletion", "soon"))
    assert world.objections.held == {}


async def test_what_goes_wrong_is_one_warning_for_each_reason_and_the_end_is_told(
    world: World,
) -> None:
    await world.rolled("a", done=True)
    for message in ("one", "two"):
        await world.rolled("a", done=True, problems=(Problem("NameCollision", message),))
    await world.rolled("a", done=True, problems=(Problem("Forbidden", "no"),))
    await world.rolled("a", done=True)

    assert world.events.told == [
        ("Warning", "NameCollision"),
        ("Warning", "Forbidden"),
        ("Normal", "Recovered"),
    ]


async def test_nothing_is_written_where_nothing_changed(world: World) -> None:
    for _ in range(3):
        await world.rolled("a", done=True)

    assert world.server.patches == 1


async def test_a_status_that_met_a_conflict_is_told_again_while_its_object_lives(
    world: World,
) -> None:
    world.server.fails = Conflict("too many writers")
    with pytest.raises(Conflict):
        await world.tell()
    owner, world.server.owner = world.server.owner, None
    with pytest.raises(Vanished):
        await world.teller.tell(Observed(owner, v1.Spec()))
    world.server.fails = NotFound("gone")
    with pytest.raises(Vanished):
        await world.teller.tell(Observed(owner, v1.Spec()))


async def test_a_spec_that_changed_under_the_status_still_comes_as_news(world: World) -> None:
    read = world.server.owner
    store = world.stores[HELLOWORLDS]
    # Somebody is faster than our status, whose answer then carries his change.
    world.server.owner = {**read, "metadata": {**read["metadata"], "generation": 2}}

    await world.teller.tell(Observed(read, v1.Spec(), problems=(Problem("X", "x"),)))

    assert world.server.patches == 1
    assert store.put(world.server.owner)


async def test_the_status_that_was_written_is_known_at_once(world: World) -> None:
    await world.tell(problems=(Problem("X", "x"),))

    assert not world.stores[HELLOWORLDS].put(world.server.owner)
