"""Which snapshots count as the operator's own: their labels are anybody's who may write them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from helloworld_operator.api import v1
from helloworld_operator.controller.observe import SNAPSHOTS
from helloworld_operator.controller.retention import MADE_BY, OF_UID, RUN, Retention
from helloworld_operator.controller.sources import new_stores
from kopfkit.runtime.client import Client, Object, Resource

NOW = datetime(2026, 1, 2, 12, 30, tzinfo=UTC)
OWNER: dict[str, Any] = {
    "metadata": {
        "name": "x",
        "namespace": "ns",
        "uid": "u",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
}
SPEC = msgspec.convert(
    {"persistence": {"size": "1Mi"}, "snapshots": {"schedule": "@hourly", "keep": 1}}, v1.Spec
)


class Server(Client):
    """Remembers what was made and deleted."""

    def __init__(self) -> None:
        self.manager = "helloworld-operator"
        self.made: list[str] = []
        self.deleted: list[str] = []

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        self.made.append(body["metadata"]["name"])
        return {**body, "metadata": {**body["metadata"], "uid": "m", "resourceVersion": "9"}}

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str
    ) -> None:
        self.deleted.append(name)


def snapshot(name: str, run: str, *, of: str = "x", uid: str = "u") -> Any:
    ready = {"type": "Ready", "status": "True"}
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": name,
            "creationTimestamp": "2026-01-02T11:00:00Z",
            "labels": {OF_UID: uid, MADE_BY: "schedule"},
            "annotations": {RUN: run},
        },
        "spec": {"helloWorldName": of},
        "status": {"conditions": [ready], "completedAt": "2026-01-02T11:00:00Z"},
    }


def looked(*snapshots: Any) -> Server:
    """What one look at these does."""
    server, stores = Server(), new_stores()
    for each in snapshots:
        stores[SNAPSHOTS].put(each)
    retention = Retention(server, stores, now=lambda: NOW, wake=lambda _: None)
    asyncio.run(retention(OWNER, SPEC, settled=True))
    return server


def test_a_run_of_the_future_ends_no_schedule_and_pushes_out_no_copy() -> None:
    real = snapshot("real", "202601021200")
    forged = snapshot("forged", "999901010000")

    assert looked(real).made == []
    # It counts as of when it was made, before the real one: that stays, and the schedule goes on.
    server = looked(real, forged)
    assert "real" not in server.deleted
    assert looked(forged).made == ["x-202601021200"]


def test_a_snapshot_of_something_else_is_nobodys_whatever_its_labels_say() -> None:
    stores = new_stores()
    stores[SNAPSHOTS].put(snapshot("x-upgrade-abc", "202601021200", of="y"))
    retention = Retention(Server(), stores, now=lambda: NOW, wake=lambda _: None)

    taken = asyncio.run(retention.before_upgrade(OWNER, SPEC, "upgrade-abc"))

    # A copy of another guest book is none of this one.
    assert (taken.ready, taken.failed) == (False, True)
    assert looked(snapshot("other", "202601021200", of="y")).made == ["x-202601021200"]
