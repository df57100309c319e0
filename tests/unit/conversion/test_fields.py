"""The fields a version knows, and an object without the others."""

from typing import Annotated

import msgspec
from msgspec import Meta

from kopfkit.conversion.fields import known_fields, prune


class Item(msgspec.Struct, rename="camel"):
    item_name: str = ""


class Spec(msgspec.Struct, rename="camel"):
    one_item: Item | None = None
    items: Annotated[list[Item], Meta(description="x")] | None = None
    by_name: dict[str, Item] | None = None
    free: dict[str, str] | None = None
    port: int | str | None = None


FIELDS = known_fields(spec=Spec)


def test_fields_go_by_the_names_they_have_in_json() -> None:
    assert FIELDS == {
        "spec": {
            "oneItem": {"itemName": None},
            "items": [{"itemName": None}],
            "byName": {"*": {"itemName": None}},
            "free": None,
            "port": None,
        }
    }


def test_what_is_unknown_at_any_depth_is_removed() -> None:
    item = {"itemName": "a", "other": 1}
    value = {
        "spec": {"oneItem": item, "items": [item, 3], "byName": {"k": item}, "other": 2},
        "other": 3,
    }
    left = {"itemName": "a"}
    assert prune(value, FIELDS) == {
        "spec": {"oneItem": left, "items": [left, 3], "byName": {"k": left}}
    }


def test_values_of_another_type_than_expected_stay() -> None:
    junk = {"spec": {"oneItem": "text", "items": {"a": 1}, "byName": [1], "free": None}}
    assert prune(junk, FIELDS) == junk
    assert prune({"spec": None}, FIELDS) == {"spec": None}


def test_what_has_nothing_to_prune_is_given_back_itself() -> None:
    known = prune({"spec": {"junk": 1}}, {"spec": {"size": None}})
    assert known == {"spec": {}}
    value = {"spec": {"size": 2, "tags": {"a": {"b": 1}}, "list": [{"c": 3}]}}
    fields = {"spec": {"size": None, "tags": {"*": {"b": None}}, "list": [{"c": None}]}}
    assert prune(value, fields) is value
    value["spec"]["list"] = [{"c": 3, "d": 4}]  # type: ignore[index]
    assert prune(value, fields) == {"spec": {**value["spec"], "list": [{"c": 3}]}}
    assert value["spec"]["list"] == [{"c": 3, "d": 4}]
