"""What somebody else wrote under the annotation's name is kept and put back."""

from typing import Any

import msgspec
import pytest

from kopfkit.conversion.annotation import (
    ANNOTATIONS_LIMIT,
    CHANGES,
    DEPTH,
    DISCARD,
    VALUES,
    fits,
    owned,
    read,
    size,
    write,
)
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
        '{"replaced":5,"v1":{"/spec":{"value":1}}}',  # no text: it could not be put back
        '{"v1":{"/spec":{"value":' + "[" * DEPTH + "]" * DEPTH + "}}}",
        '{"v1":{"' + "/x" * (DEPTH + 1) + '":{"value":1}}}',
        '{"v1":{"/spec":{"value":1e999}}}',
        '{"v1":{"/spec":{"value":"\\ud800"}}}',
        '{"v1":{"/spec":{"value":' + "1" * 5000 + "}}}",
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


def test_the_word_that_gives_everything_up_leaves_no_annotation() -> None:
    assert write({NAME: DISCARD}, NAME, read({NAME: DISCARD}, NAME)) is None


def managed(*entries: object) -> dict[str, object]:
    return {"managedFields": list(entries)}


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {},
        {"managedFields": None},
        {"managedFields": "x"},
        managed(None, "x", {}, {"fieldsV1": None}, {"fieldsV1": {"f:metadata": []}}),
        managed({"fieldsV1": {"f:metadata": {"f:annotations": {"f:other": {}}}}}),
        managed({"fieldsV1": {"f:metadata": {"f:labels": {f"f:{NAME}": {}}}}}),
    ],
    ids=str,
)
def test_an_annotation_that_nobody_owns_is_not_owned(metadata: object) -> None:
    assert not owned(metadata, NAME)


def test_an_annotation_is_owned_by_whichever_manager_names_it() -> None:
    fields = {"fieldsV1": {"f:metadata": {"f:annotations": {".": {}, f"f:{NAME}": {}}}}}
    assert owned(managed({"fieldsV1": {}}, fields), NAME)
    assert not owned(managed(fields), NAME, "labels")


def test_numbers_that_grow_when_they_are_written_again_are_seen_not_to_fit() -> None:
    numbers = ",".join(["1e15"] * 4_000)
    note = "n" * (ANNOTATIONS_LIMIT - 25_000)
    given = {"note": note, NAME: f'{{"v1":{{"/spec/x":{{"value":[{numbers}]}}}}}}'}
    assert size(given) < ANNOTATIONS_LIMIT
    assert fits(given, NAME)
    assert not fits(write(given, NAME, read(given, NAME)), NAME)


@pytest.mark.parametrize("levels", [50, DEPTH, 300])
def test_what_could_not_be_read_again_is_seen_not_to_fit(levels: int) -> None:
    deep: object = 1
    for _ in range(levels):
        deep = [deep]
    kept = read(None, NAME)
    kept.versions["v1"] = {"/spec": Change(deep, ABSENT)}
    fresh = write(None, NAME, kept)
    assert fits(fresh, NAME) == (levels < DEPTH - 3) == (read(fresh, NAME) == kept)


def changes(count: int, versions: int) -> Any:
    """So many changes, in so many versions."""
    spread = [count // versions + (number < count % versions) for number in range(versions)]
    return {
        f"v{number}": {f"/spec/{each}": Change(each, ABSENT) for each in range(size)}
        for number, size in enumerate(spread)
    }


def values(count: int) -> Any:
    """One change, with so many values in it: the list, and its items."""
    return {"v1": {"/spec": Change(list(range(count - 1)), ABSENT)}}


def deep(parts: int) -> Any:
    """Changes whose pointers have so many parts together."""
    sizes = [DEPTH] * (parts // DEPTH) + [parts % DEPTH] * (parts % DEPTH > 0)
    places = [f"/{number}" + "/a" * (size - 1) for number, size in enumerate(sizes)]
    return {"v1": {place: Change(1, ABSENT) for place in places}}


@pytest.mark.parametrize(
    ("versions", "fitting"),
    [
        (changes(CHANGES, 1), True),
        (changes(CHANGES + 1, 1), False),
        (changes(CHANGES, CHANGES), True),
        (changes(CHANGES + 1, CHANGES + 1), False),
        (deep(VALUES), True),
        (deep(VALUES + 1), False),
        # The version, the change, and what holds the value come to three more.
        (values(VALUES - 2), True),
        (values(VALUES - 1), False),
    ],
)
def test_more_than_it_takes_to_keep_an_object_is_somebody_elses_text(
    versions: Any, fitting: bool
) -> None:
    """It would make each conversion of the object slow, and the lists of everybody with it."""
    kept = read(None, NAME)
    kept.versions = versions
    fresh = write(None, NAME, kept)
    assert fits(fresh, NAME) == fitting
    assert (read(fresh, NAME) == kept) == fitting


def test_what_fits_is_counted_in_bytes() -> None:
    assert fits({"a": "你" * (ANNOTATIONS_LIMIT // 3)}, NAME)
    assert not fits({"a": "你" * (ANNOTATIONS_LIMIT // 3), "b": ""}, NAME)
    assert msgspec.json.encode("你") == '"你"'.encode()
