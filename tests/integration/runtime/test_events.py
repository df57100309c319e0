"""Events as the API server stores them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import NotLeading, Unavailable
from kopfkit.runtime.manager.events import BURST, HEARTBEAT, REFILL, Recorder
from kopfkit.testing.client import Api


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(client: Client, clock: Clock) -> Recorder:
    return Recorder(client, "hello-operator", "pod-1", clock=clock)


@pytest.fixture
def stored(api: Api, namespace: str) -> Callable[[], list[Any]]:
    def look() -> list[Any]:
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        items: list[Any] = api.get(path)["items"]
        return items

    return look


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[None]:
    task = asyncio.create_task(recorder.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(check: Callable[[], Any]) -> Any:
    for _ in range(600):
        if found := check():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("not within 30 s")


async def test_an_event_says_what_about_which_object(
    recorder: Recorder, thing: Any, stored: Any
) -> None:
    async with running(recorder):
        recorder.warning(thing, "RolledBack", "image x did not become ready")
        (event,) = await until(stored)

    assert (event["type"], event["reason"]) == ("Warning", "RolledBack")
    assert event["note"] == "image x did not become ready"
    assert event["regarding"]["uid"] == thing["metadata"]["uid"]
    assert event["regarding"]["kind"] == "ConfigMap"
    assert (event["reportingController"], event["reportingInstance"]) == ("hello-operator", "pod-1")


async def test_kubectl_finds_it_by_the_object(
    recorder: Recorder, thing: Any, api: Api, namespace: str
) -> None:
    recorder.normal(thing, "Restored", "from x")
    await recorder.drain(10)

    fields = f"involvedObject.name=thing,involvedObject.uid={thing['metadata']['uid']}"
    found = api.get(f"/api/v1/namespaces/{namespace}/events", fieldSelector=fields)["items"]
    assert [event["message"] for event in found] == ["from x"]


async def test_the_same_again_is_one_event_with_a_count(
    recorder: Recorder, thing: Any, stored: Any, clock: Clock
) -> None:
    for _ in range(1000):
        recorder.warning(thing, "NotReady", "still")
    await recorder.drain(10)
    (event,) = stored()
    assert event["series"]["count"] == 1000
    assert recorder.sent == 1

    recorder.warning(thing, "NotReady", "still")
    clock.seconds += HEARTBEAT
    await recorder.drain(10)
    (event,) = stored()
    assert event["series"]["count"] == 1001
    assert recorder.dropped == 0


async def test_a_series_is_told_once_a_minute_and_at_the_end(
    recorder: Recorder, thing: Any, stored: Any, clock: Clock
) -> None:
    async with running(recorder):
        recorder.normal(thing, "Seen", "x")
        await until(stored)
        recorder.normal(thing, "Seen", "x")
        recorder.normal(thing, "Other", "wakes it up")
        await until(lambda: len(stored()) == 2)
        assert all("series" not in event for event in stored())
        clock.seconds += HEARTBEAT
        recorder.normal(thing, "Third", "wakes it up again")
        await until(lambda: [e for e in stored() if e.get("series", {}).get("count") == 2])
        recorder.normal(thing, "Seen", "x")

    await recorder.drain(10)
    assert [e for e in stored() if e.get("series", {}).get("count") == 3]


async def test_an_object_with_too_much_to_say_is_cut_short_and_others_are_not(
    recorder: Recorder, thing: Any, stored: Any, clock: Clock
) -> None:
    other = {**thing, "metadata": {**thing["metadata"], "uid": "other", "name": "other"}}
    for number in range(BURST + 5):
        recorder.normal(thing, "Seen", f"number {number}")
    recorder.normal(other, "Seen", "number 0")
    await recorder.drain(10)

    assert len(stored()) == BURST + 1
    assert recorder.dropped == 5
    clock.seconds += REFILL
    recorder.normal(thing, "Seen", "a minute later")
    await recorder.drain(10)
    assert len(stored()) == BURST + 2


async def test_an_event_that_the_api_server_has_forgotten_is_told_anew(
    recorder: Recorder, thing: Any, stored: Any, api: Api, namespace: str
) -> None:
    recorder.normal(thing, "Seen", "x")
    await recorder.drain(10)
    name = stored()[0]["metadata"]["name"]
    api.delete(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/{name}")
    recorder.normal(thing, "Seen", "x")
    await recorder.drain(10)

    (event,) = stored()
    assert event["series"]["count"] == 2


async def test_long_words_and_names_are_cut_to_what_is_allowed(
    recorder: Recorder, thing: Any, stored: Any
) -> None:
    long = {**thing, "metadata": {**thing["metadata"], "name": "x" * 235 + ".y" * 9}}
    recorder.normal(long, "R" * 200, "\N{GRINNING FACE}" * 500)
    await recorder.drain(10)

    (event,) = stored()
    assert event["note"].startswith("\N{GRINNING FACE}" * 255)
    assert event["note"].endswith("...")
    assert len(event["metadata"]["name"]) <= 253


async def test_an_event_about_something_without_a_namespace_is_in_default(
    recorder: Recorder, api: Api, namespace: str
) -> None:
    space = api.get(f"/api/v1/namespaces/{namespace}")
    recorder.normal(space, "Seen", namespace)
    await recorder.drain(10)

    found = api.get("/apis/events.k8s.io/v1/namespaces/default/events")["items"]
    assert [e for e in found if e["note"] == namespace and e["regarding"]["name"] == namespace]


async def test_a_standby_records_nothing_and_the_next_leader_starts_anew(
    recorder: Recorder, client: Client, thing: Any, stored: Any
) -> None:
    def closed() -> float:
        raise NotLeading("not this one")

    gate, client.gate = client.gate, closed
    recorder.normal(thing, "Seen", "x")
    await recorder.drain(10)
    assert recorder.dropped == 1

    client.gate = gate
    recorder.normal(thing, "Seen", "x")
    await recorder.drain(10)
    (event,) = stored()
    assert "series" not in event


async def test_a_refusal_is_counted_and_ends_nothing(
    recorder: Recorder, thing: Any, stored: Any
) -> None:
    lost = {**thing, "metadata": {**thing["metadata"], "namespace": "no-such-namespace"}}
    async with running(recorder):
        recorder.normal(lost, "Seen", "x")
        recorder.normal(thing, "Seen", "y")
        await until(lambda: recorder.sent)

    assert (recorder.dropped, recorder.sent) == (1, 1)


async def test_while_the_api_server_is_away_recording_costs_bounded_memory(
    recorder: Recorder, client: Client, thing: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> Any:
        raise Unavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(client, "request", away)
        async with running(recorder):
            for number in range(5000):
                one = {**thing, "metadata": {**thing["metadata"], "uid": str(number)}}
                recorder.normal(one, "Seen", f"number {number}")
            await asyncio.sleep(0)
        assert len(recorder._queue) <= 256
    await recorder.drain(30)

    assert "number 4999" in {event["note"] for event in stored()}
    assert recorder.sent + recorder.dropped == 5000
