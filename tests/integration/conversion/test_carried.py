"""A write through v1alpha1 that would lose what only v1 has is refused, unless it says that it
means it: the policy that `kopfkit.runtime.olm.protection` keeps, against a real API server."""

import json
from typing import Any

import pytest

from helloworld_operator.api.conversion import ANNOTATION, CONVERTER
from kopfkit.runtime.olm.policies import Carried, binding, policy, policy_name

POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
SPEC = {
    "replicas": 1,
    "greeting": {"message": "Sign here", "language": "en"},
    "persistence": {"size": "128Mi"},
}
OLD = {"size": 1, "message": "Sign here"}
FULL = {"note": "n" * (256 * 1024 - 10)}
MERGE = {"Content_Type": "application/merge-patch+json"}


@pytest.fixture(scope="module", params=["v1", "v1alpha1"])
def hello(request: Any, install: Any, start_webhook: Any, eventually: Any) -> Any:
    """HelloWorld's CRD, storing one version and then the other, with the policy in force."""
    group = f"carried-{request.param}.example.com"
    conversion = start_webhook(group).conversion
    installed = install(group, conversion=conversion, storage=request.param)
    crd = installed.resource.crd_name
    carried = Carried(
        group, installed.resource.plural, CONVERTER.hub, tuple(CONVERTER.spokes), ANNOTATION
    )
    installed.api("POST", POLICIES, policy(crd, carried)).ok()
    installed.api("POST", BINDINGS, binding(crd)).ok()
    installed.make("v1", "probe", spec=SPEC).ok()
    bare = {"metadata": {"annotations": {ANNOTATION: None}}}
    path = f"{installed.path('v1alpha1', 'probe')}?dryRun=All"
    # The API server takes a policy up within seconds.
    eventually(
        lambda: installed.api("PATCH", path, bare, **MERGE), lambda answer: answer.status == 422
    )
    yield installed
    for collection in (BINDINGS, POLICIES):
        installed.api("DELETE", f"{collection}/{policy_name(crd)}")


def made(hello: Any, name: str, annotations: Any = None, **spec: Any) -> Any:
    """A HelloWorld with a volume and a language, as v1alpha1 shows it."""
    hello.make("v1", name, annotations, spec={**SPEC, **spec}).ok()
    return hello.get("v1alpha1", name)


def put(hello: Any, obj: Any, annotations: Any) -> Any:
    """The answer to a PUT through v1alpha1 with these annotations."""
    metadata = {key: item for key, item in obj["metadata"].items() if key != "annotations"}
    if annotations is not None:
        metadata["annotations"] = annotations
    obj = {**obj, "spec": {**obj["spec"], "message": "Hi"}, "metadata": metadata}
    return hello.api("PUT", hello.path("v1alpha1", obj["metadata"]["name"]), obj)


@pytest.mark.parametrize(
    "annotations",
    [None, {"note": "x"}, {ANNOTATION: ""}, {ANNOTATION: "{"}, {ANNOTATION: '{"v1":{}}'}],
    ids=str,
)
def test_an_object_written_from_nothing_is_refused_and_the_sentence_says_what_to_do(
    hello: Any, annotations: Any
) -> None:
    old = made(hello, f"bare-{abs(hash(str(annotations)))}")
    answer = put(hello, old, annotations)
    assert answer.status == 422
    assert "would lose or change what only v1 has" in answer.message
    assert f"annotation {ANNOTATION}" in answer.message
    assert 'set the annotation to "discard"' in answer.message
    assert hello.get("v1", old["metadata"]["name"])["spec"] == SPEC


def test_what_was_written_by_hand_with_spaces_is_kept_as_well(hello: Any) -> None:
    change = {"/spec/persistence": {"value": {"size": "128Mi"}}}
    text = " " * 200_000 + json.dumps({"v1": change}, indent=2)
    hello.make("v1alpha1", "spaced", {ANNOTATION: text}, spec=OLD).ok()
    assert hello.get("v1", "spaced")["spec"]["persistence"] == {"size": "128Mi"}
    assert put(hello, hello.get("v1alpha1", "spaced"), None).status == 422
    assert hello.get("v1", "spaced")["spec"]["persistence"] == {"size": "128Mi"}


