"""What is lost, what may be refused, and what is neither, of every kind of change of a schema."""

from typing import Any

import pytest

from kopfkit.simulation import Situation, Verdict, as_text, bundle_of, preflight, simulate
from kopfkit.simulation.differences import stricter
from kopfkit.simulation.losses import lost
from kopfkit.simulation.preflight import By
from kopfkit.simulation.webhooks import keeps_secret

Schema = dict[str, Any]
OPEN: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
CLOSED: Schema = {"type": "object", "properties": {"a": {"type": "string"}}}
ANY: Schema = {"x-kubernetes-preserve-unknown-fields": True}
MAP: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
NAME = "things.example.com"
CERTIFICATE = "op-service-cert"


def listed(**more: Any) -> Schema:
    keys = {"a": {"type": "string"}, "b": {"type": "string"}}
    return {"type": "array", "items": {"type": "object", "properties": keys}, **more}


def mapped(*keys: str) -> Schema:
    return listed(
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)},
    )


LOSSES: list[tuple[Schema, Schema, list[str]]] = [
    (OPEN, CLOSED, ["spec.*"]),
    (ANY, CLOSED, ["spec.*"]),
    (MAP, CLOSED, ["spec.*"]),
    ({"type": "object", "additionalProperties": True}, CLOSED, ["spec.*"]),
    (listed(), listed(items={"type": "object"}), ["spec[].a", "spec[].b"]),
    (ANY, listed(), ["spec[].*"]),
    (
        {"type": "object", "additionalProperties": OPEN},
        {"type": "object", "additionalProperties": CLOSED},
        ["spec.*.*"],
    ),
    # What was kept as it came is pruned inside where it has a name now.
    (OPEN, {**OPEN, "properties": {"a": CLOSED}}, ["spec.a.*"]),
    ({**OPEN, "x-kubernetes-embedded-resource": True}, CLOSED, [
        "spec.apiVersion", "spec.kind", "spec.metadata", "spec.*",
    ]),
    (CLOSED, OPEN, []),
    (MAP, OPEN, []),
    (CLOSED, MAP, []),
    (TEXT, ANY, []),
    (listed(), ANY, []),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), LOSSES)
def test_every_field_that_is_dropped_is_named(
    old: Schema, new: Schema, expected: list[str]
) -> None:
    assert sorted(lost(root(old), root(new))) == sorted(expected)


REFUSING: list[tuple[Schema, Schema, str]] = [
    (TEXT, {**TEXT, "pattern": "^a"}, "another pattern"),
    (TEXT, {**TEXT, "format": "uri"}, "another format"),
    (TEXT, {**TEXT, "anyOf": [{"minLength": 1}]}, "another anyOf"),
    (TEXT, {**TEXT, "oneOf": [{"minLength": 1}]}, "another oneOf"),
    (TEXT, {**TEXT, "allOf": [{"minLength": 1}]}, "another allOf"),
    (TEXT, {**TEXT, "not": {"enum": ["a"]}}, "another not"),
    (WHOLE, {**WHOLE, "multipleOf": 5}, "multiples of 5"),
    ({**WHOLE, "multipleOf": 4}, {**WHOLE, "multipleOf": 8}, "multiples of 8"),
    ({**WHOLE, "maximum": 9}, {**WHOLE, "maximum": 9, "exclusiveMaximum": True}, "exclusive"),
    ({**WHOLE, "minimum": 1}, {**WHOLE, "minimum": 1, "exclusiveMinimum": True}, "exclusive"),
    (listed(), listed(**{"x-kubernetes-list-type": "set"}), "is a set"),
    (listed(), mapped("a"), "is a map"),
    (mapped("a", "b"), mapped("a"), "is a map"),
    (NUMBER, WHOLE, "is integer, was integer or number"),
    (ANY, TEXT, "is string, was of any type"),
    (
        {"type": "object", "additionalProperties": TEXT},
        {**MAP, "additionalProperties": WHOLE},
        "spec.*",
    ),
    (OPEN, {**OPEN, "x-kubernetes-embedded-resource": True}, "apiVersion"),
    ({"x-kubernetes-int-or-string": True}, TEXT, "is string"),
    ({**TEXT, "nullable": True}, TEXT, "null"),
]


