"""A reverse index: which objects to reconcile again when another one changes."""

from kopfkit.runtime.manager.store import Key


class ReverseIndex:
    """For each object, the keys of those that depend on it."""

    def __init__(self) -> None:
        self._by_object: dict[Key, set[Key]] = {}
        self._by_waiter: dict[Key, set[Key]] = {}

    def add(self, obj: Key, waiter: Key) -> None:
        """Reconcile `waiter` when `obj` changes."""
        self._by_object.setdefault(obj, set()).add(waiter)
        self._by_waiter.setdefault(waiter, set()).add(obj)

    def forget(self, waiter: Key) -> None:
        """`waiter` depends on nothing any more."""
        for obj in self._by_waiter.pop(waiter, ()):
            waiting = self._by_object[obj]
            waiting.discard(waiter)
            if not waiting:
                del self._by_object[obj]

    def of(self, obj: Key) -> tuple[Key, ...]:
        """The keys that depend on an object."""
        return tuple(self._by_object.get(obj, ()))
