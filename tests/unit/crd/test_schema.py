"""Types become structural schemas, and what has none is refused while generating."""

import enum
import math
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from msgspec import Meta, field

from kopfkit.crd import Condition, CrdError, Quantity, Rule, hints, schema_of

DESCRIBED = Meta(description="A field.")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, rename="camel"):
    """The inner part."""

    max_size: Annotated[int, Meta(ge=1, le=9, description="Between 1 and 9.")] = 3


class Everything(msgspec.Struct, rename="camel", kw_only=True):
    """Every kind of field."""

    kubernetes_rules: ClassVar = (
        Rule("self.name != 'x'", "name must not be x", message_expression="'no ' + self.name"),
    )

    name: Annotated[str, Meta(min_length=1, max_length=5, pattern="^a", description="A name.")]
    big: Annotated[int, Meta(ge=0, description="Not bounded above.")] | None = None
    ratio: Annotated[float, Meta(gt=0, lt=1, description="A ratio.")] = 0.5
    on: Annotated[bool, DESCRIBED] = False
    mode: Annotated[Literal["a", "b"], DESCRIBED] = "a"
    color: Annotated[Color, DESCRIBED] = Color.RED
    inner: Inner = field(default_factory=Inner)
    tags: Annotated[
        list[str], Meta(max_length=3, description="Tags.", extra=hints(list_type="set"))
    ] = field(default_factory=list)
    labels: Annotated[dict[str, Annotated[str, Meta(max_length=9)]], DESCRIBED] | None = None
    cpu: Quantity | None = None
    free: Annotated[
        dict[str, Any], Meta(description="F.", extra=hints(preserve_unknown_fields=True))
    ]
    conditions: Annotated[
        list[Condition],
        Meta(description="C.", extra=hints(list_type="map", list_map_keys=["type"])),
    ]


def properties() -> dict[str, Any]:
    found: dict[str, Any] = schema_of(Everything, "X")["properties"]
    return found


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        (
            "name",
            {
                "description": "A name.",
                "type": "string",
                "minLength": 1,
                "maxLength": 5,
                "pattern": "^a",
            },
        ),
        (
            "big",
            {
                "description": "Not bounded above.",
                "type": "integer",
                "format": "int64",
                "minimum": 0,
            },
        ),
        (
            "ratio",
            {
                "description": "A ratio. Defaults to 0.5.",
                "type": "number",
                "format": "double",
                "minimum": 0,
                "exclusiveMinimum": True,
                "maximum": 1,
                "exclusiveMaximum": True,
                "default": 0.5,
            },
        ),
        (
            "on",
            {"description": "A field. Defaults to false.", "type": "boolean", "default": False},
        ),
        (
            "mode",
            {
                "description": "A field. Defaults to a.",
                "type": "string",
                "enum": ["a", "b"],
                "default": "a",
            },
        ),
        (
            "color",
            {
                "description": "A field. Defaults to red.",
                "type": "string",
                "enum": ["red", "blue"],
                "default": "red",
            },
        ),
        (
            "inner",
            {
                "description": "The inner part.",
                "type": "object",
                "properties": {
                    "maxSize": {
                        "description": "Between 1 and 9. Defaults to 3.",
                        "type": "integer",
                        "format": "int32",
                        "minimum": 1,
                        "maximum": 9,
                        "default": 3,
                    }
                },
                "default": {},
            },
        ),
        (
            "tags",
            {
                "description": "Tags.",
                "type": "array",
                "items": {"type": "string"},
                "maxItems": 3,
                "x-kubernetes-list-type": "set",
                "default": [],
            },
        ),
        (
            "labels",
            {
                "description": "A field.",
                "type": "object",
                "additionalProperties": {"type": "string", "maxLength": 9},
            },
        ),
        (
            "free",
            {
                "description": "F.",
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
            },
        ),
    ],
)
def test_each_kind_of_type_has_its_schema(name: str, schema: dict[str, Any]) -> None:
    assert properties()[name] == schema


def test_the_object_has_its_docstring_required_fields_and_rules() -> None:
    schema = schema_of(Everything, "X")
    assert schema["description"] == "Every kind of field."
    assert schema["required"] == ["name", "free", "conditions"]
    assert schema["x-kubernetes-validations"] == [
        {
            "rule": "self.name != 'x'",
            "message": "name must not be x",
            "messageExpression": "'no ' + self.name",
        }
    ]


