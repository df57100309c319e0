"""A Struct as a structural OpenAPI v3 schema (apiextensions.k8s.io/v1 JSONSchemaProps).

msgspec.inspect resolves the type hints; this module writes down what it found, in a fixed key
order, and refuses what has no structural schema or no description.
"""

import inspect
import json
import math
import re
from typing import Annotated, Any, TypeGuard, get_type_hints

import msgspec
from msgspec import Meta
from msgspec.inspect import (
    AnyType,
    BoolType,
    DateTimeType,
    DictType,
    EnumType,
    Field,
    FloatType,
    IntType,
    ListType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from kopfkit.crd.errors import CrdError, Errors
from kopfkit.crd.hints import KEY, RULES_ATTRIBUTE, Hints
from kopfkit.crd.models import is_free, struct_of

Schema = dict[str, Any]

_INT32 = 2**31


def schema_of(kind: type[Any], where: str) -> Schema:
    """The schema of a Struct, of a Pydantic model, or of dict[str, Any], which is any object.

    Args:
        kind: the type; its docstring describes the object.
        where: the path that errors name, e.g. "HelloWorld v1 .spec".

    Raises:
        CrdError: an undescribed field, a type without a structural schema, a default outside its
            own limits, a type that contains itself; all of them at once.
    """
    if is_free(kind):
        described = Meta(description="Any object.")
        return _schema(type_info(Annotated[kind, described]), where, ())
    return _schema(_info(struct_of(kind), where), where, ())


def _info(struct: type[msgspec.Struct], where: str) -> Type:
    """What msgspec makes of a type; it is asked about limits that do not fit only here."""
    try:
        return type_info(struct)
    except (TypeError, ValueError, NameError) as error:
        hint = ""
        if str(error).startswith("Can only set"):
            hint = "Put a limit at the type that it is about: Annotated[int, Meta(ge=0)] | None."
        raise CrdError(where, f"cannot be read ({struct.__name__}: {error})", hint) from None


def _schema(kind: Type, where: str, outer: tuple[type, ...]) -> Schema:
    """The schema of any type, description first."""
    described: Schema = {}
    hint = Hints()
    while isinstance(kind, Metadata):
        described |= kind.extra_json_schema or {}
        hint = (kind.extra or {}).get(KEY, hint)
        kind = kind.type
    if isinstance(kind, UnionType):
        inner = _of_union(kind, hint, where)
        if isinstance(inner, Metadata):
            return _schema(
                Metadata(inner, extra_json_schema=described or None) if described else inner,
                where,
                outer,
            )
        kind = inner
    body = _body(kind, hint, where, outer)
    description = described.get("description") or body.get("description") or ""
    if not description:
        raise CrdError(where, "has no description", 'Describe it: Meta(description="...").')
    if "x-kubernetes-int-or-string" in body:
        description = _and(description, "Integer or string.")
    return {"description": description, **{k: v for k, v in body.items() if k != "description"}}


def _of_union(kind: UnionType, hint: Hints, where: str) -> Type:
    """The one type that an optional field is made of; int | str stays for int-or-string."""
    types = [one for one in kind.types if not isinstance(one, NoneType)]
    if len(types) == 1:
        return types[0]
    if hint.int_or_string and {type(one) for one in types} == {IntType, StrType}:
        return UnionType(tuple(types))
    raise CrdError(
        where,
        "is a union, which has no structural schema",
        "Use one type, or int | str with hints(int_or_string=True).",
    )


def _body(kind: Type, hint: Hints, where: str, outer: tuple[type, ...]) -> Schema:
    """The schema of a bare type without its description (a Struct brings its docstring)."""
    if _is_free(kind, hint, where):
        schema: Schema = {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            **_limits(minProperties=kind.min_length, maxProperties=kind.max_length),
        }
    elif isinstance(kind, StructType):
        schema = _of_struct(kind, where, outer)
        if hint.preserve_unknown_fields:
            schema["x-kubernetes-preserve-unknown-fields"] = True
    elif isinstance(kind, ListType):
        schema = _of_list(kind, hint, where, outer)
    elif isinstance(kind, DictType):
        schema = {
            "type": "object",
            "additionalProperties": _item(kind.value_type, f"{where}{{}}", outer),
            **_limits(minProperties=kind.min_length, maxProperties=kind.max_length),
        }
    else:
        schema = _of_scalar(kind, where)
    if hint.format:
        schema["format"] = hint.format
    if hint.rules:
        own = schema.get("x-kubernetes-validations", [])
        schema["x-kubernetes-validations"] = own + [rule.to_schema() for rule in hint.rules]
    return schema


def _is_free(kind: Type, hint: Hints, where: str) -> TypeGuard[DictType]:
    """Whether a type is any JSON object: dict[str, Any]. The hint says of other types only what is
    true of them, so that no list or number silently becomes an object."""
    free = isinstance(kind, DictType) and isinstance(kind.value_type, AnyType)
    if hint.preserve_unknown_fields and not free and not isinstance(kind, StructType):
        raise CrdError(
            where,
            "keeps unknown fields, and its type is no free object",
            "Its type is dict[str, Any], or list[dict[str, Any]] for a list of such objects.",
        )
    return free


def _of_scalar(kind: Type, where: str) -> Schema:
    match kind:
        case UnionType():
            text = next(one for one in kind.types if isinstance(one, StrType))
            return {
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                **_limits(minLength=text.min_length, maxLength=text.max_length),
                **({"pattern": text.pattern} if text.pattern else {}),
                "x-kubernetes-int-or-string": True,
            }
        case BoolType():
            return {"type": "boolean"}
        case IntType():
            return {"type": "integer", "format": _int_format(kind), **_number_limits(kind)}
        case FloatType():
            return {"type": "number", "format": "double", **_number_limits(kind)}
        case StrType():
            return {
                "type": "string",
                **_limits(minLength=kind.min_length, maxLength=kind.max_length),
                **({"pattern": kind.pattern} if kind.pattern else {}),
            }
        case DateTimeType():
            return {"type": "string", "format": "date-time"}
        case LiteralType() if all(isinstance(value, str) for value in kind.values):
            return {"type": "string", "enum": list(kind.values)}
        case EnumType() if all(isinstance(value.value, str) for value in kind.cls):
            return {"type": "string", "enum": [value.value for value in kind.cls]}
    raise CrdError(
        where,
        f"has a type without a structural schema ({type(kind).__name__})",
        "Use str, int, float, bool, a Struct, list, dict[str, ...], or a string enum; "
        "dict[str, Any] is any object.",
    )


def _of_struct(kind: StructType, where: str, outer: tuple[type, ...]) -> Schema:
    if kind.cls in outer:
        raise CrdError(where, f"contains itself ({kind.cls.__name__})", "Bound its depth.")
    hinted = get_type_hints(kind.cls, include_extras=True)
    properties: Schema = {}
    errors = Errors()
    for field in kind.fields:
        with errors.collected():
            properties[field.encode_name] = _field(
                field, hinted[field.name], f"{where}.{field.encode_name}", (*outer, kind.cls)
            )
    errors.raise_if_any(where)
    body: Schema = {"description": _prose(kind.cls.__dict__.get("__doc__") or "")}
    body |= {"type": "object", "properties": properties}
    if required := [field.encode_name for field in kind.fields if field.required]:
        body["required"] = required
    if rules := getattr(kind.cls, RULES_ATTRIBUTE, ()):
        body["x-kubernetes-validations"] = [rule.to_schema() for rule in rules]
    return body


def _field(field: Field, hinted: Any, where: str, outer: tuple[type, ...]) -> Schema:
    schema = _schema(field.type, where, outer)
    default = _default(field, hinted, where)
    if default is not None:
        schema["default"] = default
        if default not in ("", []) and not isinstance(default, dict):
            text = f"Defaults to {_plain(default)}."
            schema["description"] = _and(schema["description"], text)
    return schema


def _and(description: str, sentence: str) -> str:
    """A description with one more sentence: what `kubectl explain` does not print by itself."""
    end = "" if description.endswith((".", "!", "?")) else "."
    return f"{description}{end} {sentence}"


def _plain(default: Any) -> str:
    """A default as in YAML; a text in quotes unless it is one word."""
    if isinstance(default, str) and re.fullmatch(r"[\w/@-]([\w/@:.-]*[\w/@-])?", default):
        return default
    return json.dumps(default, ensure_ascii=False)


def _prose(docstring: str) -> str:
    """A docstring as a description: its line ends are ours, its paragraphs are the reader's."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _default(field: Field, hinted: Any, where: str) -> Any:
    """The field's default as JSON; None when it has none. Checked against the field's own type."""
    if field.default_factory is not msgspec.NODEFAULT:
        value = field.default_factory()
    else:
        value = field.default
    if value is msgspec.NODEFAULT or value is msgspec.UNSET or value is None:
        return None
    plain = _without_null(msgspec.to_builtins(value), where)
    try:
        back = msgspec.convert(plain, hinted)
    except msgspec.ValidationError as error:
        raise CrdError(
            where, f"has a default outside its own limits: {error}", "Change one of the two."
        ) from None
    if back != value:
        raise CrdError(
            where,
            "has a default with null in it, which a CRD cannot say",
            "Let the field inside be None by its own default.",
        )
    # A Struct made of defaults only is written as {}: the API server fills in what is inside, and
    # the values then have one place in the schema.
    if isinstance(value, msgspec.Struct) and not _required(value) and value == type(value)():
        return {}
    return plain


def _required(struct: msgspec.Struct) -> bool:
    """Whether a Struct has fields without a default."""
    return any(field.required for field in msgspec.structs.fields(struct))


def _without_null(value: Any, where: str) -> Any:
    """A default as a CRD may have it: what is null is left out, as it is by its own default.

    Raises:
        CrdError: a list has null, or a number is none that JSON has.
    """
    if isinstance(value, dict):
        return {key: _without_null(one, where) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        if None in value:
            raise CrdError(where, "has a default with null in a list", "Leave it out.")
        return [_without_null(one, where) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise CrdError(where, f"has a default that JSON does not have ({value})", "Name a number.")
    return value


def _of_list(kind: ListType, hint: Hints, where: str, outer: tuple[type, ...]) -> Schema:
    items = _item(kind.item_type, f"{where}[]", outer)
    schema: Schema = {
        "type": "array",
        "items": items,
        **_limits(minItems=kind.min_length, maxItems=kind.max_length),
    }
    if hint.list_type:
        schema["x-kubernetes-list-type"] = hint.list_type
    if hint.list_map_keys:
        _check_map_keys(items, hint, where)
        schema["x-kubernetes-list-map-keys"] = list(hint.list_map_keys)
    elif hint.list_type == "map":
        raise CrdError(where, "is a list_type map without list_map_keys", "Name the keys.")
    return schema


def _check_map_keys(items: Schema, hint: Hints, where: str) -> None:
    """The API server wants every key present in each item: required, or with a default."""
    for key in hint.list_map_keys:
        of_key = items.get("properties", {}).get(key)
        if of_key is None or (key not in items.get("required", ()) and "default" not in of_key):
            raise CrdError(
                where,
                f"names the list map key {key}, which its items need not have",
                "Make it a required field of the item, or give it a default.",
            )


def _item(kind: Type, where: str, outer: tuple[type, ...]) -> Schema:
    """The schema of a list item or map value: the container's description may stand for it."""
    try:
        return _schema(kind, where, outer)
    except CrdError as error:
        if error.what != where or error.why != "has no description":
            raise
        body = _body(kind, Hints(), where, outer)
        return {key: value for key, value in body.items() if key != "description"}


def _int_format(kind: IntType) -> str:
    """int32 when both limits fit into it, so that Go clients get the type they expect."""
    lowest = kind.ge if kind.ge is not None else kind.gt
    highest = kind.le if kind.le is not None else kind.lt
    fits = lowest is not None and highest is not None and -_INT32 <= lowest <= highest < _INT32
    return "int32" if fits else "int64"


def _number_limits(kind: IntType | FloatType) -> Schema:
    limits = _limits(minimum=kind.ge if kind.ge is not None else kind.gt)
    if kind.gt is not None:
        limits["exclusiveMinimum"] = True
    limits |= _limits(maximum=kind.le if kind.le is not None else kind.lt)
    if kind.lt is not None:
        limits["exclusiveMaximum"] = True
    return limits | _limits(multipleOf=kind.multiple_of)


def _limits(**limits: float | None) -> Schema:
    return {key: value for key, value in limits.items() if value is not None}
