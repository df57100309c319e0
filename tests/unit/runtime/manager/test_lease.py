"""Leader election, with a clock that the test moves and a small server for the Lease."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.errors import NotLeading
from kopfkit.runtime.manager.lease import DEADLINE, DURATION, Election


class Server:
    """One Lease, with the API server's optimistic locking. `down` answers 503."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.down = False
        self.reads = 0
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        if self.down:
            return web.json_response({}, status=503)
        if request.method == "GET":
            self.reads += 1
            if self.lease is None:
                return web.json_response({}, status=404)
            return web.json_response(self.lease)
        body = await request.json()
        if request.method == "POST" and self.lease is not None:
            return web.json_response({"reason": "AlreadyExists"}, status=409)
        known = (self.lease or {}).get("metadata", {}).get("resourceVersion", "0")
        if request.method == "PUT" and body["metadata"].get("resourceVersion") != known:
            return web.json_response({"reason": "Conflict"}, status=409)
        body["metadata"]["resourceVersion"] = str(int(known) + 1)
        self.lease = body
        return web.json_response(body)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


Candidate = Callable[[str], Election]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def candidate(server: Server) -> AsyncIterator[Any]:
    """`await candidate(name, clock)` campaigns until the test ends."""
    running: list[asyncio.Task[None]] = []
    clients: list[Client] = []

    async def login() -> Credentials:
        return Credentials(server=server.url)

    async def start(name: str, clock: Clock) -> Election:
        client = Client(login, manager=name)
        await client.open()
        clients.append(client)
        election = Election(client, "ns", "l", name, changed=lambda _: None, clock=clock)
        running.append(asyncio.create_task(election.run()))
        return election

    yield start
    for task in running:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    for client in clients:
        await client.close()


async def _until(check: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not check():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_first_one_leads_and_may_write(server: Server, candidate: Any) -> None:
    one = await candidate("one", Clock())
    await _until(lambda: one.leading)

    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == "one"
    assert server.lease["spec"]["leaseDurationSeconds"] == DURATION
    assert 0 < one.gate() < DURATION


async def test_nobody_writes_before_he_leads(server: Server, candidate: Any) -> None:
    server.down = True
    one = await candidate("one", Clock())
    with pytest.raises(NotLeading):
        one.gate()


async def test_a_leader_that_cannot_renew_writes_no_more_before_others_may_take_over(
    server: Server, candidate: Any
) -> None:
    clock = Clock()
    one = await candidate("one", clock)
    await _until(lambda: one.leading)
    server.down = True
    # As if the process had been suspended: nothing of it ran meanwhile.
    clock.now += DEADLINE

    with pytest.raises(NotLeading):
        one.gate()
    assert DEADLINE < DURATION


async def test_a_write_must_end_before_others_may_take_over(server: Server, candidate: Any) -> None:
    clock = Clock()
    one = await candidate("one", clock)
    await _until(lambda: one.leading)
    renewed = clock.now
    clock.now += DEADLINE / 2

    assert clock.now + one.gate() < renewed + DURATION


async def test_a_lease_is_taken_only_after_its_duration_without_change(
    server: Server, candidate: Any
) -> None:
    old = {
        "metadata": {"name": "l", "resourceVersion": "5"},
        "spec": {
            "holderIdentity": "dead",
            "leaseDurationSeconds": 4,
            "renewTime": "2001-01-01T00:00:00.000000Z",  # a clock that is far off says nothing
            "leaseTransitions": 7,
        },
    }
    server.lease = old
    clock = Clock()
    two = await candidate("two", clock)
    # A look that begins has seen the answer to the one before.
    await _until(lambda: server.reads >= 2)
    clock.now += 3.9
    looks = server.reads
    await _until(lambda: server.reads >= looks + 2)
    assert not two.leading
    clock.now += 0.2
    await _until(lambda: two.leading)

    assert server.lease is not None
    assert server.lease["spec"]["leaseTransitions"] == 8


async def test_a_label_on_the_lease_of_a_dead_holder_is_no_renewal(
    server: Server, candidate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.runtime.manager.lease.PERIOD", 0.05)
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 4}
    server.lease = {"metadata": {"name": "l", "resourceVersion": "5"}, "spec": spec}
    clock = Clock()
    two = await candidate("two", clock)
    # A look that begins has seen the answer to the one before.
    await _until(lambda: server.reads >= 2)
    clock.now += 3.9
    metadata = {"name": "l", "resourceVersion": "6", "labels": {"a": "b"}}
    server.lease = {"metadata": metadata, "spec": spec}
    before = server.reads
    # The second read from now on began after the label was there.
    await _until(lambda: server.reads > before + 1)
    assert not two.leading
    clock.now += 0.2
    before = server.reads
    await _until(lambda: two.leading or server.reads > before + 5)

    assert two.leading


async def test_a_released_lease_is_free_at_once(server: Server, candidate: Any) -> None:
    clock = Clock()
    one = await candidate("one", clock)
    await _until(lambda: one.leading)
    await one.release()

    with pytest.raises(NotLeading):
        one.gate()
    assert server.lease is not None
    assert server.lease["spec"]["holderIdentity"] == ""


async def test_a_label_on_the_lease_does_not_end_a_reign(server: Server, candidate: Any) -> None:
    one = await candidate("one", Clock())
    await _until(lambda: one.leading)
    assert server.lease is not None
    edited = dict(server.lease["metadata"], labels={"a": "b"}, resourceVersion="77")
    server.lease = {**server.lease, "metadata": edited}
    await _until(lambda: (server.lease or {})["metadata"]["resourceVersion"] == "78")

    assert one.leading


async def test_a_lease_that_another_took_is_lost(server: Server, candidate: Any) -> None:
    one = await candidate("one", Clock())
    await _until(lambda: one.leading)
    assert server.lease is not None
    metadata = dict(server.lease["metadata"], resourceVersion="77")
    server.lease = {"metadata": metadata, "spec": {**server.lease["spec"], "holderIdentity": "x"}}
    await _until(lambda: not one.leading)

    with pytest.raises(NotLeading):
        one.gate()
