"""HelloWorld through both versions: nothing is lost, and a change through either one counts."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from helloworld_operator.api import GROUP, v1, v1alpha1
from helloworld_operator.api.conversion import ANNOTATION, CONVERTER
from kopfkit.conversion import annotation, known_fields
from kopfkit.conversion.fields import Fields, prune

V1, V1ALPHA1 = f"{GROUP}/v1", f"{GROUP}/v1alpha1"
OTHER = {V1: V1ALPHA1, V1ALPHA1: V1}
KNOWN: dict[str, Fields] = {
    V1: known_fields(spec=v1.Spec, status=v1.Status),
    V1ALPHA1: known_fields(spec=v1alpha1.Spec, status=v1alpha1.Status),
}
NAMES = [
    *("size", "replicas", "message", "greeting", "language", "image", "resources", "service"),
    *("type", "port", "limits", "requests", "conditions", "unknown", "a/b", "~", ""),
    *("autoscaling", "maxReplicas", "persistence", "size", "snapshots", "keep", "restoreFrom"),
]

generated = budget(ci=60, soak=4000)

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=10,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
NAME = st.from_regex("[a-z]([-a-z0-9]{0,9}[a-z0-9])?", fullmatch=True)
IMAGE = st.builds("{}:{}".format, NAME, st.integers(1, 9))
GREETING = st.fixed_dictionaries(
    {}, optional={"message": TEXT, "language": st.sampled_from(["en", "zh-Hans"])}
)
QUANTITIES = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from([1, "1Gi"]))


def consistent(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec without what v1's rules do not allow beside the rest."""
    stateful = ("snapshots", "restoreFrom")
    if "persistence" in spec:
        spec = {key: value for key, value in spec.items() if key != "autoscaling"}
        return {**spec, "replicas": min(spec["replicas"], 1)} if "replicas" in spec else spec
    spec = {key: value for key, value in spec.items() if key not in stateful}
    if "autoscaling" in spec and "cpu" not in spec.get("resources", {}).get("limits", ["cpu"]):
        del spec["autoscaling"]
    if "autoscaling" in spec and "limits" not in spec.get("resources", {"limits": 1}):
        del spec["autoscaling"]
    return spec


V1_SPEC = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 100),
        "greeting": GREETING,
        "image": IMAGE,
        "resources": st.fixed_dictionaries({}, optional={"limits": QUANTITIES}),
        "service": st.fixed_dictionaries({}, optional={"port": st.integers(1, 65535)}),
        "autoscaling": st.fixed_dictionaries(
            {"maxReplicas": st.integers(50, 100)},
            optional={
                "minReplicas": st.integers(1, 50),
                "targetCPUUtilizationPercentage": st.integers(1, 1000),
            },
        ),
        "persistence": st.fixed_dictionaries(
            {}, optional={"size": st.sampled_from([2**30, "64Mi"]), "storageClassName": NAME}
        ),
        "snapshots": st.fixed_dictionaries(
            {}, optional={"schedule": st.just("@daily"), "keep": st.integers(1, 50)}
        ),
        "restoreFrom": st.fixed_dictionaries({"snapshotName": NAME}),
    },
).map(consistent)
V1ALPHA1_SPEC = st.fixed_dictionaries(
    {}, optional={"size": st.integers(0, 100), "message": TEXT, "image": IMAGE}
)
STATUS = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 100),
        "url": TEXT,
        "image": TEXT,
        "rejectedImage": TEXT,
        "volumeCapacity": st.just("64Mi"),
        "lastSnapshot": st.fixed_dictionaries({"name": TEXT, "time": TEXT}),
        "conditions": st.lists(
            st.fixed_dictionaries({"type": TEXT, "status": st.just("True"), "reason": TEXT}),
            max_size=2,
        ),
    },
)
# Annotations as people write them, text in our annotation's place included.
ANNOTATIONS = st.none() | st.dictionaries(
    st.sampled_from(["note", ANNOTATION]),
    st.text(max_size=5) | st.just("{") | st.just('{"v1":{"spec":1}}'),
    min_size=1,
)


def objects(version: str, *, junk: bool) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of one version: as the schema has them, or with anything in any place."""
    spec = V1_SPEC if version == V1 else V1ALPHA1_SPEC
    content: dict[str, st.SearchStrategy[Any]] = {"spec": spec, "status": STATUS}
    if junk:
        odd = st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=5)
        merged = st.tuples(spec, odd).map(lambda pair: {**pair[0], **pair[1]})
        content = {"spec": merged | JUNK, "status": STATUS | JUNK, "unknown": JUNK}
    return st.builds(
        lambda content, annotations: make(version, annotations, **content),
        st.fixed_dictionaries({}, optional=content),
        ANNOTATIONS,
    )


def make(version: str, annotations: Any = None, **content: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "hello", "namespace": "ns"}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"apiVersion": version, "kind": "HelloWorld", "metadata": metadata, **content}


def over_the_wire(obj: dict[str, Any], version: str) -> dict[str, Any]:
    """Convert as the API server sees it: JSON in between."""
    decoded: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(CONVERTER.convert(obj, version))
    )
    return decoded


def pruned(obj: dict[str, Any]) -> dict[str, Any]:
    """The object after the API server removed the fields its version's schema does not have."""
    known = KNOWN[obj["apiVersion"]]
    envelope = {key: obj[key] for key in ("apiVersion", "kind", "metadata")}
    content = {key: value for key, value in obj.items() if key not in envelope}
    return {**envelope, **prune(content, known)}


