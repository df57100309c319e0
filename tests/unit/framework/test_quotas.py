"""Who waits for room in a quota is woken when there is some, and once for each time."""

from typing import Any

import pytest

from kopfkit.controller.quotas import Quotas, Waiter
from kopfkit.runtime.api.client import Client, Resource

CAKES, BATCHES = (Resource("example.com", "v1", name) for name in ("cakes", "batches"))
KEY = ("ns", "x")
PODS = Waiter(CAKES, KEY, "children")
WORDS = 'pods "x-1" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=2, limited: '


class Server(Client):
    """Has one quota, or none."""

    def __init__(self, used: int | None = 2, hard: int = 2) -> None:
        self.used, self.hard, self.reads, self.version = used, hard, 0, 1

    async def list(self, resource: Any, namespace: Any = None, **more: Any) -> Any:
        self.reads += 1
        if self.used is None or more["fields"] != "metadata.name=tight":
            return [], "1"
        status = {"hard": {"pods": str(self.hard)}, "used": {"pods": str(self.used)}}
        return [{"metadata": {"resourceVersion": str(self.version)}, "status": status}], "1"


async def woken(server: Server, quotas: Quotas, told: list[Any]) -> bool:
    told.clear()
    server.version += 1
    await quotas.once()
    return bool(told)


@pytest.fixture
def told() -> list[Any]:
    return []


async def test_room_wakes_whoever_waits_and_is_told_once(told: list[Any]) -> None:
    server = Server()
    quotas = Quotas(server, lambda *who: told.append(who))

    assert quotas.wait(PODS, WORDS) == ""
    assert not await woken(server, quotas, told)
    server.hard = 3
    assert await woken(server, quotas, told)
    assert told == [(CAKES, KEY)]
    assert quotas.wait(PODS, WORDS) == "3"
    # Refused again: the same state of the quota is no news, and no second try.
    assert quotas.wait(PODS, WORDS) == ""
    told.clear()
    await quotas.once()
    assert not told


@pytest.mark.parametrize("words", ["", "is forbidden: violates PodSecurity"])
async def test_who_is_no_longer_refused_by_a_quota_costs_no_read(
    told: list[Any], words: str
) -> None:
    server = Server()
    quotas = Quotas(server, lambda *who: told.append(who))
    quotas.wait(PODS, WORDS)
    quotas.wait(Waiter(BATCHES, KEY, "job"), WORDS)

    quotas.wait(PODS, words)
    quotas.forget(BATCHES, KEY)
    await quotas.once()

    assert server.reads == 0


async def test_a_quota_that_is_gone_has_room(told: list[Any]) -> None:
    server = Server(used=None)
    quotas = Quotas(server, lambda *who: told.append(who))
    quotas.wait(PODS, WORDS)

    assert await woken(server, quotas, told)
    assert quotas.wait(PODS, WORDS) == "gone"


async def test_all_that_wait_for_one_quota_cost_one_read(told: list[Any]) -> None:
    server = Server()
    quotas = Quotas(server, lambda *who: told.append(who))
    for number in range(100):
        quotas.wait(Waiter(CAKES, ("ns", f"x{number}"), "children"), WORDS)

    await quotas.once()

    assert server.reads == 1


async def test_many_quotas_take_turns(told: list[Any]) -> None:
    server = Server()
    quotas = Quotas(server, lambda *who: told.append(who))
    for number in range(90):
        quotas.wait(Waiter(CAKES, (f"ns{number}", "x"), "children"), WORDS)
    server.hard = 3

    for _ in range(3):
        await quotas.once()

    assert len(set(told)) == 90
    assert server.reads == 120


async def test_words_that_anybody_wrote_lead_nowhere_else(told: list[Any]) -> None:
    server = Server()
    quotas = Quotas(server, lambda *who: told.append(who))

    quotas.wait(PODS, "exceeded quota: ../../secrets/x?, requested: pods=1, used: pods=2")
    quotas.wait(PODS, "exceeded quota: tight, requested: pods=,=1,pods, used: ")
    await quotas.once()

    assert server.reads <= 1
