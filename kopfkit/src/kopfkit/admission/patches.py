"""What a defaulting function changed, as a JSON Patch (RFC 6902) of the object as it was sent.

The function changes a typed spec, which has defaults that nobody wrote and lacks fields that the
types do not know. So its changes alone are carried over to the raw object, and all else stays.
"""

from typing import Any


def carried(raw: Any, before: Any, after: Any) -> Any:
    """`raw` with what differs between `before` and `after`; none of them is changed.

    Args:
        raw: JSON as it was sent.
        before, after: JSON of the typed value, before and after the function.
    """
    if same(before, after):
        return raw
    if isinstance(before, dict) and isinstance(after, dict):
        found = dict(raw) if isinstance(raw, dict) else {}
        for key in before.keys() - after.keys():
            found.pop(key, None)
        for key, value in after.items():
            if key not in before or not same(before[key], value):
                found[key] = carried(found.get(key), before.get(key), value)
        return found
    lists = [each for each in (raw, before, after) if isinstance(each, list)]
    if len(lists) == 3 and len({len(each) for each in lists}) == 1:
        return [carried(*items) for items in zip(raw, before, after, strict=True)]
    return after


def difference(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    """The operations that make `after` of `before`; [] where they are the same."""
    if same(before, after):
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [{"op": "replace", "path": path, "value": after}]
    found: list[dict[str, Any]] = []
    for key in sorted({*before, *after}):
        at = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
        if key not in after:
            found.append({"op": "remove", "path": at})
        elif key not in before:
            found.append({"op": "add", "path": at, "value": after[key]})
        else:
            found += difference(before[key], after[key], at)
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; in Python, 1 and true are equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def without_null(value: Any) -> Any:
    """JSON without members that are null: a field that is not set."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_null(item) for item in value]
    return value