def without_kept(obj: dict[str, Any]) -> dict[str, Any]:
    """The object with its own annotations only: what somebody else wrote in our place stays."""
    annotations = obj["metadata"].get("annotations")
    kept = annotation.read(annotations, ANNOTATION)
    kept.versions.clear()
    own = annotation.write(annotations, ANNOTATION, kept)
    return {**obj, "metadata": {**obj["metadata"], "annotations": own}}


def text(obj: Any) -> bytes:
    """For comparison: == takes 1, 1.0 and True for the same."""
    return msgspec.json.encode(obj, order="sorted")


@pytest.mark.parametrize("version", [V1, V1ALPHA1])
@generated
@given(data=st.data())
def test_there_and_back_again_is_the_same_object(version: str, data: st.DataObject) -> None:
    obj = data.draw(objects(version, junk=False))
    there = over_the_wire(obj, OTHER[version])
    assert there["apiVersion"] == OTHER[version]
    assert text(over_the_wire(there, version)) == text(obj)


@pytest.mark.parametrize("version", [V1, V1ALPHA1])
@generated
@given(data=st.data())
def test_nothing_is_lost_where_the_api_server_removes_unknown_fields_on_the_way(
    version: str, data: st.DataObject
) -> None:
    obj = data.draw(objects(version, junk=False))
    there = pruned(over_the_wire(obj, OTHER[version]))
    again = over_the_wire(there, version)
    assert text(without_kept(again)) == text(without_kept(obj))


@pytest.mark.parametrize("version", [V1, V1ALPHA1])
@generated
@given(data=st.data())
def test_junk_is_converted_and_what_its_schema_would_take_stays_as_it_is(
    version: str, data: st.DataObject
) -> None:
    """Where the other version has no place for it, junk would have to come out of the annotation:
    what nobody could write is not restored from where anybody can write."""
    obj = data.draw(objects(version, junk=True))
    again = over_the_wire(over_the_wire(obj, OTHER[version]), version)
    assert text({**without_kept(again), "spec": None}) == text({**without_kept(obj), "spec": None})
    twice = over_the_wire(over_the_wire(again, OTHER[version]), version)
    assert text(without_kept(twice)) == text(without_kept(again))


@generated
@given(objects(V1, junk=False), st.integers(0, 100), TEXT)
def test_a_change_through_v1alpha1_arrives_and_what_only_v1_has_stays(
    obj: dict[str, Any], size: int, message: str
) -> None:
    spoke = over_the_wire(obj, V1ALPHA1)
    size = min(size, 1) if "persistence" in obj.get("spec", {}) else size
    spoke["spec"] = {**spoke.get("spec", {}), "size": size, "message": message}
    changed = over_the_wire(spoke, V1)
    spec = obj.get("spec", {})
    assert changed["spec"]["replicas"] == size
    assert changed["spec"]["greeting"]["message"] == message
    for name in set(spec) - {"replicas", "greeting"}:
        assert changed["spec"].get(name) == spec.get(name)
    assert changed["spec"]["greeting"].get("language") == spec.get("greeting", {}).get("language")
    assert changed.get("status") == obj.get("status")
    assert changed["metadata"] == obj["metadata"]


def test_a_v1_object_that_v1alpha1_can_say_in_full_gets_no_annotation() -> None:
    spec = {"replicas": 2, "greeting": {"message": "Hi"}, "image": "hello:1"}
    assert over_the_wire(make(V1, spec=spec), V1ALPHA1) == make(
        V1ALPHA1, spec={"size": 2, "message": "Hi", "image": "hello:1"}
    )


def test_what_only_v1_has_is_readable_in_the_annotation() -> None:
    spec = {"greeting": {"message": "你好", "language": "zh"}, "service": {"port": 8080}}
    spoke = over_the_wire(make(V1, spec=spec), V1ALPHA1)
    assert msgspec.json.decode(spoke["metadata"]["annotations"][ANNOTATION]) == {
        "v1": {
            "/spec/greeting/language": {"value": "zh"},
            "/spec/service/port": {"value": 8080},
        }
    }


def test_removing_the_message_through_v1alpha1_keeps_the_language() -> None:
    spec = {"greeting": {"message": "你好", "language": "zh"}}
    spoke = over_the_wire(make(V1, spec=spec), V1ALPHA1)
    del spoke["spec"]["message"]
    assert over_the_wire(spoke, V1)["spec"] == {"greeting": {"language": "zh"}}


