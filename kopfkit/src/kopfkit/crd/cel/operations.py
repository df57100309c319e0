"""What the operators of rules do to values, and to closures where an error may be absorbed."""

import operator
from collections.abc import Callable
from typing import Any

from kopfkit.crd.cel.errors import CelError
from kopfkit.crd.cel.values import equal, is_number, whole

Names = dict[str, Any]
Run = Callable[[Names], Any]


def truth(value: Any) -> bool:
    """The value as a bool; CelError if it is none."""
    if not isinstance(value, bool):
        raise CelError("a bool is needed")
    return value


def select(inner: Run, name: str) -> Run:
    """`inner.name`."""

    def run(scope: Names) -> Any:
        value = inner(scope)
        if not isinstance(value, dict) or name not in value:
            raise CelError(f"no such key: {name}")
        return value[name]

    return run


def has(inner: Run, name: str) -> Run:
    """`has(inner.name)`."""

    def run(scope: Names) -> bool:
        value = inner(scope)
        if not isinstance(value, dict):
            raise CelError("has() needs an object")
        return name in value

    return run


def index(inner: Run, key: Run) -> Run:
    """`inner[key]`."""

    def run(scope: Names) -> Any:
        value, at = inner(scope), key(scope)
        try:
            if isinstance(value, dict) or (type(at) is int and at >= 0):
                return value[at]
        except (KeyError, IndexError, TypeError):
            pass
        raise CelError(f"no such key: {at}")

    return run


def contains(items: Any, wanted: Any) -> bool:
    """`wanted in items`."""
    if isinstance(items, dict):
        return isinstance(wanted, str) and wanted in items
    if not isinstance(items, list):
        raise CelError("`in` needs a list or a map")
    return any(equal(item, wanted) for item in items)


def logical(left: Run, right: Run, *, decides: bool) -> Run:
    """`&&` (decided by false) and `||` (decided by true)."""

    def run(scope: Names) -> bool:
        try:
            if truth(left(scope)) is decides:
                return decides
        except CelError:
            if truth(right(scope)) is decides:
                return decides
            raise
        return truth(right(scope))

    return run


def quantified(scopes: Callable[[Names], list[Names]], step: Run, *, decides: bool) -> Run:
    """`all` and `exists`: an error counts only if nothing decides."""

    def run(scope: Names) -> bool:
        trouble: CelError | None = None
        for one in scopes(scope):
            try:
                if truth(step(one)) is decides:
                    return decides
            except CelError as error:
                trouble = error
        if trouble is not None:
            raise trouble
        return not decides

    return run


def arithmetic(sign: str, one: Any, other: Any) -> Any:
    """`one sign other`."""
    if sign == "+" and type(one) is type(other) and isinstance(one, str | list):
        return one + other
    if not (is_number(one) and is_number(other) and type(one) is type(other)):
        raise CelError(f"no {sign} for these types")
    try:
        if sign in "+-*":
            made = {"+": operator.add, "-": operator.sub, "*": operator.mul}[sign](one, other)
        elif isinstance(one, float):
            made = one / other
        else:
            # Towards zero, as Go divides.
            quotient = abs(one) // abs(other) * (1 if (one < 0) == (other < 0) else -1)
            made = quotient if sign == "/" else one - other * quotient
    except ZeroDivisionError:
        raise CelError("division by zero") from None
    return whole(made) if isinstance(made, int) else made
