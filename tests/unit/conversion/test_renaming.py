"""A spoke whose fields are the hub's under other names."""

from typing import Any

import msgspec
import pytest

from kopfkit.conversion import renamed
from kopfkit.crd import Version
from kopfkit.errors import KopfkitError


class Content(msgspec.Struct, rename="camel"):
    """What is in it."""

    cups: int = 1
    tea_leaves: str = "Assam"


class Hub(msgspec.Struct, rename="camel"):
    """Wanted."""

    content: Content = msgspec.field(default_factory=Content)
    lid: bool = True
    colour: str = "white"


class Old(msgspec.Struct, rename="camel"):
    """Wanted, as it was first said."""

    cups: int = 1
    tea: str = "Assam"
    colour: str = "white"


class Status(msgspec.Struct):
    """What was observed."""

    temperature: int | None = None


HUB = Version("v1", Hub, Status, "A teapot.", storage=True)
OLD = Version("v1alpha1", Old, Status, "A teapot.")
SPOKE = renamed(OLD, {"cups": "content.cups", "tea": "content.teaLeaves"}, hub=HUB, shown="cups")


def test_fields_are_where_the_other_version_has_them() -> None:
    old = {"spec": {"cups": 2, "tea": "Yunnan", "colour": "red", "newer": 1}, "status": {}}
    new = {
        "spec": {"content": {"cups": 2, "teaLeaves": "Yunnan"}, "colour": "red", "newer": 1},
        "status": {},
    }
    assert SPOKE.to_hub(old) == new
    assert SPOKE.from_hub(new) == old
    assert (SPOKE.name, SPOKE.shown) == ("v1alpha1", "cups")


def test_what_only_one_version_has_is_left_out() -> None:
    assert SPOKE.from_hub({"spec": {"lid": False, "colour": "red"}}) == {"spec": {"colour": "red"}}
    assert SPOKE.to_hub({"spec": {"cups": 3}}) == {"spec": {"content": {"cups": 3}}}


@pytest.mark.parametrize("content", [{}, {"spec": None}, {"spec": [1]}, {"spec": {"content": 7}}])
def test_any_json_goes_through_and_stays_what_it_was(content: dict[str, Any]) -> None:
    before = msgspec.json.encode(content)
    SPOKE.to_hub(content)
    SPOKE.from_hub(content)
    assert msgspec.json.encode(content) == before


@pytest.mark.parametrize(
    ("moved", "words"),
    [
        ({"size": "content.cups"}, "version v1alpha1: its spec has no field size"),
        ({"cups": "content.tea_leaves"}, "version v1: its spec has no field content.tea_leaves"),
        ({"cups": "colour.cups"}, "version v1: its spec has no field colour.cups"),
    ],
)
def test_a_field_that_a_version_does_not_have_is_told_at_once(
    moved: dict[str, str], words: str
) -> None:
    with pytest.raises(KopfkitError, match=words):
        renamed(OLD, moved, hub=HUB)
