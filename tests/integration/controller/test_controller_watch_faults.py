"""Watches that fail in ways a real API server and what is between can make them fail.

A proxy before the real API server passes everything on and, when told to, puts its own line into
the watches of HelloWorlds, or holds their events back.
"""

import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.testing.client import Api
from kopfkit.testing.faultproxy import Answer, FaultProxy, Forward, Request, Send
from kopfkit.testing.waiting import eventually

Create = Callable[..., Any]


def error(code: int) -> bytes:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


class Blind(FaultProxy):
    """A proxy that may hold the events of HelloWorlds back; counts these and the watches."""

    def __init__(self, target: str, context: ssl.SSLContext) -> None:
        super().__init__(target, context)
        self.blind = False
        self.opened = self.held = 0
        self.on_request, self.on_line = self._watched, self._hold

    async def _watched(self, request: Request, forward: Forward) -> Answer:
        if request.watch and request.path.endswith("/helloworlds"):
            self.opened += 1
        return await forward()

    async def _hold(self, request: Request, line: bytes, send: Send) -> None:
        if self.blind and request.path.endswith("/helloworlds"):
            self.held += 1
        else:
            await send(line)


@pytest.fixture
def proxy(plane: Any) -> Iterator[Blind]:
    context = ssl.create_default_context(cafile=plane.control.certificates / "ca.crt")
    made = Blind(plane.control.url, context)
    yield made
    made.close()


@pytest.fixture
def through(plane: Any, proxy: Blind, start: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts operators whose API server is the proxy."""
    original = type(plane).kubeconfig

    def through_proxy(self: Any, name: str) -> Any:
        path, jti = original(self, name)
        config = yamls.read(path)
        config["clusters"][0]["cluster"] = {"server": proxy.url}
        path.write_text(yamls.dump(config))
        return path, jti

    def made(*arguments: str) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(type(plane), "kubeconfig", through_proxy)
            return start(*arguments)

    return made


@pytest.fixture
def operator(through: Any, proxy: Blind) -> Any:
    """An operator whose API server is the proxy, with its watches open."""
    made = through()
    made.says("Became leader")
    eventually(lambda: proxy.opened)
    return made


@pytest.mark.parametrize(
    "line",
    [
        error(500),
        error(504),
        error(410),
        b'{"type": "MODIFIED", "obj\n',
        b"<html>\n",
        b"\x00\xff\n",
    ],
    ids=["500", "504", "410", "cut off", "html", "binary"],
)
def test_it_goes_on_after_a_watch_said(
    line: bytes, operator: Any, proxy: Blind, hello: Create
) -> None:
    hello("before").settled()
    before = proxy.opened
    proxy.say("helloworlds", line)
    eventually(lambda: proxy.opened > before)

    hello("after").settled()
    assert operator.process.poll() is None


def test_an_object_that_vanished_while_it_could_not_see_stays_gone(
    operator: Any, proxy: Blind, hello: Create, api: Api
) -> None:
    one = hello("vanishes")
    one.settled()
    before = datetime.now(UTC)
    proxy.blind = True
    api.delete(one.path)
    eventually(lambda: not api.exists(one.deployment_path))
    eventually(lambda: not api.exists(one.service_path))
    eventually(lambda: proxy.held)
    proxy.blind = False
    proxy.say("helloworlds", error(410))

    hello("after").settled()
    assert not api.exists(one.deployment_path)
    assert [write for write in operator.writes(since=before) if "vanishes" in write] == []


def test_what_a_watch_kept_back_is_found_by_comparing_with_a_list(
    operator: Any, proxy: Blind, hello: Create, api: Api
) -> None:
    one = hello("kept-back")
    one.settled()
    proxy.blind = True
    api.patch(one.path, {"spec": {"replicas": 3}})
    eventually(lambda: proxy.held)
    proxy.blind = False
    proxy.say("helloworlds", error(410))

    one.settled()
    assert one.deployment()["spec"]["replicas"] == 3


def test_after_a_list_of_kopfs_the_caches_are_compared_even_if_it_held_nothing(
    through: Any, proxy: Blind, namespace: str
) -> None:
    # What vanished between our list and kopf's is in neither kopf's list nor its watch.
    lists = 0

    async def count(request: Request, forward: Forward) -> Answer:
        nonlocal lists
        if request.path.endswith("/helloworlds") and not request.watch:
            lists += 1
        return await forward()

    proxy.on_request = count
    through("--no-leader-elect", f"--namespace={namespace}")

    # Ours, kopf's, and the comparison; the next resync is ten minutes away.
    eventually(lambda: lists >= 3)
