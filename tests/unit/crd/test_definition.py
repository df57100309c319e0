"""A resource becomes a CRD; what the API server would refuse is refused while generating."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from kopfkit.crd import (
    Column,
    CrdError,
    CustomResource,
    Scale,
    Version,
    custom_resource_definition,
)


class Spec(msgspec.Struct, rename="camel"):
    """What is wanted."""

    size: Annotated[int, Meta(ge=0, le=9, description="How many.")] = 1


class StrictSpec(msgspec.Struct, rename="camel"):
    """What is wanted."""

    size: Annotated[int, Meta(ge=0, le=9, description="How many.")]


class Status(msgspec.Struct, rename="camel"):
    """What is there."""

    replicas: Annotated[int, Meta(description="How many there are.")] | None = None
    selector: Annotated[str, Meta(description="Which.")] | None = None
    ports: Annotated[list[int], Meta(description="Ports.")] | None = None


V1 = Version(
    name="v1",
    spec=Spec,
    status=Status,
    description="A box.",
    storage=True,
    columns=(
        Column("Size", "integer", ".spec.size", "How many"),
        Column("Port", "integer", ".status.ports[0]", priority=1),
        Column("Age", "date", ".metadata.creationTimestamp"),
    ),
    scale=Scale(".spec.size", ".status.replicas", ".status.selector"),
)
BOX = CustomResource(
    group="example.com",
    kind="Box",
    plural="boxes",
    singular="box",
    list_kind="BoxList",
    short_names=("bx",),
    categories=("all",),
    versions=(V1, replace(V1, name="v1beta1", storage=False, deprecation_warning="use v1")),
)


def test_the_names_are_the_resources() -> None:
    crd = custom_resource_definition(BOX)
    assert crd["metadata"] == {"name": "boxes.example.com"}
    assert crd["spec"]["names"] == {
        "categories": ["all"],
        "kind": "Box",
        "listKind": "BoxList",
        "plural": "boxes",
        "shortNames": ["bx"],
        "singular": "box",
    }


def test_every_version_has_status_and_scale() -> None:
    for version in custom_resource_definition(BOX)["spec"]["versions"]:
        assert version["subresources"] == {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.size",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        }


def test_columns_come_in_their_order_with_what_they_have() -> None:
    assert custom_resource_definition(BOX)["spec"]["versions"][0]["additionalPrinterColumns"] == [
        {"name": "Size", "type": "integer", "description": "How many", "jsonPath": ".spec.size"},
        {"name": "Port", "type": "integer", "priority": 1, "jsonPath": ".status.ports[0]"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]


def test_a_deprecated_version_warns() -> None:
    old = custom_resource_definition(BOX)["spec"]["versions"][1]
    assert (old["deprecated"], old["deprecationWarning"]) == (True, "use v1")


def test_a_spec_that_can_do_without_fields_may_be_left_out_and_another_may_not() -> None:
    def root(spec: type[msgspec.Struct]) -> dict[str, Any]:
        box = replace(BOX, versions=(replace(V1, spec=spec),))
        schema: dict[str, Any] = custom_resource_definition(box)["spec"]["versions"][0]["schema"]
        found: dict[str, Any] = schema["openAPIV3Schema"]
        return found

    assert root(Spec)["properties"]["spec"]["default"] == {}
    assert "required" not in root(Spec)
    assert root(StrictSpec)["required"] == ["spec"]


def test_a_release_chooses_what_is_served_and_stored() -> None:
    crd = custom_resource_definition(BOX, served=["v1beta1"], storage="v1beta1")
    flags = [(v["name"], v["served"], v["storage"]) for v in crd["spec"]["versions"]]
    assert flags == [("v1", False, False), ("v1beta1", True, True)]


def test_a_release_that_chooses_to_serve_nothing_is_not_given_everything() -> None:
    with pytest.raises(CrdError, match="serves no version"):
        custom_resource_definition(BOX, served=[])


def test_conversion_is_written_as_it_is_given() -> None:
    conversion = {"strategy": "None"}
    assert (
        custom_resource_definition(BOX, conversion=conversion)["spec"]["conversion"] == conversion
    )
    assert "conversion" not in custom_resource_definition(BOX)["spec"]


def test_generating_twice_gives_the_same_bytes() -> None:
    assert json.dumps(custom_resource_definition(BOX)) == json.dumps(
        custom_resource_definition(BOX)
    )


def with_version(**changes: Any) -> CustomResource:
    return replace(BOX, versions=(replace(V1, **changes),))


def with_column(*args: Any) -> CustomResource:
    return with_version(columns=(Column(*args),))


def with_scale(*paths: str) -> CustomResource:
    return with_version(scale=Scale(*paths))


@pytest.mark.parametrize(
    ("resource", "sentence"),
    [
        (with_version(storage=False), r"has 0 storage versions \(none\)"),
        (
            replace(BOX, versions=(V1, replace(V1, name="v2"))),
            r"has 2 storage versions \(v1, v2\)",
        ),
        (replace(BOX, versions=(V1, replace(V1, storage=False))), "v1 is described twice"),
        (with_version(served=False), "serves no version"),
        (with_version(name="1.0"), "version name '1.0'"),
        (with_version(description=""), "Box v1: has no description"),
        (replace(BOX, group="example"), "has no dot"),
        (replace(BOX, plural="Boxes"), "'Boxes' is not a lowercase"),
        (replace(BOX, short_names=("b_x",)), "'b_x' is not a lowercase"),
        (replace(BOX, scope="Global"), "scope 'Global'"),
        (with_column("A", "integer", ".spec.sizes"), r"column A: the path .spec.sizes does not"),
        (with_column("A", "integer", ".spec.size.x"), "does not exist"),
        (with_column("A", "integer", "spec.size"), "not a JSONPath"),
        (with_column("A", "int", ".spec.size"), "unknown type 'int'"),
        (with_column("A", "boolean", ".spec.size"), r"is boolean, but .spec.size is integer"),
        (with_scale(".spec.replicas", ".status.replicas"), "scale path .spec.replicas"),
        (with_scale(".spec.size", ".status.selector"), "does not lead to a field of type integer"),
        (with_scale(".status.replicas", ".status.replicas"), "does not start with .spec."),
        (with_scale(".spec.size", ".status.ports[0]"), "uses brackets"),
        (with_scale(".spec.size", ".status.replicas", ".status.labels"), "does not exist"),
    ],
)
def test_what_the_api_server_would_refuse_or_ignore_is_refused(
    resource: CustomResource, sentence: str
) -> None:
    with pytest.raises(CrdError, match=sentence):
        custom_resource_definition(resource)


@pytest.mark.parametrize(
    "generate",
    [
        lambda: custom_resource_definition(BOX, storage="v9"),
        lambda: custom_resource_definition(BOX, served=["v9"]),
    ],
)
def test_a_release_with_an_unknown_version_is_refused(generate: Callable[[], Any]) -> None:
    with pytest.raises(CrdError, match="has no version v9"):
        generate()


class Wrong(msgspec.Struct):
    """A spec with a mistake in three fields, one of them further down."""

    undescribed: int
    far: Annotated[int, Meta(ge=0, le=9, description="A number.")] = 10
    several: Annotated[int | bool, Meta(description="One or the other.")] = 1


def test_all_mistakes_of_all_versions_are_told_at_once() -> None:
    column = Column("A", "int", ".spec.size", "A column.")
    wrong = replace(BOX.versions[0], spec=Wrong)
    other = replace(BOX.versions[0], name="v2", storage=False, columns=(column, column))

    with pytest.raises(CrdError) as caught:
        custom_resource_definition(replace(BOX, versions=[wrong, other]))

    assert str(caught.value).splitlines() == [
        f"{BOX.crd_name}: 5 errors",
        '  - Box v1 .spec.undescribed: has no description; Describe it: Meta(description="...").',
        "  - Box v1 .spec.far: has a default outside its own limits: Expected `int` <= 9; Change "
        "one of the two.",
        "  - Box v1 .spec.several: is a union, which has no structural schema; Use one type, or "
        "int | str with hints(int_or_string=True).",
        "  - Box v2 column A: has the unknown type 'int'",
        "  - Box v2 column A: has the unknown type 'int'",
    ]
