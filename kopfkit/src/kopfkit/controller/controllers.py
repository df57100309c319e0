"""A controller: the kind that it reconciles, what it owns and watches, and its reconcile."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic, Self, TypeAlias

from kopfkit.controller.context import Context
from kopfkit.controller.kinds import Kind, OwnedKind
from kopfkit.controller.objects import Object, SpecT, StatusT, Undecoded
from kopfkit.controller.outcome import Result
from kopfkit.controller.reverseindex import ReverseIndex
from kopfkit.crd import CustomResource, Version
from kopfkit.crd.models import is_free
from kopfkit.crd.resource import Untyped
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.resources import Object as Raw
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.rights import Use, status_of
from kopfkit.runtime.api.schemas import Schema
from kopfkit.runtime.manager.store import Key

Reconcile: TypeAlias = Callable[[Object[SpecT, StatusT], Context], Awaitable[Result | None]]
Finalize: TypeAlias = Callable[[Object[SpecT, StatusT], Context], Awaitable[None]]
Undecodable: TypeAlias = Callable[[Undecoded[StatusT], Context], Awaitable[Result | None]]
NamedBy: TypeAlias = Callable[[Object[SpecT, StatusT]], Iterable[str]]

_READ: Final = ("get", "list", "watch")


@dataclass(frozen=True)
class Watch:
    """A kind that a controller watches and does not own.

    Attributes:
        kind: of what is watched.
        to: the names of the objects to reconcile when one of it changes; see `Controller.watches`.
        index: which objects named it when they were reconciled last.
    """

    kind: Kind
    to: Callable[[Raw], Iterable[str]]
    index: ReverseIndex


class Controller(Generic[SpecT, StatusT]):
    """One reconciler.

    Args:
        resource: the custom resource.
        version: the version that `reconcile` is written for; its types are those of the object.
        reconcile: brings one object to its desired state. It is called whenever something of it
            may differ, needs no memory of its own, and its outcome is the status. Without one,
            kopf's handlers act on the objects, and make what is owned with `memo.apply`.
        finalize: undoes what lies outside the cluster, before an object goes. With it every object
            gets a finalizer before its first reconcile. It is repeated until it returns.
        workers: how many objects are reconciled at a time; None for the operator's setting.
        timeout: after which a reconcile is cancelled and tried again.
        undecodable: called instead of `reconcile` where the types refuse the spec, beside the
            condition InvalidSpec.
        summary: whether Progressing and Degraded are written; without, the conditions are those
            that the reconcile sets, and no others.
        initial: begins the names of children where the owner's begins with no letter.

    Raises:
        KopfkitError: the resource has no such version, there is a `finalize` without a
            `reconcile`, or a `reconcile` of a version without types (of a CRD file, or a free
            object).
    """

    def __init__(
        self,
        resource: CustomResource,
        version: Version[SpecT, StatusT],
        *,
        reconcile: Reconcile[SpecT, StatusT] | None = None,
        finalize: Finalize[SpecT, StatusT] | None = None,
        workers: int | None = None,
        timeout: timedelta = timedelta(minutes=5),
        undecodable: Undecodable[StatusT] | None = None,
        summary: bool = True,
        initial: str = "x",
    ) -> None:
        if version not in resource.versions:
            known = ", ".join(each.name for each in resource.versions)
            raise KopfkitError(
                f"controller of {resource.kind}",
                f"{resource.kind} has no version {version.name} like this",
                f"Name one of the resource's own versions: {known}.",
            )
        untyped = version.spec is Untyped or is_free(version.spec) or is_free(version.status)
        if reconcile is not None and untyped:
            raise KopfkitError(
                f"controller of {resource.kind}",
                f"{resource.kind} {version.name} has no types, which a reconcile needs",
                "Use kopf's handlers, or describe the resource by Python types.",
            )
        if finalize is not None and reconcile is None:
            raise KopfkitError(
                f"controller of {resource.kind}",
                "it has a finalize and no reconcile",
                "Give it a reconcile, or use kopf.on.delete.",
            )
        self.custom_resource, self.version = resource, version
        self.reconcile, self.finalize = reconcile, finalize
        self.workers, self.timeout, self.initial = workers, timeout, initial
        self.undecodable, self.summary = undecodable, summary
        self.owned: dict[Kind, OwnedKind] = {}
        self.made: dict[Kind, tuple[str, ...]] = {}
        self.read: list[Kind] = []
        self.watched: list[Watch] = []
        self._names: list[tuple[Kind, ReverseIndex, NamedBy[SpecT, StatusT]]] = []

    @property
    def resource(self) -> Resource:
        """Where its objects live."""
        of = self.custom_resource
        return Resource(of.group, self.version.name, of.plural)

    @property
    def own(self) -> Kind:
        """The kind of its objects, for the controllers that read, make or watch it."""
        return Kind.of(self.custom_resource, self.version)

    @property
    def kind(self) -> str:
        """The name of the kind of its objects."""
        return self.custom_resource.kind

    @property
    def namespaced(self) -> bool:
        """Whether its objects live in a namespace."""
        return self.custom_resource.scope == "Namespaced"

    @property
    def finalizer(self) -> str:
        """The finalizer of objects that have something outside the cluster."""
        return f"{self.custom_resource.group}/finalizer"

    @property
    def hash_key(self) -> str:
        """The annotation of children that holds the hash of their desired state."""
        return f"{self.custom_resource.group}/desired-hash"

    def owns(
        self,
        kind: Kind,
        *,
        prune: bool = False,
        immutable: bool = False,
        delete: bool = False,
        rules: Schema | None = None,
    ) -> Self:
        """Own children of a kind: their changes reconcile their owner, and the rights to create
        and repair them are granted.

        Args:
            kind: of the children.
            prune: delete children that a reconcile did not apply; grants delete.
            immutable: children are only created, with `Context.create`; grants no patch.
            delete: children may be deleted, with `Context.delete` and `Context.prune`.
            rules: what of a child nobody else may set (`kopfkit.runtime.api.schemas.reserve`); by
                default what contradicts its desired state.

        Raises:
            KopfkitError: the kind is cluster-scoped and the controller's is not. The garbage
                collector deletes what has such an owner (Kubernetes, "Owners and dependents").
        """
        if self.namespaced and not kind.namespaced:
            raise KopfkitError(
                f"controller of {self.kind}",
                f"it owns {kind.kind}, which is cluster-scoped, and its own objects are namespaced",
                'Give the resource scope="Cluster", or name what is made of it in finalize.',
            )
        self.owned[kind] = OwnedKind(kind, prune, immutable, delete or prune, rules)
        return self

    def makes(self, kind: Kind, *, delete: bool = False) -> Self:
        """Make objects of a kind that are not owned and outlive their maker, with `Context.make`.

        Args:
            kind: of the objects.
            delete: they may be deleted, with `Context.delete`.
        """
        self.made[kind] = ("create", "delete") if delete else ("create",)
        return self.watches(kind) if all(kind != each.kind for each in self.watched) else self

    def reads(self, *kinds: Kind) -> Self:
        """Read kinds at the API server when it takes to (pods, Events, limits), or from the caches
        that other controllers of the operator fill. A change of them reconciles nothing.

        With RESOURCE_QUOTAS, what a full quota refuses is tried again as soon as there is room.
        """
        self.read += kinds
        return self

    def watches(
        self,
        kind: Kind,
        *,
        to: Callable[[Raw], Iterable[str]] = lambda _: (),
        named_by: NamedBy[SpecT, StatusT] | None = None,
    ) -> Self:
        """Watch a kind that is not owned; it can be read with `Context.get` and `Context.list`.

        Args:
            kind: of what is watched.
            to: from an object of it to the names of our objects to reconcile: of those in its
                namespace, or "namespace/name".
            named_by: from one of our objects to the names of what it refers to, in its namespace or
                as "namespace/name"; a change of those reconciles it.
        """
        index = ReverseIndex()
        self.watched.append(Watch(kind, to, index))
        if named_by is not None:
            self._names.append((kind, index, named_by))
        return self

    def uses(self) -> tuple[Use, ...]:
        """All uses of resources by the controller: its rights follow from this."""
        status, owning = status_of(self.resource)
        found = [Use(self.resource, _READ)]
        if self.reconcile is not None:
            found.append(status)
        if self.owned:
            found.append(owning)
        if self.finalize is not None:
            found.append(Use(self.resource, ("patch",)))
        for owned in self.owned.values():
            verbs = ("create",) if owned.immutable else ("create", "patch")
            delete = ("delete",) if owned.delete else ()
            found.append(Use(owned.kind.resource, (*_READ, *verbs, *delete)))
        found += [Use(watch.kind.resource, _READ) for watch in self.watched]
        found += [Use(kind.resource, verbs) for kind, verbs in self.made.items()]
        found += [Use(kind.resource, ("list",)) for kind in self.read]
        return tuple(found)

    def refer(self, obj: Object[SpecT, StatusT]) -> None:
        """Note what an object refers to."""
        key = (obj.namespace, obj.name)
        for kind, index, named_by in self._names:
            index.forget(key)
            for name in named_by(obj):
                index.add(named(name, obj.namespace, namespaced=kind.namespaced), key)

    def forget(self, namespace: str, name: str) -> None:
        """Forget what an object refers to."""
        for _, index, _ in self._names:
            index.forget((namespace, name))


def kinds(controllers: Iterable[Controller[Any, Any]]) -> list[Kind]:
    """The kinds that are owned or watched, in the order in which they are first named."""
    named = {
        kind: None
        for each in controllers
        for kind in (*each.owned, *(watch.kind for watch in each.watched))
    }
    return list(named)


def named(name: str, namespace: str, *, namespaced: bool) -> Key:
    """The key of what a name names: "name" in a namespace, or "namespace/name".

    Args:
        name: as somebody wrote it.
        namespace: of a name without one.
        namespaced: whether it lives in a namespace.
    """
    if not namespaced:
        return "", name
    of, slash, rest = name.partition("/")
    return (of, rest) if slash else (namespace, name)
