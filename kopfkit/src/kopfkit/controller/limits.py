"""The resources of a Job's container, fitted to the limits of its namespace.

Pure. What a container asks for is changed as little as the namespace's LimitRanges and
ResourceQuotas demand, in the meaning of Kubernetes' plugin/pkg/admission/limitranger and
of apiserver's pkg/admission/plugin/resourcequota. Limits that contradict each other fit nothing;
what comes out then is refused, and the refusal is told.
"""

import json
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_DOWN, Decimal
from typing import Any, Final

from kopfkit.controller.owners import mapping
from kopfkit.quantities import resource_quantity
from kopfkit.runtime.api.resources import Object

__all__ = [
    "NAMES",
    "fitted",
    "signature",
]

# Extended resources (GPUs) are of no use to a copy, and may be all taken.
NAMES: Final = ("cpu", "memory", "ephemeral-storage")
# Where a quota or a LimitRange demands one and nothing else says how much.
_REQUESTS: Final = dict(zip(NAMES, (Decimal("0.01"), Decimal(2**25), Decimal(2**20)), strict=True))
_LIMITS: Final = dict(zip(NAMES, (Decimal("0.2"), Decimal(2**27), Decimal(2**27)), strict=True))
_MILLI: Final = Decimal("0.001")


def fitted(resources: Object, ranges: Iterable[Object], quotas: Iterable[Object]) -> Object:
    """The resources of a pod's only container, changed as little as its namespace demands.

    Args:
        resources: `requests` and `limits`, as in a container.
        ranges: the namespace's LimitRanges.
        quotas: its ResourceQuotas.
    """
    items = [
        mapping(each) for one in ranges for each in mapping(one.get("spec")).get("limits") or []
    ]
    items = [each for each in items if each.get("type") in ("Container", "Pod")]
    counted = {name for quota in quotas for name in mapping(mapping(quota.get("spec")).get("hard"))}
    made: Object = {"requests": {}, "limits": {}}
    for name in NAMES:
        request = _amount(resources.get("requests"), name)
        limit = _amount(resources.get("limits"), name)
        request, limit = _one(name, request, limit, items, counted)
        for kind, amount in (("requests", request), ("limits", limit)):
            if amount is not None:
                made[kind][name] = _text(amount)
    return {kind: amounts for kind, amounts in made.items() if amounts}


def signature(resources: Object) -> str:
    """The same text for the same resources."""
    return json.dumps(resources, sort_keys=True, separators=(",", ":"))


def _one(
    name: str,
    request: Decimal | None,
    limit: Decimal | None,
    items: list[Object],
    counted: set[str],
) -> tuple[Decimal | None, Decimal | None]:
    """Request and limit of one resource."""
    low = max(_each(items, "min", name), default=None)
    high = min(_each(items, "max", name), default=None)
    ratio = min(_each(items, "maxLimitRequestRatio", name), default=None)
    own = [each for each in items if each["type"] == "Container"]
    if request is None:
        request = limit  # as the API server fills it in, before it asks the LimitRanges
    # Of several defaults the first one that is asked fills it in, and which that is, nobody knows.
    if limit is None:
        limit = min(_each(own, "default", name), default=None)
    if request is None:
        request = min(_each(own, "defaultRequest", name), default=None)
    if limit is None and ((high, ratio) != (None, None) or f"limits.{name}" in counted):
        limit = max(request or _LIMITS[name], _LIMITS[name])
    if request is None and (limit, low) != (None, None):
        request = limit or _REQUESTS[name]
    if request is None and {name, f"requests.{name}"} & counted:
        request = _REQUESTS[name]
    if low is not None:
        request = max(request or low, low)
    if limit is not None:
        limit = max(limit, request or limit)
        if high is not None:
            limit = min(limit, high)
        request = min(request or limit, limit)
        if ratio is not None:
            # The limit is what the copy may need; less of it would be no copy.
            needed = (limit / ratio).quantize(_MILLI, rounding=ROUND_CEILING)
            request = max(request, needed if name == "cpu" else needed.to_integral(ROUND_CEILING))
    return request, limit


def _each(items: Iterable[Object], field: str, name: str) -> list[Decimal]:
    found = (_amount(item.get(field), name) for item in items)
    return [each for each in found if each is not None]


def _amount(amounts: Any, name: str) -> Decimal | None:
    value = mapping(amounts).get(name)
    return None if value is None else resource_quantity(value)


def _text(amount: Decimal) -> str:
    """A quantity: whole numbers as they are, others in thousandths."""
    if amount == amount.to_integral():
        return str(amount.to_integral())
    return f"{(amount * 1000).to_integral(ROUND_DOWN)}m"
