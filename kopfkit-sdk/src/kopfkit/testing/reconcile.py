"""One reconcile on given objects, in milliseconds: what it would write, without a cluster.

The controller's own code runs, with its children, status and finalizer; what it asks of the API
server is answered from the given objects. This is no API server: there are no defaults, no
validation, and no other writers. What depends on those is tested against a real one
(`kopfkit.testing.plugin`).
"""

import asyncio
import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from kopfkit.controller import assembly
from kopfkit.controller.conditions import conditions_of
from kopfkit.controller.context import Context, Parts
from kopfkit.controller.controllers import Controller, kinds
from kopfkit.controller.kinds import Kind
from kopfkit.controller.owners import called_key
from kopfkit.controller.presence import Presence
from kopfkit.controller.runner import Runner
from kopfkit.controller.settling import Patience
from kopfkit.controller.stores import OwnedStore
from kopfkit.runtime.api.client import Resource
from kopfkit.runtime.api.errors import AlreadyExists, NotFound
from kopfkit.runtime.api.resources import Object as Raw
from kopfkit.runtime.api.shapes import Shape
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.store import Key, key_of

__all__ = [
    "Reconciled",
    "context",
    "reconcile",
]

_NOW = "2026-01-01T00:00:00Z"
_OPERATOR = "operator-under-test"


@dataclass
class Reconciled:
    """The outcome of one reconcile.

    Attributes:
        writes: in order, such as "create Deployment ns/x", "status", "finalizer".
        object: the object afterwards, with its status; None where it is gone.
        children: all objects of kinds that are owned or made afterwards.
        events: of each (type, reason, note).
        requeue_after: when it is reconciled again though nothing happens; None for not.
        error: what it raised, after which it is tried again with a growing delay.
        blocks: (reason, message) of what blocks an upgrade of the operator, or None.
    """

    object: Raw | None
    writes: list[str] = field(default_factory=list)
    children: list[Raw] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    requeue_after: timedelta | None = None
    error: Exception | None = None
    blocks: tuple[str, str] | None = None

    @property
    def status(self) -> dict[str, Any]:
        """The status afterwards."""
        return dict((self.object or {}).get("status") or {})

    def condition(self, kind: str) -> tuple[str, str, str]:
        """(status, reason, message) of a condition. KeyError if there is none."""
        found = conditions_of(self.status)[kind]
        return found["status"], found["reason"], found["message"]

    def child(self, kind: Kind, name: str, namespace: str | None = None) -> Raw:
        """A child; None stands for any namespace. KeyError if there is none."""
        for each in self.children:
            of = each["metadata"].get("namespace", "")
            if (each["kind"], each["metadata"]["name"]) == (kind.kind, name) and (
                namespace in (None, of)
            ):
                return each
        raise KeyError(name)


def reconcile(
    controller: Controller[Any, Any],
    obj: Mapping[str, Any],
    there: Iterable[Mapping[str, Any]] = (),
    *,
    times: int = 1,
    missing: Iterable[Kind] = (),
    settle: bool = False,
) -> Reconciled:
    """Run one reconcile. Not to be called from a coroutine.

    Args:
        controller: whose reconcile is run; its finalize, where the object has a deletionTimestamp.
        obj: the object: metadata.name, spec, and what else matters. What an API server would have
            set (apiVersion, kind, namespace, uid, generation) is filled in.
        there: other objects that exist, whole: those of a reconcile before, or foreign ones.
        times: how often it is reconciled; what came of the last time is returned, and all writes.
        missing: kinds that the cluster does not serve.
        settle: whether `Context.settle` waits; by default the status is written at once.
    """
    return asyncio.run(_reconcile(controller, obj, there, times, missing, settle=settle))


def context(
    controller: Controller[Any, Any],
    obj: Mapping[str, Any],
    there: Iterable[Mapping[str, Any]] = (),
) -> Context:
    """The context of a reconcile of given objects, for tests of a part of it.

    Args:
        controller: whose reconcile it is of.
        obj, there: as of `reconcile`.
    """
    prepared = _Prepared(controller, obj, there)
    return Context(prepared.owner, prepared.parts(_NoPatience()))


class _Prepared:
    """A controller on given objects."""

    def __init__(
        self,
        controller: Controller[Any, Any],
        obj: Mapping[str, Any],
        there: Iterable[Mapping[str, Any]],
        missing: Iterable[Kind] = (),
    ) -> None:
        of, resource = controller.custom_resource, controller.resource
        owner: Raw = {
            "apiVersion": f"{of.group}/{resource.version}",
            "kind": of.kind,
            **copy.deepcopy(dict(obj)),
        }
        defaults = {"uid": "uid", "generation": 1, "resourceVersion": "1"}
        place = {"namespace": "default"} if controller.namespaced else {}
        owner["metadata"] = {**place, **defaults, **owner["metadata"]}
        found = [controller.own, *kinds([controller]), *controller.read]
        by_name = {each.kind: each for each in found}
        server = _Given({each.resource: each.kind for each in by_name.values()})
        stores = assembly.new_stores(assembly.sources(_OPERATOR, [controller]))
        for kind in controller.read:
            stores.setdefault(kind.resource, OwnedStore())
        server.keep(resource, owner)
        stores[resource].put(server.objects[resource, key_of(owner)])
        for each in there:
            known = by_name[each["kind"]].resource
            server.keep(known, copy.deepcopy(dict(each)))
            stores[known].put(server.objects[known, key_of(dict(each))])
        self.result = Reconciled(None, server.noted)
        self.controller, self.server, self.stores = controller, server, stores
        self.told, self.owner = _Told(self.result), server.objects[resource, key_of(owner)]
        self.presence = Presence(server, (), {}, ())
        self.presence.missing |= {each.resource for each in missing}

    def parts(self, patience: Patience) -> Parts:
        """The parts of its contexts."""
        return assembly.parts(
            _OPERATOR,
            self.controller,
            self.server,
            self.stores,
            self.told,
            presence=self.presence,
            patience=patience,
        )


