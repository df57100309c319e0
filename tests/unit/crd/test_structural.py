"""An object is pruned, defaulted and judged as the API server does it."""

from typing import Any

import pytest

from kopfkit.crd.structural import admit, broken_rules, defaulted, pruned, schema_in

TEXT = {"type": "string"}
PART = {
    "type": "object",
    "properties": {"a": TEXT, "n": {"type": "integer", "default": 3}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "part": {**PART, "default": {}},
        "other": PART,
        "items": {"type": "array", "items": PART},
        "map": {"type": "object", "additionalProperties": PART},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "null": {"type": "string", "nullable": True, "default": "x"},
        "not": {"type": "string", "default": "y"},
    },
}


def test_what_the_schema_does_not_have_is_removed_at_every_depth() -> None:
    value = {
        "part": {"a": "1", "x": 1},
        "items": [{"a": "2", "x": 1}, "text"],
        "map": {"any": {"x": 1, "a": "3"}},
        "free": {"x": {"y": 1}},
        "x": 1,
    }
    assert pruned(value, SCHEMA) == {
        "part": {"a": "1"},
        "items": [{"a": "2"}, "text"],
        "map": {"any": {"a": "3"}},
        "free": {"x": {"y": 1}},
    }


def test_an_object_in_the_place_of_a_text_loses_its_members() -> None:
    assert pruned({"not": {"a": 1}}, SCHEMA) == {"not": {}}


def test_defaults_are_filled_in_and_below_what_is_there() -> None:
    assert defaulted({"other": {}, "items": [{}], "map": {"k": {}}}, SCHEMA) == {
        "part": {"n": 3},
        "other": {"n": 3},
        "items": [{"n": 3}],
        "map": {"k": {"n": 3}},
        "null": "x",
        "not": "y",
    }


def test_null_stays_only_where_it_may_be() -> None:
    filled = defaulted({"null": None, "not": None}, SCHEMA)
    assert (filled["null"], filled["not"]) == (None, "y")


def test_null_goes_where_a_field_may_not_be_null_and_has_no_default() -> None:
    value = {"null": None, "not": None, "part": {"a": None}, "map": {"k": None}, "items": [None]}
    assert pruned(value, SCHEMA) == {
        "null": None,
        "not": None,
        "part": {},
        "map": {},
        "items": [None],
    }


def test_the_envelope_is_left_alone() -> None:
    obj = {"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x"}, "x": 1}
    admitted = admit(obj, {**SCHEMA, "properties": {**SCHEMA["properties"], "metadata": {}}})
    assert admitted["metadata"] == {"name": "x"}
    assert "x" not in admitted
    assert admitted["part"] == {"n": 3}


def test_broken_rules_are_named_with_their_place() -> None:
    rule = {"rule": "self.n < 3", "message": "too much", "fieldPath": ".n"}
    inner = {**PART, "x-kubernetes-validations": [rule]}
    schema = {
        "type": "object",
        "properties": {"one": inner, "many": {"type": "array", "items": inner}},
        "x-kubernetes-validations": [{"rule": "self.one.n == oldSelf.one.n", "message": "fixed"}],
    }
    value = {"one": {"n": 9}, "many": [{"n": 1}, {"n": 4}]}
    assert list(broken_rules(value, schema)) == [
        (".one.n", "too much"),
        (".many[1].n", "too much"),
    ]
    assert ("", "fixed") in list(broken_rules(value, schema, {"one": {"n": 8}, "many": []}))


def test_a_version_that_is_not_there_is_named() -> None:
    crd = {"metadata": {"name": "as.example.com"}, "spec": {"versions": []}}
    with pytest.raises(KeyError, match=r"as\.example\.com has no version v9"):
        schema_in(crd, "v9")
