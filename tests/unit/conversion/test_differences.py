"""A difference leads from one JSON value to the other, and yields to later changes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kopfkit.conversion.differences import ABSENT, Change, apply, difference, same

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["", "a", "b", "a/b", "~", "~1"]), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_a_difference_applied_to_its_base_gives_what_was_wanted(
    base: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert same(apply(base, difference(base, wanted)), wanted)


@given(OBJECTS)
def test_equal_values_have_no_difference(value: dict[str, Any]) -> None:
    assert difference(value, value) == {}


def test_true_is_not_one_and_one_is_not_one_point_zero() -> None:
    assert difference({"a": 1, "b": 1}, {"a": True, "b": 1.0}) == {
        "/a": Change(True, 1),
        "/b": Change(1.0, 1),
    }


def test_a_value_changed_meanwhile_is_left_alone() -> None:
    changes = difference({"a": 1}, {"a": 2})
    assert apply({"a": 3}, changes) == {"a": 3}


def test_a_value_added_meanwhile_is_left_alone() -> None:
    changes = difference({}, {"a": {"b": 1, "c": 2}})
    assert apply({"a": {"b": 7}}, changes) == {"a": {"b": 7, "c": 2}}


def test_a_parent_that_went_away_comes_back_only_for_what_was_missing_in_it() -> None:
    changes = difference({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}})
    assert apply({}, changes) == {"a": {"c": 3}}


def test_a_parent_that_became_something_else_is_left_alone() -> None:
    assert apply({"a": "text"}, {"/a/b": Change(1, ABSENT)}) == {"a": "text"}


def test_the_argument_is_never_changed() -> None:
    content = {"a": {"b": 1}}
    assert apply(content, {"/a/c": Change(2, ABSENT)}) == {"a": {"b": 1, "c": 2}}
    assert content == {"a": {"b": 1}}