async def _reconcile(
    controller: Controller[Any, Any],
    obj: Mapping[str, Any],
    there: Iterable[Mapping[str, Any]],
    times: int,
    missing: Iterable[Kind],
    *,
    settle: bool,
) -> Reconciled:
    prepared = _Prepared(controller, obj, there, missing)
    parts = prepared.parts(Patience() if settle else _NoPatience())
    result, server, key = prepared.result, prepared.server, key_of(prepared.owner)
    runner = Runner(controller, server, parts, blocker=prepared.told, now=lambda: _NOW)
    for _ in range(times):
        result.error = result.requeue_after = None
        try:
            again = await runner(key)
            result.requeue_after = timedelta(seconds=again) if again is not None else None
        except Exception as error:
            result.error = error
    result.object = server.objects.get((controller.resource, key))
    owned = {each.resource for each in (*controller.owned, *controller.made)}
    result.children = [each for (of_it, _), each in server.objects.items() if of_it in owned]
    return result


class _NoPatience(Patience):
    def left(self, key: Key, *, told: bool) -> float:
        return 0.0


class _Told:
    """Takes Events and what blocks an upgrade."""

    def __init__(self, result: Reconciled) -> None:
        self._result = result

    def normal(self, obj: Raw, reason: str, note: str) -> None:
        self._result.events.append(("Normal", reason, note))

    def warning(self, obj: Raw, reason: str, note: str) -> None:
        self._result.events.append(("Warning", reason, note))

    def set(self, ok: bool, reason: str = "", message: str = "", *, of: str = "") -> None:
        self._result.blocks = None if ok else (reason, message)


class _Given(ViewingClient):
    """Answers from given objects and notes what is written."""

    def __init__(self, kinds: Mapping[Resource, str]) -> None:
        self.objects: dict[tuple[Resource, tuple[str, str]], Raw] = {}
        self.noted: list[str] = []
        self.views = {}
        self.manager = _OPERATOR
        self._kinds, self._version = kinds, 100

    def keep(self, resource: Resource, obj: Raw) -> Raw:
        """Store an object in a new version."""
        self._version += 1
        metadata = {"uid": f"uid-{self._version}", "generation": 1, **obj["metadata"]}
        metadata["resourceVersion"] = str(self._version)
        kept = self.objects[resource, key_of(obj)] = {**obj, "metadata": metadata}
        return kept

    async def request(self, method: str, path: str, **_: Any) -> Raw:
        for (resource, key), obj in self.objects.items():
            if resource.path(*key) == path and method == "GET":
                return obj
        raise NotFound(path)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Raw:
        try:
            return self.objects[resource, (namespace or "", name)]
        except KeyError:
            raise NotFound(name) from None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        shape: Shape | None = None,
    ) -> tuple[list[Raw], str]:
        found = [
            obj
            for (of, key), obj in self.objects.items()
            if of == resource
            and namespace in (None, key[0])
            and _has(labels, (obj["metadata"].get("labels") or {}).get)
            and _has(fields, partial(_field, obj))
        ]
        return found, str(self._version)

    async def create(self, resource: Resource, namespace: str | None, body: Raw) -> Raw:
        if (resource, key_of(body)) in self.objects:
            raise AlreadyExists(body["metadata"]["name"])
        self._note("create", resource, *key_of(body))
        return self.keep(resource, body)

    async def apply(self, resource: Resource, namespace: str | None, body: Raw) -> Raw:
        self._note("apply", resource, *key_of(body))
        before = self.objects[resource, key_of(body)]
        made = _merged(before, body)
        if made.get("spec") != before.get("spec"):
            generation = before["metadata"].get("generation", 0) + 1
            made["metadata"] = {**made["metadata"], "generation": generation}
        return self.keep(resource, made)

    async def merge(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Raw,
        *,
        subresource: str = "",
    ) -> Raw:
        self.noted.append(subresource or "finalizer")
        body["metadata"].pop("resourceVersion", None)
        live = _merged(self.objects[resource, (namespace or "", name)], body)
        if live["metadata"].get("deletionTimestamp") and not live["metadata"].get("finalizers"):
            return self.objects.pop((resource, key_of(live)))
        return self.keep(resource, live)

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Any
    ) -> Raw:
        return self.objects[resource, (namespace or "", name)]  # ownership of fields only

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str
    ) -> None:
        self._note("delete", resource, namespace or "", name)
        del self.objects[resource, (namespace or "", name)]

    def _note(self, verb: str, resource: Resource, namespace: str, name: str) -> None:
        self.noted.append(f"{verb} {self._kinds[resource]} {called_key((namespace, name))}")


def _field(obj: Any, path: str) -> Any:
    """The field that a field selector names: "metadata.name"."""
    for name in path.split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _has(selector: str, value: Callable[[str], Any]) -> bool:
    """Whether a selector of equalities ("a=b,c=d") takes what has these values."""
    pairs = (each.partition("=") for each in selector.split(",") if each)
    return all(value(key) == wanted for key, _, wanted in pairs)


def _merged(live: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(change, dict):
        return change
    made = dict(live) if isinstance(live, dict) else {}
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key), value)
    return made
