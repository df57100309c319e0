"""Conditions (metav1.Condition) of a status, and the patch that stores a status."""

from typing import Any

from kopfkit.controller.owners import mapping
from kopfkit.runtime.resources import Object

# Characters of a message: metav1.Condition's limit.
_MESSAGE = 32768


def conditions_of(status: Object) -> dict[str, dict[str, Any]]:
    """The conditions of a status by their type, whatever it holds."""
    found = status.get("conditions")
    return {
        str(item["type"]): item
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, dict) and "type" in item
    }


def see(kind: str) -> str:
    """The message of a condition whose reason another condition explains: a sentence stands once in
    a status."""
    return f"see the condition {kind}"


def condition(
    kind: str,
    state: str,
    reason: str,
    message: str,
    generation: int,
    before: dict[str, Any] | None,
    now: str,
) -> Object:
    """A metav1.Condition; its time is that of `before`, the same condition as it is stored, if that
    has the same state."""
    same = before is not None and before.get("status") == state
    since = before.get("lastTransitionTime", now) if same and before is not None else now
    return {
        "type": kind,
        "status": state,
        "reason": reason,
        "message": message[:_MESSAGE],
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }


def patch(owner: Object, new: Object) -> Object | None:
    """The merge patch from the stored status to `new`; None where they agree."""
    old = mapping(owner.get("status"))
    if old == new:
        return None
    stale = {key: None for key in old if key not in new}
    # The uid is a precondition: never write on a successor of the same name.
    return {"metadata": {"uid": owner["metadata"]["uid"]}, "status": {**stale, **new}}
