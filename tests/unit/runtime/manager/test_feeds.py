"""kopf, given what is needed of an API server's answers and no more."""

import asyncio
from typing import Any

import msgspec
import pytest
from aiohttp import web

from kopfkit.runtime.api.client import Resource
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.shapes import Shape
from kopfkit.runtime.manager.kopfsettings import Watched
from kopfkit.runtime.manager.watching import Watcher

THINGS = Resource("example.com", "v1", "things")
SHAPE = Shape(("ours.example.com/",))
PATH = "/apis/example.com/v1/things"


def thing(name: str, size: int) -> dict[str, Any]:
    note = {"theirs.example.com/a": "x" * size, "ours.example.com/b": "1"}
    metadata = {"name": name, "namespace": "ns", "uid": name, "resourceVersion": "8"}
    made = {"apiVersion": "example.com/v1", "kind": "Thing", "spec": {"a": 1}}
    return {**made, "metadata": {**metadata, "annotations": note}}


def discovery(path: str) -> Any:
    """What kopf looks for before it watches."""
    known = {
        "/api/v1": "namespaces",
        "/apis/apiextensions.k8s.io/v1": "customresourcedefinitions",
        "/apis/example.com/v1": "things",
    }
    if path == "/api":
        return {"versions": ["v1"]}
    if path == "/apis":
        names = [each.split("/")[2] for each in known if each != "/api/v1"]
        version = {"version": "v1"}
        return {
            "groups": [
                {"name": name, "versions": [version], "preferredVersion": version} for name in names
            ]
        }
    plural = known[path]
    verbs = ["list", "watch", "get", "patch"]
    kind = plural.title()
    found = {"name": plural, "singularName": plural[:-1], "kind": kind, "verbs": verbs}
    return {"resources": [{**found, "namespaced": plural == "things"}]}


class Server:
    """Lists one object of many, and then tells of two others, one of them large."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path != PATH:
            return web.json_response(discovery(request.path))
        self.asked.append(dict(request.query))
        assert request.headers["Accept-Encoding"] == "identity"
        if request.query.get("watch") != "true":
            head = {"apiVersion": "example.com/v1", "kind": "ThingList"}
            metadata = {"resourceVersion": "7", "continue": "more"}
            return web.json_response({**head, "metadata": metadata, "items": [thing("listed", 9)]})
        response = web.StreamResponse()
        await response.prepare(request)
        for name, size in (("small", 9), ("large", 1_400_000)):
            event = {"type": "ADDED", "object": thing(name, size)}
            line = msgspec.json.encode(event) + b"\n"
            # In two parts, as a network has it.
            await response.write(line[:100])
            await asyncio.sleep(0)
            await response.write(line[100:])
        await asyncio.sleep(60)
        return response


@pytest.fixture
async def server() -> Any:
    served = Server()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", served.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield served, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_kopf_begins_where_a_list_ends_and_gets_events_reduced(server: Any) -> None:
    served, url = server
    events: list[tuple[str | None, Any]] = []
    relisted = asyncio.Event()
    stop = asyncio.Event()

    async def login() -> Credentials:
        return Credentials(server=url)

    async def ready() -> None:
        pass

    def seen(resource: Resource, kind: str | None, obj: Any) -> None:
        events.append((kind, obj))
        if len(events) == 2:
            stop.set()

    watcher = Watcher(
        [Watched(THINGS, shape=SHAPE)],
        (),
        load=login,
        agent="tester",
        event=seen,
        relisted=relisted.set,
        ready=ready,
        started=lambda: None,
    )
    async with asyncio.timeout(60):
        await watcher.run(stop)

    assert relisted.is_set()
    # One page of one object, and a watch from there; what was listed is listed by others.
    listed, watched = served.asked[:2]
    assert listed["limit"] == "1"
    assert watched["resourceVersion"] == "7"
    (one, small), (other, large) = events
    assert (one, other) == ("ADDED", "ADDED")
    assert small == thing("small", 9)
    assert large["metadata"]["annotations"] == {"ours.example.com/b": "1"}
    assert (large["metadata"]["name"], large["spec"]) == ("large", {"a": 1})
