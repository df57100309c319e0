"""A resource seen through another version, against a small real HTTP server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from kopfkit.runtime.api.client import Object, Resource
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.views import View, ViewingClient

THINGS = Resource("example.com", "v2", "things")
OLD = Resource("example.com", "v1", "things")
OTHERS = Resource("example.com", "v2", "others")
THING = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}, "old": 1}


def _inbound(obj: Object) -> Object:
    return {**obj, "new": obj["old"]}


@pytest.fixture
async def asked() -> list[str]:
    """Method and path of each request that came."""
    return []


@pytest.fixture
async def client(asked: list[str]) -> AsyncIterator[ViewingClient]:
    """Sees THINGS through OLD."""

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(f"{request.method} {request.path}")
        listed = request.method == "GET" and request.path.endswith("things")
        body: Any = {"kind": "ThingList", "items": [THING], "metadata": {}} if listed else THING
        return web.json_response(body)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]

    async def load() -> Credentials:
        return Credentials(server=f"http://127.0.0.1:{port}", source="a test")

    made = ViewingClient(load, manager="tests")
    await made.open()
    made.views[THINGS] = View(OLD, _inbound)
    yield made
    await made.close()
    await runner.cleanup()


async def test_what_is_read_comes_from_the_served_version_in_the_known_shape(
    client: ViewingClient, asked: list[str]
) -> None:
    found = await client.get(THINGS, "ns", "x")
    listed, _ = await client.list(THINGS, "ns")

    assert [found, *listed] == [{**THING, "new": 1}] * 2
    collection = "/apis/example.com/v1/namespaces/ns/things"
    assert asked == [f"GET {collection}/x", f"GET {collection}"]


async def test_a_status_is_merged_in_the_served_version(
    client: ViewingClient, asked: list[str]
) -> None:
    stored = await client.merge(THINGS, "ns", "x", {"status": {}}, subresource="status")

    assert stored["new"] == 1
    assert asked == ["PATCH /apis/example.com/v1/namespaces/ns/things/x/status"]


async def test_other_resources_are_seen_as_they_are(
    client: ViewingClient, asked: list[str]
) -> None:
    assert await client.get(OTHERS, "ns", "x") == THING
    assert asked == ["GET /apis/example.com/v2/namespaces/ns/others/x"]


@pytest.mark.parametrize("write", ["create", "apply", "replace"])
async def test_a_whole_object_is_not_written_through_a_view(
    client: ViewingClient, asked: list[str], write: str
) -> None:
    with pytest.raises(NotImplementedError, match="things"):
        await getattr(client, write)(THINGS, "ns", THING)
    assert asked == []