def test_conditions_are_a_map_by_type() -> None:
    conditions = properties()["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]
    assert conditions["items"]["required"] == ["type", "status", "lastTransitionTime", "reason"]
    assert conditions["items"]["properties"]["lastTransitionTime"]["format"] == "date-time"


def test_a_quantity_is_an_integer_or_a_string() -> None:
    cpu = properties()["cpu"]
    assert cpu["x-kubernetes-int-or-string"] is True
    assert cpu["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert "isQuantity" in cpu["x-kubernetes-validations"][0]["rule"]


class Undescribed(msgspec.Struct):
    """Described itself."""

    size: int = 0


class NoDocstring(msgspec.Struct):
    size: Annotated[int, DESCRIBED] = 0


class UndescribedInside(msgspec.Struct):
    """Described itself."""

    inner: Annotated[list[Undescribed], DESCRIBED]


class Union(msgspec.Struct):
    """A union."""

    value: Annotated[int | str, DESCRIBED]


class Anything(msgspec.Struct):
    """Anything."""

    value: Annotated[Any, DESCRIBED]


class Tuple(msgspec.Struct):
    """A tuple."""

    value: Annotated[tuple[int, int], DESCRIBED]


class BadDefault(msgspec.Struct):
    """A default that is too big."""

    value: Annotated[int, Meta(le=5, description="At most 5.")] = 6


class BadInnerDefault(msgspec.Struct):
    """A default whose inside is wrong."""

    value: Inner = field(default_factory=lambda: Inner(max_size=10))


class Pair(msgspec.Struct):
    """Two numbers that need not be there, one of which has a default."""

    one: Annotated[int | None, DESCRIBED] = None
    two: Annotated[int | None, DESCRIBED] = 2


class NullInside(msgspec.Struct):
    """A default that leaves a field out."""

    value: Annotated[Pair, DESCRIBED] = field(default_factory=lambda: Pair(two=3))


class NullForADefault(msgspec.Struct):
    """A default that wants null where the field has a default of its own."""

    value: Annotated[Pair, DESCRIBED] = field(default_factory=lambda: Pair(one=1, two=None))


class NullInAList(msgspec.Struct):
    """A default of a list with null."""

    value: Annotated[list[Annotated[int | None, DESCRIBED]], DESCRIBED] = field(
        default_factory=lambda: [None]
    )


class Infinite(msgspec.Struct):
    """A default without end."""

    value: Annotated[float, DESCRIBED] = math.inf


class NoNumber(msgspec.Struct):
    """A default that is no number, inside a mapping."""

    value: Annotated[dict[str, Annotated[float, DESCRIBED]], DESCRIBED] = field(
        default_factory=lambda: {"a": math.nan}
    )


def test_a_default_has_no_null_in_it() -> None:
    assert schema_of(NullInside, "X")["properties"]["value"]["default"] == {"two": 3}


class Endless(msgspec.Struct):
    """Contains itself."""

    inner: Annotated["Endless | None", DESCRIBED] = None


class NoKey(msgspec.Struct):
    """A list map whose key may be missing."""

    items: Annotated[
        list[Condition],
        Meta(description="I.", extra=hints(list_type="map", list_map_keys=["observedGeneration"])),
    ]


class NoKeys(msgspec.Struct):
    """A list map without keys."""

    items: Annotated[list[Condition], Meta(description="I.", extra=hints(list_type="map"))]


class Misplaced(msgspec.Struct):
    """A limit on a union, which belongs to the number in it."""

    value: Annotated[int | None, Meta(ge=0, description="A number.")] = None


@pytest.mark.parametrize(
    ("struct", "sentence"),
    [
        (Misplaced, r"X: cannot be read \(Misplaced: Can only set `ge` on a numeric type"),
        (Undescribed, r"X\.size: has no description"),
        (NoDocstring, "X: has no description"),
        (UndescribedInside, r"X\.inner\[\]\.size: has no description"),
        (Union, r"X\.value: is a union"),
        (Anything, r"X\.value: has a type without a structural schema"),
        (Tuple, r"X\.value: has a type without a structural schema"),
        (BadDefault, r"X\.value: has a default outside its own limits: .*<= 5"),
        (BadInnerDefault, r"X\.value: has a default outside its own limits: .*<= 9"),
        (NullForADefault, r"X\.value: has a default with null in it"),
        (NullInAList, r"X\.value: has a default with null in a list"),
        (Infinite, r"X\.value: has a default that JSON does not have \(inf\)"),
        (NoNumber, r"X\.value: has a default that JSON does not have \(nan\)"),
        (Endless, r"X\.inner: contains itself \(Endless\)"),
        (NoKey, r"X\.items: names the list map key observedGeneration"),
        (NoKeys, r"X\.items: is a list_type map without list_map_keys"),
    ],
)
def test_what_has_no_valid_schema_is_refused_by_path(
    struct: type[msgspec.Struct], sentence: str
) -> None:
    with pytest.raises(CrdError, match=sentence):
        schema_of(struct, "X")


@pytest.mark.parametrize(
    ("lowest", "highest", "form"),
    [
        (-(2**31), 2**31 - 1, "int32"),
        (-(2**31), 2**31, "int64"),
        (-(2**31) - 1, 2**31 - 1, "int64"),
    ],
)
def test_an_integer_is_an_int32_if_both_its_limits_are(
    lowest: int, highest: int, form: str
) -> None:
    kind = Annotated[int, Meta(ge=lowest, le=highest, description="A number.")]
    struct = msgspec.defstruct("Numbers", [("number", kind)], namespace={"__doc__": "Numbers."})
    assert schema_of(struct, "X")["properties"]["number"]["format"] == form
