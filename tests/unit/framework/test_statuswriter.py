"""Statuses are written on that very object only, and nobody's change is taken for known."""

from typing import Any

import pytest

from kopfkit.controller.errors import Vanished
from kopfkit.controller.statuswriter import StatusWriter
from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.errors import Conflict, NotFound
from kopfkit.runtime.manager.store import Store

BOXES = Resource("example.com", "v1", "boxes")


class Server(Client):
    """Stores the status of one object."""

    def __init__(self) -> None:
        metadata = {"name": "x", "namespace": "ns", "uid": "u", "generation": 1}
        self.owner: Any = {"apiVersion": "example.com/v1", "kind": "Box", "metadata": metadata}
        self.version, self.patches = 1, 0
        self.fails: Exception | None = None

    async def merge(
        self, resource: Resource, namespace: Any, name: str, body: Any, *, subresource: str = ""
    ) -> Any:
        assert (resource, subresource) == (BOXES, "status")
        if self.fails is not None:
            raise self.fails
        self.patches += 1
        self.version += 1
        metadata = {**self.owner["metadata"], "resourceVersion": str(self.version)}
        self.owner = {**self.owner, "metadata": metadata, "status": body["status"]}
        return self.owner

    async def get(self, resource: Resource, namespace: Any, name: str) -> Any:
        if self.owner is None:
            raise NotFound(name)
        return self.owner


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def writer(server: Server, store: Store) -> StatusWriter:
    return StatusWriter(server, {BOXES: store}, BOXES)


async def test_a_status_that_met_a_conflict_is_told_again_while_its_object_lives(
    server: Server, writer: StatusWriter
) -> None:
    owner, server.fails = server.owner, Conflict("too many writers")
    with pytest.raises(Conflict):
        await writer.write(owner, {"size": 1})
    server.owner = None
    with pytest.raises(Vanished):
        await writer.write(owner, {"size": 1})
    server.fails = NotFound("gone")
    with pytest.raises(Vanished):
        await writer.write(owner, {"size": 1})


async def test_a_spec_that_changed_under_the_status_still_comes_as_news(
    server: Server, store: Store, writer: StatusWriter
) -> None:
    read = server.owner
    # Somebody is faster than our status, whose answer then carries his change.
    server.owner = {**read, "metadata": {**read["metadata"], "generation": 2}}

    assert await writer.write(read, {"size": 1})
    assert store.put(server.owner)


async def test_the_status_that_was_written_is_known_at_once(
    server: Server, store: Store, writer: StatusWriter
) -> None:
    assert await writer.write(server.owner, {"size": 1})
    assert not store.put(server.owner)
    assert not await writer.write(server.owner, {"size": 1})
    assert server.patches == 1
