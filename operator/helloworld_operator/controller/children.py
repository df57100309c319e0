"""From the children there are to the children that are wanted, writing only what differs.

A missing child is created with POST, since server-side apply would silently take over an object
that appeared meanwhile. Everything after that is server-side apply, so that other people's fields
stay. A child is found by its name, but only its owner's uid makes it ours; what is not ours is left
alone, but for one of ours that lost its owner reference. Only what is no longer wanted and ours by
uid is deleted.

What others set and what contradicts ours is taken from them before the apply, which then removes it
(`kopfkit.runtime.contradictions`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from helloworld_operator.controller.kinds import KINDS, Kind
from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.observe import (
    HELLOWORLDS,
    Ownership,
    controller_of,
    is_orphan_of,
    mapping,
    ownership,
)
from helloworld_operator.controller.status import MADE, conditions_of
from helloworld_operator.controller.telling import Recorder, about, lives
from helloworld_operator.controller.wish import HASH
from helloworld_operator.errors import Vanished
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.contradictions import Contradiction, contradictions
from kopfkit.runtime.errors import AlreadyExists, Conflict, Invalid, NotFound
from kopfkit.runtime.fields import differences, project
from kopfkit.runtime.managedfields import has, strays, take_over
from kopfkit.runtime.store import Key, Store, key_of

log = logging.getLogger(__name__)

# Tries of a repair that another writer comes in between of, before it is left to a later round.
_TRIES: Final = 3


@dataclass(frozen=True)
class Result:
    """What became of one child.

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
    """Makes children as they are wanted.

    Args:
        client: reads and writes them.
        stores: what was last seen.
        recorder: of what was done to a HelloWorld that did not ask for it just now.
    """

    def __init__(
        self, client: Client, stores: Mapping[Resource, Store], *, recorder: Recorder
    ) -> None:
        self._client, self._stores, self._recorder = client, stores, recorder
        # Where an admission webhook or another controller insists on other values than ours: what
        # we wrote and what came of it, so that we do not write the same for ever.
        self._yielded: dict[tuple[Resource, str, str], tuple[str, Any]] = {}
        # Wishes (by hash) and children (by resourceVersion) that were compared and agreed: most
        # rounds see the same pair again, and comparing is the dearest part of a round.
        self._agreed: dict[tuple[Resource, str, str], tuple[str, str]] = {}

    def forget(self, key: Key) -> None:
        """The HelloWorld is gone."""
        namespace, name = key
        for kind in KINDS:
            self._agreed.pop((kind.resource, namespace, kind.name(name)), None)
            self._yielded.pop((kind.resource, namespace, kind.name(name)), None)

    def ours(self, owner: Object, kind: Kind) -> Object | None:
        """The child as last seen, if it is ours."""
        namespace, name = key_of(owner)
        live = self._stores[kind.resource].get((namespace, kind.name(name)))
        return live if live is not None and ownership(live, owner) is Ownership.OURS else None

    async def ensure(self, owner: Object, kind: Kind, wanted: Object, first: Object) -> Result:
        """Bring one child to what is wanted.

        Args:
            owner: the HelloWorld.
            kind: of the child.
            wanted: the child.
            first: the child to create where there is none.

        Raises:
            Vanished: the owner is no longer there.
            ApiError: the API server refused or could not be reached.
        """
        what, resource = _called(wanted), kind.resource
        live = self._stores[resource].get(key_of(wanted))
        if live is None and mapping(owner.get("status")).get("conditions"):
            # It was there once. Before it is made again: is its owner still there, and is it really
            # gone, or has it only lost our label?
            await self._confirm(owner)
            live = await self._read(resource, wanted)
        if live is None:
            try:
                live = await self._client.create(resource, wanted["metadata"]["namespace"], first)
            except AlreadyExists:
                live = await self._client.get(resource, *key_of(wanted))
            else:
                self._stores[resource].put(live)
                log.info("created %s", what, extra=about(owner))
                if _was_complete(owner):
                    self._recorder.normal(owner, "ChildMissing", f"{what} was gone: made again")
                return Result(live, wrote=True)
        whose = ownership(live, owner)
        if whose is Ownership.FOREIGN:
            if controller_of(live):
                return Result(collision=collision(what, live))
            # What is remembered lacks the managedFields, by which one of ours is known.
            live = await self._read(resource, wanted)
            if live is None or not is_orphan_of(live, owner):
                return Result(collision=collision(what, live)) if live else Result()
        if whose is Ownership.PREDECESSOR or live["metadata"].get("deletionTimestamp"):
            return Result(
                live if whose is Ownership.OURS else None,
                waiting=f"{what} of before is still being deleted",
            )
        if not self._differs(kind, wanted, live):
            return Result(live)
        try:
            return await self._repair(owner, kind, wanted, what)
        except NotFound:
            # It went unseen: what we remember is wrong.
            self._stores[resource].forget(key_of(wanted))
            return await self.ensure(owner, kind, wanted, first)

    async def remove(self, owner: Object, kind: Kind) -> bool:
        """Delete our child of a kind that is no longer wanted; whether there was one.

        Raises:
            ApiError: the API server refused or could not be reached.
        """
        live = self.ours(owner, kind)
        if live is None:
            return False
        if not live["metadata"].get("deletionTimestamp"):
            place, uid = key_of(live), live["metadata"]["uid"]
            try:
                await self._client.delete(kind.resource, *place, uid=uid)
            except NotFound:
                pass
            except Conflict:
                # Another one has its name by now; or there were too many writers at once.
                if await lives(self._client, kind.resource, live):
                    raise
            self._stores[kind.resource].forget(place)
            log.info("deleted %s: no longer wanted", _called(live), extra=about(owner))
        return True

    async def _confirm(self, owner: Object) -> None:
        namespace, name = key_of(owner)
        try:
            now = await self._client.get(HELLOWORLDS, namespace, name)
        except NotFound:
            now = None
        if now is None or now["metadata"]["uid"] != owner["metadata"]["uid"]:
            self._stores[HELLOWORLDS].drop(owner)
            raise Vanished("it was deleted")

    async def _read(self, resource: Resource, wanted: Object) -> Object | None:
        try:
            return await self._client.get(resource, *key_of(wanted))
        except NotFound:
            return None

    def _differs(self, kind: Kind, wanted: Object, live: Object) -> bool:
        place = (kind.resource, *key_of(wanted))
        pair = (_hash(wanted), str(live["metadata"].get("resourceVersion", "")))
        if self._agreed.get(place) == pair:
            return False
        changes, against = differences(wanted, live), contradictions(wanted, live, kind.schema)
        now = (_hash(wanted), _seen(wanted, live, against))
        if (changes or against) and self._yielded.get(place) != now:
            return True
        self._agreed[place] = pair
        return False

    async def _repair(self, owner: Object, kind: Kind, wanted: Object, what: str) -> Result:
        for _ in range(_TRIES - 1):
            try:
                return await self._apply(owner, kind, wanted, what)
            except Conflict:
                continue  # somebody wrote between our read and our write
        return await self._apply(owner, kind, wanted, what)

    async def _apply(self, owner: Object, kind: Kind, wanted: Object, what: str) -> Result:
        resource = kind.resource
        fresh = await self._client.get(resource, *key_of(wanted))
        adopted = ownership(fresh, owner) is Ownership.FOREIGN and is_orphan_of(fresh, owner)
        if ownership(fresh, owner) is not Ownership.OURS and not adopted:
            return Result(collision=collision(what, fresh))
        against = contradictions(wanted, fresh, kind.schema)
        changes = differences(wanted, fresh)
        if not changes and not against:
            self._stores[resource].put(fresh)
            return Result(fresh)
        live = await self._write(kind, wanted, fresh, against)
        self._stores[resource].put(live)
        said = [line for line in changes if HASH not in line]
        edited = len(said) == len(changes)
        if edited:  # else they are what we wanted before
            said += map(str, against)
        text = "; ".join(said or ["fields no longer wanted removed"])
        log.info("applied %s: %s", what, text, extra=about(owner))
        if _asked_before(owner) and edited:
            self._recorder.normal(owner, "ChildRepaired", f"{what}: {text}")
        self._yield(owner, kind, wanted, live, what)
        return Result(live, wrote=True)

    async def _write(
        self, kind: Kind, wanted: Object, fresh: Object, against: list[Contradiction]
    ) -> Object:
        resource, (namespace, name) = kind.resource, key_of(wanted)
        given_away = [path for path in kind.given_away if not has(wanted, path)]
        paths = [each.path for each in against if not each.duplicate]
        handover = take_over(fresh, MANAGER, paths, given_away)
        if handover is not None:
            fresh = await self._client.patch(resource, namespace, name, handover)
        try:
            return await self._client.apply(resource, namespace, wanted)
        except Invalid:
            # Something that others set inside of what we set, and that no rule knows of. Once it is
            # ours there is nothing left to take: an apply that is refused for another reason is not
            # repeated.
            handover = take_over(fresh, MANAGER, strays(wanted, fresh, MANAGER))
            if handover is None:
                raise
            await self._client.patch(resource, namespace, name, handover)
            return await self._client.apply(resource, namespace, wanted)

    def _yield(self, owner: Object, kind: Kind, wanted: Object, live: Object, what: str) -> None:
        """Remember what something in the cluster insists on, against what we have just written."""
        against = contradictions(wanted, live, kind.schema)
        left = [*differences(wanted, live), *map(str, against)]
        place = (kind.resource, *key_of(wanted))
        self._yielded.pop(place, None)
        if left:
            self._yielded[place] = (_hash(wanted), _seen(wanted, live, against))
            log.warning(
                "%s: something else in the cluster insists on other values, let it: %s",
                what,
                "; ".join(left),
                extra=about(owner),
            )


def _seen(wanted: Object, live: Object, against: list[Contradiction]) -> tuple[Any, list[str]]:
    """What two looks at a child are compared by."""
    return project(wanted, live), [str(each) for each in against]


def _asked_before(owner: Object) -> bool:
    """Whether this generation was told already: then what is done now is a repair."""
    told = mapping(owner.get("status")).get("observedGeneration")
    return bool(told == owner["metadata"].get("generation", 0))


def _was_complete(owner: Object) -> bool:
    """Whether all children of this generation were there when it was told last."""
    progressing = conditions_of(mapping(owner.get("status"))).get("Progressing", {})
    return _asked_before(owner) and progressing.get("reason") in MADE


def _called(child: Object) -> str:
    of = child["metadata"]
    return f"{child['kind']} {of['namespace']}/{of['name']}"


def _hash(wanted: Object) -> str:
    return str(wanted["metadata"]["annotations"][HASH])


def collision(what: str, live: Object) -> str:
    """Why the object that has the name of `what` is left alone."""
    owner = controller_of(live)
    whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "nobody this operator knows"
    return (
        f"{what} exists and belongs to {whose}: it is left alone; delete or rename one of the two"
    )
