"""The annotation in which an object carries what its version has no field for.

Its value is JSON, one member for each version that something is kept for:

    {"v1": {"/spec/greeting/language": {"value": "zh"}}}

`value` is what to put there (missing: take away what is there), `over` what the plain conversion
puts there (missing: nothing). Anything else found under the name was written by somebody else: it
is kept under "replaced" while the place is needed, and put back after. The text "discard" is a
client's word that it gives up what is kept.

Whoever may write the object may write here, so reading never fails and never trusts: what is
nested deeper than anything a schema has, points deeper, or has more values than it takes to keep
an object, is somebody else's text. What may be restored is decided by `restoring`.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from kopfkit.conversion.differences import ABSENT, Change

# The API server's limit for all annotations of an object together, in bytes
# (k8s.io/apimachinery pkg/api/validation TotalAnnotationSizeLimitB).
ANNOTATIONS_LIMIT: Final = 256 * 1024
# What a client writes as the annotation to give up what only other versions have; the policy of
# `kopfkit.runtime.olm.protection` lets such a write pass.
DISCARD: Final = "discard"
# Levels of nesting, and parts of a JSON pointer: Python's recursion ends at some hundreds, and no
# schema of a CRD comes near.
DEPTH: Final = 100

# What an annotation of our form has at most; VALUES counts values, and parts of all pointers. What
# is kept for a version, leaf by leaf, is some hundreds of values. More of them would only make the
# lists of everybody slow, whose objects the API server has converted one by one.
CHANGES: Final = 1000
VALUES: Final = 5000

# What stands in an annotation that somebody owns and that nothing is kept in: for `read`, as any
# text that is not in our form, somebody's own.
EMPTY: Final = "{}"
_REPLACED: Final = "replaced"


@dataclass
class Kept:
    """The decoded annotation: changes by version, and the text that was in the way."""

    versions: dict[str, dict[str, Change]] = field(default_factory=dict)
    replaced: Any = ABSENT


def read(annotations: Any, name: str) -> Kept:
    """What is kept in the annotation `name`; never fails, see the module's text."""
    text = annotations.get(name, ABSENT) if isinstance(annotations, dict) else ABSENT
    if text is ABSENT or text == DISCARD:
        return Kept()
    kept = _decoded(text) if isinstance(text, str) else None
    return Kept(replaced=text) if kept is None else kept


def write(annotations: Any, name: str, kept: Kept) -> dict[str, Any] | None:
    """The annotations with `kept` under `name`; None when none are left.

    `annotations` must be a dict or None. Whether the API server takes the result is `fits`' to say.
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


def owned(metadata: Any, name: str, where: str = "annotations") -> bool:
    """Whether somebody owns the annotation `name` (`where`: or the label), as the object's
    managedFields say.

    What somebody owns stays in the object. The API server prunes an object of server-side apply
    to what its other managers own; of one that owns nothing but what a conversion took away it
    leaves `metadata: null`, which it refuses to convert, and the apply fails (Kubernetes 1.34,
    apiextensions-apiserver pkg/apiserver/conversion restoreObjectMeta).
    """
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        found = entry
        for key in ("fieldsV1", "f:metadata", f"f:{where}"):
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, dict) and f"f:{name}" in found:
            return True
    return False


def fits(annotations: dict[str, Any] | None, name: str) -> bool:
    """Whether the API server takes these annotations, and `read` understands what was written."""
    if annotations is None:
        return True
    if size(annotations) > ANNOTATIONS_LIMIT:
        return False
    text = annotations.get(name)
    if not isinstance(text, str) or not (text.count("/") > DEPTH or _values(text) > DEPTH):
        return True
    return not text.startswith('{"') or _decoded(text) is not None


def size(annotations: dict[str, Any]) -> int:
    """Bytes the API server counts against ANNOTATIONS_LIMIT."""
    return sum(len(key.encode()) + len(str(text).encode()) for key, text in annotations.items())


def _decoded(text: str) -> Kept | None:
    """The annotation's text as Kept; None when it is not in our form."""
    try:
        document = msgspec.json.decode(text)
    except (ValueError, RecursionError):  # msgspec's errors and UnicodeEncodeError are ValueErrors
        return None
    if not isinstance(document, dict) or not document.keys() - {_REPLACED}:
        return None
    if _values(text) > DEPTH and not _small(document):
        return None
    kept = Kept(replaced=document.pop(_REPLACED, ABSENT))
    if kept.replaced is not ABSENT and not isinstance(kept.replaced, str):
        return None  # it would become an annotation that is no text, which the API server refuses
    for version, changes in document.items():
        if not isinstance(changes, dict) or not changes:
            return None
        kept.versions[version] = {}
        for pointer, change in changes.items():
            if not pointer.startswith("/") or not isinstance(change, dict):
                return None
            if not change or change.keys() - {"value", "over"} or pointer.count("/") > DEPTH:
                return None
            kept.versions[version][pointer] = Change(
                change.get("value", ABSENT), change.get("over", ABSENT)
            )
    return kept


def _values(text: str) -> int:
    """At most how many values a JSON text has, and how deep it is nested."""
    return 1 + text.count("{") + text.count("[") + text.count(",")


def _small(document: dict[str, Any]) -> bool:
    """Whether a document keeps within DEPTH, CHANGES and VALUES; without recursion."""
    found = [pointer for each in document.values() if isinstance(each, dict) for pointer in each]
    if len(found) > CHANGES or sum(pointer.count("/") for pointer in found) > VALUES:
        return False
    level: list[Any] = [document]
    count = 0
    for _ in range(DEPTH):
        below: list[Any] = []
        for value in level:
            below += value.values() if isinstance(value, dict) else value
            if count + len(below) > VALUES:
                return False
        count += len(below)
        level = [value for value in below if isinstance(value, dict | list)]
        if not level:
            return True
    return False


def _encode(change: Change) -> dict[str, Any]:
    members = {"value": change.value, "over": change.over}
    return {key: value for key, value in members.items() if value is not ABSENT}
