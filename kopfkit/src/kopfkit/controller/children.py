"""Children brought to their desired state, writing only what differs.

A missing child is created with POST, since server-side apply would silently take over an object
that appeared meanwhile. Everything after that is server-side apply, so that other people's fields
stay. A child is found by its name, but only its owner's uid makes it ours; what is not ours is left
alone, but for one of ours that lost its owner reference. Only what is no longer wanted and ours by
uid is deleted.

What others set and what contradicts ours is taken from them before the apply, which then removes it
(`kopfkit.runtime.api.contradictions`).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from kopfkit.controller.errors import Vanished
from kopfkit.controller.owners import (
    Ownership,
    called,
    collision,
    controller_of,
    mapping,
    ownership,
)
from kopfkit.controller.statuswriter import Recorder, about, lives
from kopfkit.runtime.api.contradictions import Contradiction, contradictions
from kopfkit.runtime.api.errors import AlreadyExists, Conflict, Invalid, NotFound
from kopfkit.runtime.api.fields import differences, project
from kopfkit.runtime.api.managedfields import has, strays, take_over
from kopfkit.runtime.api.resources import Object, Resource
from kopfkit.runtime.api.schemas import Schema
from kopfkit.runtime.manager.store import Key, Store, key_of

if TYPE_CHECKING:
    from kopfkit.runtime.api.client import Client

log = logging.getLogger(__name__)

# Tries of a repair that another writer comes in between of, before it is left to a later round.
_TRIES: Final = 3
_Place: TypeAlias = tuple[Resource, Key]


class ChildKind(Protocol):
    """The rules by which children of one kind are repaired."""

    @property
    def resource(self) -> Resource:
        """The resource of the children."""

    @property
    def schema(self) -> Schema:
        """The facts that decide which foreign fields contradict a child."""

    @property
    def given_away(self) -> tuple[tuple[str, ...], ...]:
        """Fields (paths in managedFields) that are left to others, at the value they have, where
        they are not wanted."""


@dataclass(frozen=True)
class Result:
    """The outcome for one child.

    Attributes:
        live: the child as it is now, or None where there is none of ours.
        collision: why the name is not ours to use, or "".
        waiting: what has to happen first, or "".
        wrote: whether the child was written.
    """

    live: Object | None = None
    collision: str = ""
    waiting: str = ""
    wrote: bool = False


class Children:
    """Makes the children of one resource's objects as they are wanted.

    Args:
        client: reads and writes them.
        stores: what was last seen.
        owners: the resource of the owners.
        manager: the operator's field manager.
        recorder: of what was done to an owner that did not ask for it just now.
        hash_key: the annotation that holds the hash of the desired state: what is no longer wanted
            is seen by it, where a comparison of what is wanted with what is there finds nothing.
        is_orphan: whether a child, read with its managedFields, is one of an owner's that lost its
            owner reference.
        was_complete: whether all children of an owner's generation were there before.
    """

    def __init__(
        self,
        client: "Client",
        stores: Mapping[Resource, Store],
        owners: Resource,
        *,
        manager: str,
        recorder: Recorder,
        hash_key: str,
        is_orphan: Callable[[Object, Object], bool],
        was_complete: Callable[[Object], bool],
    ) -> None:
        self._client, self._stores, self._owners = client, stores, owners
        self._manager = manager
        self._recorder, self._hash_key = recorder, hash_key
        self._is_orphan, self._was_complete = is_orphan, was_complete
        # By owner. Where an admission webhook or another controller insists on other values than
        # ours: what we wrote and what came of it, so that we do not write the same for ever.
        self._yielded: dict[Key, dict[_Place, tuple[str, Any]]] = {}
        # By owner. Desired states (by hash) and children (by resourceVersion) that were compared
        # and agreed: most rounds see the same pair again, and comparing is the most expensive part.
        self._agreed: dict[Key, dict[_Place, tuple[str, str]]] = {}

    def forget(self, key: Key) -> None:
        """Forget an owner that is gone."""
        self._agreed.pop(key, None)
        self._yielded.pop(key, None)

    def ours(
        self, owner: Object, resource: Resource, name: str, namespace: str | None = None
    ) -> Object | None:
        """The child as last seen, if it is ours; None means the namespace of its owner."""
        if namespace is None:
            namespace = key_of(owner)[0]
        live = self._stores[resource].get((namespace, name))
        return live if live is not None and ownership(live, owner) is Ownership.OURS else None

    async def ensure(self, owner: Object, kind: ChildKind, wanted: Object, first: Object) -> Result:
        """Bring one child to what is wanted.

        Args:
            owner: the object whose child it is.
            kind: the rules of its repair.
            wanted: the child.
            first: the child to create where there is none.

        Raises:
            Vanished: the owner is no longer there.
            ApiError: the API server refused or could not be reached.
        """
        what, resource = called(wanted), kind.resource
        live = self._stores[resource].get(key_of(wanted))
        if live is None and mapping(owner.get("status")).get("conditions"):
            # It was there once. Before it is made again: is its owner still there, and is it really
            # gone, or has it only lost our label?
            await self._confirm(owner)
            live = await self._read(resource, wanted)
        if live is None:
            try:
                live = await self._client.create(resource, key_of(wanted)[0], first)
            except AlreadyExists:
                live = await self._client.get(resource, *key_of(wanted))
            else:
                self._stores[resource].put(live)
                log.info("created %s", what, extra=about(owner))
                if self._was_complete(owner):
                    self._recorder.normal(
                        owner, "ChildMissing", f"{what} was missing: created again"
                    )
                return Result(live, wrote=True)
        whose = ownership(live, owner)
        if whose is Ownership.FOREIGN:
            if controller_of(live):
                return Result(collision=collision(what, live))
            # What is remembered lacks the managedFields, by which one of ours is known.
            live = await self._read(resource, wanted)
            if live is None:
                # It went meanwhile, and its name is free.
                self._stores[resource].forget(key_of(wanted))
                return await self.ensure(owner, kind, wanted, first)
            if not self._is_orphan(live, owner):
                return Result(collision=collision(what, live))
        if whose is Ownership.PREDECESSOR or live["metadata"].get("deletionTimestamp"):
            return Result(
                live if whose is Ownership.OURS else None,
                waiting=f"the previous {what} is still being deleted",
            )
        if not self._differs(owner, kind, wanted, live):
            return Result(live)
        try:
            return await self._repair(owner, kind, wanted, what)
        except NotFound:
            # It went unseen: what we remember is wrong.
            self._stores[resource].forget(key_of(wanted))
            return await self.ensure(owner, kind, wanted, first)

    async def remove(
        self, owner: Object, resource: Resource, name: str, namespace: str | None = None
    ) -> bool:
        """Delete our child of that name, which is no longer wanted; whether there was one.

        Args:
            owner: the object whose child it is.
            resource: of the child.
            name: of the child.
            namespace: of the child, "" for none; None means its owner's.

        Raises:
            ApiError: the API server refused or could not be reached.
        """
        live = self.ours(owner, resource, name, namespace)
        if live is None:
            return False
        if not live["metadata"].get("deletionTimestamp"):
            place, uid = key_of(live), live["metadata"]["uid"]
            try:
                await self._client.delete(resource, *place, uid=uid)
            except NotFound:
                pass
            except Conflict:
                # Another one has its name by now; or there were too many writers at once.
                if await lives(self._client, resource, live):
                    raise
            self._stores[resource].forget(place)
            log.info("deleted %s: no longer desired", called(live), extra=about(owner))
        return True

    async def _confirm(self, owner: Object) -> None:
        namespace, name = key_of(owner)
        try:
            now = await self._client.get(self._owners, namespace, name)
        except NotFound:
            now = None
        if now is None or now["metadata"]["uid"] != owner["metadata"]["uid"]:
            self._stores[self._owners].drop(owner)
            raise Vanished("it was deleted")

    async def _read(self, resource: Resource, wanted: Object) -> Object | None:
        try:
            return await self._client.get(resource, *key_of(wanted))
        except NotFound:
            return None

    def _differs(self, owner: Object, kind: ChildKind, wanted: Object, live: Object) -> bool:
        place, agreed = (kind.resource, key_of(wanted)), self._agreed.setdefault(key_of(owner), {})
        pair = (self._hash(wanted), str(live["metadata"].get("resourceVersion", "")))
        if agreed.get(place) == pair:
            return False
        changes, against = differences(wanted, live), contradictions(wanted, live, kind.schema)
        now = (self._hash(wanted), _seen(wanted, live, against))
        if (changes or against) and self._yielded.get(key_of(owner), {}).get(place) != now:
            return True
        agreed[place] = pair
        return False

    async def _repair(self, owner: Object, kind: ChildKind, wanted: Object, what: str) -> Result:
        for _ in range(_TRIES - 1):
            try:
                return await self._apply(owner, kind, wanted, what)
            except Conflict:
                continue  # somebody wrote between our read and our write
        return await self._apply(owner, kind, wanted, what)

    async def _apply(self, owner: Object, kind: ChildKind, wanted: Object, what: str) -> Result:
        resource = kind.resource
        fresh = await self._client.get(resource, *key_of(wanted))
        adopted = ownership(fresh, owner) is Ownership.FOREIGN and self._is_orphan(fresh, owner)
        if ownership(fresh, owner) is not Ownership.OURS and not adopted:
            return Result(collision=collision(what, fresh))
        against = contradictions(wanted, fresh, kind.schema)
        changes = differences(wanted, fresh)
        if not changes and not against:
            self._stores[resource].put(fresh)
            return Result(fresh)
        live = await self._write(kind, wanted, fresh, against)
        self._stores[resource].put(live)
        said = [line for line in changes if self._hash_key not in line]
        edited = len(said) == len(changes)
        if edited:  # else they are what we wanted before
            said += map(str, against)
        text = "; ".join(said or ["removed fields that are no longer desired"])
        log.info("applied %s: %s", what, text, extra=about(owner))
        if asked_before(owner) and edited:
            self._recorder.normal(owner, "ChildRepaired", f"{what}: {text}")
        self._yield(owner, kind, wanted, live, what)
        return Result(live, wrote=True)

    async def _write(
        self, kind: ChildKind, wanted: Object, fresh: Object, against: list[Contradiction]
    ) -> Object:
        resource, (namespace, name) = kind.resource, key_of(wanted)
        given_away = [path for path in kind.given_away if not has(wanted, path)]
        paths = [each.path for each in against if not each.duplicate]
        handover = take_over(fresh, self._manager, paths, given_away)
        if handover is not None:
            fresh = await self._client.patch(resource, namespace, name, handover)
        try:
            return await self._client.apply(resource, namespace, wanted)
        except Invalid:
            # Something that others set inside of what we set, and that no rule knows of. Once it is
            # ours there is nothing left to take: an apply that is refused for another reason is not
            # repeated.
            handover = take_over(fresh, self._manager, strays(wanted, fresh, self._manager))
            if handover is None:
                raise
            await self._client.patch(resource, namespace, name, handover)
            return await self._client.apply(resource, namespace, wanted)

    def _yield(
        self, owner: Object, kind: ChildKind, wanted: Object, live: Object, what: str
    ) -> None:
        """Remember what something in the cluster insists on, against what we have just written."""
        against = contradictions(wanted, live, kind.schema)
        left = [*differences(wanted, live), *map(str, against)]
        place, yielded = (
            (kind.resource, key_of(wanted)),
            self._yielded.setdefault(key_of(owner), {}),
        )
        yielded.pop(place, None)
        if left:
            yielded[place] = (self._hash(wanted), _seen(wanted, live, against))
            log.warning(
                "%s: another writer keeps other values, leaving them: %s",
                what,
                "; ".join(left),
                extra=about(owner),
            )

    def _hash(self, wanted: Object) -> str:
        return str(wanted["metadata"]["annotations"][self._hash_key])


def _seen(wanted: Object, live: Object, against: list[Contradiction]) -> tuple[Any, list[str]]:
    """The part of a child that two readings are compared by."""
    return project(wanted, live), [str(each) for each in against]


def asked_before(owner: Object) -> bool:
    """Whether the status of this generation was written already: then a write is a repair."""
    told = mapping(owner.get("status")).get("observedGeneration")
    return bool(told == owner["metadata"].get("generation", 0))
