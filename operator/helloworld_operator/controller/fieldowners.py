"""Which fields of a child are ours, by its managedFields, and how one is given away.

A field path is written as in managedFields: ("f:spec", "f:replicas").
"""

from collections.abc import Iterable
from typing import Any

from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.observe import mapping
from kopfkit.runtime.client import Object


def own_by_apply(live: Object, given_away: Iterable[tuple[str, ...]] = ()) -> list[Object] | None:
    """The JSON patch that hands the fields we own by creating to us as owner by applying.

    Server-side apply tells the two apart, and would never remove a field that the creation still
    owns. The same is in client-go's csaupgrade. None where there is nothing to hand over.

    Args:
        live: the child, with its managedFields.
        given_away: paths of fields that are ours no longer. One that we only left out would be
            removed, and get its default; one that nobody owns keeps its value.
    """
    entries = live["metadata"].get("managedFields") or []
    created = [entry for entry in entries if _is_mine(entry, "Update")]
    applied = [entry for entry in entries if _is_mine(entry, "Apply")]
    fields: dict[str, Any] = {}
    for entry in [*created, *applied]:
        _merge(fields, mapping(entry.get("fieldsV1")))
    gave = [path for path in given_away if _cut(fields, path)]
    if not created and not gave:
        return None
    ours = {**(created or applied)[0], "operation": "Apply", "fieldsV1": fields}
    rest = [entry for entry in entries if entry not in created and entry not in applied]
    version = live["metadata"]["resourceVersion"]
    return [
        {"op": "replace", "path": "/metadata/managedFields", "value": [ours, *rest]},
        # Refused with a conflict if anyone wrote in between.
        {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
    ]


def has(wanted: Object, path: tuple[str, ...]) -> bool:
    """Whether an object has the field at a path of managedFields."""
    found: Any = wanted
    for step in path:
        found = mapping(found).get(step.removeprefix("f:"))
    return found is not None


def _is_mine(entry: Object, operation: str) -> bool:
    return (
        entry.get("manager") == MANAGER
        and entry.get("operation") == operation
        and not entry.get("subresource")
    )


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)


def _cut(fields: dict[str, Any], path: tuple[str, ...]) -> bool:
    """Take a path out of a set of fields; whether it was there."""
    *way, last = path
    for step in way:
        fields = mapping(fields.get(step))
    return fields.pop(last, None) is not None
