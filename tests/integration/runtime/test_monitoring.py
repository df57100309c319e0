"""ServiceMonitor and PrometheusRule out of a ConfigMap, on a real API server."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import NotLeading, Unavailable
from kopfkit.runtime.olm.monitoring import MonitoringObjects
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

APIS = "/apis/monitoring.coreos.com/v1"
NAME = "hello"
PLURALS = {"servicemonitors", "prometheusrules"}


@pytest.fixture
def served(api: Api, monitoring_crds: list[dict[str, Any]]) -> Iterator[None]:
    """The Prometheus operator's APIs, for one test."""
    for crd in monitoring_crds:
        eventually(lambda crd=crd: api.create(crd))
    for plural in PLURALS:
        eventually(lambda plural=plural: api.exists(f"{APIS}/{plural}"))
    # What is served is not at once what is listed, and the list is what the operator asks.
    eventually(lambda: {one["name"] for one in api.get(APIS)["resources"]} >= PLURALS)
    yield
    for crd in monitoring_crds:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd['metadata']['name']}"
        api.delete(path)
        eventually(lambda path=path: not api.exists(path))


def monitor(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": NAME, "labels": {"a": "b"}},
        "spec": spec,
    }


def config(api: Api, namespace: str, **texts: str) -> Any:
    """The ConfigMap with these texts."""
    return api.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "hello-monitoring", "namespace": namespace},
            "data": {f"{name}.json": text for name, text in texts.items()},
        }
    )


@pytest.fixture
def objects(client: Client, namespace: str) -> MonitoringObjects:
    return MonitoringObjects(client, namespace, "hello-monitoring", may=lambda: True)


@pytest.fixture
def path(namespace: str) -> str:
    return f"{APIS}/namespaces/{namespace}/servicemonitors/{NAME}"


async def test_without_the_api_nothing_is_read_or_written(
    objects: MonitoringObjects, client: Client, api: Api, namespace: str
) -> None:
    asked: list[str] = []
    config(api, namespace, monitor=json.dumps(monitor(port="a")))
    client.observers.append(lambda method, path, code, seconds: asked.append(f"{method} {path}"))
    await objects.once()
    assert asked == [f"GET {APIS}"]


async def test_it_is_created_follows_the_config_map_and_goes_with_it(
    served: None, objects: MonitoringObjects, client: Client, api: Api, namespace: str, path: str
) -> None:
    rule = {**monitor(groups=[]), "kind": "PrometheusRule"}
    made = config(
        api, namespace, monitor=json.dumps(monitor(port="a")), rule=json.dumps(rule), note="words"
    )
    await objects.once()
    live = api.get(path)
    assert live["spec"] == {"port": "a"}
    assert live["metadata"]["labels"] == {"a": "b"}
    (owner,) = live["metadata"]["ownerReferences"]
    assert owner["uid"] == made["metadata"]["uid"]
    assert api.exists(path.replace("servicemonitors", "prometheusrules"))

    writes = client.writes
    await objects.once()
    assert client.writes == writes

    config(api, namespace, monitor=json.dumps(monitor(port="b")), rule=json.dumps(rule))
    await objects.once()
    assert api.get(path)["spec"] == {"port": "b"}

    api.delete(f"/api/v1/namespaces/{namespace}/configmaps/hello-monitoring")
    eventually(lambda: not api.exists(path))


async def test_what_somebody_else_made_stays_as_it_is(
    served: None, objects: MonitoringObjects, api: Api, namespace: str, path: str
) -> None:
    theirs = monitor(port="theirs")
    theirs["metadata"]["namespace"] = namespace
    before = api.create(theirs)
    config(api, namespace, monitor=json.dumps(monitor(port="a")))
    await objects.once()
    assert api.get(path) == before


async def test_without_a_config_map_nothing_is_made(
    served: None, objects: MonitoringObjects, client: Client
) -> None:
    await objects.once()
    assert client.writes == 0


async def test_a_text_that_is_no_object_is_passed_over(
    served: None, objects: MonitoringObjects, client: Client, api: Api, namespace: str
) -> None:
    texts = ("", "words", "[]", '{"kind": "ServiceMonitor"}', '{"metadata": 7}')
    config(api, namespace, **{f"text{number}": text for number, text in enumerate(texts)})
    await objects.once()
    assert client.writes == 0


async def test_only_the_leader_looks_and_failures_do_not_end_it(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    leading = False
    objects = MonitoringObjects(
        client, namespace, "hello-monitoring", may=lambda: leading, interval=0.001
    )
    failures = [Unavailable("down"), NotLeading("no")]

    async def once() -> None:
        looks.append("look")
        if failures:
            raise failures.pop()

    monkeypatch.setattr(objects, "once", once)
    monkeypatch.setattr("kopfkit.runtime.manager.looking._LOOK", 0.001)
    running = asyncio.create_task(objects.run())
    await asyncio.sleep(0.02)
    assert looks == []
    leading = True
    async with asyncio.timeout(60):
        while len(looks) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
