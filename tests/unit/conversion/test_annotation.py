"""What somebody else wrote under the annotation's name is kept and put back."""

import pytest

from kopfkit.conversion.annotation import read, write
from kopfkit.conversion.differences import ABSENT, Change

NAME = "example.com/kept"


def test_what_is_written_is_read_again() -> None:
    kept = read(None, NAME)
    kept.versions["v1"] = {"/spec/a": Change(None, ABSENT), "/spec/b": Change(ABSENT, 3)}
    assert read(write(None, NAME, kept), NAME) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "{}",
        "[]",
        '{"replaced":"x"}',
        '{"v1":null}',
        '{"v1":{}}',
        '{"v1":{"spec":{"value":1}}}',
        '{"v1":{"/spec":{}}}',
        '{"v1":{"/spec":1}}',
        '{"v1":{"/spec":{"value":1,"other":2}}}',
        "\ud800",
        "[" * 100_000,
        7,
        None,
    ],
)
def test_text_of_another_form_is_in_the_way_and_comes_back(text: object) -> None:
    kept = read({NAME: text, "other": "x"}, NAME)
    assert kept.versions == {}
    assert write({NAME: text, "other": "x"}, NAME, kept) == {NAME: text, "other": "x"}


def test_text_in_the_way_survives_while_its_place_is_used() -> None:
    kept = read({NAME: "a note"}, NAME)
    kept.versions["v1"] = {"/spec/a": Change(1, ABSENT)}
    used = write({NAME: "a note"}, NAME, kept)
    again = read(used, NAME)
    assert again.versions == kept.versions
    again.versions.clear()
    assert write(used, NAME, again) == {NAME: "a note"}


def test_no_annotation_is_left_when_nothing_is_kept() -> None:
    assert write({}, NAME, read({}, NAME)) is None
