"""JSON with the very bytes that Go's encoder gives it.

A JSON patch's `test` compares scalars by their bytes in the API server (evanphx/json-patch v4,
lazyNode.equal), so a value read from it must go back as it writes it. Go's encoding/json escapes
<, >, & and the two Unicode line separators, and has its own form of large and small floats
(https://pkg.go.dev/encoding/json#Marshal).
"""

import math
from typing import Any, Final

import msgspec

# These only occur inside strings, so that replacing them in the encoded text is safe.
_ESCAPES: Final = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}
# Floats at and beyond these have an exponent.
_LARGE: Final = 1e21
_SMALL: Final = 1e-6
# The largest integer that is one in the API server, and that msgspec writes.
_INTEGER: Final = 2**63 - 1


def encode(value: Any) -> bytes:
    """The JSON of `value` (what a JSON decoder returns) as Go writes it."""
    encoded = msgspec.json.encode(_numbers(value))
    for plain, escaped in _ESCAPES.items():
        encoded = encoded.replace(plain, escaped)
    return encoded


def _numbers(value: Any) -> Any:
    """`value` with its floats as raw text; whatever holds none is passed on as it is."""
    if isinstance(value, float):
        return msgspec.Raw(_float(value).encode())
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _INTEGER:
        # A float64 below 1e21, which Go writes without a point or exponent.
        return msgspec.Raw(str(value).encode())
    if isinstance(value, dict):
        return {key: _numbers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    return value


def _float(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not JSON")
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    # repr is the shortest text that reads back as the same number, as Go's is.
    mantissa, _, exponent = f"{value!r}".partition("e")
    sign, digits = ("-", mantissa[1:]) if mantissa.startswith("-") else ("", mantissa)
    whole, _, fraction = digits.partition(".")
    point = len(whole) + int(exponent or 0)
    figures = (whole + fraction).rstrip("0")
    stripped = figures.lstrip("0")
    point -= len(figures) - len(stripped)
    if _SMALL <= abs(value) < _LARGE:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{stripped}"
        if point >= len(stripped):
            return sign + stripped.ljust(point, "0")
        return f"{sign}{stripped[:point]}.{stripped[point:]}"
    power = point - 1
    tail = f".{stripped[1:]}" if len(stripped) > 1 else ""
    return f"{sign}{stripped[0]}{tail}e{'-' if power < 0 else '+'}{abs(power):02d}".replace(
        "e-0", "e-"
    )
