"""Metrics of a process, read as Prometheus reads them: over HTTP, in its text format."""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.errors import NotLeading, Unavailable
from kopfkit.runtime.manager.queue import WorkQueue
from kopfkit.runtime.manager.store import Store
from kopfkit.runtime.telemetry.conversionmetrics import ConversionMetrics
from kopfkit.runtime.telemetry.exposition import Exposition
from kopfkit.runtime.telemetry.metricobjects import ObjectMetrics
from kopfkit.runtime.telemetry.metrics import Metrics

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("my_operator", "1.2.3")


async def scrape(metrics: Metrics, accept: str = "") -> str:
    """The text of /metrics."""
    server = Exposition(metrics.registry)
    port = await server.start(0)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": accept}) as reply,
        ):
            assert reply.status == 200
            return await reply.text()
    finally:
        await server.stop()


async def samples(metrics: Metrics) -> Samples:
    """Every sample by name (without the prefix) and labels."""
    families = text_string_to_metric_families(await scrape(metrics))
    return {
        (one.name.removeprefix("my_operator_"), frozenset(one.labels.items())): one.value
        for family in families
        for one in family.samples
    }


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


async def _run(queue: WorkQueue[str], keys: Iterator[str] | list[str]) -> None:
    queue.start(1)
    queue.resume()
    for key in keys:
        queue.add(key)
    async with asyncio.timeout(60):
        while not queue.settled:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    await queue.drain(1)


async def test_the_version_and_the_process_are_told(metrics: Metrics) -> None:
    text = await scrape(metrics)
    assert 'my_operator_build_info{python="' in text
    assert 'version="1.2.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


async def test_openmetrics_is_spoken_where_it_is_asked_for(metrics: Metrics) -> None:
    text = await scrape(metrics, "application/openmetrics-text;version=1.0.0")
    assert text.endswith("# EOF\n")


async def test_reconciles_are_counted_by_result_and_failures_by_reason(metrics: Metrics) -> None:
    answers: list[Any] = [
        Unavailable("no"),
        NotLeading("not ours"),
        ValueError("a bug"),
        0.001,
        None,
    ]

    async def handle(key: str) -> float | None:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    observer = metrics.controller("box")
    queue = WorkQueue(handle, observers=[observer])
    observer.follow(queue)
    before = await samples(metrics)
    await _run(queue, ["a", "a"])
    after = await samples(metrics)

    # Series exist before anything happens, so that the first failure is an increase.
    for result in ("success", "requeue_after", "error", "aborted"):
        assert before["reconcile_total", labels(controller="box", result=result)] == 0
    found = {
        result: after["reconcile_total", labels(controller="box", result=result)]
        for result in ("success", "requeue_after", "error", "aborted")
    }
    assert found == {"success": 1, "requeue_after": 1, "error": 2, "aborted": 1}
    reasons = {
        dict(key[1])["reason"]: value
        for key, value in after.items()
        if key[0] == "reconcile_errors_total" and value
    }
    known = labels(controller="box", reason="Forbidden")
    assert before["reconcile_errors_total", known] == 0
    assert reasons == {"Unavailable": 1, "ValueError": 1}
    box = labels(controller="box")
    assert after["queue_retries_total", box] == 3
    assert after["queue_adds_total", box] == 5
    assert after["reconcile_duration_seconds_count", box] == 5
    assert after["queue_latency_seconds_count", box] == 5
    assert after["queue_depth", box] == 0
    assert after["reconciles_active", box] == 0
    assert after["reconcile_longest_running_seconds", box] == 0


async def test_two_controllers_share_the_metrics(metrics: Metrics) -> None:
    metrics.controller("box").retried("a", 1.0)
    metrics.controller("lid").retried("a", 1.0)
    found = await samples(metrics)
    assert found["queue_retries_total", labels(controller="box")] == 1
    assert found["queue_retries_total", labels(controller="lid")] == 1


async def test_a_full_queue_shows_its_depth_and_its_oldest_run(metrics: Metrics) -> None:
    go, started = asyncio.Event(), asyncio.Event()

    async def handle(key: str) -> None:
        started.set()
        await go.wait()

    observer = metrics.controller("box")
    queue = WorkQueue(handle, observers=[observer])
    observer.follow(queue)
    queue.start(1)
    queue.resume()
    for key in "abc":
        queue.add(key)
    await started.wait()
    found = await samples(metrics)
    go.set()
    await queue.drain(1)

    box = labels(controller="box")
    assert found["queue_depth", box] == 2
    assert found["reconciles_active", box] == 1
    assert found["reconcile_longest_running_seconds", box] > 0


async def test_what_somebody_else_keeps_is_read_at_each_scrape(metrics: Metrics) -> None:
    state = {"leader": 0.0, "events": 3.0}
    heard = {"/apis/x": 0.0}
    metrics.read("leader", "Whether.", lambda: state["leader"])
    metrics.read_counter("events_sent", "Events.", lambda: state["events"])
    metrics.watches(heard)
    before = await samples(metrics)
    state["leader"], state["events"], heard["/apis/x"] = 1.0, 5.0, 12.0
    after = await samples(metrics)

    watch = ("watch_last_event_timestamp_seconds", labels(path="/apis/x"))
    assert (before["leader", labels()], after["leader", labels()]) == (0, 1)
    assert (before["events_sent_total", labels()], after["events_sent_total", labels()]) == (3, 5)
    assert (before[watch], after[watch]) == (0, 12)


