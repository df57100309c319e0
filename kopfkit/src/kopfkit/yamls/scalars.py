"""What a scalar means to sigs.k8s.io/yaml, which resolves them with go.yaml.in/yaml/v2.

The source of each rule is resolve.go and decode.go of go.yaml.in/yaml/v2 v2.4.2, and
convertToJSONableObject of sigs.k8s.io/yaml v1.6.0. A value is None, a bool, an int, a float or a
string, as JSON has them; a time is a string.
"""

import binascii
import codecs
import math
import re
import struct
from decimal import Decimal
from typing import Any

Scalar = None | bool | int | float | str

_PREFIX = "tag:yaml.org,2002:"
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE"), True),
    **dict.fromkeys(("on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE"), False),
    **dict.fromkeys(("off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
# By its first character most text is known to be a string.
_HINTS = frozenset(("", *"yYnNtTfFoO~.+-0123456789"))
_NUMERIC = frozenset(".+-0123456789")
_DECIMAL = re.compile(r"[-+]?[1-9][0-9]*")
# Go's strconv.ParseInt with base 0; its underscores are gone by then.
_BASED = re.compile(r"([-+]?)0(?:[xX]([0-9a-fA-F]+)|[oO]([0-7]+)|[bB]([01]+)|([0-7]*))")
# What go-yaml makes of 0b by itself, after ParseInt has refused it.
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)")
# Go's strconv.ParseFloat, which is asked alone where a number begins with its point.
_FRACTION = re.compile(r"\.[0-9]+(_[0-9]+)*([eE][-+]?[0-9]+(_[0-9]+)*)?")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)
# Longer decimals are in neither range, and Python refuses to convert the longest.
_DIGITS = 20


def resolve(text: str) -> Scalar:
    """The value of a plain scalar without a tag. Floats may be infinite or no number."""
    first = text[:1]
    if first not in _HINTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if first not in _NUMERIC:
        return text
    if first == ".":
        return float(text) if _FRACTION.fullmatch(text) and math.isfinite(float(text)) else text
    plain = text.replace("_", "")
    whole = _integer(plain)
    if whole is not None:
        return whole
    # Go's ParseFloat refuses what overflows, and go-yaml then takes it for a string.
    return float(plain) if _FLOAT.fullmatch(plain) and math.isfinite(float(plain)) else text


def _integer(plain: str) -> int | None:
    if _DECIMAL.fullmatch(plain):
        return _fitting(int(plain), plain) if len(plain.lstrip("+-")) <= _DIGITS else None
    if match := _BASED.fullmatch(plain):
        sign, *digits = match.groups()
        bases = zip((16, 8, 2, 8), digits, strict=True)
        value = next(int(text or "0", base) for base, text in bases if text is not None)
        return _fitting(-value if sign == "-" else value, plain)
    if match := _SIGNED_BINARY.fullmatch(plain):
        value = int(match[1], 2)
        return value if value in _INT64 else None
    return None


def _fitting(value: int, plain: str) -> int | None:
    """The value if Go has an integer for it; an unsigned one is written without a sign."""
    fits = value in _INT64 or (value in _UINT64 and plain[0] not in "+-")
    return value if fits else None


def tagged(tag: str, text: str) -> Scalar:
    """The value of a scalar with a tag, plain or quoted.

    Raises:
        ValueError: it is not what the tag says; its text is a clause.
    """
    kind = tag.removeprefix(_PREFIX)
    if kind == "binary":
        return _binary(text)
    wanted = _TYPES.get(kind)
    if wanted is None:
        return text  # !!str, !!timestamp, and tags that nobody knows
    value = resolve(text)
    if kind == "float" and type(value) is int and value in _INT64:
        return float(value)
    if type(value) is not wanted:
        raise ValueError(f"{text!r} is no !!{kind}")
    return value


_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "null": type(None)}


def _binary(text: str) -> str:
    try:
        data = binascii.a2b_base64(text.replace("\r", "").replace("\n", ""), strict_mode=True)
    except ValueError:
        raise ValueError("!!binary is not base64") from None
    return data.decode("utf-8", _EACH_BYTE)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


# Go replaces each byte that is not UTF-8, Python's "replace" several at once.
_EACH_BYTE = "kopfkit.yamls.each-byte"
codecs.register_error(_EACH_BYTE, _replaced)


def number(value: float) -> int | float:
    """A float as it is after Go has written it as JSON: a whole number is an integer.

    Raises:
        ValueError: JSON has no such number; the text is a clause.
    """
    if not math.isfinite(value):
        raise ValueError(f"{_shortest(value)} is not a number that JSON has")
    # encoding/json writes an exponent from 1e21 on.
    if value.is_integer() and abs(value) < 1e21:
        return int(Decimal(repr(value)))
    return value


def key(value: Any) -> str:
    """A mapping's key as a string, as JSON has keys.

    Raises:
        ValueError: JSON has no such key; the text is a clause.
    """
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int and value in _INT64:
        return str(value)
    if type(value) is float:
        return _shortest(value)
    if value is None:
        raise ValueError("a key is null")
    if isinstance(value, dict | list):
        raise ValueError(f"a key is a {'mapping' if isinstance(value, dict) else 'list'}")
    raise ValueError(f"{value} is too large for a key")


def _shortest(value: float) -> str:
    """Go's strconv.FormatFloat(value, 'g', -1, 32), with YAML's words for what is no number."""
    if math.isnan(value):
        return ".nan"
    single = _single(value)
    if math.isinf(single):
        return ".inf" if single > 0 else "-.inf"
    texts = (f"{single:.{digits}e}" for digits in range(9))
    text = next(one for one in texts if _single(float(one)) == single)
    exponent = int(text.partition("e")[2])
    return f"{Decimal(text):f}" if -4 <= exponent < 6 else text


def _single(value: float) -> float:
    """The nearest number of 32 bits."""
    try:
        (found,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(found)
