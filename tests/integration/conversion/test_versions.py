"""The real API server as judge of the conversion: it stores one version, people use both.

The CRD points at our webhook server by URL, with the CA that signed its certificate.
"""

import json
from typing import Any

import pytest

from helloworld_operator.api.conversion import ANNOTATION
from kopfkit.host import process
from kopfkit.toolchain import toolchain

FULL_V1 = {
    "replicas": 3,
    "greeting": {"message": "你好", "language": "zh-Hans"},
    "image": "hello:1",
    "resources": {"limits": {"cpu": 1, "memory": "64Mi"}},
    "service": {"type": "NodePort", "port": 8080},
    "autoscaling": {"minReplicas": 2, "maxReplicas": 9, "targetCPUUtilizationPercentage": 50},
}
# A guest book and autoscaling exclude each other.
STATEFUL_V1 = {
    "replicas": 1,
    "greeting": {"message": "Sign here"},
    "persistence": {"size": "128Mi", "storageClassName": "fast"},
    "snapshots": {"schedule": "30 2 * * *", "keep": 7},
    "restoreFrom": {"snapshotName": "last-night"},
}
FULL_V1ALPHA1 = {"size": 3, "message": "你好", "image": "hello:1"}
CONDITION = {
    "type": "Available",
    "status": "True",
    "reason": "Ready",
    "message": "3 of 3 pods are ready",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}
STATUS = {
    "observedGeneration": 1,
    "replicas": 3,
    "readyReplicas": 3,
    "selector": "a=b",
    "url": "http://hello.default.svc:80",
    "image": "hello:1",
    "rejectedImage": "hello:2",
    "volumeCapacity": "64Mi",
    "lastSnapshot": {"name": "last-night", "time": "2026-01-01T02:30:00Z"},
    "conditions": [CONDITION],
}


@pytest.fixture(scope="module", params=["v1", "v1alpha1"])
def hello(request: Any, install: Any, start_webhook: Any) -> Any:
    """HelloWorld's CRD with our webhook, storing one version and then the other."""
    group = f"stores-{request.param}.example.com"
    return install(group, conversion=start_webhook(group).conversion, storage=request.param)


def without_ours(obj: Any) -> Any:
    """Metadata except what the server counts up, and the annotation of the conversion."""
    kept = {
        key: value
        for key, value in obj["metadata"].items()
        if key not in ("resourceVersion", "generation", "managedFields", "annotations")
    }
    annotations = {
        key: value
        for key, value in obj["metadata"].get("annotations", {}).items()
        if key != ANNOTATION
    }
    return {**kept, "annotations": annotations}


def test_a_v1_object_is_read_through_v1alpha1_and_is_unchanged_in_v1(hello: Any) -> None:
    made = hello.make("v1", "one", {"note": "mine"}, spec=FULL_V1).ok()
    old = hello.get("v1alpha1", "one")
    assert old["spec"] == FULL_V1ALPHA1
    assert without_ours(old) == without_ours(made)
    new = hello.get("v1", "one")
    assert new["spec"] == FULL_V1
    assert new["metadata"].get("annotations") == {"note": "mine"}


def test_an_edit_through_v1alpha1_arrives_and_what_only_v1_has_stays(hello: Any) -> None:
    hello.make("v1", "two", spec=FULL_V1).ok()
    old = hello.get("v1alpha1", "two")
    hello.put("v1alpha1", {**old, "spec": {**old["spec"], "size": 7, "message": "Hi"}})
    assert hello.get("v1", "two")["spec"] == {
        **FULL_V1,
        "replicas": 7,
        "greeting": {"message": "Hi", "language": "zh-Hans"},
    }
    assert hello.get("v1alpha1", "two")["spec"] == {**FULL_V1ALPHA1, "size": 7, "message": "Hi"}


