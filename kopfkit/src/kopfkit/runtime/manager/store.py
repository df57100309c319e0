"""The objects last seen, so that a reconcile reads nothing over the network while all is settled.

Fed by watch events, by the answers to our own writes and by lists, in any order: the higher
resourceVersion wins (Kubernetes orders them per resource, KEP-5504). What leaves is remembered for
a while, so that a late answer or a replayed event does not bring it back. Deliberately not here:
who acts on a change.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from kopfkit.runtime.api.shapes import Shape, trim

Object = dict[str, Any]
Key = tuple[str, str]

# Deletions remembered per kind: far more than can be in flight, and some 100 kB at most.
_TOMBSTONES: Final = 4096


def key_of(obj: Object) -> Key:
    """(namespace, name); ("", name) for what lives in no namespace."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def version_of(obj: Object) -> int:
    """The resourceVersion as a number; 0 where there is none."""
    return _number(obj["metadata"].get("resourceVersion"))


def _number(version: Any) -> int:
    return int(version) if isinstance(version, str) and version.isdecimal() else 0


class Store:
    """One kind's objects by namespace and name.

    Args:
        shape: what is kept of each; None for all but managedFields.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        self._objects: dict[Key, Object] = {}
        self._gone: OrderedDict[Key, int] = OrderedDict()
        self._shape = shape

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Object | None:
        """The object last seen under this key. Not to be changed by the caller."""
        return self._objects.get(key)

    def known(self) -> list[Key]:
        """Keys of all objects."""
        return list(self._objects)

    def put(self, obj: Object) -> bool:
        """Take an object in; False if it is no news (the same or an older version)."""
        key, version = key_of(obj), version_of(obj)
        known = self._objects.get(key)
        if known is not None and version and version <= version_of(known):
            return False
        if version and version <= self._gone.get(key, 0):
            return False
        if self._shape is not None:
            obj = trim(obj, self._shape)
        else:
            # Half of an object's size, and of interest to nobody here.
            obj = {**obj, "metadata": {**obj["metadata"]}}
            obj["metadata"].pop("managedFields", None)
        self._objects[key] = obj
        self._gone.pop(key, None)
        return True

    def drop(self, obj: Object) -> bool:
        """The object was deleted (or left our label selector); False if that is no news."""
        return self.forget(key_of(obj), version_of(obj))

    def forget(self, key: Key, version: int = 0) -> bool:
        """Remove what is known under a key, unless that is newer than `version` (0: whatever)."""
        known = self._objects.get(key)
        if known is not None and version and version_of(known) > version:
            return False
        last = version or (version_of(known) if known is not None else 0)
        self._gone[key] = max(last, self._gone.pop(key, 0))
        while len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)
        return self._objects.pop(key, None) is not None

    def replace(self, objects: Iterable[Object], version: str, *, within: str = "") -> set[Key]:
        """Make the store agree with a list.

        Args:
            objects: all objects of the list.
            version: the list's resourceVersion: what is newer in the store stays.
            within: the namespace that was listed; "" for all.

        Returns:
            Keys whose object came, changed or vanished.
        """
        changed, seen, at = set(), set(), _number(version)
        for obj in objects:
            key = key_of(obj)
            seen.add(key)
            if self.put(obj):
                changed.add(key)
        for key in self.known():
            if key not in seen and (not within or key[0] == within) and self.forget(key, at):
                changed.add(key)
        return changed
