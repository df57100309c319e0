"""An operator of a cluster-scoped kind on a real control plane, with the rights derived of it."""

import subprocess
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .conftest import Plane

ZONE = "/apis/tests.example.com/v1/zones/north"


def config_map(namespace: str, name: str = "north") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


@pytest.fixture
def zones(plane: Plane, start: Any) -> Any:
    plane.install("zones")
    return lambda *arguments, **more: start(*arguments, operator="zones", **more)


def test_a_cluster_scoped_object_has_children_in_namespaces_and_in_none(
    zones: Any, api: Api, namespace: str
) -> None:
    first = zones()
    source = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "one"}}
    api.create({**source, "metadata": {"name": "source", "namespace": namespace}})
    spec = {"places": [namespace, "default"], "source": f"{namespace}/source"}
    zone = {"apiVersion": "tests.example.com/v1", "kind": "Zone", "metadata": {"name": "north"}}
    made = api.create({**zone, "spec": spec})
    eventually(lambda: api.get(ZONE).get("status", {}).get("copied") == "one")
    children = ["/api/v1/namespaces/north", config_map(namespace), config_map("default")]
    for path in children:
        (owner,) = api.get(path)["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"]) == ("Zone", made["metadata"]["uid"])

    # Repaired, made again, pruned, read again when what it names changes: in whatever namespace.
    api.patch(config_map("default"), {"data": {"zone": "south"}})
    eventually(lambda: api.get(config_map("default"))["data"] == {"zone": "north"})
    api.delete(config_map(namespace))
    eventually(lambda: api.exists(config_map(namespace)))
    api.patch(ZONE, {"spec": {"places": [namespace]}})
    eventually(lambda: not api.exists(config_map("default")))
    api.patch(config_map(namespace, "source"), {"data": {"text": "two"}})
    eventually(lambda: api.get(ZONE)["status"]["copied"] == "two")

    def told() -> Any:
        events = api.get("/apis/events.k8s.io/v1/namespaces/default/events")["items"]
        (found,) = [each for each in events if each["note"] == "zone north is made"]
        return found["regarding"]

    assert eventually(told)["uid"] == made["metadata"]["uid"]
    assert first.stop() == 0, first.logs()

    second = zones()
    second.says("Became leader")
    south = {**zone, "metadata": {"name": "south"}}
    api.create(south)
    done = ZONE.replace("north", "south")
    eventually(lambda: api.get(done).get("status", {}).get("conditions"))
    assert not [each for each in second.writes(None) if each.endswith("north")]
    assert second.writes(namespace) == []

    api.delete(ZONE)
    eventually(lambda: not api.exists(ZONE))
    second.says("finalized north")
    eventually(lambda: not api.exists(config_map(namespace)))  # the garbage collector
    api.delete(done)
    eventually(lambda: not api.exists(done))
    assert second.stop() == 0
    assert first.faults() + second.faults() == []


def test_a_cluster_scoped_operator_that_is_limited_to_a_namespace_does_not_start(
    zones: Any,
) -> None:
    process = zones(environment={"WATCH_NAMESPACE": "team-a"})
    assert process.process.wait(60) == 1
    said = "controller of Zone: Zone is cluster-scoped, and only team-a is to be watched"
    assert said in process.logs()
    assert isinstance(process.process, subprocess.Popen)