def test_persistence_and_snapshots_survive_an_edit_through_v1alpha1(hello: Any) -> None:
    hello.make("v1", "stateful", spec=STATEFUL_V1).ok()
    old = hello.get("v1alpha1", "stateful")
    assert old["spec"] == {"size": 1, "message": "Sign here"}
    hello.put("v1alpha1", {**old, "spec": {"size": 0, "message": "Closed"}})
    assert hello.get("v1", "stateful")["spec"] == {
        **STATEFUL_V1,
        "replicas": 0,
        "greeting": {"message": "Closed"},
    }


def test_an_edit_through_v1_arrives_in_v1alpha1(hello: Any) -> None:
    hello.make("v1alpha1", "three", spec=FULL_V1ALPHA1).ok()
    new = hello.get("v1", "three")
    assert new["spec"] == {"replicas": 3, "greeting": {"message": "你好"}, "image": "hello:1"}
    new["spec"]["greeting"] = {"message": "Bonjour", "language": "fr"}
    new["spec"]["replicas"] = 0
    hello.put("v1", new)
    assert hello.get("v1alpha1", "three")["spec"] == {
        "size": 0,
        "message": "Bonjour",
        "image": "hello:1",
    }
    assert hello.get("v1", "three")["spec"]["greeting"]["language"] == "fr"


def test_removing_through_v1_what_only_v1_has_removes_it_for_good(hello: Any) -> None:
    hello.make("v1", "four", spec=FULL_V1).ok()
    new = hello.get("v1", "four")
    only = ("service", "resources", "autoscaling")
    new["spec"] = {key: value for key, value in new["spec"].items() if key not in only}
    hello.put("v1", new)
    old = hello.get("v1alpha1", "four")
    hello.put("v1alpha1", {**old, "spec": {**old["spec"], "size": 1}})
    spec = hello.get("v1", "four")["spec"]
    assert not set(only) & set(spec)


def test_defaults_meet_in_both_versions(hello: Any) -> None:
    hello.make("v1alpha1", "five").ok()
    hello.make("v1", "six").ok()
    for name in ("five", "six"):
        assert hello.get("v1alpha1", name)["spec"] == {"size": 1, "message": "Hello, World!"}
        assert hello.get("v1", name)["spec"] == {
            "replicas": 1,
            "greeting": {"message": "Hello, World!"},
        }
        assert "annotations" not in hello.get("v1alpha1", name)["metadata"]
        assert "annotations" not in hello.get("v1", name)["metadata"]


@pytest.mark.parametrize(("writer", "reader"), [("v1", "v1alpha1"), ("v1alpha1", "v1")])
def test_status_goes_through_both_versions(hello: Any, writer: str, reader: str) -> None:
    name = f"status-{writer}"
    hello.make("v1", name, spec=FULL_V1).ok()
    hello.put(writer, {**hello.get(writer, name), "status": STATUS}, "status")
    assert hello.get(reader, name)["status"] == STATUS
    hello.put(reader, {**hello.get(reader, name)}, "status")
    assert hello.get(writer, name)["status"] == STATUS
    assert hello.get("v1", name)["spec"] == FULL_V1


@pytest.mark.parametrize("version", ["v1", "v1alpha1"])
def test_scale_works_through_both_versions(hello: Any, version: str) -> None:
    name = f"scale-{version}"
    hello.make("v1", name, spec=FULL_V1).ok()
    path = hello.path(version, name, "scale")
    scale = hello.api("GET", path).ok()
    assert scale["spec"]["replicas"] == 3
    hello.api("PUT", path, {**scale, "spec": {"replicas": 9}}).ok()
    assert hello.get("v1", name)["spec"] == {**FULL_V1, "replicas": 9}


