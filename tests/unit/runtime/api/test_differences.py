"""What a live object lacks of a wanted one."""

from typing import Any

import pytest

from kopfkit.runtime.api.fields import differences, project


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {}}, {}),
        ({"value": ""}, {"name": "x"}),
        ([{"name": "x", "v": 1}], [{"name": "sidecar"}, {"name": "x", "v": 1, "default": 3}]),
        ({"requests": {"cpu": "0.5"}}, {"requests": {"cpu": "500m"}}),
        ({"limits": {"memory": "67108864"}}, {"limits": {"memory": "64Mi"}}),
        ([1, 2], [1, 2]),
    ],
)
def test_what_others_added_and_defaults_are_no_difference(wanted: Any, live: Any) -> None:
    assert differences({"x": wanted}, {"x": live}) == []


@pytest.mark.parametrize(
    ("wanted", "live", "line"),
    [
        ({"replicas": 3}, {"replicas": 1}, "replicas: 1 -> 3"),
        ({"replicas": 0}, {}, "replicas: nothing -> 0"),
        ({"on": False}, {}, "on: nothing -> False"),
        ({"on": True}, {"on": 1}, "on: 1 -> True"),
        (
            {"c": [{"name": "a", "image": "n"}]},
            {"c": [{"name": "a", "image": "o"}]},
            "c[a].image: 'o' -> 'n'",
        ),
        ({"c": [{"name": "a"}]}, {"c": []}, "c[a]: nothing -> {'name': 'a'}"),
        ({"drop": ["ALL"]}, {"drop": ["ALL", "X"]}, "drop: ['ALL', 'X'] -> ['ALL']"),
        ({"requests": {"cpu": "1"}}, {"requests": {"cpu": "1m"}}, "requests.cpu: '1m' -> '1'"),
        ({"cpu": "1"}, {"cpu": "1000m"}, "cpu: '1000m' -> '1'"),
        ({"a": {"b": 1}}, {"a": "text"}, "a: 'text' -> {'b': 1}"),
        ({"a": [1]}, {}, "a: nothing -> [1]"),
    ],
)
def test_a_difference_is_told_with_its_path(wanted: Any, live: Any, line: str) -> None:
    assert differences(wanted, live) == [line]


def test_long_values_are_cut() -> None:
    (line,) = differences({"a": "x" * 500}, {"a": ""})
    assert len(line) < 100


def test_a_projection_holds_what_was_asked_for_only() -> None:
    wanted = {"a": 1, "c": [{"name": "x", "v": 1}], "l": [1]}
    live = {"a": 2, "b": 3, "c": [{"name": "y"}, {"name": "x", "v": 9, "w": 1}], "l": [4]}

    assert project(wanted, live) == {"a": 2, "c": {"x": {"name": "x", "v": 9}}, "l": [4]}


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        *[("100u", "1m"), ("0.0015", "2m"), (0.0015, "2m"), ("1n", "1m"), ("1500000u", "1500m")],
        *[("1.5Gi", "1536Mi"), ("2", 2), (2.0, "2"), ("1e3", "1k"), ("0.0", "0"), (".5", "500m")],
    ],
)
def test_a_quantity_as_the_api_server_keeps_it_is_no_difference(wanted: Any, live: Any) -> None:
    assert differences({"a": {"limits": {"cpu": wanted}}}, {"a": {"limits": {"cpu": live}}}) == []


@pytest.mark.parametrize(("wanted", "live"), [("100u", "100u "), ("2m", "1m"), ("1Q", "1q")])
def test_another_quantity_is_a_difference(wanted: Any, live: Any) -> None:
    assert differences({"a": {"limits": {"cpu": wanted}}}, {"a": {"limits": {"cpu": live}}})


def test_a_key_added_to_a_selector_is_a_difference_but_one_added_to_labels_is_not() -> None:
    wanted = {"labels": {"app": "x"}, "spec": {"selector": {"app": "x"}}}
    live = {"labels": {"app": "x", "b": "c"}, "spec": {"selector": {"app": "x", "b": "c"}}}
    assert [line.split(":")[0] for line in differences(wanted, live)] == ["spec.selector"]
    assert project(wanted, live)["spec"] != project(wanted, wanted)["spec"]
    assert project(wanted, live)["labels"] == project(wanted, wanted)["labels"]
