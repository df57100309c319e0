"""The types of spec and status: Structs of msgspec, Pydantic v2 models, or dict[str, Any].

A model is described and decoded by a Struct that is made of it (`modelstructs`), so that both kinds
of types have the same schema and the same errors. Pydantic is imported by whoever has models, and
by nobody else.
"""

import sys
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from kopfkit.crd.errors import CrdError

T = TypeVar("T")


def is_model(kind: Any) -> bool:
    """Whether a type is a Pydantic model; then somebody has imported Pydantic."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def is_free(kind: Any) -> bool:
    """Whether a type is dict[str, Any]: any object, of which nothing is known."""
    return kind is dict or (get_origin(kind) is dict and get_args(kind) == (str, Any))


def struct_of(kind: Any) -> type[msgspec.Struct]:
    """The Struct that says what a type takes: the type itself, or that of a model.

    Raises:
        CrdError: it is neither, or a model has what no Struct has.
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    if not is_model(kind):
        name = getattr(kind, "__name__", repr(kind))
        raise CrdError(name, "is neither a Struct of msgspec nor a Pydantic v2 model")
    from kopfkit.crd import modelstructs

    return modelstructs.struct_of(kind)


def decode(plain: Any, kind: type[T]) -> T:
    """A value of JSON as a spec's or status's type.

    Raises:
        msgspec.ValidationError: it does not fit; the message ends with the path of the field.
    """
    if not is_model(kind):
        return msgspec.convert(plain, kind)
    from kopfkit.crd import modelstructs

    found: T = modelstructs.decode(plain, kind)
    return found


def encode(value: Any) -> dict[str, Any]:
    """A spec or status as JSON, without what is None."""
    plain: dict[str, Any]
    if is_model(type(value)):
        plain = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    else:
        plain = msgspec.to_builtins(value)
    return {name: item for name, item in plain.items() if item is not None}