@pytest.mark.parametrize("version", ["v1", "v1alpha1"])
def test_kubectl_scales_through_both_versions(hello: Any, control_plane: Any, version: str) -> None:
    name = f"kubectl-{version}"
    hello.make("v1", name, spec=FULL_V1).ok()
    resource = f"{hello.resource.plural}.{version}.{hello.resource.group}/{name}"
    kubectl = [str(toolchain.tool("kubectl")), f"--kubeconfig={control_plane.kubeconfig}"]
    process.run([*kubectl, "scale", resource, "--current-replicas=3", "--replicas=5"])
    assert hello.get("v1", name)["spec"] == {**FULL_V1, "replicas": 5}
    with pytest.raises(process.CommandFailed, match="should be less than or equal to 100"):
        process.run([*kubectl, "scale", resource, "--replicas=101"])


def test_a_guest_book_is_not_scaled_to_two_writers(hello: Any) -> None:
    hello.make("v1", "one-writer", spec=STATEFUL_V1).ok()
    path = hello.path("v1", "one-writer", "scale")
    scale = hello.api("GET", path).ok()
    refused = hello.api("PUT", path, {**scale, "spec": {"replicas": 2}})
    assert refused.status == 422
    assert "one pod at a time writes to the volume: set replicas to 1" in refused.message


@pytest.mark.parametrize("subresource", ["", "scale"])
def test_two_writers_wished_through_v1alpha1_cost_no_volume_and_are_not_taken_over(
    hello: Any, subresource: str
) -> None:
    """v1alpha1 cannot see the volume: an autoscaler that knows it only may wish for two pods."""
    for version, field in (("v1alpha1", "size"), ("v1", "replicas")):
        name = f"two-writers-{version}-{subresource}".rstrip("-")
        hello.make("v1", name, spec=STATEFUL_V1).ok()
        old = hello.api("GET", hello.path("v1alpha1", name, subresource)).ok()
        number = "replicas" if subresource else "size"
        hello.put("v1alpha1", {**old, "spec": {**old["spec"], number: 2}}, subresource)
        assert hello.get("v1", name)["spec"] == STATEFUL_V1
        assert hello.get("v1alpha1", name)["spec"]["size"] == 2
        # The operator's status is still taken, through the version it uses.
        hello.put("v1", {**hello.get("v1", name), "status": STATUS}, "status")
        one = hello.get(version, name)
        hello.put(version, {**one, "spec": {**one["spec"], field: 0}})
        assert hello.get("v1", name)["spec"] == {**STATEFUL_V1, "replicas": 0}
        assert hello.get("v1alpha1", name)["spec"]["size"] == 0


@pytest.mark.parametrize(("one", "other"), [("v1", "v1alpha1"), ("v1alpha1", "v1")])
def test_server_side_apply_through_both_versions_shares_the_object(
    hello: Any, one: str, other: str
) -> None:
    name = f"apply-{one}"
    message = {"v1": {"greeting": {"message": "Hi"}}, "v1alpha1": {"message": "Hi"}}
    number = {"v1": {"replicas": 4}, "v1alpha1": {"size": 4}}
    for version, manager, spec in ((one, "a", message[one]), (other, "b", number[other])):
        hello.api(
            "PATCH",
            f"{hello.path(version, name)}?fieldManager={manager}",
            hello.object(version, name, spec=spec),
            Content_Type="application/apply-patch+yaml",
        ).ok()
    assert hello.get("v1alpha1", name)["spec"] == {"size": 4, "message": "Hi"}


def test_lists_hold_every_object_in_the_version_asked_for(hello: Any) -> None:
    for number in range(5):
        hello.make("v1", f"list-{number}", spec=FULL_V1).ok()
    for version, spec in (("v1", FULL_V1), ("v1alpha1", FULL_V1ALPHA1)):
        for query in ("", "?limit=2"):
            listed = hello.api("GET", hello.path(version) + query).ok()["items"]
            group = hello.resource.group
            assert {one["apiVersion"] for one in listed} == {f"{group}/{version}"}
            found = [one["spec"] for one in listed if one["metadata"]["name"].startswith("list-")]
            assert all(one == spec for one in found)
            assert len(found) == (5 if not query else len(found))


