"""CEL's values on Python's, and where the two differ: equality, order, the name of a type."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from kopfkit.crd.cel.errors import CelError

INT_LIMIT: Final = 2**63


@dataclass(frozen=True)
class Quantity:
    """A value of Kubernetes' type Quantity."""

    number: Decimal


@dataclass(frozen=True)
class Type:
    """A type as a value: what `type(self)` is."""

    name: str


TYPES: Final = {name: Type(name) for name in ("bool", "int", "double", "string", "list", "map")}
NULL_TYPE: Final = Type("null_type")
_TYPE_OF: Final[dict[type, Type]] = {
    bool: TYPES["bool"],
    int: TYPES["int"],
    float: TYPES["double"],
    str: TYPES["string"],
    list: TYPES["list"],
    dict: TYPES["map"],
    type(None): NULL_TYPE,
    Type: Type("type"),
    Quantity: Type("kubernetes.Quantity"),
}


def type_of(value: Any) -> Type:
    """The CEL type of a value."""
    return _TYPE_OF[type(value)]


def is_number(value: Any) -> bool:
    """Whether it is an int or a double; a bool is neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(one: Any, other: Any) -> bool:
    """CEL's ==: numbers across their types, everything else only within its own."""
    if is_number(one) and is_number(other):
        return bool(one == other)
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return bool(one == other)


def ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """A comparison that has a value for two numbers, two strings or two bools only."""

    def checked(one: Any, other: Any) -> bool:
        alike = (is_number(one) and is_number(other)) or (
            type(one) is type(other) and isinstance(one, str | bool)
        )
        if not alike:
            raise CelError(f"no order between {type_of(one).name} and {type_of(other).name}")
        return compare(one, other)

    return checked


def whole(number: int) -> int:
    """An int64; CEL has no larger."""
    if not -INT_LIMIT <= number < INT_LIMIT:
        raise CelError("integer overflow")
    return number
