"""What feeds the stores, and whom an event concerns."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from helloworld_operator.controller.operator import operator
from kopfkit.controller import assembly, kinds
from kopfkit.controller import sources as sources_module
from kopfkit.controller.sources import Sources
from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.errors import Unavailable
from kopfkit.runtime.manager.queue import WorkQueue
from kopfkit.runtime.manager.store import Key

OPERATOR = operator(None)
SOURCES = assembly.sources(OPERATOR.name, OPERATOR.controllers)
HELLOWORLDS = OPERATOR.controllers[0].resource
DEPLOYMENTS, SERVICES = kinds.DEPLOYMENTS.resource, kinds.SERVICES.resource


class Truth(Client):
    """A client whose lists are given."""

    def __init__(self) -> None:
        self.lists: dict[Resource, list[Any]] = {HELLOWORLDS: [], DEPLOYMENTS: [], SERVICES: []}
        self.version = 1

    async def list(self, resource: Resource, *_: Any, **__: Any) -> Any:
        return self.lists.get(resource, []), str(self.version)


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


def sources_of(truth: Client, queue: WorkQueue[Key], resync: float = 600.0) -> Sources:
    stores, queues = assembly.new_stores(SOURCES), {HELLOWORLDS: queue}
    return Sources(truth, stores, SOURCES, queues, namespaces=(), resync=resync)


def make() -> tuple[Truth, Recorder, Sources]:
    truth, queue = Truth(), Recorder()
    return truth, queue, sources_of(truth, queue)


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


@pytest.fixture
async def resync() -> AsyncIterator[Callable[[Sources], None]]:
    """Runs the resync in the background until the test ends."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda sources: tasks.append(asyncio.create_task(sources.run()))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(check: Callable[[], bool]) -> None:
    for _ in range(6000):
        if check():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within a minute")


async def test_what_no_event_ever_tells_is_found_by_the_resync(resync: Any) -> None:
    truth, queue = Truth(), Recorder()
    sources = sources_of(truth, queue, resync=0.05)
    resync(sources)
    truth.lists[HELLOWORLDS] = [hello()]
    await until(lambda: ("ns", "x") in queue.added)

    queue.added.clear()
    truth.lists[HELLOWORLDS], truth.version = [], 9
    await until(lambda: ("ns", "x") in queue.added)


async def test_after_a_list_of_kopfs_the_caches_are_compared_at_once(
    resync: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_module, "_QUIET", 0.05)
    truth, queue, sources = make()  # the next resync is ten minutes away
    resync(sources)
    truth.lists[HELLOWORLDS] = [hello()]
    sources.relisted()

    await until(lambda: ("ns", "x") in queue.added)


async def test_a_comparison_that_failed_is_made_again(
    resync: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_module, "_QUIET", 0.05)
    truth, queue, sources = make()
    original, failures = truth.list, [Unavailable("away"), Unavailable("away")]

    async def list_(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await original(*arguments, **options)

    monkeypatch.setattr(truth, "list", list_)
    resync(sources)
    truth.lists[HELLOWORLDS] = [hello()]
    sources.relisted()

    await until(lambda: ("ns", "x") in queue.added)
