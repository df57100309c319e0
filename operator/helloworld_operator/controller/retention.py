"""The HelloWorldSnapshots that the operator makes of a HelloWorld, and which of them it deletes.

By the schedule: one at a time, however many runs were missed. Before an upgrade: one for each. What
may go is decided by `schedule`; only snapshots that carry our labels and the HelloWorld's uid are
counted and deleted. Those that people make, and those of a HelloWorld that is gone, stay.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from helloworld_operator.api import GROUP, SNAPSHOT, v1
from helloworld_operator.controller import schedule
from helloworld_operator.controller.names import child_name, snapshot_name
from helloworld_operator.controller.observe import SNAPSHOTS, mapping
from helloworld_operator.controller.observed import Problem
from helloworld_operator.controller.schedule import Due, Made
from helloworld_operator.controller.status import conditions_of
from kopfkit.controller.errors import InvalidSpec
from kopfkit.controller.owned import Owned
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import AlreadyExists
from kopfkit.runtime.store import Key, Store, key_of

OF: Final = "test.jiaozi.com/helloworld"
OF_UID: Final = "test.jiaozi.com/helloworld-uid"
MADE_BY: Final = "test.jiaozi.com/made-by"
# The run that a scheduled snapshot stands for.
RUN: Final = "test.jiaozi.com/scheduled-for"
# Snapshots before upgrades that are kept: of the one under way, and of the one before.
_UPGRADES_KEPT: Final = 2
# A snapshot before an upgrade that is older than that is taken anew: much was written since.
_FRESH: Final = timedelta(hours=1)
# Seconds: the clock of a machine may jump, and so no timer waits longer.
_LONGEST: Final = 1800.0
_RECHECK: Final = 10.0
_SOON: Final = 0.05


@dataclass(frozen=True)
class Kept:
    """What was found: the newest complete snapshot for the status, and when to look again."""

    last: dict[str, str] | None = None
    problem: Problem | None = None
    again: float | None = None


@dataclass(frozen=True)
class Taken:
    """The snapshot before an upgrade; reason and message are those of its condition Ready."""

    name: str
    ready: bool = False
    failed: bool = False
    reason: str = ""
    message: str = ""
    again: float | None = None


class Retention:
    """Makes and deletes HelloWorldSnapshots.

    Args:
        client: writes.
        stores: what was last seen.
        now: the time (UTC).
        wake: told of a snapshot that was made.
    """

    def __init__(
        self,
        client: Client,
        stores: Mapping[Resource, Store],
        *,
        now: Callable[[], datetime],
        wake: Callable[[Key], None],
    ) -> None:
        self._client, self._stores, self._now, self._wake = client, stores, now, wake
        self._owned = Owned(client, stores)

    async def __call__(self, owner: Object, spec: v1.Spec, *, settled: bool) -> Kept:
        """Take what is due, delete what is superfluous.

        Args:
            owner: the HelloWorld.
            spec: its spec, with persistence.
            settled: whether it ever ran; before that there is nothing to copy.
        """
        all_of_it, now = self._of(owner), self._now()
        problem, again = None, None
        wanted = spec.snapshots
        if wanted is not None and wanted.schedule and settled:
            try:
                again = await self._by_the_clock(owner, spec, wanted.schedule, all_of_it)
            except InvalidSpec as error:
                problem = Problem("InvalidSchedule", str(error))
        keep = wanted.keep if wanted is not None else v1.Snapshots().keep
        await self._prune(owner, _made(all_of_it, "schedule", now), keep, all_of_it)
        await self._prune(owner, _made(all_of_it, "upgrade", now), _UPGRADES_KEPT, all_of_it)
        return Kept(_last(owner, all_of_it), problem, again)

    async def before_upgrade(self, owner: Object, spec: v1.Spec, what: str) -> Taken:
        """The snapshot before an upgrade, made if there is none.

        Args:
            owner: the HelloWorld.
            spec: its spec.
            what: tells this upgrade from others (`upgrades.token`).
        """
        namespace, of = key_of(owner)
        name = snapshot_name(of, what)
        live = self._stores[SNAPSHOTS].get((namespace, name))
        if live is None:
            live = await self._make(owner, spec, name, "upgrade", {})
        if not _is_of(live, owner):
            text = f"HelloWorldSnapshot {name} exists and was not made by the operator"
            return Taken(name, failed=True, message=text)
        if live["metadata"].get("deletionTimestamp"):
            return Taken(name, message="it is being deleted", again=_RECHECK)
        status = mapping(live.get("status"))
        conditions = conditions_of(status)
        if conditions.get("Failed", {}).get("status") == "True":
            return Taken(name, failed=True, message=str(conditions["Failed"].get("message", "")))
        if conditions.get("Ready", {}).get("status") != "True":
            told = conditions.get("Ready", {})
            reason, message = str(told.get("reason", "")), str(told.get("message", ""))
            return Taken(name, reason=reason, message=message)
        if self._now() - _time(status.get("completedAt")) > _FRESH:
            await self._owned.delete(SNAPSHOTS, live, owner, "too old for the upgrade")
            return Taken(name, message="it is taken anew", again=_SOON)
        return Taken(name, ready=True)

    def _of(self, owner: Object) -> list[Object]:
        """The snapshots of this name's HelloWorld in its namespace, ours and others'."""
        namespace, name = key_of(owner)
        store = self._stores[SNAPSHOTS]
        found = [store.get(key) for key in store.known() if key[0] == namespace]
        return [
            each
            for each in found
            if each is not None and mapping(each.get("spec")).get("helloWorldName") == name
        ]

    async def _by_the_clock(
        self, owner: Object, spec: v1.Spec, expression: str, all_of_it: list[Object]
    ) -> float | None:
        ours = [each for each in all_of_it if _is_of(each, owner)]
        now = self._now()
        made = _made(ours, "schedule", now)
        created = _time(owner["metadata"].get("creationTimestamp"))
        found = schedule.due(expression, max([created, *(each.at for each in made)]), now)
        if found.run is not None and all(each.state for each in made):
            run = schedule.spell(found.run)
            name = snapshot_name(key_of(owner)[1], run)
            live = await self._make(owner, spec, name, "schedule", {RUN: run})
            if not _is_of(live, owner):
                raise InvalidSpec(
                    f"HelloWorldSnapshot {name} exists and was not made by the schedule: it is "
                    "left alone, and that run is not done; delete or rename it"
                )
        return _delay(found, now)

    async def _make(
        self, owner: Object, spec: v1.Spec, name: str, by: str, annotations: dict[str, str]
    ) -> Object:
        namespace, of = key_of(owner)
        wanted: Object = {
            "apiVersion": f"{GROUP}/v1",
            "kind": SNAPSHOT.kind,
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {
                    OF: child_name(of),
                    OF_UID: owner["metadata"]["uid"],
                    MADE_BY: by,
                    "app.kubernetes.io/managed-by": self._client.manager,
                },
                "annotations": annotations,
            },
            "spec": {"helloWorldName": of},
        }
        storage = (spec.persistence or v1.Persistence()).storage_class_name
        if storage:
            wanted["spec"]["storageClassName"] = storage
        try:
            live = await self._client.create(SNAPSHOTS, namespace, wanted)
        except AlreadyExists:
            live = await self._client.get(SNAPSHOTS, namespace, name)
        self._stores[SNAPSHOTS].put(live)
        self._wake(key_of(live))
        return live

    async def _prune(
        self, owner: Object, made: list[Made], keep: int, all_of_it: list[Object]
    ) -> None:
        ours = {each["metadata"]["name"]: each for each in all_of_it if _is_of(each, owner)}
        for name in schedule.superfluous([each for each in made if each.name in ours], keep):
            if not ours[name]["metadata"].get("deletionTimestamp"):
                await self._owned.delete(SNAPSHOTS, ours[name], owner, "newer ones are kept")


def _is_of(snapshot: Object, owner: Object) -> bool:
    """Whether the operator made it of exactly this HelloWorld.

    Labels can be written by everybody who may write HelloWorldSnapshots; what is copied is what the
    spec names, which nobody can change afterwards.
    """
    labels = mapping(snapshot["metadata"].get("labels"))
    same = mapping(snapshot.get("spec")).get("helloWorldName") == owner["metadata"]["name"]
    return same and labels.get(OF_UID) == owner["metadata"]["uid"] and MADE_BY in labels


def _made(snapshots: list[Object], by: str, now: datetime) -> list[Made]:
    found = []
    for each in snapshots:
        metadata = each["metadata"]
        if mapping(metadata.get("labels")).get(MADE_BY) != by:
            continue
        run = schedule.read(str(mapping(metadata.get("annotations")).get(RUN, "")))
        # A run that is said to be in the future would end the schedule, and push out all copies
        # that were really made.
        if run is None or run > now:
            run = _time(metadata.get("creationTimestamp"))
        found.append(Made(metadata["name"], run, _state(each)))
    return found


def _state(snapshot: Object) -> str:
    conditions = conditions_of(mapping(snapshot.get("status")))
    if conditions.get("Failed", {}).get("status") == "True":
        return "failed"
    return "ready" if conditions.get("Ready", {}).get("status") == "True" else ""


def _last(owner: Object, snapshots: list[Object]) -> dict[str, str] | None:
    """The newest complete one since the HelloWorld was made."""
    since = str(owner["metadata"].get("creationTimestamp", ""))
    done = [
        (str(mapping(each.get("status")).get("completedAt", "")), each["metadata"]["name"])
        for each in snapshots
        if _state(each) == "ready" and not each["metadata"].get("deletionTimestamp")
    ]
    newest = max((each for each in done if each[0] >= since), default=None)
    return {"name": newest[1], "time": newest[0]} if newest else None


def _delay(found: Due, now: datetime) -> float | None:
    if found.next is None:
        return None
    # A little later than on the second: a timer may be early.
    return min((found.next - now).total_seconds() + 0.1, _LONGEST)


def _time(text: Any) -> datetime:
    """RFC 3339 as a time; the beginning of time for what is none."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
