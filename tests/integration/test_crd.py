"""The real API server takes the generated CRDs as they are.

What it refuses is in test_crd_refusals.py, what it explains in test_crd_explain.py.
"""

import re
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.crd import custom_resource_definition


@pytest.fixture(scope="module")
def hello(install: Any) -> Any:
    return install()


@pytest.fixture(scope="module")
def storing(install: Any, hello: Any) -> Any:
    """By version: a CRD that stores it, so that nothing needs conversion."""
    return {"v1": hello, "v1alpha1": install(storage="v1alpha1")}


@pytest.mark.parametrize("resource", [HELLOWORLD, SNAPSHOT], ids=lambda one: one.kind)
def test_the_crd_is_taken_without_a_warning(raw_api: Any, resource: Any) -> None:
    crd = custom_resource_definition(resource)
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    answer = raw_api("POST", f"{path}?dryRun=All&fieldValidation=Strict", crd)
    if answer.status != 409:  # somebody else's test has it installed
        answer.ok()
    assert answer.warnings == []


def test_the_crd_is_established_and_structural(hello: Any) -> None:
    conditions = {one["type"]: one["status"] for one in hello.crd()["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_what_is_generated_is_what_the_api_server_keeps(hello: Any) -> None:
    """Else every apply would look like a change."""
    sent = custom_resource_definition(hello.resource)
    kept = hello.crd()["spec"]
    assert kept["versions"] == sent["spec"]["versions"]


def test_what_is_generated_for_snapshots_is_what_the_api_server_keeps(install: Any) -> None:
    snapshot = install(resource=SNAPSHOT)
    sent = custom_resource_definition(snapshot.resource)
    assert snapshot.crd()["spec"]["versions"] == sent["spec"]["versions"]


@pytest.mark.parametrize(
    ("version", "spec", "expected"),
    [
        ("v1", None, {"replicas": 1, "greeting": {"message": "Hello, World!"}}),
        ("v1", {"replicas": 0}, {"replicas": 0, "greeting": {"message": "Hello, World!"}}),
        (
            "v1",
            {"greeting": {"language": "en"}, "service": {}},
            {
                "replicas": 1,
                "greeting": {"language": "en", "message": "Hello, World!"},
                "service": {"type": "ClusterIP", "port": 80},
            },
        ),
        (
            "v1",
            {"autoscaling": {"maxReplicas": 9}, "greeting": {"message": "Hi"}},
            {
                "replicas": 1,
                "greeting": {"message": "Hi"},
                "autoscaling": {
                    "minReplicas": 1,
                    "maxReplicas": 9,
                    "targetCPUUtilizationPercentage": 80,
                },
            },
        ),
        (
            "v1",
            {"persistence": {}, "snapshots": {}, "greeting": {"message": "Hi"}},
            {
                "replicas": 1,
                "greeting": {"message": "Hi"},
                "persistence": {"size": "64Mi"},
                "snapshots": {"keep": 3},
            },
        ),
        ("v1alpha1", None, {"size": 1, "message": "Hello, World!"}),
        ("v1alpha1", {"message": "Hi"}, {"size": 1, "message": "Hi"}),
    ],
)
def test_what_is_left_out_gets_its_default(
    storing: Any, version: str, spec: Any, expected: Any
) -> None:
    hello = storing[version]
    content = {} if spec is None else {"spec": spec}
    answer = hello.api(
        "POST", f"{hello.path(version)}?dryRun=All", hello.object(version, "d", **content)
    )
    assert answer.ok()["spec"] == expected


@pytest.mark.parametrize(("version", "field"), [("v1", "replicas"), ("v1alpha1", "size")])
def test_the_columns_show_what_is_wanted_and_what_is_there(
    storing: Any, version: str, field: str
) -> None:
    hello = storing[version]
    name = f"columns-{version}"
    hello.make(version, name, spec={field: 1}).ok()  # and an autoscaler wants more
    status = {
        "desiredReplicas": 3,
        "readyReplicas": 2,
        "url": "http://x",
        "image": "hello:1",
        "volumeCapacity": "64Mi",
        "lastSnapshot": {"name": "night", "time": "2026-01-01T00:00:00Z"},
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for kind, status, reason in (
                ("Available", "True", "MinimumReplicasAvailable"),
                ("Progressing", "True", "Restoring"),
                ("Degraded", "False", "AsExpected"),
            )
        ],
    }
    hello.put(version, {**hello.get(version, name), "status": status}, "status")
    table = hello.api(
        "GET",
        hello.path(version, name),
        Accept="application/json;as=Table;v=v1;g=meta.k8s.io",
    ).ok()
    heads = [(one["name"], one["priority"]) for one in table["columnDefinitions"]]
    assert heads == [
        ("Name", 0),
        ("Desired", 0),
        ("Ready", 0),
        ("Available", 0),
        ("Progress", 0),
        ("Health", 0),
        ("URL", 1),
        ("Image", 1),
        ("Volume", 1),
        ("Snapshot", 1),
        ("Age", 0),
    ]
    cells = table["rows"][0]["cells"]
    assert cells[:6] == [name, 3, 2, "True", "Restoring", "AsExpected"]
    assert cells[6:9] == ["http://x", "hello:1", "64Mi"]
    assert re.fullmatch(r"\d+d", cells[9])  # the age of the snapshot


def test_the_columns_of_a_snapshot_tell_of_what_it_is_and_whether_it_can_be_restored(
    install: Any,
) -> None:
    snapshot = install(resource=SNAPSHOT)
    made = snapshot.make("v1", "night", spec={"helloWorldName": "hello"}).ok()
    status = {
        "claimName": "night-snapshot",
        "sizeBytes": 8192,
        "entries": 12,
        "sha256": "0" * 64,
        "completedAt": "2026-01-01T00:00:00Z",
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Complete",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }
    snapshot.put("v1", {**made, "status": status}, "status")
    table = snapshot.api(
        "GET",
        snapshot.path("v1", "night"),
        Accept="application/json;as=Table;v=v1;g=meta.k8s.io",
    ).ok()
    shown = [one["name"] for one in table["columnDefinitions"] if not one["priority"]]
    assert shown == ["Name", "Of", "Ready", "Reason", "Entries", "Completed"]
    cells = table["rows"][0]["cells"]
    assert cells[:7] == ["night", "hello", "True", "Complete", 12, 8192, "night-snapshot"]
    assert re.fullmatch(r"\d+d", cells[7])


@pytest.mark.parametrize(("version", "field"), [("v1", "replicas"), ("v1alpha1", "size")])
def test_the_scale_subresource_sets_the_number_of_pods(
    storing: Any, version: str, field: str
) -> None:
    hello = storing[version]
    name = f"scale-{version}"
    hello.make(version, name).ok()
    path = hello.path(version, name, "scale")
    scale = hello.api("GET", path).ok()
    assert scale["spec"]["replicas"] == 1
    hello.api("PUT", path, {**scale, "spec": {"replicas": 5}}).ok()
    assert hello.get(version, name)["spec"][field] == 5
    scale = hello.api("GET", path).ok()
    refused = hello.api("PUT", path, {**scale, "spec": {"replicas": 500}})
    assert refused.status == 422


def test_two_managers_share_the_conditions_by_type(hello: Any) -> None:
    hello.make("v1", "shared").ok()
    for kind in ("Available", "Degraded"):
        condition = {
            "type": kind,
            "status": "False",
            "reason": "Test",
            "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        body = hello.object("v1", "shared", status={"conditions": [condition]})
        hello.api(
            "PATCH",
            f"{hello.path('v1', 'shared', 'status')}?fieldManager={kind}",
            body,
            Content_Type="application/apply-patch+yaml",
        ).ok()
    conditions = hello.get("v1", "shared")["status"]["conditions"]
    assert [one["type"] for one in conditions] == ["Available", "Degraded"]


def test_a_status_of_the_wrong_form_is_refused(hello: Any) -> None:
    hello.make("v1", "wrong-status").ok()
    obj = hello.get("v1", "wrong-status")
    obj["status"] = {"conditions": [{"type": "Available", "status": "Perhaps"}]}
    answer = hello.api("PUT", hello.path("v1", "wrong-status", "status"), obj)
    assert answer.status == 422
    assert "status.conditions[0].lastTransitionTime: Required value" in answer.message
