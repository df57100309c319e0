"""What is told beside the status: Events, and what blocks an upgrade of the operator."""

from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD, v1
from helloworld_operator.controller import status
from helloworld_operator.controller.world import World as Seen
from kopfkit.controller import Context, Controller, Object, Problem
from kopfkit.controller.images import Record
from kopfkit.testing.reconcile import reconcile


class World:
    """One HelloWorld that is told about again and again."""

    def __init__(self) -> None:
        self.owner: Any = {"metadata": {"name": "x", "namespace": "ns"}}
        self.patches, self.good, self.held = 0, "", ""
        self.told: list[tuple[str, str]] = []

    def tell(self, **more: Any) -> None:
        async def body(hello: Object[v1.Spec, v1.Status], ctx: Context) -> None:
            service = {"metadata": {"name": "x"}, "spec": SERVICE}
            status.tell(Seen(hello.raw, v1.Spec(), service=service, **more), hello.status, ctx)

        found = reconcile(Controller(HELLOWORLD, v1.VERSION, reconcile=body), self.owner)
        self.owner = found.object
        self.patches += len(found.writes)
        self.told += [each[:2] for each in found.events]
        self.held = found.blocks[0] if found.blocks else ""

    def rolled(self, image: str, *, done: bool, **more: Any) -> None:
        names = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
        numbers = dict.fromkeys(names, 1) if done else {"availableReplicas": 1, "replicas": 1}
        pod = {"spec": {"containers": [{"name": "greeting", "image": image}]}}
        live = {
            "metadata": {"generation": 1},
            "spec": {"replicas": 1, "template": pod},
            "status": {"observedGeneration": 1, **numbers, **more.pop("at", {})},
        }
        # What is known by a child's record.
        self.tell(deployment=live, record=Record(self.good or None), **more)
        self.good = image if done else self.good


SERVICE = {
    "selector": {"app.kubernetes.io/name": "helloworld", "app.kubernetes.io/instance": "x"},
    "ports": [{"port": 80, "targetPort": "http"}],
}


@pytest.fixture
def world() -> World:
    return World()


def test_a_first_rollout_is_no_event_and_holds_no_upgrade(world: World) -> None:
    world.rolled("a", done=False)
    assert world.held == ""
    world.rolled("a", done=True)

    assert world.told == []
    assert world.patches == 2


def test_an_exchange_of_the_image_holds_upgrades_until_it_is_done(world: World) -> None:
    world.rolled("a", done=True)
    world.rolled("b", done=False)
    assert world.held == "RolloutInProgress"
    world.rolled("b", done=True)

    assert world.held == ""
    assert world.told == [("Normal", "RolledOut")]


def test_a_status_that_nobody_wrote_for_us_holds_no_upgrade_of_the_operator(
    world: World,
) -> None:
    world.owner["status"] = {"image": "forged"}

    world.rolled("a", done=False)

    assert world.held == ""


def test_a_stuck_exchange_holds_nothing(world: World) -> None:
    world.rolled("a", done=True)
    world.rolled("b", done=False)
    stuck = [{"type": "Progressing", "status": "False", "message": "timed out"}]
    world.rolled("b", done=False, at={"conditions": stuck})
    assert world.held == ""


def test_waiting_for_a_snapshot_holds_upgrades_and_for_a_deletion_does_not(
    world: World,
) -> None:
    world.rolled("a", done=False, waiting=Problem("WaitingForSnapshot", "to restore it"))
    assert world.held == ""
    world.rolled("a", done=True)
    world.rolled("a", done=True, waiting=Problem("WaitingForSnapshot", "soon"))
    assert world.held == "RolloutInProgress"
    world.rolled("a", done=True, waiting=Problem("WaitingForDeletion", "soon"))
    assert world.held == ""


def test_what_goes_wrong_is_one_warning_for_each_reason_and_the_end_is_told(
    world: World,
) -> None:
    world.rolled("a", done=True)
    for message in ("one", "two"):
        world.rolled("a", done=True, problems=[Problem("NameCollision", message)])
    world.rolled("a", done=True, problems=[Problem("Forbidden", "no")])
    world.rolled("a", done=True)

    assert world.told == [
        ("Warning", "NameCollision"),
        ("Warning", "Forbidden"),
        ("Normal", "Recovered"),
    ]


def test_nothing_is_written_where_nothing_changed(world: World) -> None:
    for _ in range(3):
        world.rolled("a", done=True)

    assert world.patches == 1


def test_pods_that_are_lost_without_a_known_reason_are_a_warning(world: World) -> None:
    world.rolled("a", done=True)
    world.rolled("a", done=True, at={"availableReplicas": 0})

    assert world.told == [("Warning", "Unavailable")]
