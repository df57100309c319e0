"""A store that finds objects by the uid of their controller."""

from kopfkit.controller.owners import controller_of
from kopfkit.runtime.api.resources import Object
from kopfkit.runtime.api.shapes import Shape
from kopfkit.runtime.manager.store import Key, Store, key_of


class OwnedStore(Store):
    """One kind's objects by namespace and name, and by the uid of their controller.

    Who never asks by owner pays for no index: it is made when that is asked for the first time.

    Args:
        shape: what is kept of each; None for all but managedFields.
    """

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__(shape)
        self._by_owner: dict[str, set[Key]] | None = None

    def owned_by(self, uid: str) -> list[Object]:
        """The objects that the object of this uid controls, by name."""
        if self._by_owner is None:
            self._by_owner = {}
            for key in self.known():
                self._link(key, self.get(key))
        found = (self.get(key) for key in sorted(self._by_owner.get(uid, ())))
        return [each for each in found if each is not None]

    def put(self, obj: Object) -> bool:
        """Take an object in; False if it is no news (the same or an older version)."""
        key = key_of(obj)
        before = self.get(key)
        if not super().put(obj):
            return False
        self._unlink(key, before)
        self._link(key, obj)
        return True

    def forget(self, key: Key, version: int = 0) -> bool:
        """Remove what is known under a key, unless that is newer than `version` (0: whatever)."""
        before = self.get(key)
        gone = super().forget(key, version)
        if gone:
            self._unlink(key, before)
        return gone

    def _link(self, key: Key, obj: Object | None) -> None:
        if self._by_owner is None or obj is None:
            return
        if uid := controller_of(obj).get("uid"):
            self._by_owner.setdefault(str(uid), set()).add(key)

    def _unlink(self, key: Key, before: Object | None) -> None:
        if self._by_owner is None or before is None:
            return
        uid = str(controller_of(before).get("uid", ""))
        if (keys := self._by_owner.get(uid)) is not None:
            keys.discard(key)
            if not keys:
                del self._by_owner[uid]
