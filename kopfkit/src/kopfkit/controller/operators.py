"""The operator: its controllers as one process, its webhooks as another."""

import asyncio
import re
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from kopfkit.controller.controllers import Controller, kinds
from kopfkit.controller.identity import Identity
from kopfkit.controller.kinds import RESOURCE_QUOTAS
from kopfkit.controller.settings import Settings
from kopfkit.environment import ALL_NAMESPACES, INSTALL_MODES
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.rights import Use

if TYPE_CHECKING:
    import click
    import kopf

    from kopfkit.controller.admission import Admission
    from kopfkit.controller.manager import Manager
    from kopfkit.controller.webhooks import Admitting
    from kopfkit.conversion import AnyConverter, Converter

# RFC 1123 label.
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
Runnable = Callable[["Manager"], Coroutine[Any, Any, None]]


class Operator:
    """An operator.

    Args:
        name: a DNS label; field manager, Lease, service account, first part of metrics' names.
        version: of the operator.
        controllers: what it reconciles; the first one's kind is its main one.
        conversion: the converter of the custom resource with several versions; one for each, where
            there are several such resources.
        admission: defaults and validation of its kinds, one for a kind.
        conditions: types of conditions that metrics count.
        registry: kopf's registry, whose handlers the leader runs beside the controllers; by default
            kopf's default one, where somebody registered a handler in it.
        uses: what handlers and runnables do with the API themselves, for their rights.
        install_modes: OLM's install modes that it supports: AllNamespaces, OwnNamespace (its own),
            SingleNamespace (another one), MultiNamespace (some). With more than AllNamespaces, its
            rights are Roles in the namespaces that it watches, unless it watches all.
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
        conversion: "Converter | Sequence[Converter] | None" = None,
        admission: "Admission[Any, Any] | Sequence[Admission[Any, Any]] | None" = None,
        conditions: Sequence[str] = ("Available", "Progressing", "Degraded"),
        registry: "kopf.OperatorRegistry | None" = None,
        uses: Sequence[Use] = (),
        runnables: Mapping[str, Runnable] | None = None,
        install_modes: Sequence[str] = (ALL_NAMESPACES,),
    ) -> None:
        self.install_modes = tuple(install_modes)
        self.identity = Identity(name, version, tuple(conditions))
        self.controllers = tuple(controllers)
        given = conversion if isinstance(conversion, Sequence) else (conversion,)
        self._conversion = tuple(each for each in given if each is not None)
        several = admission if isinstance(admission, Sequence) else (admission,)
        self._admission = tuple(each for each in several if each is not None)
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
        found = [*(use for each in self.controllers for use in each.uses()), *self._uses]
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
        """The command line: `run` and, with a webhook, `webhook`. Commands may be added."""
        from kopfkit.controller.commands import group, serve_webhook

        if not self.has_webhook:
            return group(self.identity, self.run, None)
        served = partial(serve_webhook, self.identity, self.conversion, admission=self.admission)
        return group(self.identity, self.run, partial(served, *self.converters))

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
        # Not at the top: a bundle is made of the operator without an HTTP client.
        from kopfkit.controller import assembly
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
            converters=self.converters,
            admitting=tuple(
                dict.fromkeys(hook.purpose for each in self.admission for hook in each.hooks)
            ),
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
                presence=manager.presence,
                quotas=quotas,
                wrote=manager.wrote,
            )
            manager.add(each.resource, reconcile, workers=each.workers)
        if any(RESOURCE_QUOTAS in each.read for each in self.controllers):
            manager.run_in_background("quotas", lambda: quotas.run(manager.may_write))
        if (registry := self.registry) is not None:
            parts = {
                (each.custom_resource.group, each.kind): assembly.parts(
                    self.name, each, *common, presence=manager.presence, quotas=quotas
                )
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
                text = f"it is to watch the namespace {name!r}, which is not a valid namespace name"
                hint = "Name namespaces: --namespace, or WATCH_NAMESPACE, separated by commas."
                raise KopfkitError(f"operator {self.name}", text, hint)
        for each in self.controllers:
            if not each.namespaced:
                text = f"{each.kind} is cluster-scoped, and only {namespaces[0]} is to be watched"
                hint = "Do not set --namespace or WATCH_NAMESPACE: it needs all namespaces."
                raise KopfkitError(f"controller of {each.kind}", text, hint)

    @property
    def converters(self) -> "dict[str, Converter]":
        """The converters by the name of the CRD that each is for."""
        names = {
            (each.custom_resource.group, each.kind): each.custom_resource.crd_name
            for each in self.controllers
        }
        return {names[each.group, each.kind]: each for each in self._conversion}

    @property
    def conversion(self) -> "AnyConverter | None":
        """What the webhook converts with; None where nothing is converted."""
        if len(self._conversion) < 2:
            return next(iter(self._conversion), None)
        from kopfkit.conversion import Converters

        return Converters(self._conversion)

    @property
    def has_webhook(self) -> bool:
        """Whether there is a webhook process: something is converted, or has an admission."""
        return bool(self._conversion or self.admission)

    @property
    def admission(self) -> "tuple[Admitting, ...]":
        """What the webhook is asked about objects: its admissions, and kopf's handlers.

        Raises:
            KopfkitError: a handler of kopf's does not fit.
        """
        if "kopf" not in sys.modules:
            return self._admission
        from kopfkit.controller import handleradmission

        registry = self._registry or handleradmission.default_registry()
        theirs = handleradmission.admissions(self.name, registry, self.controllers)
        ours = {each.custom_resource.crd_name for each in self._admission}
        for each in theirs:
            kind = each.custom_resource
            if kind.crd_name in ours:
                text = f"{kind.kind} has an Admission, and kopf's handlers validate or mutate it"
                hint = "Have one of them do what both do."
                raise KopfkitError(f"operator {self.name}", text, hint)
        return (*self._admission, *theirs)

    def _older(self, controller: Controller[Any, Any]) -> dict[str, Callable[[Any], Any]]:
        converter = self.converters.get(controller.custom_resource.crd_name)
        if converter is None:
            return {}
        return {name: converter.to_hub(name) for name in converter.spokes}

    def _check_kinds(self) -> None:
        """Refuse kinds of one resource that contradict each other."""
        known = {
            each.resource: (f"the resource {each.kind}", (each.kind, each.namespaced))
            for each in self.controllers
        }
        for each in self.controllers:
            for kind in kinds([each]):
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
                hint = "Put what both do into one reconcile; two would undo each other's status."
                raise KopfkitError(what, f"two controllers reconcile {kind} ({name})", hint)
        self._check_kinds()
        self._check_conversion(what)
        self._check_admission(what)
        self._check_modes(what)

    def _check_modes(self, what: str) -> None:
        """Refuse install modes that cannot be."""
        for mode in self.install_modes or ("",):
            if mode not in INSTALL_MODES:
                hint = f"Valid values: {', '.join(INSTALL_MODES)}."
                raise KopfkitError(what, f"{mode!r} is no install mode", hint)
        others = [mode for mode in self.install_modes if mode != ALL_NAMESPACES]
        if not others:
            return
        hint = f"Leave AllNamespaces as its only install mode, without {', '.join(others)}."
        if self._conversion:
            # OLM refuses the others where there is a conversion webhook.
            text = "it converts, and a CRD has one conversion for the objects of all namespaces"
            raise KopfkitError(what, text, hint)
        for each in self.controllers:
            if not each.namespaced:
                text = f"{each.kind} is cluster-scoped, so it needs all namespaces"
                raise KopfkitError(what, text, hint)

    def _check_admission(self, what: str) -> None:
        """Refuse admissions that do not fit the controllers."""
        kinds = [each.custom_resource.crd_name for each in self.controllers]
        found: set[str] = set()
        for each in self._admission:
            crd, kind = each.custom_resource.crd_name, each.custom_resource.kind
            if crd not in kinds:
                text = f"no controller reconciles {kind}, which has an admission"
                raise KopfkitError(what, text, "Give the kind a controller.")
            if crd in found:
                text = f"two admissions are given for {kind}"
                hint = "Give one, for one version: the API server converts objects to it."
                raise KopfkitError(what, text, hint)
            found.add(crd)

    def _check_conversion(self, what: str) -> None:
        """Refuse converters that do not fit the resources."""
        found: dict[tuple[str, str], Converter] = {}
        for each in self._conversion:
            if (each.group, each.kind) in found:
                text = f"two converters are given for {each.kind} of {each.group}"
                raise KopfkitError(what, text, "Give one Converter, with a Spoke for each version.")
            found[each.group, each.kind] = each
        for controller in self.controllers:
            resource = controller.custom_resource
            versions = [each.name for each in resource.versions]
            converter = found.pop((resource.group, resource.kind), None)
            if converter is None:
                if self._conversion and len(versions) > 1:
                    text = f"{resource.kind} has the versions {', '.join(versions)}"
                    hint = f"Give Operator(conversion=[...]) a Converter of {resource.kind}."
                    raise KopfkitError(what, f"{text}, and nothing converts them", hint)
                continue
            if controller.version.name != converter.hub:
                text = f"the controller of {controller.kind} uses {controller.version.name}"
                text = f"{text}, and the hub is {converter.hub}"
                raise KopfkitError(what, text, "Use the hub's version.")
            missing = {*versions} - {converter.hub, *converter.spokes}
            if missing:
                text = f"the converter of {controller.kind} lacks {', '.join(sorted(missing))}"
                raise KopfkitError(what, text, "Give it a Spoke for each version.")
        for converter in found.values():
            text = f"no controller reconciles {converter.kind}, which is converted"
            raise KopfkitError(what, text, "Give the kind a controller.")
