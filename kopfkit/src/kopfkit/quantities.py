"""Kubernetes quantities as numbers, with the API server's grammar and limits.

k8s.io/apimachinery pkg/api/resource/quantity.go: nothing is finer than a nano (rounded up, away
from zero), and nothing with a suffix such as Gi is larger than 2^63-1 (capped).
"""

import re
from decimal import ROUND_UP, Context, Decimal
from typing import Final

_FORM: Final = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+|)"
)
_FACTORS: Final = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
}
_MOST: Final = Decimal(2**63 - 1)
# An exponent that nothing but a mistake exceeds, and a number that has no nanos in _CONTEXT.
_POWER: Final = 4_000
_WHOLE: Final = Decimal("1e150")
_NANO: Final = Decimal("1e-9")
_MILLI: Final = Decimal("1e-3")
# Enough digits for the largest number in nanos; the default context's 28 are not.
_CONTEXT: Final = Context(prec=200)


def parse_quantity(text: str) -> Decimal | None:
    """The number that a quantity is, or None if the text is none ("", "1 Gi", "a")."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    suffix = found[2]
    if suffix in _FACTORS:
        factor = _FACTORS[suffix]
    else:
        power = int(suffix[1:])
        power = max(min(power, _POWER), -_POWER)
        factor = Decimal(1).scaleb(power, _CONTEXT)
    number = _CONTEXT.multiply(Decimal(found[1]), factor)
    if suffix.endswith("i") and abs(number) >= _MOST:
        return _MOST.copy_sign(number)
    if abs(number) >= _WHOLE:
        return number
    return number.quantize(_NANO, rounding=ROUND_UP, context=_CONTEXT)


def resource_quantity(value: object) -> Decimal | None:
    """The number that the API server keeps of a quantity in a resource list.

    It rounds requests and limits of pods and of volume claims up to milli: `100u` and `0.0001`
    become `1m` (SetDefaults_ResourceList in Kubernetes' pkg/apis/core/v1/defaults.go).

    Args:
        value: a text or a number, as JSON has either.

    Returns:
        None where it is no quantity.
    """
    number = parse_quantity(str(value))
    if number is None or abs(number) >= _WHOLE:
        return number
    return number.quantize(_MILLI, rounding=ROUND_UP, context=_CONTEXT)
