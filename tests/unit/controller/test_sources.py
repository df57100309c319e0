"""What feeds the stores, and whom an event concerns."""

from typing import Any

from helloworld_operator.controller.observe import DEPLOYMENTS, HELLOWORLDS, SERVICES
from helloworld_operator.controller.sources import Sources, new_stores
from kopfkit.runtime.client import Client, Resource
from kopfkit.runtime.queue import WorkQueue
from kopfkit.runtime.store import Key


class Truth(Client):
    """A client whose lists are given."""

    def __init__(self) -> None:
        self.lists: dict[Resource, list[Any]] = {HELLOWORLDS: [], DEPLOYMENTS: [], SERVICES: []}
        self.version = 1

    async def list(self, resource: Resource, *_: Any, **__: Any) -> Any:
        return self.lists[resource], str(self.version)


class Recorder(WorkQueue[Key]):
    def __init__(self) -> None:
        self.added: list[Key] = []

    def add(self, key: Key) -> None:
        self.added.append(key)


def hello(name: str = "x", version: int = 1) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": str(version)}}


def child(name: str, owner: str | None, version: int = 1) -> dict[str, Any]:
    made = hello(name, version)
    if owner is not None:
        reference = {"apiVersion": "test.jiaozi.com/v1", "kind": "HelloWorld", "name": owner}
        made["metadata"]["ownerReferences"] = [{**reference, "controller": True, "uid": "u"}]
    return made


def make() -> tuple[Truth, Recorder, Sources]:
    truth, queue = Truth(), Recorder()
    return truth, queue, Sources(truth, new_stores(), queue, namespaces=(), resync=600.0)


async def test_an_event_that_is_no_news_wakes_nobody() -> None:
    _, queue, sources = make()
    sources.event(HELLOWORLDS, "ADDED", hello())
    sources.event(HELLOWORLDS, "MODIFIED", hello())

    assert queue.added == [("ns", "x")]


async def test_a_child_wakes_its_owner() -> None:
    _, queue, sources = make()
    sources.event(HELLOWORLDS, None, hello("long.name"))
    sources.event(DEPLOYMENTS, None, child("long-name-123", "long.name"))

    assert queue.added == [("ns", "long.name")] * 2


async def test_a_child_that_lost_its_owner_reference_wakes_its_former_owner() -> None:
    _, queue, sources = make()
    sources.event(HELLOWORLDS, None, hello("a.b"))
    sources.event(SERVICES, None, child("a-b-1", "a.b"))
    sources.event(SERVICES, "MODIFIED", child("a-b-1", None, 2))

    assert queue.added == [("ns", "a.b")] * 3


async def test_what_vanished_unseen_is_found_by_a_list_and_wakes_its_owner() -> None:
    truth, queue, sources = make()
    truth.lists = {HELLOWORLDS: [hello()], DEPLOYMENTS: [child("x-1", "x")], SERVICES: []}
    await sources.fill()
    queue.added.clear()
    truth.lists[DEPLOYMENTS], truth.version = [], 9
    await sources.fill()
    assert queue.added == [("ns", "x")]

    truth.lists[HELLOWORLDS] = []
    await sources.fill()
    assert queue.added == [("ns", "x")] * 2


async def test_a_change_that_no_event_told_is_found_by_a_list() -> None:
    truth, queue, sources = make()
    truth.lists[HELLOWORLDS] = [hello()]
    await sources.fill()
    truth.lists[HELLOWORLDS] = [hello(version=5)]
    await sources.fill()

    assert queue.added == [("ns", "x")] * 2
