"""From the controllers of an operator to what a manager runs: sources, stores, runners, rights."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from kopfkit.controller.building import INSTANCE, MANAGED_BY, Builder
from kopfkit.controller.children import Children, asked_before
from kopfkit.controller.conditions import conditions_of
from kopfkit.controller.context import Parts
from kopfkit.controller.controllers import Controller, kinds, named
from kopfkit.controller.jobs import JobReader
from kopfkit.controller.kinds import Kind
from kopfkit.controller.owned import Owned as Creator
from kopfkit.controller.owners import controller_of, mapping, owner_key
from kopfkit.controller.podreader import PodReader
from kopfkit.controller.presence import Presence
from kopfkit.controller.quotas import Quotas
from kopfkit.controller.rollouts import REASONS
from kopfkit.controller.runner import Runner
from kopfkit.controller.settling import Patience
from kopfkit.controller.sources import Concerns, Source, Target
from kopfkit.controller.statuswriter import Recorder, UpgradeBlocker, utc_now
from kopfkit.controller.stores import OwnedStore
from kopfkit.runtime.api.client import Resource
from kopfkit.runtime.api.managedfields import was_written_by
from kopfkit.runtime.api.resources import Object as Raw
from kopfkit.runtime.api.shapes import Shape
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.kopfsettings import Watched
from kopfkit.runtime.manager.store import Key, Store, key_of

_ALL_LABELS: Final = Shape(("",))


def sources(operator: str, controllers: Sequence[Controller[Any, Any]]) -> list[Source]:
    """The sources of an operator, each resource once."""
    primaries = {each.resource: _primary(each) for each in controllers}
    found = []
    groups = tuple(f"{group}/" for group in {each.custom_resource.group for each in controllers})
    # The last one: how many templates a Deployment has had.
    ours = Shape((*groups, "app.kubernetes.io/", "deployment.kubernetes.io/"))
    for kind in kinds(controllers):
        owners = [each for each in controllers if kind in each.owned and each.reconcile]
        concerns = _concerns(owners, controllers, kind)
        if (primary := primaries.get(kind.resource)) is not None:
            # One of our own kinds: all of its objects are watched anyway.
            primaries[kind.resource] = Source(primary.watched, _both(primary.concerns, concerns))
            continue
        watches = [watch for each in controllers for watch in each.watched if watch.kind == kind]
        # Everybody's objects are in the cache only where somebody looks at them.
        labels = "" if watches else f"{MANAGED_BY}={operator}"
        shape = _ALL_LABELS if watches else ours
        watched = Watched(kind.resource, labels, shape, namespaced=kind.namespaced)
        users = tuple(each.resource for each in controllers if kind in kinds([each]))
        found.append(Source(watched, concerns, kind.kind, users))
    return [*primaries.values(), *found]


def new_stores(found: Iterable[Source]) -> dict[Resource, Store]:
    """An empty store for each watched resource."""
    return {each.watched.resource: OwnedStore(each.watched.shape) for each in found}


def runner(
    operator: str,
    controller: Controller[Any, Any],
    client: ViewingClient,
    stores: Mapping[Resource, Store],
    recorder: Recorder,
    blocker: UpgradeBlocker,
    *,
    now: Callable[[], str] = utc_now,
    **more: Any,
) -> Runner[Any, Any]:
    """The runner of one controller.

    Args:
        now: the time in RFC 3339.
        more: as of `parts`.
    """
    made = parts(operator, controller, client, stores, recorder, **more)
    return Runner(controller, client, made, blocker=blocker, now=now)


def parts(
    operator: str,
    controller: Controller[Any, Any],
    client: ViewingClient,
    stores: Mapping[Resource, Store],
    recorder: Recorder,
    *,
    presence: Presence | None = None,
    quotas: Quotas | None = None,
    wrote: Callable[[Target, Resource, Raw], None] = lambda *_: None,
    patience: Patience | None = None,
) -> Parts:
    """The parts of the contexts of one controller.

    Args:
        presence: knows which kinds the cluster serves; all, without it.
        quotas: knows what waits for room.
        wrote: told of each write, by whose reconcile it was.
        patience: how long statuses wait for children to settle.
    """
    resource, group = controller.resource, controller.custom_resource.group
    quotas = quotas if quotas is not None else Quotas(client, lambda *_: None)

    def is_orphan(child: Raw, owner: Raw) -> bool:
        # An object that somebody else made has no fields of ours.
        instance = mapping(child["metadata"].get("labels")).get(INSTANCE)
        return (
            not controller_of(child)
            and was_written_by(child, operator)
            and instance in (None, builder.name(owner))
        )

    owned, initial = controller.owned, controller.initial
    builder = Builder(
        operator, controller.kind, controller.hash_key, owned, controller.made, initial
    )
    children = Children(
        client,
        stores,
        controller.resource,
        manager=operator,
        recorder=recorder,
        hash_key=controller.hash_key,
        is_orphan=is_orphan,
        was_complete=_was_complete,
    )
    return Parts(
        client,
        stores,
        recorder,
        children,
        Creator(client, stores),
        builder,
        frozenset({*kinds([controller]), *controller.read}),
        frozenset({kind for kind, verbs in controller.made.items() if "delete" in verbs}),
        resource,
        presence if presence is not None else Presence(client, (), {}, ()),
        quotas,
        PodReader(client),
        JobReader(client, quotas, f"{group}/resources"),
        patience if patience is not None else Patience(),
        lambda of, owner, obj: wrote((resource, key_of(owner)), of, obj),
    )


def _primary(controller: Controller[Any, Any]) -> Source:
    resource = controller.resource
    shape = Shape((f"{resource.group}/", "app.kubernetes.io/"))
    watched = Watched(resource, shape=shape, namespaced=controller.namespaced)
    whom = [resource] if controller.reconcile is not None else []
    return Source(watched, lambda key, objects: [(each, key) for each in whom])


def _both(one: Concerns, other: Concerns) -> Concerns:
    def concerns(key: Key, objects: Iterable[Raw]) -> Iterable[Target]:
        objects = list(objects)
        return {*one(key, objects), *other(key, objects)}

    return concerns


def _concerns(
    owners: Sequence[Controller[Any, Any]], controllers: Sequence[Controller[Any, Any]], kind: Kind
) -> Concerns:
    def concerns(key: Key, objects: Iterable[Raw]) -> Iterable[Target]:
        objects = list(objects)
        for each in owners:
            group, scoped = each.custom_resource.group, each.namespaced
            whose = {owner_key(obj, group, each.kind, namespaced=scoped) for obj in objects}
            # An object that stands in the way of a child has that child's name, and not its owner.
            for owner in whose | {named(key[1], key[0], namespaced=scoped)}:
                if owner is not None:
                    yield each.resource, owner
        for each in controllers:
            for watch in each.watched:
                if watch.kind == kind:
                    names = {name for obj in objects for name in watch.to(obj)}
                    found = {named(name, key[0], namespaced=each.namespaced) for name in names}
                    for target in found | {*watch.index.of(key)}:
                        yield each.resource, target

    return concerns


def _was_complete(owner: Raw) -> bool:
    """Whether the last reconcile of this generation made everything there is to make: it has
    succeeded, or told of the rollout of what it made."""
    conditions = conditions_of(owner.get("status"))
    progressing, degraded = (conditions.get(kind, {}) for kind in ("Progressing", "Degraded"))
    settled = progressing.get("status") == degraded.get("status") == "False"
    return asked_before(owner) and (settled or progressing.get("reason") in REASONS)