@pytest.mark.parametrize(("old", "new", "said"), REFUSING)
def test_every_difference_that_may_refuse_a_value_is_told(
    old: Schema, new: Schema, said: str
) -> None:
    assert said in " ".join(stricter(root(old), root(new)))
    assert report(old, new).verdict in (Verdict.FAILS, Verdict.CORRUPTS)


WIDER: list[tuple[Schema, Schema]] = [
    (TEXT, ANY),
    (CLOSED, OPEN),
    (WHOLE, NUMBER),
    (WHOLE, {"x-kubernetes-int-or-string": True}),
    (TEXT, {"x-kubernetes-int-or-string": True}),
    (TEXT, {**TEXT, "format": "of-our-own"}),
    ({**TEXT, "format": "uri"}, TEXT),
    ({**TEXT, "enum": ["a"]}, TEXT),
    ({**TEXT, "enum": ["a"]}, {**TEXT, "enum": ["a", "b"]}),
    ({**TEXT, "pattern": "^a"}, TEXT),
    ({**WHOLE, "multipleOf": 8}, {**WHOLE, "multipleOf": 4}),
    ({**WHOLE, "format": "int32"}, {**WHOLE, "format": "int64"}),
    ({**WHOLE, "maximum": 9, "exclusiveMaximum": True}, {**WHOLE, "maximum": 9}),
    (TEXT, {**TEXT, "minLength": 0}),
    (TEXT, {**TEXT, "nullable": True}),
    (mapped("a"), mapped("a", "b")),
    (mapped("a"), listed()),
]


@pytest.mark.parametrize(("old", "new"), WIDER)
def test_a_schema_that_takes_more_is_ok(old: Schema, new: Schema) -> None:
    told = report(old, new)
    assert told.verdict is Verdict.OK, as_text(told)


def test_an_object_whose_field_goes_is_named() -> None:
    told = report(OPEN, CLOSED, {"a": "x", "b": {"c": 1}})
    assert told.verdict is Verdict.CORRUPTS
    assert "default/one (v1): spec.b" in as_text(told)


def test_losing_the_status_alone_is_the_lesser_verdict() -> None:
    told = report(CLOSED, {"type": "object"}, {"a": "x"}, field="status")
    assert told.verdict is Verdict.FAILS
    assert {one.verdict for one in told.findings} == {Verdict.OK, Verdict.FAILS}


@pytest.mark.parametrize("pattern", [r"^\p{Lu}", r"^\x{61}", "(?U)a+"])
def test_what_only_go_can_judge_is_unknown_and_never_refused(pattern: str) -> None:
    new = {**TEXT, "pattern": pattern}
    (found,) = preflight(crd(new), crd(new), {"v1": [thing("a")]})
    assert found.by is By.UNKNOWN
    assert report(new, new, "a").verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^[[:alpha:]]+$", "abc", "a1"),
        ("^[^[:space:]]+$", "a", "a b"),
        ("^[[:^digit:]_]+$", "ü_", "1"),
        ("^[[:punct:]]$", "[", "a"),
        (r"^\s$", "\t", "\x0b"),
    ],
)
def test_posix_classes_are_those_of_go(pattern: str, good: str, bad: str) -> None:
    schema = crd({**TEXT, "pattern": pattern})
    assert preflight(schema, schema, {"v1": [thing(good)]}) == []
    assert [one.by for one in preflight(schema, schema, {"v1": [thing(bad)]})] == [By.OLM]


def test_what_is_twice_in_a_set_or_a_map_is_refused_at_a_write() -> None:
    new = crd(mapped("a"))
    items = [{"a": "x", "b": "1"}, {"a": "x", "b": "2"}]
    (found,) = preflight(crd(listed()), new, {"v1": [thing(items)]})
    assert (found.path, found.by) == ("spec[1]", By.API_SERVER)


