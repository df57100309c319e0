"""kopf's handlers beside a controller: the leader runs them, with derived rights and no others."""

from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .conftest import Plane


@pytest.fixture
def crates(plane: Plane, start: Any) -> Any:
    plane.install("crates")

    def new(name: str) -> Any:
        return start(operator="crates", environment={"PROCESS": name})

    return new


def test_the_leader_runs_handlers_timers_and_daemons_and_the_next_one_takes_over(
    crates: Any, api: Api, namespace: str
) -> None:
    first = crates("first")
    first.says("Starting kopf's handlers")
    second = crates("second")
    second.says("Standing by")
    one = {"apiVersion": "tests.example.com/v1", "kind": "Crate"}
    api.create({**one, "metadata": {"name": "one", "namespace": namespace}})
    path = f"/apis/tests.example.com/v1/namespaces/{namespace}/crates/one"

    def labels(name: str = "one") -> Any:
        return api.get(path.replace("one", name))["metadata"].get("labels", {})

    eventually(lambda: labels() == {"created-by": "first", "ticked-by": "first"})
    first.says("first watches over one")
    first.says("first saw config map one")
    eventually(lambda: api.get(path).get("status", {}).get("conditions"))
    child = api.get(f"/api/v1/namespaces/{namespace}/configmaps/one")
    assert child["data"] == {"by": "reconcile"}
    assert "tests.example.com/kopf" in api.get(path)["metadata"]["finalizers"]
    leader = "/api/v1/namespaces/default/configmaps/crates-leader"
    eventually(lambda: api.get(leader)["data"] == {"leader": "first"})
    assert second.writes(namespace) == []
    assert "watches over" not in second.logs()

    first.process.kill()
    second.says("Starting kopf's handlers")
    second.says("second watches over one")
    eventually(lambda: labels()["ticked-by"] == "second")
    assert labels()["created-by"] == "first"  # kopf remembers in the object what it has handled
    eventually(lambda: api.get(leader)["data"] == {"leader": "second"})
    api.create({**one, "metadata": {"name": "two", "namespace": namespace}})
    eventually(lambda: labels("two").get("created-by") == "second")

    api.delete(path)
    eventually(lambda: not api.exists(path))
    second.says("the handler deletes one")
    api.delete(path.replace("one", "two"))
    eventually(lambda: not api.exists(path.replace("one", "two")))
    assert second.stop() == 0, second.logs()
    assert first.faults() + second.faults() == []


def test_handlers_end_with_the_lease_and_a_clean_stop_leaves_no_task(
    crates: Any, api: Api, namespace: str
) -> None:
    process = crates("alone")
    process.says("Starting kopf's handlers")
    lease = "/apis/coordination.k8s.io/v1/namespaces/database-operator-system/leases/crates"
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 3600}
    now = api.get(lease)["spec"]["renewTime"]
    api.patch(lease, {"spec": {**spec, "renewTime": now.replace("20", "21", 1)}})
    process.says("Stopped kopf's handlers: this process is no longer the leader")
    assert process.stop() == 0, process.logs()
    assert "left tasks behind" not in process.logs()
    assert "Traceback" not in process.logs()
    api.delete(lease)


def test_an_operator_of_handlers_alone_makes_children_and_takes_nobody_elses(
    plane: Plane, start: Any, api: Api, namespace: str
) -> None:
    plane.install("jars")
    theirs = {"metadata": {"name": "two", "namespace": namespace}, "data": {"content": "theirs"}}
    api.create({"apiVersion": "v1", "kind": "ConfigMap", **theirs})
    one = {"apiVersion": "tests.example.com/v1", "kind": "Jar"}
    jars = f"/apis/tests.example.com/v1/namespaces/{namespace}/jars"
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in ("one", "two"):
        body = {"metadata": {"name": name, "namespace": namespace}, "spec": {"content": "plums"}}
        api.create({**one, **body})

    process = start(operator="jars")
    eventually(lambda: api.get(f"{maps}/one")["data"] == {"content": "plums"})
    made = api.get(f"{maps}/one")["metadata"]
    assert [each["name"] for each in made["ownerReferences"]] == ["one"]
    assert made["labels"]["app.kubernetes.io/managed-by"] == "jars"
    eventually(lambda: api.get(f"{jars}/one").get("status") == {"content": "plums"})
    process.says("NameCollision")
    assert api.get(f"{maps}/two")["data"] == {"content": "theirs"}
    assert "status" not in api.get(f"{jars}/two")
    api.delete(f"{maps}/two")
    eventually(lambda: api.get(f"{maps}/two")["data"] == {"content": "plums"})
    api.patch(f"{jars}/one", {"spec": {"content": "pears"}})
    eventually(lambda: api.get(f"{jars}/one")["status"] == {"content": "pears"})
    assert api.get(f"{maps}/one")["data"] == {"content": "pears"}
    assert process.stop() == 0, process.logs()
    assert "kopfkit-watch" not in process.logs()

    again = start(operator="jars")
    again.says("'fill' succeeded")
    assert [write for write in again.writes(namespace) if "configmaps" in write] == []
    assert again.stop() == 0, again.logs()
    assert process.faults() + again.faults() == [], process.logs() + again.logs()
