"""Which fields of a wanted object the live one lacks, by the meaning server-side apply gives them.

The live object has defaults, and fields that belong to others; only what we want is compared. Lists
whose items have a uid or a name are compared item by item under that key, as their merge keys do in
the API; other lists position by position. A selector is one value to the API (`structType=atomic`,
`mapType=atomic`): a key that somebody adds to it changes what it selects.
"""

from typing import Any, Final, TypeAlias

from kopfkit.quantities import resource_quantity

# Characters of a value shown in a log line.
_SHOWN: Final = 60
_EMPTY: Final[tuple[Any, ...]] = ("", {}, [], None)
# Fields whose maps are compared and applied whole.
_ATOMIC: Final = ("selector", "nodeSelector")

# Where in an object we are: the place around it and the step from there, a key or (item,). It
# becomes text only where something differs: every reconcile compares every child, and mostly all
# is well.
_Place: TypeAlias = tuple["_Place", str | tuple[Any]] | None


def differences(wanted: Any, live: Any) -> list[str]:
    """What has to change in `live` for it to contain `wanted`, as "path: old -> new" lines."""
    found: list[str] = []
    _compare(wanted, live, None, found)
    return found


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


def _compare(wanted: Any, live: Any, place: _Place, found: list[str]) -> None:
    if isinstance(wanted, dict):
        _mappings(wanted, live, place, found)
    elif isinstance(wanted, list):
        _lists(wanted, live, place, found)
    elif not _same(wanted, live, place):
        found.append(_line(wanted, live, place))


def _mappings(wanted: dict[str, Any], live: Any, place: _Place, found: list[str]) -> None:
    if not wanted and live in _EMPTY:
        return
    whole = place is not None and place[1] in _ATOMIC
    if not isinstance(live, dict) or (whole and set(live) != set(wanted)):
        found.append(_line(wanted, live, place))
        return
    for key, value in wanted.items():
        _compare(value, live.get(key), (place, key), found)


def _lists(wanted: list[Any], live: Any, place: _Place, found: list[str]) -> None:
    if not wanted and live in _EMPTY:
        return
    if not isinstance(live, list):
        found.append(_line(wanted, live, place))
    elif (key := _key(wanted)) is not None:
        known = _indexed(live, key)
        for item in wanted:
            _compare(item, known.get(item[key]), (place, (item[key],)), found)
    elif len(wanted) != len(live):
        found.append(_line(wanted, live, place))
    else:
        for number, (one, other) in enumerate(zip(wanted, live, strict=True)):
            _compare(one, other, (place, (number,)), found)


def _key(items: list[Any]) -> str | None:
    for key in ("uid", "name"):
        if items and all(isinstance(item, dict) and key in item for item in items):
            return key
    return None


def _indexed(items: list[Any], key: str) -> dict[Any, Any]:
    return {item[key]: item for item in items if isinstance(item, dict) and key in item}


def _same(wanted: Any, live: Any, place: _Place) -> bool:
    if wanted == live and isinstance(wanted, bool) == isinstance(live, bool):
        return True
    if wanted in _EMPTY and live in _EMPTY:
        return True
    path = _path(place)
    if ".requests." in path or ".limits." in path:
        one, other = resource_quantity(wanted), resource_quantity(live)
        return one is not None and one == other
    return False


def _line(wanted: Any, live: Any, place: _Place) -> str:
    return f"{_path(place)}: {_show(live)} -> {_show(wanted)}"


def _path(place: _Place) -> str:
    parts: list[str] = []
    while place is not None:
        place, step = place
        parts.append(f".{step}" if isinstance(step, str) else f"[{step[0]}]")
    return "".join(reversed(parts)).removeprefix(".")


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