def test_an_annotation_somebody_wrote_in_our_place_survives(hello: Any) -> None:
    hello.make("v1", "note", {ANNOTATION: "{a note"}, spec=FULL_V1).ok()
    old = hello.get("v1alpha1", "note")
    hello.put("v1alpha1", {**old, "spec": {**old["spec"], "size": 8}})
    new = hello.get("v1", "note")
    assert new["metadata"]["annotations"] == {ANNOTATION: "{a note"}
    assert new["spec"] == {**FULL_V1, "replicas": 8}


def lax(crd: Any) -> None:
    """Let v1 hold anything in its spec."""
    for version in crd["spec"]["versions"]:
        if version["name"] == "v1":
            version["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
                "x-kubernetes-preserve-unknown-fields": True,
                "nullable": True,
            }
            del version["subresources"]["scale"]  # it alone would keep the number a number


@pytest.fixture(scope="module")
def junk(install: Any, start_webhook: Any) -> Any:
    """A CRD whose v1 takes anything, as one from before there were rules."""
    group = "junk.example.com"
    return install(group, change=lax, conversion=start_webhook(group).conversion)


JUNK: list[Any] = [
    {"replicas": "three", "greeting": "hi"},
    {"replicas": None, "greeting": None, "size": 4, "message": []},
    {"greeting": {"message": {"a": 1}, "more": [None]}},
    [1, "two"],
    "text",
    7,
    {},
    None,
]


@pytest.mark.parametrize("spec", JUNK, ids=json.dumps)
def test_junk_in_storage_is_readable_through_both_versions(junk: Any, spec: Any) -> None:
    name = f"junk-{JUNK.index(spec)}"
    made = junk.make("v1", name, spec=spec).ok()
    assert made.get("spec") == spec
    junk.get("v1alpha1", name)
    assert junk.get("v1", name).get("spec") == spec


def test_a_field_newer_than_the_webhook_survives_an_edit_through_v1alpha1(junk: Any) -> None:
    spec = {**FULL_V1, "tone": {"warm": 9}}
    junk.make("v1", "newer", spec=spec).ok()
    old = junk.get("v1alpha1", "newer")
    assert "tone" not in old["spec"]  # the API server removed it: v1alpha1 has no such field
    junk.put("v1alpha1", {**old, "spec": {**old["spec"], "size": 8}})
    assert junk.get("v1", "newer")["spec"] == {**spec, "replicas": 8}


@pytest.mark.parametrize("full", [True, False], ids=["annotations", "content"])
def test_an_object_without_room_for_what_only_v1_has_is_read_and_says_so(
    install: Any, start_webhook: Any, full: bool
) -> None:
    group = f"room-{full}.example.com".lower()
    change = {} if full else {"change": lax}
    room = install(group, conversion=start_webhook(group).conversion, **change)
    # All annotations together may have 256 KiB.
    note = {"note": "n" * (256 * 1024 - 10)} if full else None
    spec = FULL_V1 if full else {**FULL_V1, "greeting": {"other": "x" * 300_000}}
    room.make("v1", "huge", note, spec=spec).ok()
    room.make("v1", "fine", spec=FULL_V1).ok()
    listed = room.get("v1alpha1", "")["items"]
    found = {each["metadata"]["name"]: each for each in listed}
    assert found["fine"]["spec"] == FULL_V1ALPHA1
    assert found["fine"]["metadata"].get("labels") is None
    assert found["huge"]["metadata"]["labels"] == {ANNOTATION: "incomplete"}
    assert found["huge"]["metadata"].get("annotations") == note
    assert found["huge"]["spec"]["image"] == "hello:1"
    assert room.get("v1", "huge")["spec"] == spec


