"""What an annotation may restore: what the target version's schema and rules would have taken."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from msgspec import Meta

from kopfkit.conversion import Converter, Spoke, known_fields
from kopfkit.crd import Rule, hints
from kopfkit.errors import KopfkitError

GROUP = "example.com"
NAME = "example.com/kept"


def text(description: str, **limits: Any) -> Any:
    return Annotated[str, Meta(description=description, **limits)]


class Lid(msgspec.Struct, rename="camel", omit_defaults=True):
    """What closes the box."""

    color: Annotated[Literal["red", "blue"], Meta(description="Its color.")] = "red"
    hinges: Annotated[int, Meta(ge=1, le=4, description="How many.")] = 2


class New(msgspec.Struct, rename="camel", omit_defaults=True):
    """A box."""

    kubernetes_rules: ClassVar = (
        Rule("!has(self.lid) || self.width <= 10", "no lid is wider than 10", field_path=".width"),
        Rule("!has(self.lid) || !has(self.stack)", "a stack has no lids"),
        Rule("!has(self.tag) || has(self.lid)", "a tag is on a lid"),
    )

    width: Annotated[int, Meta(ge=0, le=100, description="In centimetres.")] = 1
    lid: Lid | None = None
    stack: Annotated[int, Meta(ge=1, le=9, description="How many boxes.")] | None = None
    tag: (
        Annotated[
            str,
            Meta(
                max_length=8,
                description="What is written on the lid.",
                extra=hints(rules=[Rule("self.startsWith('a')", "a tag starts with a")]),
            ),
        ]
        | None
    ) = None


class Old(msgspec.Struct, rename="camel", omit_defaults=True):
    """A box of before."""

    wide: Annotated[int, Meta(ge=0, le=100, description="In centimetres.")] = 1


class Status(msgspec.Struct, rename="camel", omit_defaults=True):
    """What was seen."""

    seen: text("What.") | None = None


def to_new(content: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(spec := content.get("spec"), dict):
        return content
    new = {key: value for key, value in spec.items() if key != "wide"}
    if "wide" in spec:
        new["width"] = spec["wide"]
    return {**content, "spec": new}


def to_old(content: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(spec := content.get("spec"), dict):
        return content
    gone = ("width", "lid", "stack", "tag")
    old = {key: value for key, value in spec.items() if key not in gone}
    if "width" in spec:
        old["wide"] = spec["width"]
    return {**content, "spec": old}


CONVERTER = Converter(
    group=GROUP,
    kind="Box",
    hub="v2",
    hub_fields=known_fields(spec=New, status=Status),
    spokes=[Spoke("v1", to_new, to_old, known_fields(spec=Old, status=Status))],
    annotation=NAME,
)


def box(version: str, kept: Any = None, **content: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "b", "namespace": "ns"}
    if kept is not None:
        metadata["annotations"] = {NAME: kept if isinstance(kept, str) else to_json(kept)}
    return {"apiVersion": f"{GROUP}/{version}", "kind": "Box", "metadata": metadata, **content}


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def restored(changes: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The hub's object of a v1 object whose annotation says `changes`."""
    return CONVERTER.convert(box("v1", {"v2": changes}, spec=spec), f"{GROUP}/v2")


def values(**fields: Any) -> dict[str, Any]:
    """Changes that put these into the spec; __ stands for /."""
    return {f"/spec/{name.replace('__', '/')}": {"value": value} for name, value in fields.items()}


def test_what_the_schema_and_the_rules_take_is_restored() -> None:
    spec = restored(values(lid__color="blue", lid__hinges=4, tag="ab"), wide=7)["spec"]
    assert spec == {"width": 7, "lid": {"color": "blue", "hinges": 4}, "tag": "ab"}