def test_a_field_a_newer_program_wrote_survives_an_older_one() -> None:
    newer = make(V1, spec={"replicas": 1, "tone": {"warm": 9}})
    spoke = over_the_wire(newer, V1ALPHA1)
    assert spoke["spec"]["tone"] == {"warm": 9}
    assert over_the_wire(pruned(spoke), V1) == newer


def test_a_greeting_that_v1alpha1_does_not_know_is_passed_on() -> None:
    spoke = make(V1ALPHA1, spec={"message": "Hi", "greeting": {"tone": "warm"}})
    assert over_the_wire(spoke, V1)["spec"]["greeting"] == {"message": "Hi", "tone": "warm"}


def test_an_object_of_a_megabyte_is_converted_both_ways() -> None:
    obj = make(V1, spec={"replicas": 1, "unknown": "x" * 1_000_000})
    spoke = over_the_wire(obj, V1ALPHA1)
    assert over_the_wire(spoke, V1) == obj


def forged(target: str, changes: Any) -> dict[str, str]:
    return {ANNOTATION: msgspec.json.encode({target: changes}).decode()}


def through_v1alpha1(changes: Any, **spec: Any) -> dict[str, Any]:
    """What v1 has of an object that was created through v1alpha1 with this in the annotation."""
    obj = make(V1ALPHA1, forged("v1", changes), spec={"size": 1, "message": "Hi", **spec})
    return over_the_wire(obj, V1)


PLAIN_V1 = make(V1, spec={"replicas": 1, "greeting": {"message": "Hi"}})


@pytest.mark.parametrize(
    "changes",
    [
        {"/spec/replicas": {"value": 5000, "over": 1}},
        {"/spec/service/type": {"value": "ExternalName"}},
        {"/spec/service": {"value": {"type": "ExternalName", "externalName": "evil.example"}}},
        {"/spec/greeting/language": {"value": "en\r\nX-Evil: 1"}},
        {"/spec/persistence/size": {"value": "900Ki"}},
        {"/spec/persistence": {"value": "64Mi"}},
        {"/spec/resources/limits/cpu": {"value": "lots"}},
        {"/spec/snapshots/keep": {"value": 3}},
        {"/spec/autoscaling/minReplicas": {"value": 3}},
        {"/status": {"value": {"image": "registry.evil.example/miner:1"}}},
        {"/status/rejectedImage": {"value": "hello:1"}},
        {"/apiVersion": {"value": "hacked/v1"}},
        {"/kind": {"value": "Secret"}},
        {"/metadata": {"value": {"name": "other", "namespace": "kube-system"}}},
    ],
    ids=str,
)
def test_v1_content_that_v1_would_refuse_does_not_come_out_of_the_annotation(changes: Any) -> None:
    assert through_v1alpha1(changes) == PLAIN_V1


@pytest.mark.parametrize("pointer", ["/apiVersion", "/kind", "/metadata", "/metadata/uid"])
def test_no_annotation_of_a_v1_object_makes_v1alpha1s_answer_fail(pointer: str) -> None:
    obj = make(V1, forged("v1alpha1", {pointer: {"value": "hacked/v1"}}), spec={"replicas": 1})
    assert over_the_wire(obj, V1ALPHA1) == make(V1ALPHA1, spec={"size": 1})


def test_persistence_does_not_come_out_of_the_annotation_beside_autoscaling() -> None:
    changes = {
        "/spec/autoscaling/maxReplicas": {"value": 3},
        "/spec/persistence/size": {"value": "64Mi"},
    }
    assert through_v1alpha1(changes)["spec"] == {
        **PLAIN_V1["spec"],
        "autoscaling": {"maxReplicas": 3},
    }


def test_an_autoscaler_of_v1alpha1_takes_no_volume_and_no_second_writer_is_made() -> None:
    stateful = {**PLAIN_V1["spec"], "persistence": {"size": "64Mi"}}
    spoke = over_the_wire(make(V1, spec=stateful), V1ALPHA1)
    spoke["spec"]["size"] = 5
    hub = over_the_wire(spoke, V1)
    assert hub["spec"] == stateful
    assert over_the_wire(hub, V1ALPHA1)["spec"]["size"] == 5


def test_content_as_v1_takes_it_is_restored_whoever_wrote_it() -> None:
    """An object that was saved through v1alpha1 and is created again elsewhere."""
    changes = {"/spec/service/port": {"value": 8080}, "/spec/greeting/language": {"value": "zh"}}
    assert through_v1alpha1(changes)["spec"] == {
        "replicas": 1,
        "greeting": {"message": "Hi", "language": "zh"},
        "service": {"port": 8080},
    }


def test_discarding_gives_up_what_only_v1_has() -> None:
    obj = make(V1ALPHA1, {ANNOTATION: "discard"}, spec={"size": 1, "message": "Hi"})
    assert over_the_wire(obj, V1) == PLAIN_V1
