"""Types of spec and status that are Pydantic models: the schema and the errors of Structs."""

import subprocess
import sys
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from msgspec import Meta, Struct
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from kopfkit.controller import Context, Controller, Object
from kopfkit.conversion import known_fields
from kopfkit.crd import Rule, custom_resource_definition, hints
from kopfkit.crd import pydantic as models
from kopfkit.crd.errors import CrdError
from kopfkit.crd.models import decode, encode, struct_of
from kopfkit.crd.resource import CustomResource, Version
from kopfkit.crd.schema import schema_of
from kopfkit.crd.types import ConditionedStatus
from kopfkit.testing.reconcile import reconcile as run_one

RULE = Rule("self.maxSize >= 1 || self.name == ''", "a name needs a size")
PORTS = hints(list_type="map", list_map_keys=["number"])


class Size(Enum):
    """A size."""

    SMALL = "small"
    LARGE = "large"


class StructPort(Struct, rename="camel", omit_defaults=True):
    """A port."""

    number: Annotated[int, Meta(ge=1, le=65535, description="Its number.")]
    protocol: Annotated[Literal["TCP", "UDP"], Meta(description="Its protocol.")] = "TCP"


class StructSpec(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """What is wanted.

    In two paragraphs.
    """

    kubernetes_rules: ClassVar = (RULE,)

    host: Annotated[str, Meta(min_length=1, pattern="^[a-z]+$", description="Where.")]
    max_size: Annotated[int, Meta(ge=0, le=9, description="How many.")] = 1
    ratio: Annotated[float, Meta(gt=0, lt=1, description="Of what.")] = 0.5
    name: Annotated[Annotated[str, Meta(max_length=9)] | None, Meta(description="Its name.")] = None
    size: Annotated[Size, Meta(description="How large.")] = Size.SMALL
    ports: Annotated[
        list[StructPort], Meta(max_length=3, description="Where to.", extra=PORTS)
    ] = []
    first: Annotated[StructPort, Meta(description="The main one.")] = msgspec.field(
        default_factory=lambda: StructPort(80)
    )
    tags: Annotated[
        dict[str, Annotated[str, Meta(max_length=3)]], Meta(max_length=2, description="Words.")
    ] = {}


class StructStatus(ConditionedStatus, rename="camel", omit_defaults=True, kw_only=True):
    """What was seen."""

    ready: Annotated[int, Meta(ge=0, description="Ready pods.")] | None = None


class Port(models.Model):
    """A port."""

    number: int = Field(ge=1, le=65535, description="Its number.")
    protocol: Literal["TCP", "UDP"] = Field("TCP", description="Its protocol.")


class Spec(models.Model):
    """What is wanted.

    In two paragraphs.
    """

    kubernetes_rules: ClassVar = (RULE,)

    host: Annotated[str, StringConstraints(min_length=1, pattern="^[a-z]+$")] = Field(
        description="Where."
    )
    max_size: int = Field(1, ge=0, le=9, description="How many.")
    ratio: float = Field(0.5, gt=0, lt=1, description="Of what.")
    name: str | None = Field(None, max_length=9, description="Its name.")
    size: Size = Field(Size.SMALL, description="How large.")
    ports: Annotated[list[Port], Meta(extra=PORTS)] = Field(
        [], max_length=3, description="Where to."
    )
    first: Port = Field(Port(number=80), description="The main one.")
    tags: dict[str, Annotated[str, Field(max_length=3)]] = Field(
        default_factory=dict, max_length=2, description="Words."
    )

    @field_validator("host")
    @classmethod
    def not_localhost(cls, host: str) -> str:
        if host == "localhost":
            raise ValueError("is this machine")
        return host


class Status(models.ConditionedStatus):
    """What was seen."""

    ready: int | None = Field(None, ge=0, description="Ready pods.")


def crd(spec: Any, status: Any) -> Any:
    version = Version("v1", spec, status, "A thing.", storage=True)
    return custom_resource_definition(CustomResource("a.example", "Thing", "things", [version]))


def test_a_model_has_the_crd_of_a_struct_that_says_the_same() -> None:
    assert crd(Spec, Status) == crd(StructSpec, StructStatus)


def test_a_model_knows_the_fields_that_a_struct_knows() -> None:
    assert known_fields(spec=Spec, status=Status) == known_fields(
        spec=StructSpec, status=StructStatus
    )


def refusal(plain: Any, kind: Any) -> str:
    with pytest.raises(msgspec.ValidationError) as raised:
        decode(plain, kind)
    return str(raised.value)


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"host": ""},
        {"host": "ok", "maxSize": 10},
        {"host": "ok", "maxSize": "1"},
        {"host": "ok", "name": "0123456789"},
        {"host": "ok", "size": "huge"},
        {"host": "ok", "ports": [{"number": 1}, {"number": 0}]},
        {"host": "ok", "ports": [{"protocol": "TCP"}]},
        {"host": "ok", "tags": {"a": "long"}},
        {"host": "ok", "ratio": 1},
        [],
    ],
)
def test_what_does_not_fit_a_model_is_told_as_for_a_struct(plain: Any) -> None:
    assert refusal(plain, Spec) == refusal(plain, StructSpec)


