"""The client, against a small real HTTP server."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from aiohttp import web

from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    NotKnownYet,
    NotLeading,
    Unauthorized,
    Unavailable,
)

THINGS = Resource("example.com", "v1", "things")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Answer], Awaitable[Client]]


def refuse(status: int, reason: str = "", **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        body = {"kind": "Status", "message": "the server's words", "reason": reason}
        return web.json_response(body, status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "", Invalid),
        (401, "", Unauthorized),
        (403, "", Forbidden),
        (404, "", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (410, "Expired", Gone),
        (418, "", ApiError),
        (422, "Invalid", Invalid),
        (429, "", Unavailable),
        (500, "", Unavailable),
        (503, "", Unavailable),
    ],
)
async def test_a_refusal_is_an_error_of_its_own_type_in_the_servers_words(
    serve: Serve, status: int, reason: str, kind: type[ApiError]
) -> None:
    client = await serve(refuse(status, reason))
    with pytest.raises(kind, match="the server's words") as caught:
        await client.get(THINGS, "ns", "x")

    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.reason) == (status, reason)


async def test_a_deletion_names_the_object_that_is_meant_and_not_its_successor(
    serve: Serve,
) -> None:
    asked: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path, await request.json()))
        return web.json_response({})

    client = await serve(answer)
    await client.delete(THINGS, "ns", "x", uid="u-1")
    body = {"propagationPolicy": "Background", "preconditions": {"uid": "u-1"}}
    assert asked == [("DELETE", "/apis/example.com/v1/namespaces/ns/things/x", body)]


async def test_a_kind_that_the_restarted_server_has_not_met_yet_is_a_trouble_of_the_server(
    serve: Serve,
) -> None:
    # What a kube-apiserver 1.34.4 with OwnerReferencesPermissionEnforcement said after a restart.
    words = (
        'services "x2" is forbidden: cannot set blockOwnerDeletion in this case because cannot find'
        " RESTMapping for APIVersion test.jiaozi.com/v1 Kind HelloWorld: no matches for kind"
        ' "HelloWorld" in version "test.jiaozi.com/v1"'
    )

    async def answer(request: web.Request) -> web.StreamResponse:
        body = {"kind": "Status", "code": 403, "reason": "Forbidden", "message": words}
        return web.json_response(body, status=403)

    client = await serve(answer)
    with pytest.raises(NotKnownYet) as caught:
        await client.get(THINGS, "ns", "x")

    assert caught.value.transient
    assert caught.value.longest_delay <= 5.0


async def test_the_time_the_server_asks_for_is_passed_on(serve: Serve) -> None:
    client = await serve(refuse(429, **{"Retry-After": "7"}))
    with pytest.raises(Unavailable) as caught:
        await client.get(THINGS, "ns", "x")

    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("body", [b"<html>", b"", b"[]", b'{"cut', b"\xff\xfe"])
async def test_an_answer_that_is_no_object_is_unavailability(serve: Serve, body: bytes) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=body)

    client = await serve(answer)
    with pytest.raises(Unavailable):
        await client.get(THINGS, "ns", "x")


async def test_a_server_that_is_not_there_is_unavailability(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    client = await serve(answer)
    with pytest.raises(Unavailable):
        await client.get(THINGS, "ns", "x")


async def test_after_a_401_it_logs_in_again_once(serve: Serve) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        if len(seen) == 1:
            return web.json_response({}, status=401)
        return web.json_response({"ok": True})

    client = await serve(answer)

    assert await client.get(THINGS, "ns", "x") == {"ok": True}
    assert seen == ["Bearer 0", "Bearer 1"]


async def test_a_list_goes_through_all_pages_and_starts_again_when_they_expire(
    serve: Serve,
) -> None:
    expired = iter([True])

    async def answer(request: web.Request) -> web.Response:
        page = int(request.query.get("continue", 0))
        if page == 2 and next(expired, False):
            return web.json_response({"reason": "Expired"}, status=410)
        metadata = {"resourceVersion": "9", **({"continue": str(page + 1)} if page < 2 else {})}
        items = [{"metadata": {"name": str(page)}}]
        body = {"kind": "ThingList", "apiVersion": "example.com/v1", "metadata": metadata}
        return web.json_response({**body, "items": items})

    client = await serve(answer)
    objects, version = await client.list(THINGS)

    assert [each["metadata"]["name"] for each in objects] == ["0", "1", "2"]
    assert (objects[0]["kind"], objects[0]["apiVersion"]) == ("Thing", "example.com/v1")
    assert version == "9"


async def test_every_write_names_its_field_manager_and_asks_the_gate(serve: Serve) -> None:
    seen: list[tuple[str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.query.get("fieldManager")))
        return web.json_response({})

    client = await serve(answer)
    body: dict[str, Any] = {"metadata": {"name": "x"}}
    await client.get(THINGS, "ns", "x")
    await client.create(THINGS, "ns", body)
    await client.apply(THINGS, "ns", body)
    await client.replace(THINGS, "ns", body)
    await client.merge(THINGS, "ns", "x", {}, subresource="status")
    assert seen == [
        ("GET", None),
        ("POST", "tester"),
        ("PATCH", "tester"),
        ("PUT", "tester"),
        ("PATCH", "tester"),
    ]

    def shut() -> float:
        raise NotLeading

    client.gate = shut
    with pytest.raises(NotLeading):
        await client.apply(THINGS, "ns", body)
    assert len(seen) == 5
    await client.get(THINGS, "ns", "x")


def test_paths_are_those_of_the_api() -> None:
    assert Resource("", "v1", "services").path("ns", "x") == "/api/v1/namespaces/ns/services/x"
    assert THINGS.path() == "/apis/example.com/v1/things"
    expected = "/apis/example.com/v1/namespaces/ns/things/x/status"
    assert THINGS.path("ns", "x", "status") == expected


async def test_a_write_that_waited_for_its_connection_until_the_lease_was_lost_is_not_sent(
    serve: Serve,
) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.method)
        return web.json_response({})

    client = await serve(answer)
    for looks in (1, 2):  # lost before the headers are made, and before they leave
        left = iter([10.0] * looks)

        def gate(left: Iterator[float] = left) -> float:
            seconds = next(left, None)
            if seconds is None:
                raise NotLeading("lost")
            return seconds

        client.gate = gate
        with pytest.raises((NotLeading, Unavailable)):
            await client.create(THINGS, "ns", {"metadata": {"name": "x"}})
    assert seen == []

    client.gate = lambda: 10.0
    await client.create(THINGS, "ns", {"metadata": {"name": "x"}})
    assert seen == ["POST"]


async def test_an_observer_is_told_of_every_request_that_ended(serve: Serve) -> None:
    told: list[tuple[str, str, int, bool]] = []
    client = await serve(refuse(409, "Conflict"))
    client.observers.append(lambda *seen: told.append((*seen[:3], seen[3] > 0)))
    with pytest.raises(Conflict):
        await client.request("POST", "/apis/x")
    await client.close()
    client = Client(nowhere, manager="m")
    client.observers.append(lambda *seen: told.append((*seen[:3], seen[3] > 0)))
    await client.open()
    with pytest.raises(Unavailable):
        await client.request("GET", "/apis/y")
    await client.close()

    assert told == [("POST", "/apis/x", 409, True), ("GET", "/apis/y", 0, True)]


async def nowhere() -> Credentials:
    """Credentials of a server that does not listen."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return Credentials(server=f"http://127.0.0.1:{sock.getsockname()[1]}")


async def test_a_write_waits_for_its_answer_as_long_as_the_lease_is_renewed(serve: Serve) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.5)
        return web.json_response({})

    client = await serve(answer)
    client.gate = lambda: 0.2
    await client.create(THINGS, "ns", {"metadata": {"name": "x"}})
    assert sent == 1


async def test_a_write_on_its_way_is_given_up_when_the_lease_is_lost(serve: Serve) -> None:
    received = asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        received.set()
        await asyncio.sleep(30)
        return web.json_response({})

    def gate() -> float:
        if received.is_set():
            raise NotLeading("lost")
        return 0.2

    client = await serve(answer)
    client.gate = gate
    async with asyncio.timeout(60):
        with pytest.raises(Unavailable, match="no answer in"):
            await client.create(THINGS, "ns", {"metadata": {"name": "x"}})
