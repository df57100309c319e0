"""The watched resources, and whose reconcile their events concern."""

from collections.abc import Iterable
from typing import Final

from helloworld_operator.api import GROUP, SNAPSHOT
from helloworld_operator.controller.names import SELECTOR
from helloworld_operator.controller.observe import (
    AUTOSCALERS,
    CLAIMS,
    DEPLOYMENTS,
    HELLOWORLDS,
    JOBS,
    SERVICES,
    SNAPSHOTS,
    controller_of,
    mapping,
    owner_key,
)
from kopfkit.controller import sources
from kopfkit.controller.sources import Source, Target
from kopfkit.runtime.client import Object, Resource
from kopfkit.runtime.kopfsettings import Watched
from kopfkit.runtime.shapes import Shape
from kopfkit.runtime.store import Key, Store


def _itself(key: Key, objects: Iterable[Object]) -> Iterable[Target]:
    return [(HELLOWORLDS, key)]


def _a_snapshot(key: Key, objects: Iterable[Object]) -> Iterable[Target]:
    of = {str(mapping(obj.get("spec")).get("helloWorldName", "")) for obj in objects}
    return [(SNAPSHOTS, key), *((HELLOWORLDS, (key[0], name)) for name in of)]


def _either_owner(key: Key, objects: Iterable[Object]) -> Iterable[Target]:
    snapshots = set()
    for obj in objects:
        reference = controller_of(obj)
        if reference.get("kind") == SNAPSHOT.kind:
            snapshots.add((key[0], str(reference.get("name", ""))))
    return [*((SNAPSHOTS, owner) for owner in snapshots), *_its_owner(key, objects)]


def _its_owner(key: Key, objects: Iterable[Object]) -> Iterable[Target]:
    owners = {owner_key(obj) for obj in objects}
    # An object that stands in the way of a child has that child's name, and not its owner.
    return [(HELLOWORLDS, owner) for owner in owners | {key} if owner is not None]


# Everybody's objects are in the caches: what is kept of one is what reconciling reads.
SHAPE: Final = Shape((f"{GROUP}/", "app.kubernetes.io/", "deployment.kubernetes.io/"))
SOURCES: Final = (
    Source(Watched(HELLOWORLDS, shape=SHAPE), _itself),
    Source(Watched(DEPLOYMENTS, SELECTOR, SHAPE), _its_owner),
    Source(Watched(SERVICES, SELECTOR, SHAPE), _its_owner),
    Source(Watched(AUTOSCALERS, SELECTOR, SHAPE), _its_owner),
    Source(Watched(CLAIMS, SELECTOR, SHAPE), _either_owner),
    Source(Watched(JOBS, SELECTOR, SHAPE), _either_owner),
    Source(Watched(SNAPSHOTS, shape=SHAPE), _a_snapshot),
)
WATCHED: Final = tuple(source.watched for source in SOURCES)


def new_stores() -> dict[Resource, Store]:
    """An empty store for each watched resource."""
    return sources.new_stores(SOURCES)