def test_a_validator_of_the_model_is_told_with_the_field() -> None:
    assert refusal({"host": "localhost"}, Spec) == "is this machine - at `$.host`"


def test_a_spec_is_decoded_with_its_defaults_and_a_status_encoded_without_null() -> None:
    spec = decode({"host": "ok", "ports": [{"number": 8}], "unknown": 1}, Spec)
    assert (spec.max_size, spec.size, spec.first.number) == (1, Size.SMALL, 80)
    assert spec.ports == [Port(number=8)]
    status = decode({"conditions": [], "ready": None}, Status)
    status.ready = 3
    assert encode(status) == {"conditions": [], "ready": 3}


async def reconcile(thing: Object[Spec, Status], ctx: Context) -> None:
    thing.status.ready = thing.spec.max_size


V1 = Version("v1", Spec, Status, "A thing.", storage=True)
THINGS = Controller(CustomResource("a.example", "Thing", "things", [V1]), V1, reconcile=reconcile)


def test_a_reconcile_is_given_models_and_an_invalid_spec_becomes_a_condition() -> None:
    done = run_one(THINGS, {"metadata": {"name": "x"}, "spec": {"host": "ok", "maxSize": 4}})
    assert done.status["ready"] == 4
    assert done.condition("Degraded")[0] == "False"
    again = run_one(THINGS, done.object or {})
    assert again.writes == []
    bad = run_one(THINGS, {"metadata": {"name": "x"}, "spec": {"host": "localhost"}})
    assert bad.condition("Degraded") == ("True", "InvalidSpec", "spec.host: is this machine")


def described(**fields: Any) -> Any:
    """A model with these fields."""
    space = {
        "__doc__": "A model.",
        "__module__": __name__,
        "__annotations__": {name: kind for name, (kind, _) in fields.items()},
        **{name: field for name, (_, field) in fields.items()},
    }
    return type("Made", (BaseModel,), space)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (described(a=(int, Field(alias="b", validation_alias="c", description="x"))), "different"),
        (described(a=(int, Field(12, le=9, description="x"))), "has a default outside its own"),
        (described(a=(int, Field(description=""))), "has no description"),
        (described(a=(int | list[str], Field(description="x"))), "is a union"),
        (described(a=(complex, Field(description="x"))), "has a type without a structural"),
        (
            described(a=(float, Field(description="x", allow_inf_nan=False))),
            "has the constraint",
        ),
        (
            described(a=(int, Field(default_factory=lambda data: 1, description="x"))),
            "has a default that depends on other fields",
        ),
    ],
)
def test_what_a_crd_cannot_say_is_refused_naming_the_field(model: Any, why: str) -> None:
    with pytest.raises(CrdError, match=why) as raised:
        schema_of(model, "Thing v1 .spec")
    assert ".a" in raised.value.what


def test_a_type_that_is_neither_is_refused() -> None:
    with pytest.raises(CrdError, match="neither a Struct of msgspec nor a Pydantic v2 model"):
        struct_of(dict)


def test_a_default_of_a_struct_with_required_fields_is_written_out() -> None:
    schema = schema_of(StructSpec, "x")
    assert schema["properties"]["first"]["default"] == {"number": 80}


def test_a_model_that_forbids_other_fields_refuses_them() -> None:
    class Strict(BaseModel):
        """A model."""

        model_config = ConfigDict(extra="forbid")
        a: int = Field(1, description="x")

    assert refusal({"b": 1}, Strict) == "Object contains unknown field `b`"


def test_who_has_structs_never_imports_pydantic() -> None:
    code = (
        "import sys; import kopfkit.crd, kopfkit.controller.manager, kopfkit.controller.operators,"
        " kopfkit.conversion, kopfkit.crd.models as models\n"
        "from kopfkit.crd.types import ConditionedStatus\n"
        "from kopfkit.crd.schema import schema_of\n"
        "schema_of(ConditionedStatus, 'x'); models.encode(models.decode({}, ConditionedStatus))\n"
        "print(sorted(name for name in sys.modules if name.startswith('pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
