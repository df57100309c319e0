"""The operator: its controllers as one process, its conversion webhook as another."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kopfkit.controller import assembly
from kopfkit.controller.controllers import Controller
from kopfkit.controller.identity import Identity
from kopfkit.controller.kinds import RESOURCE_QUOTAS
from kopfkit.controller.settings import Settings
from kopfkit.errors import KopfkitError
from kopfkit.runtime.rights import Use

if TYPE_CHECKING:
    import click
    import kopf

    from kopfkit.controller.manager import Manager
    from kopfkit.conversion import Converter

# RFC 1123 label.
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
Runnable = Callable[["Manager"], Coroutine[Any, Any, None]]


class Operator:
    """An operator.

    Args:
        name: a DNS label; field manager, Lease, service account, first part of metrics' names.
        version: of the operator.
        controllers: what it reconciles; the first one's kind is its main one.
        conversion: the converter of the one custom resource with more than one version.
        conditions: types of conditions that metrics count.
        registry: kopf's registry, whose handlers the leader runs beside the controllers; by default
            kopf's default one, where somebody registered a handler in it.
        uses: what handlers and runnables do with the API themselves, for their rights.
        runnables: by name, tasks that run beside the controllers, in every replica, for ever. Each
            is given the manager, whose `may_write` says whether the process leads.

    Raises:
        KopfkitError: the controllers do not fit together.
    """

    def __init__(
        self,
        name: str,
        version: str,
        controllers: Sequence[Controller[Any, Any]],
        *,
        conversion: "Converter | None" = None,
        conditions: Sequence[str] = ("Available", "Progressing", "Degraded"),
        registry: "kopf.OperatorRegistry | None" = None,
        uses: Sequence[Use] = (),
        runnables: Mapping[str, Runnable] | None = None,
    ) -> None:
        self.identity = Identity(name, version, tuple(conditions))
        self.controllers, self.conversion = tuple(controllers), conversion
        self._runnables, self._uses, self._registry = dict(runnables or {}), tuple(uses), registry
        self._check()

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.identity.name

    def uses(self) -> tuple[Use, ...]:
        """All uses of resources by the operator's own code: its rights follow from this.

        Raises:
            KopfkitError: a handler of kopf's names no resource.
        """
        found = [*assembly.uses(self.controllers), *self._uses]
        if (registry := self.registry) is not None:
            from kopfkit.controller import handlers

            resources = [each.custom_resource for each in self.controllers]
            strict = not self._uses
            found += handlers.uses(self.name, registry, resources, strict=strict)
        return tuple(found)

    @property
    def registry(self) -> "kopf.OperatorRegistry | None":
        """The registry of kopf's handlers; None where there are none."""
        if self._registry is not None or "kopf" not in sys.modules:
            return self._registry
        from kopfkit.controller import handlers

        return handlers.default_registry()

    def commands(self) -> "click.Group":
        """The command line: `run` and, with a conversion, `webhook`. Commands may be added."""
        from kopfkit.controller.commands import group

        return group(self)

    def main(self) -> None:
        """Run the command line; an expected failure is one message and exit code 1."""
        from kopfkit.controller.commands import main

        main(self.commands(), self.name)

    async def run(self, settings: Settings, *, stop: asyncio.Event | None = None) -> None:
        """Reconcile until `stop` is set or SIGTERM or SIGINT comes.

        Raises:
            KopfkitError: it cannot start (no credentials, the health port is taken, namespaces that
                make no sense), or a task beside the controllers failed.
        """
        from kopfkit.controller.manager import Manager
        from kopfkit.controller.quotas import Quotas
        from kopfkit.controller.serving import Primary

        self.check_namespaces(settings.namespaces)
        sources = assembly.sources(self.name, self.controllers)
        stores = assembly.new_stores(sources)
        manager = Manager(
            self.identity,
            settings,
            stop or asyncio.Event(),
            primaries=[
                Primary(each.resource, each.kind, self._older(each)) for each in self.controllers
            ],
            sources=sources,
            stores=stores,
            converters={self.converted_crd: self.conversion} if self.conversion else {},
        )
        quotas = Quotas(manager.client, manager.concern)
        common = (manager.client, stores, manager.recorder)
        for each in self.controllers:
            for kind in each.owned:
                # A child is read whole, also where it is of one of our own kinds.
                manager.client.shapes.pop((kind.group, kind.plural), None)
            if each.reconcile is None:
                continue
            reconcile = assembly.runner(
                self.name,
                each,
                *common,
                manager.upgradeable,
                quotas=quotas,
                wrote=manager.wrote,
            )
            manager.add(each.resource, reconcile, workers=each.workers)
        if any(RESOURCE_QUOTAS in each.read for each in self.controllers):
            manager.run_in_background("quotas", lambda: quotas.run(manager.may_write))
        if (registry := self.registry) is not None:
            parts = {
                (each.custom_resource.group, each.kind): assembly.parts(self.name, each, *common)
                for each in self.controllers
                if each.reconcile is None
            }
            manager.run_handlers(registry, parts)
        for name, task in self._runnables.items():
            manager.run_in_background(name, partial(task, manager))
        await manager.run()

    def check_namespaces(self, namespaces: Sequence[str]) -> None:
        """Refuse namespaces to which the operator cannot be limited; none means all.

        Raises:
            KopfkitError: one is no namespace's name, or a controller's objects live in none.
        """
        if not namespaces:
            return
        for name in namespaces:
            if not _NAMESPACE.fullmatch(name) or len(name) > 63:
                text = f"it is to watch the namespace {name!r}, which is no namespace's name"
                cure = "Name namespaces: --namespace, or WATCH_NAMESPACE, separated by commas."
                raise KopfkitError(f"operator {self.name}", text, cure)
        for each in self.controllers:
            if not each.namespaced:
                text = f"{each.kind} is cluster-scoped, and only {namespaces[0]} is to be watched"
                cure = "Leave --namespace and WATCH_NAMESPACE out: it needs all namespaces."
                raise KopfkitError(f"controller of {each.kind}", text, cure)

    @property
    def converted_crd(self) -> str:
        """The name of the CRD that is converted, "" where none is."""
        return next((each.custom_resource.crd_name for each in self._converted()), "")

    def _converted(self) -> list[Controller[Any, Any]]:
        of = self.conversion
        return [
            each
            for each in self.controllers
            if of is not None and (each.custom_resource.group, each.kind) == (of.group, of.kind)
        ]

    def _older(self, controller: Controller[Any, Any]) -> dict[str, Callable[[Any], Any]]:
        if self.conversion is None or controller not in self._converted():
            return {}
        return {name: self.conversion.to_hub(name) for name in self.conversion.spokes}

    def _check_kinds(self) -> None:
        """Refuse kinds of one resource that contradict each other."""
        known = {
            each.resource: (f"the resource {each.kind}", (each.kind, each.namespaced))
            for each in self.controllers
        }
        for each in self.controllers:
            for kind in assembly.kinds([each]):
                who, said = f"controller of {each.kind}", (kind.kind, kind.namespaced)
                first, before = known.setdefault(kind.resource, (who, said))
                if said != before:
                    scope = "namespaced" if kind.namespaced else "cluster-scoped"
                    text = f"it names {kind.plural} as {kind.kind}, {scope}; {first} does otherwise"
                    raise KopfkitError(who, text, "Give both the same Kind.")

    def _check(self) -> None:
        what = f"operator {self.name}"
        if not self.controllers:
            raise KopfkitError(what, "it has no controller", "Give it one.")
        names = [(each.custom_resource.crd_name, each.kind) for each in self.controllers]
        for name, kind in names:
            if names.count((name, kind)) > 1:
                cure = "Put what both do into one reconcile; two would undo each other's status."
                raise KopfkitError(what, f"two controllers reconcile {kind} ({name})", cure)
        self._check_kinds()
        if self.conversion is not None:
            converted = self._converted()
            if not converted:
                text = f"no controller reconciles {self.conversion.kind}, which is converted"
                raise KopfkitError(what, text, "Give the kind a controller.")
            hub = self.conversion.hub
            if converted[0].version.name != hub:
                text = f"the controller of {converted[0].kind} uses {converted[0].version.name}"
                raise KopfkitError(what, f"{text}, and the hub is {hub}", "Use the hub's version.")
