"""Tell OLM when it must not upgrade this operator (OperatorCondition v2, condition Upgradeable).

OLM v0 creates an OperatorCondition of the ClusterServiceVersion's name, lets the operator's service
account write it, and names it in OPERATOR_CONDITION_NAME (pkg/controller/operators/
operatorcondition_controller.go). It holds a newer version back while spec.conditions says
Upgradeable=False; the CRD step of an upgrade it does not hold back. Without OLM there is no such
variable, and nothing here calls the API server. Left out: deciding what speaks against an upgrade.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from kopfkit.environment import OPERATOR_CONDITION_NAME
from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import ApiError, Conflict, NotFound, NotLeading

CONDITIONS: Final = Resource("operators.coreos.com", "v2", "operatorconditions")
TYPE: Final = "Upgradeable"
log = logging.getLogger(__name__)

# Seconds an objection must be over before OLM is told so (rollouts one after another are one), and
# seconds between the write that tells of an objection and the next one.
QUIET: Final = 5.0
# Seconds between two tries where the API server refuses, and objects named in a message.
_RETRY: Final = 5.0
_NAMED: Final = 3


def condition_name(environment: Mapping[str, str] = os.environ) -> str | None:
    """The name OLM gave in OPERATOR_CONDITION_NAME, or None."""
    return environment.get(OPERATOR_CONDITION_NAME, "").strip() or None


class Upgradeable:
    """The condition Upgradeable of this operator: False while anything objects.

    Args:
        client: reads and writes the OperatorCondition.
        namespace: the operator's own.
        name: from `condition_name`; None makes every method do nothing.
        now: the time in RFC 3339.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str | None,
        *,
        now: Callable[[], str] = lambda: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._now, self._clock = now, clock
        self._objections: dict[str, tuple[str, str]] = {}
        self._free_at = clock()
        self._news = asyncio.Event()
        self._news.set()

    def set(self, ok: bool, reason: str = "", message: str = "", *, of: str = "") -> None:
        """Object to upgrades, or no longer; told to OLM by `run`.

        Args:
            ok: False objects, True takes the objection of the same `of` back.
            reason: a CamelCase word ("RolloutInProgress"); unused where `ok`.
            message: one sentence for people; unused where `ok`.
            of: who objects ("default/hello"), so that each takes back its own only.
        """
        if self._name is None:
            return
        if ok:
            changed = self._objections.pop(of, None) is not None
            self._free_at = self._clock() + QUIET if changed else self._free_at
        else:
            changed = self._objections.get(of) != (reason, message)
            self._objections[of] = (reason, message)
        if changed:
            self._news.set()

    async def run(self) -> None:
        """Keep the condition up to date, for ever. Failures are logged and tried again."""
        if self._name is None:
            return
        told = ""
        while True:
            await self._news.wait()
            self._news.clear()
            left = self._free_at - self._clock()
            if not self._objections and left > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._news.wait()
                self._news.set()
                continue
            objects = bool(self._objections)
            try:
                await self.write()
                told = ""
                # The first objection is told at once, however short it is; the next ones with it.
                await asyncio.sleep(QUIET if objects else 0)
            except NotLeading:
                # A new leader looks at everything before it says that all is well.
                self._free_at = self._clock() + QUIET
                self._news.set()
                await asyncio.sleep(QUIET / 5)
            except ApiError as error:
                if str(error) != told:
                    log.warning("cannot write OperatorCondition %s: %s", self._name, error)
                told = str(error)
                await asyncio.sleep(_RETRY)
                self._news.set()

    async def write(self) -> None:
        """Bring the condition to what is so now; nothing is written where it is.

        Raises:
            ApiError, NotLeading: not written.
        """
        if self._name is None:
            return
        self._client.gate()
        for last in (False, True):
            try:
                live = await self._client.get(CONDITIONS, self._namespace, self._name)
            except NotFound:
                return  # OLM takes it away before it ends us
            wanted = self._condition()
            change = patch(live, wanted, self._now())
            if change is None:
                return
            try:
                await self._client.merge(CONDITIONS, self._namespace, self._name, change)
            except Conflict:
                if last:
                    raise
                continue
            log.info("OperatorCondition Upgradeable is %s (%s)", wanted["status"], wanted["reason"])
            return

    def _condition(self) -> Object:
        if not self._objections:
            return {
                "type": TYPE,
                "status": "True",
                "reason": "Ready",
                "message": "upgrades are not blocked",
            }
        first = min(self._objections)
        messages = [self._objections[of][1] for of in sorted(self._objections)]
        text = "; ".join(messages[:_NAMED])
        if len(messages) > _NAMED:
            text += f"; and {len(messages) - _NAMED} more"
        reason = self._objections[first][0]
        return {"type": TYPE, "status": "False", "reason": reason, "message": text[:32768]}


def patch(live: Object, wanted: Object, now: str) -> Object | None:
    """The merge patch that puts one condition into spec.conditions; None where it is there.

    Args:
        live: the OperatorCondition as read. Other conditions are kept.
        wanted: type, status, reason and message.
        now: RFC 3339, for a status that changes.
    """
    found: Any = (live.get("spec") or {}).get("conditions")
    before = [item for item in (found if isinstance(found, list) else []) if isinstance(item, dict)]
    old = next((item for item in before if item.get("type") == wanted["type"]), {})
    if all(old.get(key) == value for key, value in wanted.items()):
        return None
    same = old.get("status") == wanted["status"]
    since = old.get("lastTransitionTime") or now if same else now
    new = {**wanted, "lastTransitionTime": since}
    others = [item for item in before if item.get("type") != wanted["type"]]
    # The version makes it fail rather than undo what somebody else wrote beside it.
    version = live["metadata"]["resourceVersion"]
    return {
        "metadata": {"resourceVersion": version},
        "spec": {"conditions": [*others, new]},
    }