@pytest.mark.parametrize(
    "changes",
    [
        values(lid__color="green"),
        values(lid__hinges=5),
        values(lid__hinges="4"),
        values(lid__hinges=True),
        values(lid__hinges=2.0),
        values(lid=[]),
        values(lid="red"),
        values(stack=10**30),
        values(stack={"a": 1}),
        values(lid__color="red", stack=10),
        values(lid__color="red", tag="b"),
        values(lid__color="red", tag="a" * 9),
    ],
    ids=to_json,
)
def test_a_field_with_a_value_that_its_schema_refuses_is_not_restored(changes: Any) -> None:
    spec = restored(changes, wide=7)["spec"]
    assert spec == ({"width": 7, "lid": {"color": "red"}} if len(changes) == 2 else {"width": 7})


def test_a_field_that_only_stands_with_another_one_is_not_restored_alone() -> None:
    assert restored(values(tag="ab"), wide=7)["spec"] == {"width": 7}


def test_of_fields_that_exclude_each_other_one_is_restored() -> None:
    assert restored(values(lid__color="red", stack=2, tag="ab"), wide=7)["spec"] == {
        "width": 7,
        "lid": {"color": "red"},
        "tag": "ab",
    }


def test_a_native_value_that_contradicts_yields_and_is_kept_for_its_own_version() -> None:
    """What an autoscaler of the old version does to an object that it sees half of."""
    hub = restored(values(lid__color="blue"), wide=50)
    assert hub["spec"] == {"width": 1, "lid": {"color": "blue"}}
    old = CONVERTER.convert(hub, f"{GROUP}/v1")
    assert old["spec"] == {"wide": 50}
    assert CONVERTER.convert(old, f"{GROUP}/v2") == hub
    # And a change through the old version that fits counts at once.
    assert CONVERTER.convert({**old, "spec": {"wide": 9}}, f"{GROUP}/v2")["spec"] == {
        "width": 9,
        "lid": {"color": "blue"},
    }


def test_what_was_wrong_before_does_not_keep_the_rest_from_being_restored() -> None:
    assert restored(values(stack=2), wide="seven")["spec"] == {"width": "seven", "stack": 2}
    hub = restored(values(lid__color="blue"), wide="seven")
    assert hub["spec"] == {"width": 1, "lid": {"color": "blue"}}
    assert CONVERTER.convert(hub, f"{GROUP}/v1")["spec"] == {"wide": 1}


def test_a_field_of_a_later_release_is_passed_on() -> None:
    spec = restored(values(depth={"a": 1}, lid__color="red", lid__lock=1), wide=7)["spec"]
    assert spec == {"width": 7, "depth": {"a": 1}, "lid": {"color": "red", "lock": 1}}


@pytest.mark.parametrize(
    "pointer",
    [
        *("/apiVersion", "/kind", "/metadata", "/metadata/name", "/metadata/annotations/x"),
        *("/metadata/labels", "/metadata/namespace", "/metadata/ownerReferences", "/status"),
        *("/status/seen", "/status/unknown"),
    ],
)
@pytest.mark.parametrize("change", [{"value": "x"}, {"value": {}, "over": None}, {"over": "b"}])
@pytest.mark.parametrize("versions", [("v1", "v2"), ("v2", "v1")], ids="-".join)
def test_identity_metadata_and_status_are_never_restored(
    pointer: str, change: Any, versions: tuple[str, str]
) -> None:
    source, target = versions
    obj = box(source, {target: {pointer: change}}, spec={})
    assert CONVERTER.convert(obj, f"{GROUP}/{target}") == box(target, spec={})


def test_an_object_of_before_the_schema_comes_through_with_what_is_wrong_in_it() -> None:
    obj = box("v1", {"v2": values(lid__color="red")}, spec=[1, "two"])
    assert CONVERTER.convert(obj, f"{GROUP}/v2")["spec"] == [1, "two"]
    obj = box("v1", {"v2": {"/spec": {"value": 7}}})
    assert "spec" not in CONVERTER.convert(obj, f"{GROUP}/v2")


