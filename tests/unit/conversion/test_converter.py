"""A converter with two spokes, of an API that has nothing to do with greetings."""

from typing import Any

import msgspec
import pytest

from kopfkit.conversion import ConversionError, Converter, Spoke
from kopfkit.conversion.annotation import ANNOTATIONS_LIMIT
from kopfkit.conversion.converter import INCOMPLETE

GROUP = "example.com"
ANNOTATION = "example.com/kept"


def rename(old: str, new: str, *, drop: str = "") -> Any:
    def step(content: dict[str, Any]) -> dict[str, Any]:
        return {new if key == old else key: v for key, v in content.items() if key != drop}

    return step


CONVERTER = Converter(
    group=GROUP,
    kind="Box",
    hub="v2",
    spokes=[
        Spoke("v1", to_hub=rename("wide", "width"), from_hub=rename("width", "wide", drop="deep")),
        Spoke("v1beta1", to_hub=rename("w", "width"), from_hub=rename("width", "w", drop="color")),
    ],
    annotation=ANNOTATION,
)


def box(version: str, annotations: Any = None, **content: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "b", "namespace": "ns", "uid": "1"}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"apiVersion": f"{GROUP}/{version}", "kind": "Box", "metadata": metadata, **content}


def convert(obj: Any, version: str) -> dict[str, Any]:
    return CONVERTER.convert(obj, f"{GROUP}/{version}")


def test_the_same_version_comes_back_as_it_is() -> None:
    obj = box("v1", wide=1)
    assert convert(obj, "v1") is obj


def test_an_object_that_fits_gets_no_annotation() -> None:
    assert convert(box("v2", width=1), "v1") == box("v1", wide=1)


def test_what_the_spoke_lacks_is_kept_in_the_annotation_and_comes_back() -> None:
    hub = box("v2", {"other": "x"}, width=1, deep={"a": None})
    spoke = convert(hub, "v1")
    assert "deep" not in spoke
    assert msgspec.json.decode(spoke["metadata"]["annotations"][ANNOTATION]) == {
        "v2": {"/deep/a": {"value": None}}
    }
    assert convert(spoke, "v2") == hub


def test_a_change_made_through_the_spoke_wins() -> None:
    spoke = convert(box("v2", width=1, deep=2), "v1")
    hub = convert({**spoke, "wide": 5, "deep": 9}, "v2")
    assert (hub["width"], hub["deep"]) == (5, 9)


def test_a_field_removed_through_the_spoke_stays_removed() -> None:
    spoke = convert(box("v2", width=1, deep=2), "v1")
    del spoke["wide"]
    assert convert(spoke, "v2") == box("v2", deep=2)


def test_what_the_hub_lacks_is_kept_as_well() -> None:
    spoke = box("v1", wide=1, width="a spoke's own field of the hub's name")
    assert convert(convert(spoke, "v2"), "v1") == spoke


def test_one_spoke_becomes_another_and_back_without_loss() -> None:
    spoke = box("v1", wide=1, color="red")
    other = convert(spoke, "v1beta1")
    assert other["w"] == 1
    assert "color" not in other
    assert convert(other, "v1") == spoke


def test_what_is_kept_for_a_version_unknown_here_stays() -> None:
    foreign = '{"v3":{"/spec/x":{"value":1}}}'
    assert convert(box("v2", {ANNOTATION: foreign}), "v1") == box("v1", {ANNOTATION: foreign})


def test_metadata_other_than_annotations_is_not_touched() -> None:
    hub = box("v2", deep=1)
    spoke = convert(hub, "v1")
    assert {k: v for k, v in spoke["metadata"].items() if k != "annotations"} == hub["metadata"]


def test_the_object_given_is_not_changed() -> None:
    hub = box("v2", {"a": "b"}, deep={"x": 1})
    before = msgspec.json.encode(hub)
    convert(hub, "v1")
    assert msgspec.json.encode(hub) == before