def test_a_stale_or_forged_annotation_is_refused(hello: Any) -> None:
    old = made(hello, "stale")
    text = old["metadata"]["annotations"][ANNOTATION]
    for forged in (text.replace("128Mi", "1Mi"), text.replace('"en"', '"zh"'), text + " "):
        assert put(hello, old, {ANNOTATION: forged}).status == 422
    removed = {"metadata": {"annotations": {ANNOTATION: None}}}
    answer = hello.api("PATCH", hello.path("v1alpha1", "stale"), removed, **MERGE)
    assert answer.status == 422
    assert hello.get("v1", "stale")["spec"] == SPEC


def test_edits_patches_applies_scales_and_statuses_pass(hello: Any) -> None:
    old = made(hello, "edited")
    put(hello, old, old["metadata"]["annotations"]).ok()
    path = hello.path("v1alpha1", "edited")
    hello.api("PATCH", path, {"spec": {"message": "patched"}}, **MERGE).ok()
    applied = hello.object("v1alpha1", "edited", spec={"message": "applied"})
    query = "?fieldManager=gitops&force=true"
    hello.api("PATCH", path + query, applied, Content_Type="application/apply-patch+yaml").ok()
    scale = hello.api("GET", hello.path("v1alpha1", "edited", "scale")).ok()
    hello.put("v1alpha1", {**scale, "spec": {"replicas": 0}}, "scale")
    bare = {**hello.get("v1alpha1", "edited"), "status": {"replicas": 0}}
    del bare["metadata"]["annotations"]
    hello.put("v1alpha1", bare, "status")
    found = hello.get("v1", "edited")
    greeting = {"message": "applied", "language": "en"}
    assert found["spec"] == {**SPEC, "replicas": 0, "greeting": greeting}
    assert found["status"] == {"replicas": 0}


def test_who_says_discard_gives_up_what_only_v1_has(hello: Any) -> None:
    old = made(hello, "discarded")
    put(hello, old, {ANNOTATION: "discard"}).ok()
    assert hello.get("v1", "discarded")["spec"] == {"replicas": 1, "greeting": {"message": "Hi"}}
    # And once there is nothing to lose, a PUT from nothing passes.
    put(hello, hello.get("v1alpha1", "discarded"), None).ok()


def test_where_nothing_would_be_lost_nothing_is_refused(hello: Any) -> None:
    hello.make("v1alpha1", "plain", {"note": "x", ANNOTATION: "a note"}, spec=OLD).ok()
    put(hello, hello.get("v1alpha1", "plain"), None).ok()


def test_writes_through_v1_are_not_asked_about(hello: Any) -> None:
    made(hello, "new")
    new = hello.get("v1", "new")
    hello.put("v1", {**new, "spec": {"greeting": {"message": "Hi"}}})
    assert "persistence" not in hello.get("v1", "new")["spec"]


def test_an_object_without_room_is_written_through_v1_only(hello: Any) -> None:
    if made(hello, "room")["metadata"].get("labels"):
        pytest.fail("there is room")
    hello.api("PATCH", hello.path("v1", "room"), {"metadata": {"annotations": FULL}}, **MERGE).ok()
    old = hello.get("v1alpha1", "room")
    assert old["metadata"]["labels"] == {ANNOTATION: "incomplete"}
    answer = put(hello, old, FULL)
    assert answer.status == 422
    assert "this write would lose it: write through v1" in answer.message
    short = {"metadata": {"annotations": {"note": "n"}}}
    hello.api("PATCH", hello.path("v1", "room"), short, **MERGE).ok()
    assert hello.get("v1alpha1", "room")["metadata"].get("labels") is None


def test_the_finalizers_of_what_is_deleted_are_removed_in_whatever_way(hello: Any) -> None:
    old = made(hello, "ending")
    held = {"metadata": {"finalizers": ["example.com/hold"]}}
    hello.api("PATCH", hello.path("v1alpha1", "ending"), held, **MERGE).ok()
    hello.api("DELETE", hello.path("v1alpha1", "ending")).ok()
    old = hello.get("v1alpha1", "ending")
    del old["metadata"]["finalizers"]
    put(hello, old, None).ok()
    assert hello.api("GET", hello.path("v1", "ending")).status == 404
