"""The example operator on `kopfkit.controller`: what any operator on it is given."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .conftest import KOPFKIT, Process, Registry

Start = Callable[..., Process]
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/databases.data.example.com"


@dataclass(frozen=True)
class Database:
    """One Database, and what belongs to it."""

    api: Api
    namespace: str
    name: str

    @property
    def path(self) -> str:
        return f"/apis/data.example.com/v1/namespaces/{self.namespace}/databases/{self.name}"

    @property
    def stateful_set(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/statefulsets/{self.name}"

    def get(self) -> Any:
        return self.api.get(self.path)

    def condition(self, kind: str) -> Any:
        """The condition of a type, of the newest generation. LookupError while there is none."""
        now = self.get()
        for each in now.get("status", {}).get("conditions", []):
            if (each["type"], each["observedGeneration"]) == (kind, now["metadata"]["generation"]):
                return each
        raise LookupError(kind)

    def is_so(self, kind: str, state: str, reason: str) -> Any:
        """Wait for a condition; returns it."""

        def look() -> Any:
            found = self.condition(kind)
            assert (found["status"], found["reason"]) == (state, reason), found
            return found

        return eventually(look)

    def registered(self, host_name: str) -> None:
        """Wait until the status says that a host name is registered."""
        eventually(lambda: self.get().get("status", {}).get("hostName") == host_name)


@pytest.fixture
def database(api: Api, namespace: str) -> Callable[..., Database]:
    def create(name: str = "orders", **spec: Any) -> Database:
        metadata = {"name": name, "namespace": namespace}
        spec = {"hostName": f"{name}-{namespace}", **spec}
        kind = {"apiVersion": "data.example.com/v1", "kind": "Database"}
        api.create({**kind, "metadata": metadata, "spec": spec})
        return Database(api, namespace, name)

    return create


def test_it_makes_children_repairs_them_and_writes_nothing_at_a_restart(
    start: Start, database: Any, api: Api, registry: Registry
) -> None:
    first, one = start(), database(replicas=2)
    name = f"orders-{one.namespace}"
    one.registered(name)
    owner = one.get()["metadata"]
    made = api.get(one.stateful_set)
    assert made["spec"]["replicas"] == 2
    assert made["metadata"]["ownerReferences"][0]["uid"] == owner["uid"]
    assert registry.records[name] == {"owner": owner["uid"], "target": f"orders.{one.namespace}"}
    one.is_so("Available", "False", "RollingOut")
    one.is_so("Degraded", "False", "AsExpected")
    writes = first.writes(one.namespace)
    assert writes[:3] == [
        "patch databases orders",
        "create services orders",
        "create statefulsets orders",
    ]
    assert set(writes[3:]) == {"patch databases/status orders"}

    api.patch(one.stateful_set, {"spec": {"replicas": 5, "minReadySeconds": 3}})
    eventually(lambda: api.get(one.stateful_set)["spec"]["replicas"] == 2)
    assert api.get(one.stateful_set)["spec"]["minReadySeconds"] == 3  # nobody said anything of it

    api.delete(one.stateful_set)
    eventually(lambda: api.get(one.stateful_set)["metadata"]["uid"] != made["metadata"]["uid"])

    api.patch(one.path, {"spec": {"replicas": 0}})
    one.is_so("Progressing", "False", "RolloutComplete")
    assert one.get()["status"]["readyReplicas"] == 0
    assert first.stop() == 0, first.logs()

    asked = len(registry.writes)
    second = start()
    other = database("other")
    other.registered(f"other-{one.namespace}")  # it has come to the end of the queue
    assert not [each for each in second.writes(one.namespace) if each.endswith("orders")]
    assert len(registry.writes) == asked + 1
    assert second.stop() == 0
    assert first.faults() + second.faults() == []


def test_what_lies_outside_the_cluster_goes_with_the_object(
    start: Start, database: Any, api: Api, registry: Registry
) -> None:
    operator, one = start(), database()
    one.registered(f"orders-{one.namespace}")
    assert one.get()["metadata"]["finalizers"] == ["data.example.com/finalizer"]
    api.patch(one.path, {"metadata": {"finalizers": ["else.example.com/x", *_finalizers(one)]}})
    api.patch(one.path, {"spec": {"hostName": f"renamed-{one.namespace}"}})
    one.registered(f"renamed-{one.namespace}")
    assert f"orders-{one.namespace}" not in registry.records

    api.delete(one.path)
    eventually(lambda: _finalizers(one) == ["else.example.com/x"])  # nobody else's is touched
    assert f"renamed-{one.namespace}" not in registry.records
    api.patch(one.path, {"metadata": {"finalizers": []}})
    eventually(lambda: not api.exists(one.path))
    assert operator.stop() == 0
    assert "Traceback" not in operator.logs()


def test_what_only_a_person_can_mend_becomes_a_condition(
    start: Start, database: Any, api: Api, namespace: str, registry: Registry
) -> None:
    registry.records["taken"] = {"owner": "somebody", "target": "elsewhere"}
    operator = start()
    taken = database("taken", hostName="taken")
    told = taken.is_so("Degraded", "True", "HostNameTaken")
    assert told["message"] == "the host name taken belongs to elsewhere; hint: choose another one"
    assert registry.records["taken"]["owner"] == "somebody"
    api.patch(taken.path, {"spec": {"hostName": f"free-{namespace}"}})
    taken.is_so("Degraded", "False", "AsExpected")

    # Of a name that somebody else's object has, nothing is taken over.
    config = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    api.create({**config, "metadata": {"name": "squatted", "namespace": namespace}})
    squatted = database("squatted")
    told = squatted.is_so("Degraded", "True", "NameCollision")
    assert f"Service {namespace}/squatted exists and belongs to nobody" in told["message"]
    api.delete(f"/api/v1/namespaces/{namespace}/services/squatted")
    squatted.is_so("Degraded", "False", "AsExpected")
    assert operator.stop() == 0


def test_a_spec_that_cannot_be_decoded_becomes_a_condition_and_stops_nothing_else(
    start: Start, database: Any, api: Api
) -> None:
    spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/replicas/maximum"
    crd = api.get(CRD)
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    replicas = schema["properties"]["spec"]["properties"]["replicas"]
    assert spec.endswith("maximum")
    replicas["maximum"] = 99  # as an older release may have had it
    api.put(CRD, crd)
    eventually(lambda: database("big", replicas=50))
    operator, small = start(), database("small")
    big = Database(api, small.namespace, "big")
    told = big.is_so("Degraded", "True", "InvalidSpec")
    assert told["message"] == "spec.replicas: Expected int <= 9"
    small.registered(f"small-{small.namespace}")
    assert not api.exists(big.stateful_set)
    api.patch(big.path, {"spec": {"replicas": 1}})
    big.is_so("Degraded", "False", "AsExpected")
    replicas["maximum"] = 9
    api.patch(CRD, {"spec": {"versions": crd["spec"]["versions"]}})
    assert operator.stop() == 0


def test_a_second_process_stands_by_and_takes_over(
    start: Start, database: Any, api: Api, registry: Registry
) -> None:
    first = start()
    first.says("Became leader")
    second = start()
    second.says("Standing by")
    one = database("a")
    one.registered(f"a-{one.namespace}")
    assert second.writes(one.namespace) == []
    first.process.kill()
    second.says("Became leader")
    two = database("b")
    two.registered(f"b-{one.namespace}")
    assert [each for each in second.writes(one.namespace) if each.startswith("create")] == [
        "create services b",
        "create statefulsets b",
    ]
    assert second.stop() == 0


def test_its_bundle_is_valid(generated: Path) -> None:
    done = subprocess.run(
        [*KOPFKIT, "bundle", "validate"], cwd=generated, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _finalizers(database: Database) -> list[str]:
    found: list[str] = database.get()["metadata"].get("finalizers", [])
    return found
