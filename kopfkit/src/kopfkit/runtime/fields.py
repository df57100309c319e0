"""Which fields of a wanted object the live one lacks, by the meaning server-side apply gives them.

The live object has defaults, and fields that belong to others; only what we want is compared. Lists
whose items have a uid or a name are compared item by item under that key, as their merge keys do in
the API; other lists position by position. A selector is one value to the API (`structType=atomic`,
`mapType=atomic`): a key that somebody adds to it changes what it selects.
"""

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

# Characters of a value shown in a log line.
_SHOWN: Final = 60
_EMPTY: Final[tuple[Any, ...]] = ("", {}, [], None)
# Fields whose maps are compared and applied whole.
_ATOMIC: Final = ("selector", "nodeSelector")

_QUANTITY: Final = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(m|[kMGTPE]|[KMGTPE]i|)")
_FACTORS: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** (power + 1) for power, unit in enumerate("kMGTPE")},
    **{f"{unit}i": Decimal(1024) ** (power + 1) for power, unit in enumerate("KMGTPE")},
}


def differences(wanted: Any, live: Any, path: str = "") -> list[str]:
    """What has to change in `live` for it to contain `wanted`, as "path: old -> new" lines."""
    if isinstance(wanted, dict):
        return _mappings(wanted, live, path)
    if isinstance(wanted, list):
        return _lists(wanted, live, path)
    if _same(wanted, live, path):
        return []
    return [f"{path}: {_show(live)} -> {_show(wanted)}"]


def project(wanted: Any, live: Any) -> Any:
    """The part of `live` that `wanted` speaks about: what two looks are compared by."""
    if isinstance(wanted, dict):
        source = live if isinstance(live, dict) else {}
        return {
            key: source.get(key) if key in _ATOMIC else project(value, source.get(key))
            for key, value in wanted.items()
        }
    if isinstance(wanted, list):
        items = live if isinstance(live, list) else []
        key = _key(wanted)
        if key is None:
            return items
        known = _indexed(items, key)
        return {item[key]: project(item, known.get(item[key])) for item in wanted}
    return live


def _mappings(wanted: dict[str, Any], live: Any, path: str) -> list[str]:
    if live in _EMPTY and not wanted:
        return []
    if not isinstance(live, dict):
        return [f"{path}: {_show(live)} -> {_show(wanted)}"]
    if path.rpartition(".")[2] in _ATOMIC and set(live) != set(wanted):
        return [f"{path}: {_show(live)} -> {_show(wanted)}"]
    return [
        line
        for key, value in wanted.items()
        for line in differences(value, live.get(key), f"{path}.{key}" if path else key)
    ]


def _lists(wanted: list[Any], live: Any, path: str) -> list[str]:
    if live in _EMPTY and not wanted:
        return []
    if not isinstance(live, list):
        return [f"{path}: {_show(live)} -> {_show(wanted)}"]
    key = _key(wanted)
    if key is not None:
        known = _indexed(live, key)
        return [
            line
            for item in wanted
            for line in differences(item, known.get(item[key]), f"{path}[{item[key]}]")
        ]
    if len(wanted) != len(live):
        return [f"{path}: {_show(live)} -> {_show(wanted)}"]
    return [
        line
        for number, (one, other) in enumerate(zip(wanted, live, strict=True))
        for line in differences(one, other, f"{path}[{number}]")
    ]


def _key(items: list[Any]) -> str | None:
    for key in ("uid", "name"):
        if items and all(isinstance(item, dict) and key in item for item in items):
            return key
    return None


def _indexed(items: list[Any], key: str) -> dict[Any, Any]:
    return {item[key]: item for item in items if isinstance(item, dict) and key in item}


def _same(wanted: Any, live: Any, path: str) -> bool:
    if wanted == live and isinstance(wanted, bool) == isinstance(live, bool):
        return True
    if wanted in _EMPTY and live in _EMPTY:
        return True
    if ".requests." in path or ".limits." in path:
        one, other = quantity(wanted), quantity(live)
        return one is not None and one == other
    return False


def quantity(value: Any) -> Decimal | None:
    """A Kubernetes quantity ("250m", "1Gi", 2) as a number, or None if it is none."""
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    try:
        return Decimal(found[1]) * _FACTORS[found[2]]
    except (InvalidOperation, KeyError):
        return None


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
