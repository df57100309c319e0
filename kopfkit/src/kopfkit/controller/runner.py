"""Runs a controller's reconcile for one key: decode, call, write the status. Needs the key only;
why it was called does not matter.

What is expected to go wrong becomes a condition. An exception that leaves here means: try again
later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Generic

from kopfkit.controller import finalizers, refusals
from kopfkit.controller.conditions import condition, conditions_of, see
from kopfkit.controller.context import Context, Parts
from kopfkit.controller.controllers import Controller
from kopfkit.controller.decoding import decode_spec, decode_status
from kopfkit.controller.errors import InvalidSpec, Vanished
from kopfkit.controller.objects import Object, SpecT, StatusT, Undecoded, metadata_of
from kopfkit.controller.outcome import Refused, Result, Settling, Terminal, Waiting
from kopfkit.controller.owners import called_key, mapping
from kopfkit.controller.podfailures import refused
from kopfkit.controller.statuswriter import StatusWriter, UpgradeBlocker, record_degraded, utc_now
from kopfkit.crd.models import encode
from kopfkit.runtime.api.errors import ApiError, Forbidden, Invalid, NotLeading
from kopfkit.runtime.api.resources import Object as Raw
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.store import Key

# Failures in a row after which they are told in the status.
FAILURES: Final = 3
_FIRST: Final = ("Available", "Progressing", "Degraded")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a reconcile.

    Attributes:
        progressing, degraded: (status, reason, message) of the two conditions; None keeps what the
            reconcile itself or an earlier one said.
        requeue_after: when to reconcile again.
        error: to be raised once the status is written.
        own: whether conditions that the reconcile set go before these, though it is degraded.
    """

    progressing: tuple[str, str, str] | None = ("False", "Reconciled", "")
    degraded: tuple[str, str, str] | None = ("False", "AsExpected", "")
    requeue_after: timedelta | None = None
    error: Exception | None = None
    own: bool = False


def _degraded(reason: str, message: str, **more: Any) -> Outcome:
    return Outcome(("False", reason, see("Degraded")), ("True", reason, message), **more)


