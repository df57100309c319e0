"""kopf's admission handlers (`kopf.on.validate`, `kopf.on.mutate`) in the webhook's process.

kopf has a server of its own, which runs inside of an operator that scans the cluster, and writes
the webhook configurations itself. Here the process that serves is another one, without a right to
anything, and what is registered is generated. So kopf's function behind that server is called with
what a review holds; it is not part of kopf's public API (`kopf._core.engines.admission`), and
tests/unit/admission/test_handlers.py fails where it changes.
"""

import asyncio
import base64
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kopfkit.admission.hooks import FailurePolicy, Hook, Purpose
from kopfkit.admission.review import API_VERSION, KIND, Denial, Outcome, Request
from kopfkit.controller.controllers import Controller
from kopfkit.errors import KopfkitError

if TYPE_CHECKING:
    import kopf

_OPERATIONS: dict[Purpose, tuple[str, ...]] = {
    "mutate": ("CREATE", "UPDATE"),
    "validate": ("CREATE", "UPDATE", "DELETE"),
}


def default_registry() -> "kopf.OperatorRegistry | None":
    """kopf's default registry; None where nobody imported kopf."""
    kopf = sys.modules.get("kopf")
    return None if kopf is None else kopf.get_default_registry()


class HandlerAdmission:
    """The admission of one kind by kopf's handlers, with the meaning that they have in kopf: an
    exception refuses the object with its text.

    Args:
        registry: of the handlers.
        controller: of the kind; handlers get objects in its version.
    """

    def __init__(self, registry: Any, controller: Controller[Any, Any]) -> None:
        import kopf
        from kopf._cogs.structs.references import Resource

        # With the threads in which handlers run that are no coroutines.
        self._registry, self._settings = registry, kopf.OperatorSettings()
        self.custom_resource, self.version = controller.custom_resource, controller.version
        of = self.custom_resource
        self._resource = Resource(
            of.group,
            self.version.name,
            of.plural,
            kind=of.kind,
            singular=of.singular,
            shortcuts=frozenset(of.short_names),
            categories=frozenset(of.categories),
            namespaced=controller.namespaced,
        )

    @property
    def handlers(self) -> list[Any]:
        """The handlers of the kind."""
        return [each for each in _handlers(self._registry) if each.selector.check(self._resource)]

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """One webhook for all handlers of a purpose. Where one of them must not be left out
        (ignore_failures is not set), none is."""
        of, found = self.custom_resource, []
        for purpose, usual in _OPERATIONS.items():
            some = [each for each in self.handlers if _purpose(each) == purpose]
            asked = {name for each in some for name in each.operations or usual}
            if some:
                policy: FailurePolicy = (
                    "Ignore" if all(each.ignore_failures for each in some) else "Fail"
                )
                operations = tuple(each for each in _OPERATIONS["validate"] if each in asked)
                where = (of.group, self.version.name, of.plural, of.kind)
                found.append(Hook(purpose, *where, operations, policy))
        return tuple(found)

    def review(self, purpose: Purpose, request: Request) -> Outcome:
        """What the handlers decide; called in a thread, in which async handlers run, too.

        Raises:
            Exception: the request is none that kopf understands.
        """
        if request.subresource:
            return Outcome()
        response = asyncio.run(self._asked(purpose, request))["response"]
        warnings = tuple(map(str, response.get("warnings", ())))
        if not response["allowed"]:
            status = response.get("status") or {}
            code = status.get("code")
            return Outcome(
                warnings=warnings,
                denial=Denial(
                    str(status.get("message") or "refused"), code if isinstance(code, int) else 500
                ),
            )
        patch = msgspec.json.decode(base64.b64decode(response.get("patch") or b"W10="))
        return Outcome(warnings=warnings, patch=tuple(patch))

    async def _asked(self, purpose: Purpose, request: Request) -> Any:
        import kopf
        from kopf._cogs.structs.references import Insights
        from kopf._core.engines.admission import serve_admission_request
        from kopf._core.intents.causes import WebhookType

        insights = Insights()
        insights.webhook_resources.add(self._resource)
        given: dict[str, Any] = {
            "request": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "request": request.raw,
            },
            "reason": WebhookType.MUTATING if purpose == "mutate" else WebhookType.VALIDATING,
            "settings": self._settings,
            "memories": _Memories(),
            "memobase": kopf.Memo(),
            "registry": self._registry,
            "insights": insights,
            "indices": {},
        }
        return await serve_admission_request(**given)


class _Memories:
    """Remembers nothing: another pod may be asked about the same object."""

    async def recall_memo(
        self, raw_body: Any, *, memobase: Any = None, ephemeral: bool = False
    ) -> Any:
        import kopf

        return kopf.Memo()


def admissions(
    operator: str, registry: Any, controllers: Sequence[Controller[Any, Any]]
) -> tuple[HandlerAdmission, ...]:
    """The admissions of the operator's kinds by kopf's handlers.

    Args:
        operator: its name.

    Raises:
        KopfkitError: a handler is for no kind of the operator, for a subresource, or has side
            effects.
    """
    found = [
        each for each in (HandlerAdmission(registry, one) for one in controllers) if each.handlers
    ]
    served = [id(handler) for each in found for handler in each.handlers]
    for handler in _handlers(registry):
        why, hint = "", ""
        if id(handler) not in served:
            kinds = ", ".join(each.kind for each in controllers)
            why = f"selects {handler.selector}, which is not one of the operator's kinds ({kinds})"
            hint = "Name group, version and plural of one in the decorator."
        elif handler.subresource:
            why = f"is for the subresource {handler.subresource}, about which no webhook is asked"
            hint = "Validate the object itself."
        elif handler.side_effects:
            why = "has side effects, which a dry run must not have"
            hint = "Leave side_effects out, and do in a reconcile what has effects."
        if why:
            raise KopfkitError(f"operator {operator}", f"kopf's handler {handler.id} {why}", hint)
    return tuple(found)


def _handlers(registry: Any) -> Iterator[Any]:
    yield from registry._webhooks.get_all_handlers()


def _purpose(handler: Any) -> Purpose:
    return "mutate" if handler.reason.value == "mutating" else "validate"
