"""The functions of rules: CEL's standard ones, and Kubernetes' for strings, lists and quantities.

Each takes what it is called on first; `f(x)` and `x.f()` are looked up separately, as in CEL.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, TypeVar

from kopfkit.crd.cel.errors import CelError
from kopfkit.crd.cel.regexes import python_regex
from kopfkit.crd.cel.values import Quantity, equal, is_number, ordered, type_of, whole
from kopfkit.quantities import parse_quantity

Function = Callable[..., Any]
T = TypeVar("T")


def _need(value: Any, kind: type[T]) -> T:
    if type(value) is not kind:
        raise CelError(f"no such function for {type_of(value).name}")
    return value


def _size(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise CelError(f"{type_of(value).name} has no size")
    return len(value)


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        # Go's strconv.FormatFloat(v, 'g', -1, 64) differs in the exponent only.
        return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
    if isinstance(value, str | int):
        return str(value)
    raise CelError(f"{type_of(value).name} is not a string")


def _int(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value):
        return whole(int(value))
    if is_number(value):
        return whole(int(value))
    raise CelError("no integer")


def _double(value: Any) -> float:
    try:
        if isinstance(value, str) or is_number(value):
            return float(value)
    except ValueError:
        pass
    raise CelError("no double")


def _matches(text: Any, pattern: Any) -> bool:
    try:
        return python_regex(_need(pattern, str)).search(_need(text, str)) is not None
    except re.error as error:
        raise CelError(f"no regular expression: {error}") from None


def _quantity(value: Any) -> Quantity:
    number = parse_quantity(_need(value, str))
    if number is None:
        raise CelError("no quantity")
    return Quantity(number)


def _number(value: Any) -> Decimal:
    return _need(value, Quantity).number


def _compare(one: Any, other: Any) -> int:
    left, right = _number(one), _number(other)
    return (left > right) - (left < right)


def _sign(value: Any) -> int:
    number = _number(value)
    return (number > 0) - (number < 0)


def _combined(sign: int) -> Function:
    def result(one: Any, other: Any) -> Quantity:
        right = Decimal(other) if isinstance(other, int) else _number(other)
        return Quantity(_number(one) + sign * right)

    return result


def _as_integer(value: Any) -> int:
    number = _number(value)
    if number != number.to_integral_value():
        raise CelError("no integer")
    return whole(int(number))


def _index_of(text: Any, part: Any) -> int:
    if isinstance(text, list):
        return next((at for at, item in enumerate(text) if equal(item, part)), -1)
    return _need(text, str).find(_need(part, str))


def _substring(text: Any, start: Any, end: Any = None) -> str:
    text = _need(text, str)
    end = len(text) if end is None else _need(end, int)
    if not 0 <= _need(start, int) <= end <= len(text):
        raise CelError("index out of range")
    return str(text[start:end])


def _sum(items: Any) -> Any:
    if not all(map(is_number, _need(items, list))):
        raise CelError("only numbers have a sum")
    return sum(items)


def _extreme(choose: Function) -> Function:
    def result(items: Any) -> Any:
        if not _need(items, list):
            raise CelError("an empty list has none")
        for item in items[1:]:
            ordered(lambda one, other: True)(items[0], item)
        return choose(items)

    return result


def _is_sorted(items: Any) -> bool:
    not_greater = ordered(lambda one, other: bool(one <= other))
    pairs = zip(_need(items, list), items[1:], strict=False)
    return all(not_greater(one, other) for one, other in pairs)


FUNCTIONS: Final[dict[str, Function]] = {
    "size": _size,
    "type": type_of,
    "string": _string,
    "int": _int,
    "double": _double,
    "matches": _matches,
    "quantity": _quantity,
    "isQuantity": lambda text: parse_quantity(_need(text, str)) is not None,
}
METHODS: Final[dict[str, Function]] = {
    "size": _size,
    "matches": _matches,
    "contains": lambda text, part: _need(part, str) in _need(text, str),
    "startsWith": lambda text, part: _need(text, str).startswith(_need(part, str)),
    "endsWith": lambda text, part: _need(text, str).endswith(_need(part, str)),
    # ASCII only, as their names in CEL say.
    "lowerAscii": lambda text: re.sub("[A-Z]+", lambda f: f[0].lower(), _need(text, str)),
    "upperAscii": lambda text: re.sub("[a-z]+", lambda f: f[0].upper(), _need(text, str)),
    "trim": lambda text: _need(text, str).strip(),
    "split": lambda text, by: _need(text, str).split(by) if by else list(_need(text, str)),
    "join": lambda items, by="": by.join(_need(item, str) for item in _need(items, list)),
    "replace": lambda text, old, new: _need(text, str).replace(_need(old, str), _need(new, str)),
    "substring": _substring,
    "indexOf": _index_of,
    "sum": _sum,
    "min": _extreme(min),
    "max": _extreme(max),
    "isSorted": _is_sorted,
    "compareTo": _compare,
    "isGreaterThan": lambda one, other: _compare(one, other) > 0,
    "isLessThan": lambda one, other: _compare(one, other) < 0,
    "sign": _sign,
    "add": _combined(1),
    "sub": _combined(-1),
    "asInteger": _as_integer,
    "isInteger": lambda value: _number(value) == _number(value).to_integral_value(),
    "asApproximateFloat": lambda value: float(_number(value)),
}
