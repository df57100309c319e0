"""Generated values are what a schema takes, and reach its corners."""

import json
from typing import Any

import pytest
from hypothesis import find, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from budgets import budget
from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.crd import custom_resource_definition
from kopfkit.crd.cel import python_regex
from kopfkit.crd.structural import broken_rules, defaulted, schema_in
from kopfkit.errors import KopfkitError
from kopfkit.testing.generation import ObjectMaker, RandomChoices, objects, values
from kopfkit.testing.generation.regexes import matching

CRDS = {
    (resource.kind, version.name): custom_resource_definition(resource)
    for resource in (HELLOWORLD, SNAPSHOT)
    for version in resource.versions
}
generated = budget(ci=25, soak=1000)
# A kind of field each that HelloWorld does not have.
FIELDS: dict[str, dict[str, Any]] = {
    "ratio": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "exclusiveMinimum": True,
        "exclusiveMaximum": True,
    },
    "even": {"type": "integer", "minimum": 3, "maximum": 9, "multipleOf": 2},
    "set": {
        "type": "array",
        "maxItems": 3,
        "minItems": 1,
        "x-kubernetes-list-type": "set",
        "items": {"type": "string", "enum": ["a", "b", "c", "d"]},
    },
    "nullable": {"type": "string", "nullable": True, "maxLength": 3},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "short": {"type": "string", "pattern": "^a+$", "minLength": 2, "maxLength": 3},
    "pair": {
        "type": "object",
        "properties": {"low": {"type": "integer"}, "high": {"type": "integer", "default": 5}},
        "required": ["low"],
        "x-kubernetes-validations": [{"rule": "self.low <= self.high"}],
    },
}


def strict(schema: Any) -> Any:
    """The schema as JSON Schema (draft 7) has it: exclusive limits are numbers, rules unknown."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(one) for key, one in schema.items() if key != "default"}
    for limit in ("Minimum", "Maximum"):
        if made.pop(f"exclusive{limit}", False) is True:
            made[f"exclusive{limit}"] = made.pop(limit.lower())
    if made.pop("nullable", False) is True:
        made["type"] = [made["type"], "null"]
    return made


def assert_taken(value: Any, schema: dict[str, Any]) -> None:
    Draft7Validator(strict(schema)).validate(value)
    assert list(broken_rules(defaulted(value, schema), schema)) == []


@pytest.mark.parametrize(("kind", "version"), CRDS)
@generated
@given(data=st.data())
def test_a_generated_object_has_what_its_schema_takes(
    kind: str, version: str, data: st.DataObject
) -> None:
    crd = CRDS[kind, version]
    assert_taken(data.draw(objects(crd, version)), schema_in(crd, version))


@pytest.mark.parametrize(("kind", "version"), CRDS)
def test_the_faster_source_makes_the_same_kind_of_objects(kind: str, version: str) -> None:
    crd = CRDS[kind, version]
    maker = ObjectMaker(crd, version)
    for seed in range(300):
        assert_taken(maker.seeded(seed), schema_in(crd, version))


@pytest.mark.parametrize("name", FIELDS)
@generated
@given(data=st.data())
def test_every_kind_of_field_is_generated_within_its_limits(name: str, data: st.DataObject) -> None:
    assert_taken(data.draw(values(FIELDS[name])), FIELDS[name])


def test_the_same_seed_makes_the_same_object() -> None:
    maker = ObjectMaker(CRDS["HelloWorld", "v1"], "v1")
    assert maker.seeded(7) == maker.seeded(7)
    assert len({json.dumps(maker.seeded(seed)) for seed in range(100)}) > 90


@pytest.mark.parametrize(
    "member",
    [
        *("greeting", "resources", "service", "autoscaling", "persistence", "snapshots"),
        *("restoreFrom", "image"),
    ],
)
def test_every_optional_field_comes_up_although_rules_exclude_some(member: str) -> None:
    maker = ObjectMaker(CRDS["HelloWorld", "v1"], "v1")
    assert any(member in maker.seeded(seed).get("spec", {}) for seed in range(200))


def test_hypothesis_shrinks_what_it_finds() -> None:
    # Of the whole spec it takes Hypothesis half a minute to take away what is not needed.
    fields = schema_in(CRDS["HelloWorld", "v1"], "v1")["properties"]["spec"]["properties"]
    some = {name: fields[name] for name in ("service", "greeting", "image")}
    found = find(
        values({"type": "object", "properties": some}),
        lambda spec: spec.get("service", {}).get("port", 0) > 1000,
        settings=budget(ci=2000, soak=2000),
    )
    assert found == {"service": {"port": 1001}}


@pytest.mark.parametrize(
    "pattern",
    [
        *("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "^(a|bc)+$", "^[^a-z]{2,4}$", r"^\d+\.\w$", "^a?b*?$"),
        *("^[[]x]$", "^[0-9]{3}(-[A-F]{2})?$", "^.$", "^[^x]$", "text"),
    ],
)
def test_texts_match_the_pattern_they_are_made_from(pattern: str) -> None:
    for seed in range(50):
        assert python_regex(pattern).search(matching(pattern, RandomChoices(seed)))


def test_junk_keeps_apiversion_kind_and_name_and_is_odd_elsewhere() -> None:
    crd = CRDS["HelloWorld", "v1"]
    maker = ObjectMaker(crd, "v1")
    validator = Draft7Validator(strict(schema_in(crd, "v1")))
    made = [maker.seeded(seed, "junk") for seed in range(200)]
    assert {(obj["apiVersion"], obj["metadata"]["name"]) for obj in made} == {
        ("test.jiaozi.com/v1", "generated")
    }
    assert sum(not validator.is_valid(obj) for obj in made) > 50


def test_a_schema_nothing_can_be_generated_for_is_named() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "file"}}}
    with pytest.raises(KopfkitError, match=r"\.a: has a type nothing is generated for"):
        values(schema)
