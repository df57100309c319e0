"""Conditions (metav1.Condition) of a status, and the patch that stores a status."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from kopfkit.controller.owners import mapping
from kopfkit.runtime.api.resources import Object

T = TypeVar("T")

# Characters of a message: metav1.Condition's limit.
_MESSAGE = 32768


def conditions_of(status: Any) -> dict[str, dict[str, Any]]:
    """The conditions of a status by their type, whatever it holds; none where there is none."""
    found = mapping(status).get("conditions")
    return {
        str(item["type"]): item
        for item in (found if isinstance(found, list) else [])
        if isinstance(item, dict) and "type" in item
    }


def is_true(status: Any, kind: str) -> bool:
    """Whether a status, whatever it holds, has the condition and it is True."""
    return conditions_of(status).get(kind, {}).get("status") == "True"


def see(kind: str) -> str:
    """The message of a condition whose reason another condition explains: a sentence stands once in
    a status."""
    return f"see the condition {kind}"


def decide(checks: Iterable[Callable[..., T | None]], *seen: Any) -> T:
    """The answer of the first check that has one, of an ordered chain.

    Args:
        checks: each answers, or says None; the last one always answers.
        seen: what they look at.
    """
    for check in checks:
        if (found := check(*seen)) is not None:
            return found
    raise AssertionError("no check of the chain answers")


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