@pytest.mark.parametrize(
    ("rule", "owner"),
    [
        ({"resources": ["secrets"], "verbs": ["*"]}, False),
        ({"resources": ["secrets"], "verbs": ["get"], "resourceNames": ["op-service-cert"]}, False),
        (
            {"resources": ["secrets"], "verbs": ["patch"], "resourceNames": ["op-service-cert"]},
            True,
        ),
    ],
)
def test_only_a_right_to_the_one_secret_makes_the_deployment_its_owner(
    rule: dict[str, Any], owner: bool
) -> None:
    deployment = {"name": "op", "spec": {"template": {"spec": {"serviceAccountName": "op"}}}}
    permissions = [{"serviceAccountName": "op", "rules": [rule]}]
    install = {"spec": {"deployments": [deployment], "permissions": permissions}}
    assert keeps_secret(bundle_of([csv("1.0.0", install=install)]), "op") is owner


@pytest.mark.parametrize(
    ("spec", "annotations", "verdict"),
    [
        ({"replaces": "op.v1.0.0"}, {}, Verdict.OK),
        ({"replaces": "op.v0.9.0"}, {}, Verdict.FAILS),
        ({"replaces": "op.v0.9.0", "skips": ["op.v1.0.0"]}, {}, Verdict.OK),
        ({}, {"olm.skipRange": ">=1.0.0 <2.0.0"}, Verdict.OK),
        ({}, {"olm.skipRange": "<1.0.0"}, Verdict.FAILS),
        # A file-based catalog may say it alone.
        ({}, {}, Verdict.OK),
    ],
)
def test_the_new_release_replaces_or_skips_the_old_one(
    spec: dict[str, Any], annotations: dict[str, str], verdict: Verdict
) -> None:
    new = csv("2.0.0", **spec)
    new["metadata"]["annotations"] = annotations
    assert simulate(bundle_of([csv("1.0.0")]), bundle_of([new])).verdict is verdict


def test_each_refusal_stands_at_the_step_that_raises_it() -> None:
    cluster = crd(TEXT)
    cluster["spec"]["scope"] = "Cluster"
    told = simulate(
        bundle_of([csv("1.0.0"), crd(TEXT)]), bundle_of([csv("2.0.0"), cluster]), Situation()
    )
    assert told.stopped
    assert (told.at("OLM checks"), told.at("CRD overwritten")) == (Verdict.OK, Verdict.FAILS)
    hook = {"type": "ConversionWebhook", "conversionCRDs": [NAME], "deploymentName": "gone"}
    told = simulate(
        bundle_of([csv("1.0.0"), crd(TEXT)]),
        bundle_of([csv("2.0.0", webhookdefinitions=[hook]), crd(TEXT)]),
    )
    assert not told.stopped
    assert told.at("OLM checks") is Verdict.OK
    assert told.at("conversion restored") is Verdict.FAILS
    assert "there is no Deployment gone" in as_text(told)


def root(inner: Schema, field: str = "spec") -> Schema:
    return {"type": "object", "properties": {field: inner}}


def crd(inner: Schema, field: str = "spec") -> dict[str, Any]:
    version = {"name": "v1", "served": True, "storage": True}
    names = {"kind": "Thing", "plural": "things"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{**version, "schema": {"openAPIV3Schema": root(inner, field)}}],
        },
    }


def csv(version: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "ClusterServiceVersion",
        "metadata": {"name": f"op.v{version}"},
        "spec": {"version": version, **spec},
    }


def thing(value: Any, field: str = "spec") -> dict[str, Any]:
    metadata = {"name": "one", "namespace": "default"}
    return {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": metadata, field: value}


def report(old: Schema, new: Schema, value: Any = None, field: str = "spec") -> Any:
    objects = None if value is None else {NAME: {"v1": [thing(value, field)]}}
    return simulate(
        bundle_of([csv("1.0.0"), crd(old, field)]),
        bundle_of([csv("2.0.0"), crd(new, field)]),
        Situation(objects=objects),
    )
