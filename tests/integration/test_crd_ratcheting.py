"""An object that was stored under an earlier schema can still be used under today's.

Today's rules are stricter than yesterday's may have been, and nobody should find out when an
operator can no longer write a status, or a person no longer remove a label. The API server
ratchets: it accepts a value that breaks a new rule as long as it is not touched (KEP-4008).
"""

import copy
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.crd import custom_resource_definition

LIMITS = {
    *("minimum", "maximum", "minLength", "maxLength", "maxProperties", "pattern", "enum"),
    *("x-kubernetes-validations", "format"),
}
# Each value breaks one of today's rules, the last ones together.
STORED: dict[str, Any] = {
    "replicas": {"replicas": 500},
    "message": {"greeting": {"message": "x" * 2000}},
    "image": {"image": "https://Example.com/Hello"},
    "language": {"greeting": {"message": "Hi", "language": "e_n"}},
    "port": {"service": {"port": 70000}},
    "type": {"service": {"type": "ExternalName"}},
    "resources": {"resources": {"requests": {"cpus": 2}, "limits": {"cpu": "fast"}}},
    "more-than-the-limit": {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}},
    "autoscaling": {"autoscaling": {"maxReplicas": 2, "minReplicas": 3}},
    "size": {"persistence": {"size": 1}},
    "schedule": {"persistence": {}, "snapshots": {"schedule": "now", "keep": 99}},
    "two-writers": {"replicas": 2, "persistence": {}},
    "snapshots-of-nothing": {"snapshots": {}, "restoreFrom": {"snapshotName": "A B"}},
}
STATUS = {
    "observedGeneration": 1,
    "replicas": 1,
    "conditions": [
        {
            "type": "Available",
            "status": "True",
            "reason": "MinimumReplicasAvailable",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


def loosen(schema: Any) -> None:
    """Take every limit out of a schema: an earlier one that knew none."""
    if isinstance(schema, dict):
        for limit in LIMITS & schema.keys():
            if not isinstance(schema[limit], dict):  # a field may have such a name
                del schema[limit]
        for inner in schema.values():
            loosen(inner)
    elif isinstance(schema, list):
        for inner in schema:
            loosen(inner)


def upgraded(install: Any, resource: Any, objects: dict[str, Any], eventually: Any) -> Any:
    """Objects stored under a schema without limits, and then the CRD of today."""
    kind = install(resource=resource, change=lambda crd: loosen(crd["spec"]["versions"]))
    for name, spec in objects.items():
        kind.make("v1", name, spec=spec).ok()
    crd = kind.crd()
    crd["spec"]["versions"] = custom_resource_definition(kind.resource)["spec"]["versions"]
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.resource.crd_name}"
    kind.api("PUT", path, crd).ok()
    # Today's schema is in force once it refuses what it did not know.
    first = next(iter(objects.values()))
    eventually(
        lambda: (
            kind.api(
                "POST", f"{kind.path('v1')}?dryRun=All", kind.object("v1", "new", spec=first)
            ).status
        ),
        lambda status: status == 422,
    )
    return kind


@pytest.fixture(scope="module")
def hello(install: Any, eventually: Any) -> Any:
    return upgraded(install, HELLOWORLD, STORED, eventually)


@pytest.mark.parametrize("name", STORED)
def test_what_was_stored_is_new_nonsense(hello: Any, name: str) -> None:
    """Or the tests below would show nothing."""
    assert hello.make("v1", f"new-{name}", spec=STORED[name]).status == 422


@pytest.mark.parametrize("name", STORED)
def test_the_operator_can_still_write_its_status(hello: Any, name: str) -> None:
    obj = hello.get("v1", name)
    hello.api(
        "PATCH",
        hello.path("v1", name, "status"),
        {"metadata": {"uid": obj["metadata"]["uid"]}, "status": STATUS},
        Content_Type="application/merge-patch+json",
    ).ok()
    assert hello.get("v1", name)["status"] == STATUS


@pytest.mark.parametrize("name", STORED)
def test_labels_and_finalizers_can_still_be_changed(hello: Any, name: str) -> None:
    obj = hello.get("v1", name)
    obj["metadata"]["labels"] = {"team": "greetings"}
    obj["metadata"]["finalizers"] = ["example.com/wait"]
    obj = hello.put("v1", obj)
    del obj["metadata"]["finalizers"]
    assert "finalizers" not in hello.put("v1", obj)["metadata"]


@pytest.mark.parametrize("name", ["replicas", "message", "image", "port", "size", "schedule"])
def test_another_field_of_the_spec_can_still_be_changed(hello: Any, name: str) -> None:
    obj = hello.get("v1", name)
    obj["spec"]["resources"] = {"limits": {"memory": "64Mi"}}
    hello.put("v1", obj)


@pytest.mark.parametrize("name", STORED)
def test_it_can_be_mended(hello: Any, name: str) -> None:
    obj = copy.deepcopy(hello.get("v1", name))
    obj["spec"] = {"replicas": 1}
    if "persistence" in STORED[name]:
        # A volume is only ever grown, which also mends one that is too small.
        obj["spec"]["persistence"] = {"size": "64Mi"}
    hello.put("v1", obj)


def test_a_bad_value_is_not_made_another_bad_value(hello: Any) -> None:
    hello_500 = hello.get("v1", "two-writers")
    hello_500["spec"] = {"replicas": 500}
    answer = hello.api("PUT", hello.path("v1", "two-writers"), hello_500)
    assert answer.status == 422


def test_a_snapshot_of_an_earlier_schema_gets_its_status(install: Any, eventually: Any) -> None:
    spec = {"helloWorldName": "No Name", "size": 1}
    snapshot = upgraded(install, SNAPSHOT, {"early": spec}, eventually)
    obj = snapshot.get("v1", "early")
    done = {"claimName": "early-snapshot", "sizeBytes": 8192, "entries": 3}
    assert snapshot.put("v1", {**obj, "status": done}, "status")["status"] == done
