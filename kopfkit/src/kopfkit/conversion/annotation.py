"""The annotation in which an object carries what its version has no field for.

Its value is JSON, one member for each version that something is kept for:

    {"v1": {"/spec/greeting/language": {"value": "zh"}}}

`value` is what to put there (missing: take away what is there), `over` what the plain conversion
puts there (missing: nothing). Anything else found under the name was written by somebody else: it
is kept under "replaced" while the place is needed, and put back after.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from kopfkit.conversion.differences import ABSENT, Change

# The API server's limit for all annotations of an object together, in bytes
# (k8s.io/apimachinery pkg/api/validation TotalAnnotationSizeLimitB).
ANNOTATIONS_LIMIT: Final = 256 * 1024

_REPLACED: Final = "replaced"


@dataclass
class Kept:
    """The decoded annotation: changes by version, and the text that was in the way."""

    versions: dict[str, dict[str, Change]] = field(default_factory=dict)
    replaced: Any = ABSENT


def read(annotations: Any, name: str) -> Kept:
    """What is kept in the annotation `name`; never fails, see the module's text."""
    text = annotations.get(name, ABSENT) if isinstance(annotations, dict) else ABSENT
    if text is ABSENT:
        return Kept()
    try:
        kept = _decode(msgspec.json.decode(text)) if isinstance(text, str) else None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        kept = None
    return Kept(replaced=text) if kept is None else kept


def write(annotations: Any, name: str, kept: Kept) -> dict[str, Any] | None:
    """The annotations with `kept` under `name`; None when none are left.

    `annotations` must be a dict or None.
    """
    others = {key: text for key, text in (annotations or {}).items() if key != name}
    document: dict[str, Any] = {
        version: {pointer: _encode(change) for pointer, change in sorted(changes.items())}
        for version, changes in sorted(kept.versions.items())
        if changes
    }
    if document:
        if kept.replaced is not ABSENT:
            document[_REPLACED] = kept.replaced
        others[name] = msgspec.json.encode(document).decode()
    elif kept.replaced is not ABSENT:
        others[name] = kept.replaced
    return others or None


def size(annotations: dict[str, Any]) -> int:
    """Bytes the API server counts against ANNOTATIONS_LIMIT."""
    return sum(len(key.encode()) + len(str(text).encode()) for key, text in annotations.items())


def _decode(document: Any) -> Kept | None:
    """The annotation's JSON as Kept; None when it is not in our form."""
    if not isinstance(document, dict) or not document.keys() - {_REPLACED}:
        return None
    kept = Kept(replaced=document.pop(_REPLACED, ABSENT))
    for version, changes in document.items():
        if not isinstance(changes, dict) or not changes:
            return None
        kept.versions[version] = {}
        for pointer, change in changes.items():
            if not pointer.startswith("/") or not isinstance(change, dict):
                return None
            if not change or change.keys() - {"value", "over"}:
                return None
            kept.versions[version][pointer] = Change(
                change.get("value", ABSENT), change.get("over", ABSENT)
            )
    return kept


def _encode(change: Change) -> dict[str, Any]:
    members = {"value": change.value, "over": change.over}
    return {key: value for key, value in members.items() if value is not ABSENT}