@pytest.mark.parametrize("over", [{}, {"over": 7}], ids=["added", "exchanged"])
@pytest.mark.parametrize("spec", [{}, {"wide": 7}], ids=["unsaid", "said"])
def test_what_the_source_itself_says_is_not_the_annotations_to_say(
    spec: dict[str, Any], over: dict[str, Any]
) -> None:
    changes = {"/spec/width": {"value": 9, **over}, **values(lid__color="blue")}
    plain = {"width": spec["wide"]} if spec else {}
    assert restored(changes, **spec)["spec"] == {**plain, "lid": {"color": "blue"}}


def test_of_changes_that_meet_the_outer_one_counts() -> None:
    """What one does would else depend on which is made first, or is refused."""
    changes = {
        "/spec/none": {"value": 2, "over": 1},
        "/spec/lid": {"value": {"color": "blue"}},
        "/spec": {"value": {"width": 9}, "over": {"width": 50}},
    }
    assert restored(changes, wide=50)["spec"] == {"width": 50}


def test_a_change_that_brings_what_the_source_says_is_taken() -> None:
    """As where the operator's function reads a value in another form than it was written in."""
    converter = Converter(
        group=GROUP,
        kind="Box",
        hub="v2",
        hub_fields=known_fields(spec=New),
        spokes=[Spoke("v1", lambda old: to_new(rounded(old)), to_old, known_fields(spec=Old))],
        annotation=NAME,
    )
    hub = box("v2", spec={"width": 17})
    old = converter.convert(hub, f"{GROUP}/v1")
    assert old["spec"] == {"wide": 17}
    assert converter.convert(old, f"{GROUP}/v2") == hub


def rounded(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "spec": {"wide": old["spec"]["wide"] // 5 * 5}}


@pytest.mark.parametrize("over", [{}, {"over": 3}], ids=["added", "exchanged"])
def test_a_spoke_shows_nothing_that_does_not_come_back_to_what_the_hub_says(
    over: dict[str, Any],
) -> None:
    forged = {"v1": {"/spec/wide": {"value": 9, **over}}, "v2": {"/spec/width": {"value": 3}}}
    for spec, shown in (({"width": 3}, {"wide": 3}), ({"lid": {"hinges": 1}}, {})):
        obj = box("v2", forged, spec=spec)
        assert CONVERTER.convert(obj, f"{GROUP}/v1")["spec"] == shown


def test_a_whole_spec_is_judged_like_its_fields() -> None:
    good, bad, native = {"lid": {"hinges": 1}}, {"lid": {"hinges": 0}}, {"width": 3}
    for value, found in ((good, {"spec": good}), (bad, {}), (native, {})):
        obj = box("v1", {"v2": {"/spec": {"value": value}}})
        hub = CONVERTER.convert(obj, f"{GROUP}/v2")
        assert {key: value for key, value in hub.items() if key == "spec"} == found


def test_an_operators_function_that_fails_on_what_was_restored_gets_the_object_without_it() -> None:
    def picky(content: dict[str, Any]) -> dict[str, Any]:
        if "trap" in content:
            raise ValueError("trap")
        return content

    converter = Converter(
        group=GROUP, kind="Box", hub="v2", spokes=[Spoke("v1", picky, picky)], annotation=NAME
    )
    obj = box("v1", {"v2": {"/trap": {"value": 1}}}, spec={})
    assert converter.convert(obj, f"{GROUP}/v2") == box("v2", spec={})


def test_a_converter_that_cannot_judge_a_rule_says_so_when_it_is_prepared() -> None:
    class Odd(msgspec.Struct):
        """Odd."""

        kubernetes_rules: ClassVar = (Rule("duration(self.a) > duration('1s')", "longer"),)
        a: text("A.") = "2s"

    converter = Converter(
        group=GROUP,
        kind="Box",
        hub="v2",
        hub_fields=known_fields(spec=Odd),
        spokes=[],
        annotation=NAME,
    )
    with pytest.raises(KopfkitError, match="duration"):
        converter.prepare()
    CONVERTER.prepare()
