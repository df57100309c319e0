"""Values of a chart, one set over another."""

from typing import Any

import pytest

from kopfkit.olm import charts


@pytest.mark.parametrize(
    ("below", "above", "result"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": 1}}, {"a": None}, {}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 2}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
        ({"a": 1}, {"a": ""}, {"a": ""}),
    ],
)
def test_values_lie_over_others(
    below: dict[str, Any], above: dict[str, Any], result: dict[str, Any]
) -> None:
    assert charts.merged(below, above) == result
