"""The means of a reconcile: write children, read, set conditions, record Events."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from kopfkit.controller import refusals
from kopfkit.controller.building import Builder
from kopfkit.controller.children import Children, Result, asked_before
from kopfkit.controller.errors import Vanished
from kopfkit.controller.jobs import JobReader, JobState
from kopfkit.controller.kinds import PERSISTENT_VOLUME_CLAIMS, Kind
from kopfkit.controller.outcome import KindMissing, Problem, Refused, Settling, Terminal, Waiting
from kopfkit.controller.owned import Owned as Creator
from kopfkit.controller.owners import called_kind
from kopfkit.controller.podfailures import refused
from kopfkit.controller.podreader import PodReader
from kopfkit.controller.quotas import Quotas, Waiter
from kopfkit.controller.rollouts import rollout
from kopfkit.controller.settling import Patience
from kopfkit.controller.statuswriter import Recorder, about
from kopfkit.controller.stores import OwnedStore
from kopfkit.runtime.api.errors import AlreadyExists, Forbidden, Invalid, NotFound, Unavailable
from kopfkit.runtime.api.resources import Object as Raw
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.shapes import cut
from kopfkit.runtime.manager.store import Key, Store, key_of

if TYPE_CHECKING:
    from kopfkit.controller.presence import Presence
    from kopfkit.runtime.api.client import Client

# Between two looks at an obstacle that sends no events.
_RECHECK: Final = timedelta(seconds=10)
# Answers 500 in a row after which they are told.
_FAILURES: Final = 3


@dataclass(frozen=True)
class Parts:
    """The parts that all contexts of one controller share."""

    client: "Client"
    stores: Mapping[Resource, Store]
    recorder: Recorder
    children: Children
    creator: Creator
    builder: Builder
    readable: frozenset[Kind]
    deletable: frozenset[Kind]
    primary: Resource
    presence: "Presence"
    quotas: Quotas
    pods: PodReader
    jobs: JobReader
    patience: Patience
    wrote: Callable[[Resource, Raw, Raw], None]
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("kopfkit.controller"))


class Context:
    """The means of one reconcile of one object.

    Attributes:
        log: writes log lines that name the object.
    """

    def __init__(self, owner: Raw, parts: Parts, failures: int = 0) -> None:
        self._owner, self._parts, self._failures = owner, parts, failures
        self.log = logging.LoggerAdapter(parts.log, about(owner))
        self._kept: dict[Kind, set[Key]] = {}
        self.conditions: dict[str, tuple[str, str, str]] = {}
        self.blocks: tuple[str, str] | None = None
        self.again: timedelta | None = None
        self.refusal = ""
        self.wrote = False

    async def apply(
        self, child: Mapping[str, Any], *, at_first: Mapping[str, Any] | None = None
    ) -> Raw:
        """Bring a child to what is given, and return it as it is now.

        A child that is missing is created; of one that differs the given fields are written by
        server-side apply, and other people's fields stay. Nothing is written where nothing differs.

        Args:
            child: apiVersion, kind and content. Name (the owner's by default), namespace (unless
                the owner has none), owner reference and labels are filled in; of a workload also
                selector and pod labels, and of a Service the selector of the owner's pods, unless
                it is an ExternalName or its spec has a selector (`{}` for none).
            at_first: what its spec has beside when it is created, and is anybody's afterwards.

        Raises:
            Terminal: the name belongs to somebody else's object, or the child is not one that the
                controller may make.
            KindMissing: the cluster does not serve the kind.
            Waiting: a predecessor is still being deleted.
            Refused: the API server refuses the child.
            ApiError: the API server could not be reached.
        """
        owned, wanted = self._parts.builder.applied(self._owner, child)
        self._check_served(owned.kind)
        self._keep(owned.kind, wanted)
        first = {**wanted, "spec": {**wanted["spec"], **at_first}} if at_first else wanted
        try:
            found = await self._parts.children.ensure(self._owner, owned, wanted, first)
        except NotFound:
            await self._look(owned.kind)
            raise
        except (Forbidden, Invalid) as error:
            raise self._refused(owned.kind, wanted, error) from error
        except Unavailable as error:
            # A server that is away comes back; one that answers 500 again and again (no address is
            # left, an admission webhook is broken) waits for a person.
            if error.status != 500 or self._failures + 1 < _FAILURES:
                raise
            raise Refused("ServerError", f"{owned.kind.kind}: {error.sentence}", error) from error
        self.wrote |= found.wrote
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

    async def find(self, kind: Kind, name: str, *, of: Raw | None = None) -> Raw | None:
        """The child of a name, also where the caches do not know it yet; None where there is none.

        Args:
            kind: of the child, which is only created.
            name: of the child.
            of: whose child, if not that of the object that is reconciled.

        Raises:
            Terminal: the name belongs to somebody else's object.
            KindMissing: the cluster does not serve the kind.
            Waiting: a predecessor is still being deleted.
            ApiError: the API server could not be reached.
        """
        self._parts.builder.owned(kind)
        self._check_served(kind)
        found = await self._parts.creator.find(of or self._owner, kind.resource, name)
        return None if found == Result() else self._judge(found, {"kind": kind.kind})

    def child(self, kind: Kind, name: str | None = None) -> Raw | None:
        """The child of a name (by default the one that children are given) as last seen; None where
        there is none of ours. Raises `KindMissing`."""
        self._parts.builder.owned(kind)
        self._check_served(kind)
        name = name or self._parts.builder.name(self._owner)
        return self._parts.children.ours(self._owner, kind.resource, name)

    def hash(self, child: Mapping[str, Any]) -> str:
        """The hash of a child's desired state, as `apply` would write it; see `hash_of`."""
        return self._parts.builder.hash(self._owner, child)

    def hash_of(self, child: Raw | None) -> str:
        """The hash that a child carries, "" where there is no child."""
        notes = (child or {"metadata": {}})["metadata"].get("annotations") or {}
        return str(notes.get(self._parts.builder.hash_key, ""))

    async def make(self, wanted: Mapping[str, Any]) -> Raw:
        """Create an object that is not owned, and return it; or what has its name, whose ever.

        Args:
            wanted: the object, of a kind of `Controller.makes`.

        Raises:
            Terminal: the controller makes no such kind.
            KindMissing: the cluster does not serve the kind.
            Refused: the API server refuses the object.
            ApiError: the API server could not be reached.
        """
        kind, body = self._parts.builder.unowned(self._owner, wanted)
        self._check_served(kind)
        namespace, name = key_of(body)
        try:
            made = await self._parts.client.create(kind.resource, namespace, body)
        except AlreadyExists:
            return await self._parts.client.get(kind.resource, namespace, name)
        except (Forbidden, Invalid) as error:
            raise self._refused(kind, body, error) from error
        self._parts.stores[kind.resource].put(made)
        self._wrote(kind.resource, made)
        return made

    async def delete(self, kind: Kind, obj: Raw, why: str) -> None:
        """Delete exactly this object: a child, one of `make`, or the object itself, with which its
        reconcile ends.

        Args:
            kind: of the object.
            obj: the object as read.
            why: for the log.

        Raises:
            Terminal: the controller may not delete objects of the kind.
            ApiError: the API server refused or could not be reached.
        """
        if kind not in self._parts.deletable:
            self._parts.builder.check_delete(kind)
        await self._parts.creator.delete(kind.resource, obj, self._owner, why)
        self._wrote(kind.resource, obj)
        if obj["metadata"]["uid"] == self._owner["metadata"]["uid"]:
            raise Vanished(why)

    async def prune(self, kind: Kind) -> int:
        """Delete the children of a kind that this reconcile has neither applied nor created so far;
        returns how many.

        Kinds that are owned with `prune=True` are pruned at the end of each reconcile that returns.

        Raises:
            Terminal: the controller may not delete children of the kind.
            KindMissing: the cluster does not serve the kind.
            ApiError: the API server refused or could not be reached.
        """
        self._parts.builder.check_delete(kind)
        self._check_served(kind)
        kept = self._kept.get(kind, set())
        gone = [each for each in self.owned(kind) if key_of(each) not in kept]
        for each in gone:
            namespace, name = key_of(each)
            await self._parts.children.remove(self._owner, kind.resource, name, namespace)
            self.wrote = True
            self._wrote(kind.resource, each)
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

    async def get(
        self, kind: Kind, name: str, namespace: str | None = None, *, fresh: bool = False
    ) -> Raw | None:
        """An object of a kind that is owned, watched or read; None where there is none. It comes
        from the caches, or from the API server where those keep a part only.

        Args:
            kind: of the object.
            name: of the object.
            namespace: of the object; the owner's by default.
            fresh: ask the API server, whatever the caches have.

        Raises:
            Terminal: the kind is not in the caches, or no namespace is known.
            KindMissing: the cluster does not serve the kind.
            ApiError: the API server could not be reached.
        """
        self._check_readable(kind)
        self._check_served(kind)
        key = (self._namespace(kind, namespace), name)
        if kind.namespaced and not key[0]:
            raise self._wrong(f"{kind.kind} {name} is read in no namespace", "name the namespace")
        found = self._parts.stores[kind.resource].get(key)
        if not fresh and (found is None or not cut(found)):
            return found
        try:
            return await self._parts.client.get(kind.resource, *key)
        except NotFound:
            return None

    def list(self, kind: Kind, namespace: str | None = None) -> list[Raw]:
        """The objects of a kind that is owned, watched or read from the caches.

        Args:
            kind: of the objects.
            namespace: of the objects; the owner's by default, and all where the owner has none.

        Raises:
            Terminal: the kind is not in the caches.
            KindMissing: the cluster does not serve the kind.
        """
        self._check_readable(kind)
        self._check_served(kind)
        store, of = self._parts.stores[kind.resource], self._namespace(kind, namespace)
        found = (
            store.get(key) for key in sorted(key for key in store.known() if of in ("", key[0]))
        )
        return [each for each in found if each is not None]

    async def pod_failures(
        self, workload: Raw | None, claim: Raw | None = None
    ) -> tuple[Problem, ...]:
        """Why the pods of a workload do not start, the gravest first; none where it is complete.

        Pods are read a few seconds after a rollout did not come to its end, and then less and less
        often; the object is reconciled again for it. Takes `reads(PODS)`.

        Args:
            workload: a Deployment or StatefulSet as read; None where there is none.
            claim: the PersistentVolumeClaim that the pods mount, or None.

        Raises:
            ApiError: the pods cannot be read now.
        """
        found, again = await self._parts.pods.failures(self._owner, workload, claim)
        self.requeue(again)
        return found

    async def retry_pods(self, workload: Raw | None) -> None:
        """Where a quota refused the pods of a workload, and has room now, have them tried again.

        Their controller waits up to 17 minutes between two tries. An annotation on the workload is
        copied to its ReplicaSet, and wakes it. Takes `reads(RESOURCE_QUOTAS)`.

        Raises:
            ApiError: the API server refused or could not be reached.
        """
        room = self.wait_for_room("pods", rollout(workload).refusal)
        if not room or workload is None:
            return
        group = self._parts.primary.group
        metadata = {"uid": workload["metadata"]["uid"]}
        patch = {"metadata": {**metadata, "annotations": {f"{group}/room-in-quota": room}}}
        resource = self._parts.builder.kind(workload).resource
        await self._parts.client.merge(resource, *key_of(workload), patch)

    def wait_for_room(self, part: str, refusal: str) -> str:
        """Have the object reconciled when there is room in the quota that a refusal names.

        Args:
            part: of what belongs to the object, which was refused.
            refusal: the API server's words; "" where nothing was refused.

        Returns:
            The quota's version if it had room since it was refused so, else "".
        """
        waiter = Waiter(self._parts.primary, key_of(self._owner), part)
        return self._parts.quotas.wait(waiter, refusal)

    async def job(self, job: Raw, resources: Raw | None = None) -> JobState:
        """What has become of a Job of ours, and why it has no pod; it is to be called again while
        that matters, as pods send no events. Takes `reads(PODS, EVENTS, LIMIT_RANGES,
        RESOURCE_QUOTAS)`.

        Args:
            job: as read.
            resources: what its container is to ask for, before it is fitted (`fitted`); None where
                that is not known.

        Raises:
            ApiError: the API server refused or could not be reached.
        """
        part = f"job/{job['metadata']['name']}"
        waiter = Waiter(self._parts.primary, key_of(self._owner), part)
        return await self._parts.jobs.look(waiter, job, resources)

    async def fitted(self, resources: Raw) -> Raw:
        """A container's resources, changed as little as the namespace's limits demand. Takes
        `reads(LIMIT_RANGES, RESOURCE_QUOTAS)`."""
        return await self._parts.jobs.resources(key_of(self._owner)[0], resources)

    def requeue(self, after: timedelta | float | None) -> None:
        """Have the object reconciled again after this time (seconds, where it is a number) at the
        latest, however the reconcile ends; None changes nothing."""
        if after is None:
            return
        wanted = after if isinstance(after, timedelta) else timedelta(seconds=after)
        self.again = wanted if self.again is None else min(self.again, wanted)

    def settle(self, workload: Raw | None) -> None:
        """Stop here, without a status, while children were just applied or the controller of a
        workload is about to make its pods, for some seconds at most: one status is written instead
        of three. Where many objects wait, the first status of a generation does not.

        Raises:
            Settling: not to be caught.
        """
        if self.wrote or (workload is not None and not rollout(workload).settled):
            told = asked_before(self._owner)
            left = self._parts.patience.left(key_of(self._owner), told=told)
            if left > 0:
                raise Settling(left)

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

    def _wrote(self, resource: Resource, obj: Raw) -> None:
        self._parts.wrote(resource, self._owner, obj)

    def _judge(self, found: Result, wanted: Raw) -> Raw:
        if found.wrote and found.live is not None:
            self._wrote(self._parts.builder.kind(wanted).resource, found.live)
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
        self.refusal = error.message
        namespace, name = key_of(wanted)
        reason = refused(kind.kind, error).reason
        lost = "; what is on its volume is lost" if kind == PERSISTENT_VOLUME_CLAIMS else ""
        hint = refusals.hint(error, kind.kind, name, namespace, lost)
        return Refused(reason, f"{kind.kind}: {error.sentence}{hint}", error)

    def _namespace(self, kind: Kind, given: str | None) -> str:
        if not kind.namespaced:
            return ""
        return given or key_of(self._owner)[0]

    def _check_readable(self, kind: Kind) -> None:
        if kind not in self._parts.readable:
            text = f"{kind.plural} are read, and neither owned nor watched"
            raise self._wrong(text, "add .watches(...) to the controller")
        if kind.resource not in self._parts.stores:
            text = f"{kind.plural} are read from the caches, and no controller fills those"
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
