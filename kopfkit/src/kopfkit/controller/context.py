"""The means of a reconcile: write children, read, set conditions, record Events."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from kopfkit.controller import refusals
from kopfkit.controller.building import Builder
from kopfkit.controller.children import Children, Result
from kopfkit.controller.errors import Vanished
from kopfkit.controller.kinds import Kind
from kopfkit.controller.outcome import KindMissing, Refused, Terminal, Waiting
from kopfkit.controller.owned import Owned as Creator
from kopfkit.controller.presence import Presence, called_kind
from kopfkit.controller.statuswriter import Recorder, about
from kopfkit.controller.stores import OwnedStore
from kopfkit.runtime.client import Client, Resource
from kopfkit.runtime.errors import Forbidden, Invalid, NotFound
from kopfkit.runtime.resources import Object as Raw
from kopfkit.runtime.shapes import cut
from kopfkit.runtime.store import Key, Store, key_of

# Between two looks at an obstacle that sends no events.
_RECHECK: Final = timedelta(seconds=10)


@dataclass(frozen=True)
class Parts:
    """The parts that all contexts of one controller share."""

    client: Client
    stores: Mapping[Resource, Store]
    recorder: Recorder
    children: Children
    creator: Creator
    builder: Builder
    readable: frozenset[Kind]
    presence: Presence
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("kopfkit.controller"))


class Context:
    """The means of one reconcile of one object.

    Attributes:
        log: writes log lines that name the object.
    """

    def __init__(self, owner: Raw, parts: Parts) -> None:
        self._owner, self._parts = owner, parts
        self.log = logging.LoggerAdapter(parts.log, about(owner))
        self._kept: dict[Kind, set[Key]] = {}
        self.conditions: dict[str, tuple[str, str, str]] = {}
        self.blocks: tuple[str, str] | None = None

    async def apply(self, child: Mapping[str, Any]) -> Raw:
        """Bring a child to what is given, and return it as it is now.

        A child that is missing is created; of one that differs the given fields are written by
        server-side apply, and other people's fields stay. Nothing is written where nothing differs.

        Args:
            child: apiVersion, kind and content. Name (the owner's by default), namespace (unless
                the owner has none), owner reference and labels are filled in; of a workload also
                selector and pod labels.

        Raises:
            Terminal: the name belongs to somebody else's object, or the child is not one that the
                controller may make; not to be caught.
            KindMissing: the cluster does not serve the kind.
            Waiting: a predecessor is still being deleted.
            Refused: the API server refuses the child.
            ApiError: the API server could not be reached.
        """
        kind, wanted = self._parts.builder.applied(self._owner, child)
        self._check_served(kind)
        self._keep(kind, wanted)
        try:
            found = await self._parts.children.ensure(self._owner, kind, wanted, wanted)
        except NotFound:
            await self._look(kind)
            raise
        except (Forbidden, Invalid) as error:
            raise self._refused(kind, wanted, error) from error
        return self._judge(found, wanted)

    async def create(self, child: Mapping[str, Any]) -> Raw:
        """Create a child where it is missing; it is never changed afterwards.

        Args, Raises: as `apply`.
        """
        kind, wanted = self._parts.builder.created(self._owner, child)
        self._check_served(kind)
        self._keep(kind, wanted)
        creator, (namespace, name) = self._parts.creator, key_of(wanted)
        try:
            found = await creator.find(self._owner, kind.resource, name, namespace)
            if found == Result():
                found = await creator.make(self._owner, kind.resource, wanted)
        except NotFound:
            await self._look(kind)
            raise
        except (Forbidden, Invalid) as error:
            raise self._refused(kind, wanted, error) from error
        return self._judge(found, wanted)

    async def prune(self, kind: Kind) -> int:
        """Delete the children of a kind that this reconcile has neither applied nor created so far;
        returns how many.

        Kinds that are owned with `prune=True` are pruned at the end of each reconcile that returns.

        Raises:
            Terminal: the controller does not own the kind with `prune=True`.
            KindMissing: the cluster does not serve the kind.
            ApiError: the API server refused or could not be reached.
        """
        self._parts.builder.check_prune(kind)
        self._check_served(kind)
        kept = self._kept.get(kind, set())
        gone = [each for each in self.owned(kind) if key_of(each) not in kept]
        for each in gone:
            namespace, name = key_of(each)
            await self._parts.children.remove(self._owner, kind.resource, name, namespace)
        return len(gone)

    def owned(self, kind: Kind) -> list[Raw]:
        """The children of a kind as last seen, by namespace and name: all that have the object as
        their controller. Whoever may create such objects can make one. Raises `KindMissing`."""
        self._parts.builder.owned(kind)
        self._check_served(kind)
        store = self._parts.stores[kind.resource]
        assert isinstance(store, OwnedStore)
        return store.owned_by(self._owner["metadata"]["uid"])

    def serves(self, kind: Kind) -> bool:
        """Whether the cluster serves a kind that is owned or watched. When that changes, all
        objects of the controller are reconciled.

        Raises:
            Terminal: the kind is neither owned nor watched.
        """
        self._check_readable(kind)
        return self._parts.presence.serves(kind.resource)

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Raw | None:
        """An object of a kind that is owned or watched; None where there is none. Read from the
        caches, or from the API server where those keep a part only.

        Args:
            kind: of the object.
            name: of the object.
            namespace: of the object; the owner's by default.

        Raises:
            Terminal: the kind is neither owned nor watched, or no namespace is known.
            KindMissing: the cluster does not serve the kind.
            ApiError: the API server could not be reached.
        """
        self._check_readable(kind)
        self._check_served(kind)
        key = (self._namespace(kind, namespace), name)
        if kind.namespaced and not key[0]:
            raise self._wrong(f"{kind.kind} {name} is read in no namespace", "name the namespace")
        found = self._parts.stores[kind.resource].get(key)
        if found is None or not cut(found):
            return found
        try:
            return await self._parts.client.get(kind.resource, *key)
        except NotFound:
            return None

    def list(self, kind: Kind, namespace: str | None = None) -> list[Raw]:
        """The objects of a kind that is owned or watched.

        Args:
            kind: of the objects.
            namespace: of the objects; the owner's by default, and all where the owner has none.

        Raises:
            Terminal: the kind is neither owned nor watched.
            KindMissing: the cluster does not serve the kind.
        """
        self._check_readable(kind)
        self._check_served(kind)
        store, of = self._parts.stores[kind.resource], self._namespace(kind, namespace)
        found = (store.get(key) for key in sorted(store.known()) if not of or key[0] == of)
        return [each for each in found if each is not None]

    def condition(self, kind: str, state: bool | None, reason: str, message: str = "") -> None:
        """Set a condition; it is stored with the status.

        Progressing and Degraded follow from the outcome where they are not set.

        Args:
            kind: the type, such as Available.
            state: None for Unknown.
            reason: a CamelCase word for programs.
            message: a sentence for people.
        """
        self.conditions[kind] = ("Unknown" if state is None else str(state), reason, message)

    def event(self, reason: str, note: str, *, warning: bool = False) -> None:
        """Record an Event about the object. The same Event again becomes a series.

        Args:
            reason: a CamelCase word for programs.
            note: a sentence for people.
            warning: whether a person should look at it.
        """
        recorder = self._parts.recorder
        (recorder.warning if warning else recorder.normal)(self._owner, reason, note)

    def block_upgrade(self, reason: str, message: str) -> None:
        """Have OLM not upgrade the operator until a reconcile of this object does not call this."""
        self.blocks = (reason, message)

    def _keep(self, kind: Kind, wanted: Raw) -> None:
        self._kept.setdefault(kind, set()).add(key_of(wanted))

    def _judge(self, found: Result, wanted: Raw) -> Raw:
        if found.collision:
            raise Terminal("NameCollision", found.collision, requeue_after=_RECHECK)
        if found.waiting or found.live is None:
            message = found.waiting or f"{wanted['kind']} is about to change its owner"
            raise Waiting("WaitingForDeletion", message, requeue_after=_RECHECK)
        return found.live

    def _refused(self, kind: Kind, wanted: Raw, error: Forbidden | Invalid) -> Exception:
        if refusals.terminating(error):
            return Vanished(error.message)
        if refusals.kind_terminating(error):
            return KindMissing(called_kind(kind.kind, kind.resource))
        namespace, name = key_of(wanted)
        reason = "Forbidden" if isinstance(error, Forbidden) else "Rejected"
        hint = refusals.hint(error, kind.kind, name, namespace)
        return Refused(reason, f"{kind.kind}: {error.message}{hint}", error)

    def _namespace(self, kind: Kind, given: str | None) -> str:
        if not kind.namespaced:
            return ""
        return given or key_of(self._owner)[0]

    def _check_readable(self, kind: Kind) -> None:
        if kind not in self._parts.readable:
            text = f"{kind.plural} are read, and neither owned nor watched"
            raise self._wrong(text, "add .watches(...) to the controller")

    def _check_served(self, kind: Kind) -> None:
        if not self._parts.presence.serves(kind.resource):
            raise KindMissing(called_kind(kind.kind, kind.resource))

    async def _look(self, kind: Kind) -> None:
        """Raises `KindMissing` if it is the kind that was not found, and not a namespace."""
        if not await self._parts.presence.look(kind.resource):
            self._check_served(kind)

    def _wrong(self, text: str, way_out: str) -> Terminal:
        return Terminal("InvalidRead", f"{text}; hint: {way_out}")
