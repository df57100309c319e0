"""Who owns which fields of an object, and how ownership changes hands.

Server-side apply removes a field that its manager applied before and no longer applies, if nobody
else owns it. So whatever has to go is first made ours, by a write of `metadata.managedFields`
alone; the object itself passes from one valid state to the next in the apply that follows. The same
is done in client-go's csaupgrade for the fields of one's own earlier updates.

Pure: the functions return JSON patches. Field sets are those of `fieldsV1`: "f:<field>" and
"k:<merge keys as JSON>" are steps, "." is the item itself.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from kopfkit.runtime.api.contradictions import Path, Step
from kopfkit.runtime.api.resources import Object

Fields: TypeAlias = dict[str, Any]

_SELF: Final = "."


def take_over(
    live: Object,
    manager: str,
    paths: Iterable[Path] = (),
    given_away: Iterable[tuple[str, ...]] = (),
) -> list[Object] | None:
    """Returns the JSON patch that makes fields `manager`'s by server-side apply.

    Those are the fields it owns by creating or updating the object, which no apply would ever
    remove, and those at the given paths, whoever owns them. None where nothing changes hands. The
    patch is refused with a conflict where anyone wrote in between.

    Args:
        live: the object, with its managedFields.
        manager: our field manager.
        paths: what is taken from everybody, with all that is below. A path that ends in an atomic
            list or struct has to end there.
        given_away: sets of one field ("f:spec", "f:replicas") that are ours no longer. One that we
            only left out would be removed and get its default; one that nobody owns keeps its
            value.
    """
    entries = _entries(live)
    created = [entry for entry in entries if _is(entry, manager, "Update")]
    applied = [entry for entry in entries if _is(entry, manager, "Apply")]
    fields: Fields = {}
    for entry in [*created, *applied]:
        _merge(fields, _fields(entry))
    gave = [path for path in given_away if _cut(fields, path)]
    rest = [entry for entry in entries if entry not in created and entry not in applied]
    took = False
    for path in paths:
        rest, found = _taken(rest, path)
        took |= _add(fields, path, found or {}) or found is not None
    if not created and not gave and not took:
        return None
    new = {"manager": manager, "apiVersion": live.get("apiVersion"), "fieldsType": "FieldsV1"}
    ours = {**(created or applied or [new])[0], "operation": "Apply", "fieldsV1": fields}
    return [
        {"op": "add", "path": "/metadata/managedFields", "value": [ours, *rest]},
        {
            "op": "replace",
            "path": "/metadata/resourceVersion",
            "value": live["metadata"]["resourceVersion"],
        },
    ]


def strays(wanted: Mapping[str, Any], live: Object, manager: str) -> list[Path]:
    """Returns the paths of other managers' fields inside the structs and items that we set.

    The last resort where the API server refuses an apply although no contradiction is known: some
    of these fields is the reason, or none. Items that others added to lists are not among them, nor
    is metadata.
    """
    found: dict[Path, None] = {}
    for entry in _entries(live):
        if entry.get("manager") != manager and not entry.get("subresource"):
            below = _mapping(_fields(entry).get("f:spec"))
            _stray(wanted.get("spec"), below, ("spec",), found)
    return list(found)


def was_written_by(live: Object, manager: str) -> bool:
    """Whether the field manager ever wrote the object and still owns some field of it."""
    return any(
        entry.get("manager") == manager and not entry.get("subresource") for entry in _entries(live)
    )


def has(wanted: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    """Whether an object has the field at a path of managedFields."""
    found: Any = wanted
    for step in path:
        found = _mapping(found).get(step.removeprefix("f:"))
    return found is not None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entries(live: Object) -> list[Object]:
    return live["metadata"].get("managedFields") or []


def _fields(entry: Object) -> Fields:
    return _mapping(entry.get("fieldsV1"))


def _is(entry: Object, manager: str, operation: str) -> bool:
    return (
        entry.get("manager") == manager
        and entry.get("operation") == operation
        and not entry.get("subresource")
    )


def _merge(into: Fields, other: Fields) -> None:
    for key, value in other.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)


def _cut(fields: Fields, path: tuple[str, ...]) -> bool:
    """Take a path out of a set of fields; whether it was there."""
    *way, last = path
    for step in way:
        fields = _mapping(fields.get(step))
    return fields.pop(last, None) is not None


def _taken(entries: list[Object], path: Path) -> tuple[list[Object], Fields | None]:
    """The entries without a path, and what they owned there (None: nothing). An entry that owns
    nothing more goes."""
    kept: list[Object] = []
    found: Fields | None = None
    for entry in entries:
        if entry.get("subresource"):
            kept.append(entry)
            continue
        left, taken = _without(_fields(entry), path)
        if taken is None:
            kept.append(entry)
            continue
        found = {} if found is None else found
        _merge(found, taken)
        if left:
            kept.append({**entry, "fieldsV1": left})
    return kept, found


def _without(fields: Fields, path: Path) -> tuple[Fields, Fields | None]:
    """A set without what is at a path, and what was there (None: nothing)."""
    key = _find(fields, path[0])
    if key is None:
        return fields, None
    rest = {name: value for name, value in fields.items() if name != key}
    if len(path) == 1:
        return rest, _mapping(fields[key])
    left, taken = _without(_mapping(fields[key]), path[1:])
    if taken is None:
        return fields, None
    return ({**fields, key: left} if left else rest), taken


def _add(fields: Fields, path: Path, below: Fields) -> bool:
    """Own a path and what is below it; whether that is more than before."""
    more = False
    for step in path:
        key = _find(fields, step)
        if key is None:
            key, more = _key(step), True
        fields = fields.setdefault(key, {})
    before = json.dumps(fields, sort_keys=True)
    if not isinstance(path[-1], str):
        fields.setdefault(_SELF, {})  # the item itself, not only what is known of it
    _merge(fields, below)
    return more or json.dumps(fields, sort_keys=True) != before


def _find(fields: Fields, step: Step) -> str | None:
    """The step as it is written in a set: merge keys are compared by value."""
    if isinstance(step, str):
        return f"f:{step}" if f"f:{step}" in fields else None
    keys = dict(step)
    for name in fields:
        if name.startswith("k:") and _loads(name) == keys:
            return name
    return None


def _loads(name: str) -> Any:
    try:
        return json.loads(name.removeprefix("k:"))
    except ValueError:
        return None


def _key(step: Step) -> str:
    if isinstance(step, str):
        return f"f:{step}"
    return "k:" + json.dumps(dict(step), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _stray(wanted: Any, fields: Fields, path: Path, found: dict[Path, None]) -> None:
    for name, below in fields.items():
        if name.startswith("f:") and isinstance(wanted, Mapping):
            field = name.removeprefix("f:")
            if field not in wanted:
                found[(*path, field)] = None
            elif field != "metadata":
                _stray(wanted[field], _mapping(below), (*path, field), found)
        elif name.startswith("k:") and isinstance(wanted, list):
            keys = _mapping(_loads(name))
            for item in wanted:
                # A key that we leave out has its default.
                if isinstance(item, Mapping) and keys.items() <= {**keys, **item}.items():
                    step = tuple(keys.items())
                    _stray(item, _mapping(below), (*path, step), found)
