"""Which snapshots count as the operator's own: their labels are anybody's who may write them."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import msgspec

from helloworld_operator.api import v1
from helloworld_operator.controller import helloworlds, retention
from helloworld_operator.controller.retention import MADE_BY, OF_UID, RUN
from helloworld_operator.controller.world import SNAPSHOTS, World
from kopfkit.testing.reconcile import context

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


def snapshot(name: str, run: str, *, of: str = "x", uid: str = "u") -> Any:
    ready = {"type": "Ready", "status": "True"}
    return {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorldSnapshot",
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


class Looked:
    """What one look at these does."""

    def __init__(self, *snapshots: Any, before: str = "") -> None:
        self.ctx = context(helloworlds.controller(None), OWNER, snapshots)
        world = World(self.ctx._owner, SPEC)
        if before:
            self.taken = asyncio.run(retention.before_upgrade(world, self.ctx, NOW, before))
        else:
            asyncio.run(retention.keep(world, self.ctx, NOW, settled=True))
        names = {each["metadata"]["name"] for each in self.ctx.list(SNAPSHOTS)}
        given = {each["metadata"]["name"] for each in snapshots}
        self.made, self.deleted = sorted(names - given), sorted(given - names)


def test_a_run_of_the_future_ends_no_schedule_and_pushes_out_no_copy() -> None:
    real = snapshot("real", "202601021200")
    forged = snapshot("forged", "999901010000")

    assert Looked(real).made == []
    # It counts as of when it was made, before the real one: that stays, and the schedule goes on.
    both = Looked(real, forged)
    assert both.deleted == ["forged"]
    assert Looked(forged).made == ["x-202601021200"]


def test_a_snapshot_of_something_else_is_nobodys_whatever_its_labels_say() -> None:
    other = snapshot("x-upgrade-abc", "202601021200", of="y")
    taken = Looked(other, before="upgrade-abc").taken

    # A copy of another guest book is none of this one.
    assert (taken.ready, taken.failed) == (False, True)
    assert Looked(snapshot("other", "202601021200", of="y")).made == ["x-202601021200"]