@pytest.mark.parametrize(("one", "other"), [("v1", "v1alpha1"), ("v1alpha1", "v1")])
def test_one_manager_may_apply_through_both_versions(hello: Any, one: str, other: str) -> None:
    """The API server then has parts of the object converted that have no metadata."""
    name = f"moved-{one}"
    hello.make("v1", name, spec=FULL_V1).ok()
    hello.put("v1", {**hello.get("v1", name), "status": STATUS}, "status")
    message = {"v1": {"greeting": {"message": "Hi"}}, "v1alpha1": {"message": "Hi"}}
    for version, labels in ((one, {"a": "b"}), (other, {}), (one, {})):
        obj = hello.object(version, name, spec=message[version])
        obj["metadata"]["labels"] = labels
        hello.api(
            "PATCH",
            f"{hello.path(version, name)}?fieldManager=gitops&force=true",
            obj,
            Content_Type="application/apply-patch+yaml",
        ).ok()
    found = hello.get("v1", name)
    assert "labels" not in found["metadata"]
    assert found["spec"] == {**FULL_V1, "greeting": {"message": "Hi", "language": "zh-Hans"}}


@pytest.mark.parametrize("written", ["discard", '{"v1":{"/spec/replicas":{"value":1,"over":1}}}'])
def test_an_apply_passes_where_what_another_manager_owned_was_used_up(
    hello: Any, written: str
) -> None:
    """Nothing is kept any more in the annotation that another manager wrote, and the last label
    goes: the API server then converts `metadata: null` where an owned annotation is missing."""
    name = "used-up"
    hello.make("v1alpha1", name, {ANNOTATION: written}, spec={"size": 1}).ok()
    for version, labels in (("v1alpha1", {"a": "b"}), ("v1", {}), ("v1alpha1", {"a": "b"})):
        message = {"greeting": {"message": "Hi"}} if version == "v1" else {"message": "Hi"}
        obj = hello.object(version, name, spec=message)
        obj["metadata"]["labels"] = labels
        path = f"{hello.path(version, name)}?fieldManager=gitops&force=true"
        hello.api("PATCH", path, obj, Content_Type="application/apply-patch+yaml").ok()
    hello.api("DELETE", hello.path("v1", name)).ok()


FORGED: list[Any] = [
    {"/spec/image": {"value": "registry.evil.example/miner:1"}},
    {"/spec/greeting/message": {"value": "Evil", "over": "Hello, World!"}},
    {"/spec/replicas": {"value": 3, "over": 1}},
    {"/spec/size": {"value": 3, "over": 1}},
    {"/spec/replicas": {"value": 5000, "over": 1}},
    {"/spec/service/type": {"value": "ExternalName"}},
    {"/spec/greeting/language": {"value": "en\r\nX-Evil: 1"}},
    {"/spec/snapshots/keep": {"value": 3}},
    {"/status": {"value": {"image": "registry.evil.example/miner:1"}}},
    {"/status/rejectedImage": {"value": "hello:1"}},
    {"/apiVersion": {"value": "hacked/v1"}},
    {"/metadata/name": {"value": "other"}},
]


@pytest.mark.parametrize("changes", FORGED, ids=str)
@pytest.mark.parametrize("version", ["v1", "v1alpha1"])
def test_what_is_forged_in_the_annotation_at_creation_is_nowhere(
    hello: Any, version: str, changes: Any
) -> None:
    name = f"forged-{version}-{FORGED.index(changes)}"
    text = json.dumps({other: changes for other in ("v1", "v1alpha1") if other != version})
    hello.make(version, name, {ANNOTATION: text}).ok()
    new, old = hello.get("v1", name), hello.get("v1alpha1", name)
    assert new["spec"] == {"replicas": 1, "greeting": {"message": "Hello, World!"}}
    assert old["spec"] == {"size": 1, "message": "Hello, World!"}
    assert "status" not in new
    assert "status" not in old
    for each in ("v1", "v1alpha1"):
        assert name in [one["metadata"]["name"] for one in hello.get(each, "")["items"]]
