"""What a cache keeps of an object: what reconciling reads, and no more than a bounded part of that.

Who may write an object may put 1.5 MB into it: labels, annotations, finalizers, managedFields. An
operator that keeps three hundred of those whole is killed for its memory, at every start anew. So
metadata is reduced to what identifies an object and to the labels and annotations of an operator's
own prefixes, and each other top-level field has a limit. A field beyond it is cut; the object then
says so (`cut`), for those who must not act on a part of a spec.

Decoding keeps to the same limits: the parts that are not kept are skipped as bytes, so that for no
object more than a few megabytes are needed at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from kopfkit.runtime.api.resources import Object

# Bytes of JSON, and separators in it (a measure of how many values there are), that a top-level
# field may have. A Deployment with sidecars has 16 KiB, a status some.
FIELD: Final = 32 * 1024
_VALUES: Final = 2000
_SEPARATORS: Final = (b",", b"{", b"[")
# Bytes of a field that is decoded to be cut: as Python's objects it may be 25 times as large.
_DECODED: Final = 1024 * 1024
# Labels and annotations that are kept of the operator's own, and characters of each.
_NOTES: Final = 32
_NOTE: Final = 1024
# Owner references that are kept beside the controller's, and characters of a name in them.
_OWNERS: Final = 8
# What is left of a field that is cut: values in all, and of each text, list and object, and levels.
_LEFT: Final = 300
_TEXT: Final = 256
_ITEMS: Final = 16
_KEYS: Final = 32
_LEVELS: Final = 10
# Top-level key that holds the bytes of each field that was cut. No API has such a field.
_CUT: Final = "kopfkit.dev/cut"
_IDENTITY: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)


@dataclass(frozen=True)
class Shape:
    """What is kept of a resource's objects.

    Attributes:
        prefixes: of the keys of labels and annotations that are read, and of finalizers.
    """

    prefixes: tuple[str, ...] = ()


class _Metadata(msgspec.Struct, omit_defaults=True):
    """What is decoded of metadata; msgspec skips the rest without making anything of it."""

    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None
    generation: int | None = None
    creationTimestamp: str | None = None
    deletionTimestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: list[dict[str, Any]] | None = None
    finalizers: list[str] | None = None


_PARTS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_METADATA_OF: Final = msgspec.json.Decoder(_Metadata)


def decode(raw: bytes | memoryview | msgspec.Raw, shape: Shape | None) -> Object:
    """An object from its JSON: what its shape keeps, or all of it without a shape.

    Raises:
        msgspec.DecodeError: it is not JSON, or not an object.
    """
    if shape is None:
        return msgspec.json.decode(raw, type=dict[str, Any])
    parts = _PARTS.decode(raw)
    metadata: Object = msgspec.to_builtins(_METADATA_OF.decode(parts.pop("metadata", b"{}")))
    made: Object = {"metadata": _metadata(metadata, shape)}
    cut: dict[str, int] = {}
    for name, part in parts.items():
        if len(part) > _DECODED:
            made[name], cut[name] = {}, len(part)
            continue
        made[name] = _field(name, msgspec.json.decode(part), bytes(part), cut)
    return _marked(made, cut)


def trim(obj: Object, shape: Shape) -> Object:
    """What a shape keeps of an object that is decoded already; never the object itself."""
    made: Object = {"metadata": _metadata(obj["metadata"], shape)}
    cut: dict[str, int] = dict(obj.get(_CUT) or {})
    for name, value in obj.items():
        if name in ("metadata", _CUT):
            continue
        made[name] = value
        if isinstance(value, dict | list | str):
            made[name] = _field(name, value, msgspec.json.encode(value), cut)
    return _marked(made, cut)


def cut(obj: Object) -> Mapping[str, int]:
    """The fields of an object that were cut, and how many bytes each had."""
    found = obj.get(_CUT)
    return found if isinstance(found, dict) else {}


def _marked(made: Object, cut: dict[str, int]) -> Object:
    if cut:
        made[_CUT] = cut
    return made


def _metadata(metadata: Object, shape: Shape) -> Object:
    made = {name: metadata[name] for name in _IDENTITY if metadata.get(name) is not None}
    for name in ("labels", "annotations"):
        if notes := _notes(metadata.get(name), shape.prefixes):
            made[name] = notes
    if finalizers := _finalizers(metadata.get("finalizers"), shape.prefixes):
        made["finalizers"] = finalizers
    if owners := _owners(metadata.get("ownerReferences")):
        made["ownerReferences"] = owners
    return made


def _notes(found: Any, prefixes: tuple[str, ...]) -> dict[str, str]:
    if not isinstance(found, dict) or not prefixes:
        return {}
    kept = {
        key: value
        for key, value in found.items()
        if key.startswith(prefixes) and len(key) + len(str(value)) <= _NOTE
    }
    return kept if len(kept) <= _NOTES else dict(sorted(kept.items())[:_NOTES])


def _finalizers(found: Any, prefixes: tuple[str, ...]) -> list[str]:
    if not isinstance(found, list) or not prefixes:
        return []
    kept = [each for each in found if isinstance(each, str) and each.startswith(prefixes)]
    return [each for each in kept if len(each) <= _NOTE][:_NOTES]


def _owners(found: Any) -> list[Object]:
    if not isinstance(found, list):
        return []
    sound = [each for each in found if isinstance(each, dict) and _short(each)]
    first = [each for each in sound if each.get("controller") is True][:1]
    return first + [each for each in sound if each not in first][:_OWNERS]


def _short(reference: Object) -> bool:
    return all(len(value) <= _NOTE for value in reference.values() if isinstance(value, str))


def _field(name: str, value: Any, raw: bytes, cut: dict[str, int]) -> Any:
    """A top-level field, or what is left of it where its JSON is too large."""
    if len(raw) <= FIELD and sum(map(raw.count, _SEPARATORS)) <= _VALUES:
        return value
    cut[name] = len(raw)
    return _Cutter().less(value, _LEVELS)


class _Cutter:
    """Makes one value small, from its beginning."""

    def __init__(self) -> None:
        self._left = _LEFT

    def less(self, value: Any, levels: int) -> Any:
        self._left -= 1
        if isinstance(value, str):
            return value[:_TEXT]
        if isinstance(value, list):
            few = value[:_ITEMS] if levels else []
            return [self.less(each, levels - 1) for each in few if self._left > 0]
        if isinstance(value, dict):
            some = list(value.items())[:_KEYS] if levels else []
            return {
                key: self.less(each, levels - 1)
                for key, each in some
                if self._left > 0 and len(key) <= _TEXT
            }
        return value