async def test_requests_are_counted_by_method_and_status(metrics: Metrics) -> None:
    observe = metrics.requests()
    observe("PATCH", "/apis/a", 200, 0.1)
    observe("PATCH", "/apis/b", 200, 0.1)
    observe("GET", "/apis/b", 0, 0.1)
    found = await samples(metrics)
    assert found["api_requests_total", labels(method="PATCH", code="200")] == 2
    assert found["api_requests_total", labels(method="GET", code="0")] == 1
    assert found["api_request_duration_seconds_count", labels(method="PATCH")] == 2


def _box(name: str, *conditions: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns", "name": name, "resourceVersion": "1"},
        "status": {
            "conditions": [
                {"type": kind, "status": status, "reason": reason}
                for kind, status, reason in conditions
            ]
        },
    }


async def test_objects_have_series_of_their_own_up_to_a_number(metrics: Metrics) -> None:
    store = Store()
    for number in range(30):
        bad = number < 2
        condition = (
            "Degraded",
            "True" if bad else "False",
            "NameCollision" if bad else "AsExpected",
        )
        store.put(_box(f"box-{number:02d}", condition))
    ObjectMetrics(metrics, {"Box": store}, most=3)
    found = await samples(metrics)

    assert found["objects", labels(kind="Box")] == 30
    assert found["objects_without_series", labels(kind="Box")] == 27
    rows = {
        dict(key[1])["object"]: value
        for key, value in found.items()
        if key[0] == "object_condition"
    }
    assert rows == {"box-00": 1, "box-01": 1, "box-02": 0}
    totals = {
        (dict(key[1])["status"], dict(key[1])["reason"]): value
        for key, value in found.items()
        if key[0] == "object_conditions"
    }
    assert totals == {("True", "NameCollision"): 2, ("False", "AsExpected"): 28}


async def test_conditions_that_others_write_leave_room_for_the_operators_own(
    metrics: Metrics,
) -> None:
    store = Store()
    for number in range(200):
        store.put(_box(f"box-{number:03d}", (f"Foreign{number}", "True", "x")))
    store.put(_box("box-999", ("Degraded", "True", "NameCollision")))
    ObjectMetrics(metrics, {"Box": store}, most=300, types=("Degraded",))
    found = await samples(metrics)
    rows = {
        (dict(key[1])["type"], value) for key, value in found.items() if "object_cond" in key[0]
    }
    assert rows == {("Other", 200), ("Degraded", 1)}


async def test_foreign_reasons_do_not_make_series_without_end(metrics: Metrics) -> None:
    store = Store()
    for number in range(500):
        store.put(_box(f"box-{number}", ("Ready", "True", f"reason-{number}")))
    ObjectMetrics(metrics, {"Box": store}, most=0)
    found = await samples(metrics)
    rows = [value for key, value in found.items() if key[0] == "object_conditions"]
    assert len(rows) == 101
    assert sum(rows) == 500


@pytest.mark.parametrize(
    "status", [None, 7, {}, {"conditions": 7}, {"conditions": [7, {"type": 3}, {}]}]
)
async def test_a_status_of_any_shape_is_counted_without_a_failure(
    metrics: Metrics, status: Any
) -> None:
    store = Store()
    store.put({"metadata": {"namespace": "ns", "name": "x"}, "status": status})
    ObjectMetrics(metrics, {"Box": store}, most=3)
    assert (await samples(metrics))["objects", labels(kind="Box")] == 1


async def test_conversions_are_counted_by_versions_and_result(metrics: Metrics) -> None:
    observer = ConversionMetrics(metrics, ("v1alpha1", "v1"))
    before = await samples(metrics)
    observer.reviewed({("v1alpha1", "v1", True): 500, ("v1alpha1", "v1", False): 1}, 0.2, True)
    observer.refused()
    observer.active(2)
    observer.connections(5, 0)
    observer.connections(4, 1)
    observer.certificate(1234.0)
    after = await samples(metrics)

    bad = (
        "conversions_total",
        frozenset({"from": "v1alpha1", "to": "v1", "result": "failure"}.items()),
    )
    good = (
        "conversions_total",
        frozenset({"from": "v1alpha1", "to": "v1", "result": "success"}.items()),
    )
    assert (before[bad], before[good]) == (0, 0)
    assert (after[bad], after[good]) == (1, 500)
    assert after["conversion_reviews_total", labels(result="failure")] == 1
    # What no API server sends fires no alert, and does not count as an answer's time.
    assert before["conversion_reviews_total", labels(result="refused")] == 0
    assert after["conversion_reviews_total", labels(result="refused")] == 1
    assert after["conversion_duration_seconds_count", labels()] == 1
    assert after["conversion_reviews_active", labels()] == 2
    assert after["webhook_connections", labels()] == 4
    assert after["webhook_connections_sent_away_total", labels()] == 1
    assert after["certificate_expiry_timestamp_seconds", labels()] == 1234


async def test_a_metrics_port_in_use_is_a_message_with_a_cure(metrics: Metrics) -> None:
    first, second = Exposition(metrics.registry), Exposition(metrics.registry)
    port = await first.start(0)
    with pytest.raises(KopfkitError, match="--metrics-port"):
        await second.start(port)
    await second.stop()
    await first.stop()
