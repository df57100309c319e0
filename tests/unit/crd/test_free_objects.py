"""dict[str, Any] is a free object wherever it stands, and nothing else is made one."""

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from budgets import budget
from kopfkit.conversion import known_fields
from kopfkit.crd import (
    CrdError,
    CustomResource,
    Version,
    custom_resource_definition,
    hints,
    schema_of,
)
from kopfkit.crd.models import decode, encode
from kopfkit.crd.structural import admit, schema_in

FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
KEEPS = hints(preserve_unknown_fields=True)
DESCRIBED = Meta(description="A field.")


class Known(msgspec.Struct):
    """An object with one known field."""

    size: Annotated[int, DESCRIBED] = 0


class Spec(msgspec.Struct):
    """Free objects in every place."""

    rules: Annotated[list[dict[str, Any]], DESCRIBED]
    one: Annotated[dict[str, Any], DESCRIBED] = msgspec.field(default_factory=dict)
    named: Annotated[dict[str, dict[str, Any]], DESCRIBED] = msgspec.field(default_factory=dict)
    some: Annotated[dict[str, Any], Meta(max_length=9, description="A.")] | None = None
    open: Annotated[Known, Meta(description="A field.", extra=KEEPS)] = msgspec.field(
        default_factory=Known
    )


FREED = CustomResource(
    "example.com", "Freed", "freeds", [Version("v1", Spec, dict[str, Any], "Free.", storage=True)]
)


def test_each_free_object_says_so_in_the_schema() -> None:
    found = schema_of(Spec, "Freed")["properties"]
    assert found["rules"] == {"description": "A field.", "type": "array", "items": FREE}
    assert found["one"] == {"description": "A field.", **FREE, "default": {}}
    assert found["named"]["additionalProperties"] == FREE
    assert found["some"] == {"description": "A.", **FREE, "maxProperties": 9}
    assert found["open"]["x-kubernetes-preserve-unknown-fields"] is True
    assert found["open"]["properties"]["size"]["type"] == "integer"


def test_a_whole_status_may_be_free() -> None:
    crd = custom_resource_definition(FREED)
    status = schema_in(crd, "v1")["properties"]["status"]
    assert status == {"description": "Any object.", **FREE}
    assert known_fields(spec=Spec, status=dict[str, Any])["status"] is None


@pytest.mark.parametrize("kind", [list[int], list[dict[str, Any]], int, dict[str, str]])
def test_the_hint_makes_no_other_type_an_object(kind: Any) -> None:
    field = Annotated[kind, Meta(description="A field.", extra=KEEPS)]
    wrong = msgspec.defstruct("Wrong", [("field", field)], namespace={"__doc__": "Wrong."})
    with pytest.raises(CrdError, match=r"X\.field: keeps unknown fields, and its type is no free"):
        schema_of(wrong, "X")


@pytest.mark.parametrize("kind", [Any, list[Any], list, object])
def test_what_may_be_anything_is_still_refused(kind: Any) -> None:
    field = Annotated[kind, DESCRIBED]
    wrong = msgspec.defstruct("Wrong", [("field", field)], namespace={"__doc__": "Wrong."})
    with pytest.raises(CrdError, match=r"without a structural schema(.|\n)*dict\[str, Any\] is"):
        schema_of(wrong, "X")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)


@budget(ci=60, soak=10_000)
@given(
    rules=st.lists(OBJECTS, max_size=3),
    one=OBJECTS,
    named=st.dictionaries(st.text(max_size=5), OBJECTS, max_size=2),
    status=OBJECTS,
)
def test_an_api_server_and_the_types_keep_every_free_object(
    rules: Any, one: Any, named: Any, status: Any
) -> None:
    spec = {"rules": rules, "one": one, "named": named, "some": one, "open": {"size": 1, "x": one}}
    obj = {"apiVersion": "example.com/v1", "kind": "Freed", "spec": spec, "status": status}
    assert admit(obj, schema_in(custom_resource_definition(FREED), "v1")) == obj
    again = encode(decode(spec, Spec))
    assert (again["rules"], again["one"], again["named"]) == (rules, one, named)
    assert decode(status, dict[str, Any]) == status
