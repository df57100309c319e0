"""A Pydantic v2 model as the Struct that says the same, field by field.

The Struct gives the schema and refuses what does not fit it, in the same words as for anybody's
Struct; the model is what the operator's author sees, with its validators. What a Struct cannot say
(a union, a constraint without a place in a CRD) is refused when the schema is made.

Imports Pydantic: not to be imported but by `kopfkit.crd.models`.
"""

import types
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Union, get_args, get_origin

import annotated_types as limits
import msgspec
import pydantic
import pydantic_core
from msgspec import Meta
from pydantic.fields import FieldInfo

from kopfkit.crd.errors import CrdError
from kopfkit.crd.hints import RULES_ATTRIBUTE

# Attribute of a model that names its Struct, where that is written by hand.
STRUCT: Final = "kopfkit_struct"
# msgspec's names of annotated-types' constraints, and the attribute that holds the value.
_LIMITS: Final[Mapping[type[Any], tuple[str, str]]] = {
    limits.Ge: ("ge", "ge"),
    limits.Gt: ("gt", "gt"),
    limits.Le: ("le", "le"),
    limits.Lt: ("lt", "lt"),
    limits.MultipleOf: ("multiple_of", "multiple_of"),
    limits.MinLen: ("min_length", "min_length"),
    limits.MaxLen: ("max_length", "max_length"),
}


def decode(plain: Any, model: Any) -> Any:
    """JSON as a model.

    Raises:
        msgspec.ValidationError: it does not fit the schema, or a validator of the model refuses it.
    """
    msgspec.convert(plain, struct_of(model))
    try:
        return model.model_validate(plain)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]
        )
        what = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        raise msgspec.ValidationError(f"{what} - at `${where}`") from None


@cache
def struct_of(model: Any) -> type[msgspec.Struct]:
    """The Struct of a model.

    Raises:
        CrdError: a field has what no Struct has.
    """
    if STRUCT in model.__dict__:
        return model.__dict__[STRUCT]  # type: ignore[no-any-return]
    bases = [base for base in model.__mro__[1:] if STRUCT in base.__dict__]
    base = bases[0] if bases else None
    inherited = base.model_fields if base is not None else {}
    fields, names = [], {}
    for name, info in model.model_fields.items():
        if name in inherited:
            continue
        where = f"{model.__name__}.{name}"
        kind = _described(info, where)
        names[name] = _alias(name, info, where)
        fields.append((name, kind, *_default(info, kind, where)))
    namespace = {"__doc__": model.__dict__.get("__doc__") or ""}
    if rules := getattr(model, RULES_ATTRIBUTE, ()):
        namespace[RULES_ATTRIBUTE] = rules
    return msgspec.defstruct(
        model.__name__,
        fields,
        bases=(struct_of(base),) if base is not None else None,
        namespace=namespace,
        module=model.__module__,
        kw_only=True,
        omit_defaults=True,
        rename=names,
        forbid_unknown_fields=model.model_config.get("extra") == "forbid",
    )


def _described(info: FieldInfo, where: str) -> Any:
    """The type of a field, with its constraints and description."""
    kind = _constrained(_kind(info.annotation, where), info.metadata, where)
    return Annotated[kind, Meta(description=info.description)] if info.description else kind


def _kind(annotation: Any, where: str) -> Any:
    """A type without what belongs to Pydantic."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _constrained(_kind(arguments[0], where), arguments[1:], where)
    if origin in (Union, types.UnionType):
        return Union[tuple(_kind(each, where) for each in arguments)]  # noqa: UP007
    if origin in (list, dict):
        return origin[tuple(_kind(each, f"{where}[]") for each in arguments)]
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return struct_of(annotation)
    return annotation


def _constrained(kind: Any, metadata: Iterable[Any], where: str) -> Any:
    """A type with the constraints of annotations; those of `X | None` are about X."""
    found: dict[str, Any] = {}
    described: list[Meta] = []
    for each in _flat(metadata):
        if isinstance(each, Meta):
            described.append(each)
        elif isinstance(each, FieldInfo):
            kind = _constrained(kind, each.metadata, where)
            if each.description:
                described.append(Meta(description=each.description))
        elif (known := _LIMITS.get(type(each))) is not None:
            found[known[0]] = getattr(each, known[1])
        elif isinstance(pattern := getattr(each, "pattern", None), str):
            found["pattern"] = pattern
        elif not _about_python(each):
            raise CrdError(
                where,
                f"has the constraint {each!r}, which a CRD cannot say",
                "Say it with Field(ge=, gt=, le=, lt=, multiple_of=, min_length=, max_length=, "
                "pattern=), or as a rule: Meta(extra=hints(rules=[...])).",
            )
    if found:
        kind = _within(kind, Meta(**found))
    for meta in described:
        kind = Annotated[kind, meta]
    return kind


def _within(kind: Any, meta: Meta) -> Any:
    """A type with a limit; of a union with None, on the other member."""
    if get_origin(kind) in (Union, types.UnionType):
        members = [
            each if each is types.NoneType else Annotated[each, meta] for each in get_args(kind)
        ]
        return Union[tuple(members)]  # noqa: UP007
    return Annotated[kind, meta]


def _flat(metadata: Iterable[Any]) -> Iterable[Any]:
    for each in metadata:
        if isinstance(each, pydantic.StringConstraints):
            yield from _of_string(each)
        elif isinstance(each, limits.GroupedMetadata):
            yield from _flat(each)
        else:
            yield each


def _of_string(each: pydantic.StringConstraints) -> Iterable[Any]:
    if each.min_length is not None:
        yield limits.MinLen(each.min_length)
    if each.max_length is not None:
        yield limits.MaxLen(each.max_length)
    if each.pattern is not None:
        pattern = each.pattern
        yield Meta(pattern=pattern if isinstance(pattern, str) else pattern.pattern)


def _about_python(each: Any) -> bool:
    """Whether an annotation is about the Python side alone: validators and serializers, which run
    after the schema was kept."""
    return type(each).__module__.startswith("pydantic.functional_") or isinstance(each, str)


def _alias(name: str, info: FieldInfo, where: str) -> str:
    """The field's name in JSON."""
    alias = info.serialization_alias or info.alias or name
    if info.validation_alias not in (None, alias):
        raise CrdError(
            where, "is read and written by different names", "Give it one alias for both."
        )
    return alias


def _default(info: FieldInfo, kind: Any, where: str) -> tuple[Any, ...]:
    """The field's default as `defstruct` takes it, () for none."""
    if info.is_required():
        return ()
    if info.default_factory_takes_validated_data:
        raise CrdError(where, "has a default that depends on other fields", "Name a value.")
    value = info.get_default(call_default_factory=True)
    if value is None:
        return (None,)
    plain = pydantic_core.to_jsonable_python(value, by_alias=True, exclude_none=True)
    try:
        simple = msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise CrdError(
            where, f"has a default outside its own limits: {error}", "Change one of the two."
        ) from None
    if isinstance(simple, str | int | float | Enum):
        return (simple,)
    return (msgspec.field(default_factory=lambda: msgspec.convert(plain, kind)),)