def test_a_function_that_fails_is_told_with_the_objects_name() -> None:
    def broken(content: dict[str, Any]) -> dict[str, Any]:
        return {"n": content["n"] + 1}

    converter = Converter(
        group=GROUP,
        kind="Box",
        hub="v2",
        spokes=[Spoke("v1", to_hub=broken, from_hub=broken)],
        annotation=ANNOTATION,
    )
    with pytest.raises(ConversionError, match=r"Box ns/b: cannot be converted from v2 to v1: Type"):
        converter.convert(box("v2", n="one"), f"{GROUP}/v1")


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (None, "object: is not an object but NoneType"),
        ({"kind": "Tin"}, "Tin without a name: is not of kind Box"),
        ({**box("v1"), "apiVersion": "other.io/v1"}, "Box ns/b: has apiVersion 'other.io/v1'"),
        ({**box("v1"), "apiVersion": None}, "has apiVersion None"),
        ({**box("v1"), "metadata": ["a"]}, "has metadata that is not an object"),
        (box("v2", "text", deep=1), "Box ns/b: has annotations that are not an object"),
    ],
)
def test_an_object_that_cannot_be_converted_is_named_with_the_reason(obj: Any, reason: str) -> None:
    with pytest.raises(ConversionError, match=reason):
        convert(obj, "v1")


def test_an_object_nested_deeper_than_python_goes_is_an_error_not_a_crash() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(ConversionError, match="nested too deeply"):
        convert(box("v2", width=deep, deep=deep), "v1")


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}, {"metadata": {}}], ids=str)
def test_a_part_of_an_object_without_metadata_is_converted(metadata: Any) -> None:
    """What the API server asks for after server-side apply through two versions."""
    part = {"apiVersion": f"{GROUP}/v2", "kind": "Box", "width": 1, **metadata}
    envelope = {"apiVersion": f"{GROUP}/v1", "kind": "Box", "metadata": {}}
    assert convert(part, "v1") == {**envelope, "wide": 1}
    there = convert({**part, "deep": 2}, "v1")
    assert convert(there, "v2") == {**envelope, "apiVersion": f"{GROUP}/v2", "width": 1, "deep": 2}


FULL = {"note": "n" * (ANNOTATIONS_LIMIT - 10)}


@pytest.mark.parametrize("annotations", [FULL, {**FULL, ANNOTATION: ""}, None], ids=["a", "b", "c"])
def test_what_has_no_room_in_the_annotations_is_left_out_and_a_label_says_so(
    annotations: Any,
) -> None:
    hub = box("v2", annotations, width=1, deep="x" * (ANNOTATIONS_LIMIT if not annotations else 9))
    spoke = convert(hub, "v1")
    assert spoke["metadata"].pop("labels") == {ANNOTATION: INCOMPLETE}
    assert spoke == {**box("v1", annotations), "wide": 1}


def test_the_label_goes_as_soon_as_there_is_room_and_on_the_way_back() -> None:
    hub = box("v2", FULL, width=1, deep=2)
    hub["metadata"]["labels"] = {"mine": "a"}
    spoke = convert(hub, "v1")
    assert spoke["metadata"]["labels"] == {"mine": "a", ANNOTATION: INCOMPLETE}
    assert convert(spoke, "v2")["metadata"] == hub["metadata"]
    short = {**hub, "metadata": {**spoke["metadata"], "annotations": {"note": "n"}}}
    assert convert(short, "v1")["metadata"]["labels"] == {"mine": "a"}


def test_what_is_passed_through_may_do_without_the_annotation() -> None:
    converter = Converter(
        group=GROUP,
        kind="Box",
        hub="v2",
        hub_fields={"width": None},
        spokes=[Spoke("v1", rename("wide", "width"), rename("width", "wide"), {"wide": None})],
        annotation=ANNOTATION,
    )
    hub = box("v2", width=1, other="x" * ANNOTATIONS_LIMIT)
    spoke = converter.convert(hub, f"{GROUP}/v1")
    assert spoke["other"] == hub["other"]
    assert spoke["metadata"]["labels"] == {ANNOTATION: INCOMPLETE}
    assert converter.convert(spoke, f"{GROUP}/v2") == hub


def test_the_identity_of_the_answer_is_the_converters_whatever_a_function_returns() -> None:
    def forging(content: dict[str, Any]) -> dict[str, Any]:
        return {**content, "apiVersion": "x/v1", "kind": "X", "metadata": {"name": "x"}}

    converter = Converter(
        group=GROUP,
        kind="Box",
        hub="v2",
        spokes=[Spoke("v1", to_hub=forging, from_hub=forging)],
        annotation=ANNOTATION,
    )
    assert converter.convert(box("v2", wide=1), f"{GROUP}/v1") == box("v1", wide=1)
