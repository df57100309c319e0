"""The types that a document of somebody else's must have before code reads its fields.

A shape says what is read, and nothing more:

    str, bool, int, float      a scalar; float takes integers, too
    list, dict                 a list or an object of anything
    {"name": str}              an object; fields that are not named are kept as they are
    [str]                      a list
    Each(str)                  an object with any keys
    Either(bool, {...})        one of several
    lambda: SCHEMA             a shape that contains itself

`fitted` returns the document with what does not fit taken out, and tells each place. What it
returns has these types everywhere, so that its reader needs no checks. Null is treated as
encoding/json does, which Kubernetes decodes with: a field that is null is absent, and an item that
is null is the type's zero value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Shape = Any
# Is told (field, why) of everything that does not fit.
Tell = Callable[[str, str], object]


@dataclass(frozen=True)
class Each:
    """An object whose values all have one shape."""

    shape: Shape


@dataclass(frozen=True, init=False)
class Either:
    """A value of any of these shapes; the first that has the value's type is meant."""

    shapes: tuple[Shape, ...]

    def __init__(self, *shapes: Shape) -> None:
        object.__setattr__(self, "shapes", shapes)


_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "an object",
}
_WRONG = object()


def fitted(value: Any, shape: Shape, tell: Tell, path: str = "") -> Any:
    """The value without what does not fit; the shape's zero value if nothing of it does.

    Args:
        value: as `kopfkit.yamls` reads it. It is not changed.
        shape: see the module.
        tell: is called with (field, why) for each misfit.
        path: what fields begin with ("spec").
    """
    found = _fitted(value, shape, tell, path)
    return _zero(shape) if found is _WRONG else found


def _fitted(value: Any, shape: Shape, tell: Tell, path: str) -> Any:
    shape = _resolved(value, shape)
    if value is None:
        return _zero(shape)
    if isinstance(value, dict) and isinstance(shape, Each):
        # A key without a value has the zero value in a map of Go, while a field is left out.
        filled = {key: _zero(shape.shape) if one is None else one for key, one in value.items()}
        return _fields(filled, dict.fromkeys(value, shape.shape), tell, path)
    if isinstance(value, dict) and isinstance(shape, dict):
        return _fields(value, shape, tell, path)
    if isinstance(value, list) and isinstance(shape, list):
        return [fitted(item, shape[0], tell, f"{path}[{at}]") for at, item in enumerate(value)]
    if isinstance(shape, type) and _is(value, shape):
        return value
    tell(path, f"is {_kind(value)}, not {_meant(shape)}")
    return _WRONG


def _fields(value: dict[str, Any], shape: Mapping[str, Shape], tell: Tell, path: str) -> Any:
    kept = {}
    for key, item in value.items():
        if key not in shape:
            kept[key] = item
        elif item is not None:
            place = f"{path}.{key}" if path else key
            found = _fitted(item, shape[key], tell, place)
            if found is not _WRONG:
                kept[key] = found
    return kept


def _resolved(value: Any, shape: Shape) -> Shape:
    """The shape without laziness, and without a choice if one of the choices has the type."""
    while callable(shape) and not isinstance(shape, type):
        shape = shape()
    if isinstance(shape, Either):
        choices = [_resolved(value, one) for one in shape.shapes]
        return next((one for one in choices if _alike(value, one)), shape)
    return shape


def _alike(value: Any, shape: Shape) -> bool:
    if isinstance(shape, type):
        return _is(value, shape)
    return isinstance(value, list if isinstance(shape, list) else dict)


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _zero(shape: Shape) -> Any:
    shape = _resolved(None, shape)
    if isinstance(shape, Either):
        return _zero(shape.shapes[0])
    if isinstance(shape, type):
        return shape()
    return [] if isinstance(shape, list) else {}


def _kind(value: Any) -> str:
    return "null" if value is None else _NAMES[type(value)]


def _meant(shape: Shape) -> str:
    if isinstance(shape, Either):
        return " or ".join(_meant(one) for one in shape.shapes)
    if isinstance(shape, type):
        return _NAMES[shape]
    return "a list" if isinstance(shape, list) else "an object"
