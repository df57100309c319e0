"""An object against a structural schema, where it differs from plain JSON Schema."""

from typing import Any

import pytest

from kopfkit.simulation.schemas import faults


def one(schema: dict[str, Any], value: Any) -> list[tuple[str, str]]:
    return faults({"field": value}, {"type": "object", "properties": {"field": schema}})


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", None], ["b", 1]),
        ({"type": "string"}, ["a", ""], [None, 1]),
        ({"x-kubernetes-int-or-string": True}, [1, "50%"], [1.5, [], True]),
        ({"type": "integer"}, [1, 1.0, -3], [1.5, "1", True]),
        ({"type": "integer", "format": "int32"}, [2**31 - 1, -(2**31)], [2**31]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, [1.1, 2], [1, 0]),
        ({"type": "string", "pattern": r"^\d+$"}, ["12"], ["12\n", "٣", "a"]),
        ({"type": "string", "format": "date-time"}, ["2026-11-24T10:00:00.123456789Z"], ["today"]),
        ({"type": "string", "format": "date"}, ["2026-11-24"], ["2026-13-01", "20261124"]),
        ({"type": "string", "format": "ipv4"}, ["10.0.0.1"], ["10.0.0.256"]),
        ({"type": "string", "format": "cidr"}, ["10.0.0.0/8"], ["10.0.0.0", "x/8"]),
        ({"type": "string", "format": "byte"}, ["aGk="], ["a"]),
        ({"type": "string", "format": "duration"}, ["1h30m"], ["soon"]),
        ({"type": "string", "format": "of-our-own"}, ["anything"], []),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 1}, [["a"]], [["a", "b"], [1]]),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            [{"a": 1}],
            [{"a": "1"}],
        ),
        ({"type": "object", "required": ["a"]}, [{"a": 1}], [{}]),
    ],
)
def test_a_value_is_taken_or_refused_as_by_the_api_server(
    schema: dict[str, Any], good: list[Any], bad: list[Any]
) -> None:
    assert [value for value in good if one(schema, value)] == []
    assert [value for value in bad if not one(schema, value)] == []


def test_every_fault_is_named_with_its_field() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "object", "properties": {"b": {"enum": [1]}}}},
            "c": {"type": "string", "nullable": True, "maxLength": 1},
        },
    }
    found = faults({"a": [{"b": 1}, {"b": 2}], "c": "long"}, schema)
    assert [path for path, _ in found] == ["a[1].b", "c"]
    assert "'long' is too long" in found[1][1]


def test_a_field_may_have_the_name_of_a_keyword() -> None:
    schema = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "properties": {"type": "object", "properties": {"nullable": {"type": "boolean"}}},
            "description": {"type": "integer"},
        },
    }
    assert faults({"id": "a", "properties": {"nullable": True}, "description": 1}, schema) == []
    assert [path for path, _ in faults({"id": 1, "description": "x"}, schema)] == [
        "description",
        "id",
    ]
