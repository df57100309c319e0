"""Objects against the schemas of a release that is to come, as OLM looks at them."""

from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.simulation import Bundle, Situation, Verdict, preflight, simulate
from kopfkit.simulation.differences import stricter
from kopfkit.simulation.losses import lost
from kopfkit.simulation.objects import seen_through, sort_objects
from kopfkit.simulation.preflight import By

from .conftest import HELLOWORLDS, schema, without_conversion

Make = Callable[..., Bundle]


def hello(version: str = "v1alpha1", name: str = "one", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"test.jiaozi.com/{version}",
        "kind": "HelloWorld",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def smaller(bundle: Bundle) -> None:
    schema(bundle, "v1alpha1")["properties"]["size"]["maximum"] = 2


def crds(old: Bundle, new: Bundle) -> tuple[Any, Any]:
    return old.crds[HELLOWORLDS], new.crds[HELLOWORLDS]


def test_an_object_that_the_new_schema_refuses_is_named_with_its_field(changed: Make) -> None:
    old, new = crds(changed("0.1.0"), changed("0.1.0", smaller))
    found = preflight(old, new, {"v1alpha1": [hello(size=2), hello(name="big", size=3)]})
    assert [(each.key, each.path, each.by) for each in found] == [
        ("default/big", "spec.size", By.OLM)
    ]


def test_olm_stops_at_such_an_object_where_no_webhook_is_declared(changed: Make) -> None:
    objects = Situation(objects={HELLOWORLDS: {"v1alpha1": [hello(size=3)]}})
    report = simulate(changed("0.1.0"), changed("0.1.0", smaller), objects)
    assert report.stopped
    assert report.verdict is Verdict.FAILS
    assert "default/one (v1alpha1): spec.size" in report.findings[-1].reason


def test_olm_only_warns_where_the_new_crd_declares_a_webhook(changed: Make) -> None:
    objects = Situation(objects={HELLOWORLDS: {"v1alpha1": [hello(size=3)]}})
    report = simulate(changed("0.2.0"), changed("0.3.0", smaller), objects)
    assert not report.stopped
    assert "only warns" in "".join(each.reason for each in report.findings)
    unprotected = Situation(objects=objects.objects, protected=False)
    report = simulate(changed("0.2.0"), changed("0.3.0", smaller, without_conversion), unprotected)
    assert report.stopped


def test_a_version_that_the_old_crd_does_not_serve_is_not_looked_at(changed: Make) -> None:
    old, new = crds(changed("0.1.0"), changed("0.2.0"))
    assert preflight(old, new, {"v1": [hello("v1", replicas=-1)]}) == []


def test_a_version_that_the_new_crd_does_not_serve_is_not_looked_at(changed: Make) -> None:
    def unserved(bundle: Bundle) -> None:
        for each in bundle.crds[HELLOWORLDS]["spec"]["versions"]:
            each["served"] = each["name"] == "v1"

    old, new = crds(changed("0.3.0"), changed("0.4.0", smaller, unserved))
    assert preflight(old, new, {"v1alpha1": [hello(size=3)]}) == []


def test_an_object_is_looked_at_as_a_list_shows_it(changed: Make) -> None:
    """Pruned and with defaults, by the schema that is there before."""

    def with_default(bundle: Bundle) -> None:
        schema(bundle, "v1alpha1")["properties"]["size"]["default"] = 3

    old, new = crds(changed("0.1.0", with_default), changed("0.1.0", smaller))
    assert [each.path for each in preflight(old, new, {"v1alpha1": [hello()]})] == ["spec.size"]

    def no_other_fields(bundle: Bundle) -> None:
        schema(bundle, "v1alpha1")["properties"]["junk"] = {"type": "string"}

    old, new = crds(changed("0.1.0"), changed("0.1.0", no_other_fields))
    assert preflight(old, new, {"v1alpha1": [hello(junk=1)]}) == []


def test_a_rule_is_left_to_the_api_server(changed: Make) -> None:
    def rule(bundle: Bundle) -> None:
        schema(bundle, "v1alpha1")["x-kubernetes-validations"] = [
            {"rule": "!has(self.size) || self.size < 3", "message": "too many"}
        ]

    objects = {"v1alpha1": [hello(size=3)]}
    old, new = changed("0.1.0"), changed("0.1.0", rule)
    found = preflight(*crds(old, new), objects)
    assert [(each.path, each.reason, each.by) for each in found] == [
        ("spec", "too many", By.API_SERVER)
    ]
    report = simulate(old, new, Situation(objects={HELLOWORLDS: objects}))
    assert not report.stopped
    assert report.at("OLM checks") is Verdict.FAILS


def test_objects_are_seen_through_every_version_that_both_serve(changed: Make) -> None:
    from helloworld_operator.api.conversion import CONVERTER

    old, new = crds(changed("0.2.0"), changed("0.3.0"))
    found = sort_objects(
        [hello(size=1), {"apiVersion": "v1", "kind": "Pod"}, hello("v9")], {HELLOWORLDS: old}
    )[HELLOWORLDS]
    assert {version: len(group) for version, group in found.items()} == {"v1alpha1": 1}
    alone = seen_through(old, new, found, None)
    assert {version: len(group) for version, group in alone.items()} == {"v1": 0, "v1alpha1": 1}
    converted = seen_through(old, new, found, CONVERTER.convert)
    assert converted["v1"][0]["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("old", "new", "gone", "narrower"),
    [
        ({"type": "string"}, {"type": "string"}, [], []),
        ({"type": "string"}, {"type": "integer"}, [], ["x is integer, was string"]),
        ({"type": "string"}, {"type": "string", "enum": ["a"]}, [], ["x takes only a"]),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "string", "enum": ["b", "a"]}, [], []),
        (
            {"type": "integer", "maximum": 3},
            {"type": "integer", "maximum": 2},
            [],
            ["x has maximum 2, had 3"],
        ),
        ({"type": "integer", "maximum": 3}, {"type": "integer", "maximum": 4}, [], []),
        (
            {"type": "integer", "minimum": 3},
            {"type": "integer", "minimum": 4},
            [],
            ["x has minimum 4, had 3"],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {}},
            ["x.a"],
            [],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
            [],
            [],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            [],
            ["x.a is required"],
        ),
        (
            {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
            {"type": "array", "items": {"type": "object", "properties": {}}},
            ["x[].a"],
            [],
        ),
        (
            {"type": "string", "nullable": True},
            {"type": "string"},
            [],
            ["x may not be null any more"],
        ),
    ],
)
def test_two_schemas_are_told_apart_by_what_they_take(
    old: Any, new: Any, gone: list[str], narrower: list[str]
) -> None:
    one, other = ({"type": "object", "properties": {"x": each}} for each in (old, new))
    assert lost(one, other) == gone
    assert stricter(one, other) == narrower