class Runner(Generic[SpecT, StatusT]):
    """Reconciles the objects of one controller.

    Args:
        controller: what is run.
        client: reads and writes the objects.
        parts: what contexts work with.
        blocker: blocks upgrades by OLM.
        now: the time in RFC 3339.
    """

    def __init__(
        self,
        controller: Controller[SpecT, StatusT],
        client: ViewingClient,
        parts: Parts,
        *,
        blocker: UpgradeBlocker,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._controller, self._client, self._parts = controller, client, parts
        self._blocker, self._now = blocker, now
        self._store = parts.stores[controller.resource]
        self._writer = StatusWriter(client, parts.stores, controller.resource)
        self._failures: dict[Key, int] = {}

    async def __call__(self, key: Key) -> float | None:
        """Reconcile one object; returns seconds after which to do it again, or None.

        Raises:
            Exception: to be tried again, after a delay.
        """
        owner, finalizer = self._store.get(key), self._controller.finalizer
        if owner is None:
            self._forget(key)
            return None
        deleting = bool(owner["metadata"].get("deletionTimestamp"))
        try:
            if not deleting:
                return await self._reconcile(key, await self._protected(key, owner))
            if finalizers.has(owner, finalizer) and self._controller.finalize is not None:
                done, again = await self._finalize(key, owner)
                if not done:
                    return again
        except Vanished as why:
            self._writer.vanished(owner, str(why))
        # What it owns goes with it by the owner references.
        self._forget(key)
        return None

    async def _protected(self, key: Key, owner: Raw) -> Raw:
        """The object, with the finalizer where the controller has one."""
        controller = self._controller
        if controller.finalize is None or finalizers.has(owner, controller.finalizer):
            return owner
        await finalizers.add(self._client, controller.resource, owner, controller.finalizer)
        # Known before the watch tells it, so that it is put on once.
        known = [*(owner["metadata"].get("finalizers") or []), controller.finalizer]
        return {**owner, "metadata": {**owner["metadata"], "finalizers": known}}

    async def _reconcile(self, key: Key, owner: Raw) -> float | None:
        context = Context(owner, self._parts, self._failures.get(key, 0))
        obj = self._object(owner)
        if isinstance(obj, Object):
            self._controller.refer(obj)
        try:
            outcome = await self._outcome(key, context, lambda: self._call(obj, context))
        except Settling as wait:
            context.requeue(wait.seconds)
            again = context.again
            return again.total_seconds() if again is not None else None
        return await self._end(key, owner, obj.status, context, outcome)

    async def _finalize(self, key: Key, owner: Raw) -> tuple[bool, float | None]:
        """Undo what lies outside; whether it is done, else seconds until the next try."""
        context, obj = Context(owner, self._parts), self._object(owner)
        if isinstance(obj, Undecoded):
            text = f"{obj.error}; the finalizer waits for a valid spec"
            outcome = _degraded("InvalidSpec", text)
        else:
            outcome = await self._outcome(key, context, lambda: self._undo(obj, context))
            if outcome == Outcome():
                resource, finalizer = self._controller.resource, self._controller.finalizer
                await finalizers.remove(self._client, resource, owner, finalizer)
                return True, None
        return False, await self._end(key, owner, obj.status, context, outcome)

    def _object(self, owner: Raw) -> Object[SpecT, StatusT] | Undecoded[StatusT]:
        version, metadata = self._controller.version, metadata_of(owner)
        status = decode_status(owner, version.status)
        try:
            return Object(metadata, decode_spec(owner, version.spec), status, owner)
        except InvalidSpec as error:
            return Undecoded(metadata, str(error), status, owner)

    async def _outcome(
        self, key: Key, context: Context, run: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Run reconcile or finalize. Raises what is to be tried again without a word."""
        try:
            outcome = await run()
        except (Vanished, NotLeading, Settling):
            raise
        except Terminal as error:
            outcome = _degraded(error.reason, error.message, requeue_after=error.requeue_after)
        except Waiting as error:
            waiting = ("True", error.reason, error.message)
            outcome = Outcome(waiting, requeue_after=error.requeue_after)
        except Refused as error:
            return _degraded(error.reason, error.message, error=error.error)
        except (Forbidden, Invalid) as error:
            if refusals.terminating(error):
                raise Vanished(error.message) from error
            context.refusal = error.message
            return _degraded(refused("", error).reason, error.sentence, error=error)
        except Exception as error:
            count = self._failures[key] = self._failures.get(key, 0) + 1
            if count < FAILURES:
                raise
            name = "ServerError" if isinstance(error, ApiError) else "ReconcileError"
            return _degraded(name, _said(error), error=error)
        if outcome.error is None:
            self._failures.pop(key, None)
        return outcome

    async def _undo(self, obj: Object[SpecT, StatusT], context: Context) -> Outcome:
        assert self._controller.finalize is not None
        async with asyncio.timeout(self._controller.timeout.total_seconds()):
            await self._controller.finalize(obj, context)
        return Outcome()

    async def _call(
        self, obj: Object[SpecT, StatusT] | Undecoded[StatusT], context: Context
    ) -> Outcome:
        controller, limit = self._controller, self._controller.timeout.total_seconds()
        result: object = None
        async with asyncio.timeout(limit):
            if isinstance(obj, Object):
                assert controller.reconcile is not None  # else it gets no runner
                result = await controller.reconcile(obj, context)
            elif controller.undecodable is not None:
                result = await controller.undecodable(obj, context)
        if result is not None and not isinstance(result, Result):
            text = f"the reconcile of {controller.kind} returned {result!r:.60}"
            raise Terminal("InvalidResult", f"{text}; hint: return a Result, or None")
        again, error = (result.requeue_after, result.error) if result is not None else (None, None)
        if isinstance(obj, Undecoded):
            return _degraded("InvalidSpec", obj.error, requeue_after=again, error=error, own=True)
        for owned in controller.owned.values():
            if owned.prune and context.serves(owned.kind):
                await context.prune(owned.kind)
        return Outcome(requeue_after=again, error=error)

    async def _end(
        self, key: Key, owner: Raw, status: object, context: Context, outcome: Outcome
    ) -> float | None:
        """Write the status and tell what changed; returns seconds until the next reconcile."""
        of = f"{self._controller.kind} {called_key(key)}"
        context.wait_for_room("children", context.refusal)
        self._parts.patience.forget(key)
        self._blocker.set(context.blocks is None, *(context.blocks or ()), of=of)
        new = self._status(owner, status, context, outcome)
        before = conditions_of(mapping(owner.get("status")))
        if await self._writer.write(owner, new):
            if self._controller.summary:
                record_degraded(self._parts.recorder, owner, before, conditions_of(new))
            self._parts.wrote(self._controller.resource, owner, owner)
        if outcome.error is not None:
            raise outcome.error
        context.requeue(outcome.requeue_after)
        again = context.again
        return again.total_seconds() if again is not None else None

    def _status(self, owner: Raw, status: object, context: Context, outcome: Outcome) -> Raw:
        new = encode(status)
        generation = owner["metadata"].get("generation", 0)
        told = {"Progressing": outcome.progressing, "Degraded": outcome.degraded}
        if not self._controller.summary:
            told = dict(context.conditions)
        elif outcome.own or outcome.degraded is None or outcome.degraded[0] == "False":
            told |= context.conditions
        else:
            told = {**context.conditions, **told}
        before = conditions_of(mapping(owner.get("status")))
        now, made = self._now(), {}
        for kind in sorted(told, key=_order):
            if (it := told[kind]) is not None:
                made[kind] = condition(kind, *it, generation, before.get(kind), now)
        others = [each for kind, each in before.items() if kind not in made]
        new["observedGeneration"] = generation
        new["conditions"] = [*made.values(), *others]
        return new

    def _forget(self, key: Key) -> None:
        self._failures.pop(key, None)
        parts = self._parts
        for each in (parts.children, parts.pods, parts.patience):
            each.forget(key)
        parts.quotas.forget(self._controller.resource, key)
        self._controller.forget(*key)
        self._blocker.set(True, of=f"{self._controller.kind} {called_key(key)}")


def _order(kind: str) -> tuple[int, str]:
    return (_FIRST.index(kind) if kind in _FIRST else len(_FIRST), kind)


def _said(error: Exception) -> str:
    return error.sentence if isinstance(error, ApiError) else f"{type(error).__name__}: {error}"
