"""One run of a storage migration: pages of objects, a checkpoint, the trim of storedVersions.

The state is in the cluster: `status.storedVersions` says whether there is anything to do, an
annotation of the CRD how far it got. A run may be ended at any point, SIGKILL included; the next
one goes on. Several at once do no harm: each checkpoint is true by itself.

`storedVersions` is trimmed only if every object was written again under one and the same spec of
the CRD. A spec that changes meanwhile starts the run anew (OLM writes a CRD several times in one
upgrade); what has been rewritten costs a request then, but no write.

Left out: what wants to know of several API servers that see the CRD's change at different times.
A run waits `settle` seconds after it first saw the spec, and asks discovery for the storage
version; Kubernetes has no way to ask each server.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from kopfkit.errors import KopfkitError
from kopfkit.migration import objects
from kopfkit.migration.crd import Changed, Crd, checkpoint, failure
from kopfkit.migration.definition import Definition
from kopfkit.migration.objects import Outcome, Refused
from kopfkit.migration.pace import Pace
from kopfkit.runtime.api.client import Client, Objects
from kopfkit.runtime.api.errors import ApiError, Gone

log = logging.getLogger(__name__)

# Objects a second: a tenth of what one API server on two cores writes, so that nobody notices.
RATE: Final = 50.0
# Objects of a page, which are kept in memory (500 of 1.5 MB each would not fit a small pod).
PAGE: Final = 100
# Requests under way at a time.
CONCURRENCY: Final = 4
# Seconds that an API server gets to see a change of the CRD; it watches, so it takes milliseconds.
SETTLE: Final = 3.0
# Seconds that one request is repeated for.
PATIENCE: Final = 120.0
# How often a run starts anew because the CRD's spec changed.
ROUNDS: Final = 10


@dataclass(frozen=True)
class State:
    """How far a run got: numbers of objects.

    Attributes:
        total: as many as there are, as far as is known.
        done: looked at; the sum of the following and of those before the checkpoint.
        rewritten: written again in the version that is stored (with dry run: that would be sent).
        current: were stored so already.
        gone: deleted meanwhile.
        refused: the API server does not take as they are.
    """

    total: int = 0
    done: int = 0
    rewritten: int = 0
    current: int = 0
    gone: int = 0
    refused: int = 0


@dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        storage: the version that everything is stored in.
        needed: False if `storedVersions` had no other version.
        state: the numbers at the end.
        refused: key of each object that the API server does not take, and its sentence.
        trimmed: whether `storedVersions` now says `storage` only.
    """

    storage: str
    needed: bool
    state: State = field(default_factory=State)
    refused: tuple[tuple[str, str], ...] = ()
    trimmed: bool = False


async def migrate(
    client: Client,
    crd: str,
    *,
    to: str | None = None,
    dry_run: bool = False,
    rate: float = RATE,
    page: int = PAGE,
    concurrency: int = CONCURRENCY,
    settle: float = SETTLE,
    patience: float = PATIENCE,
    progress: Callable[[State], None] = lambda state: None,
) -> Result:
    """Rewrite every object of a CRD in the version it stores, then trim `status.storedVersions`.

    Needs the rights to get and patch the CRD, to patch its status, and to list, get and patch its
    objects.

    Args:
        client: an open client.
        crd: name of the CRD ("helloworlds.test.jiaozi.com").
        to: refuse unless this is the version that the CRD stores.
        dry_run: have the API server check every rewrite, and write nothing.
        rate: objects a second; 0 for no limit.
        page: objects of one LIST.
        concurrency: rewrites at a time.
        settle: seconds that API servers get to see the CRD as it is.
        patience: seconds that a request is repeated for while nobody answers.
        progress: called before the first object and after each; must not raise.

    Raises:
        KopfkitError: it cannot be done; says why and what helps.
        NotLeading: the client may not write (any more).
    """
    pace = Pace(rate, patience)
    run = _Run(Crd(client, crd, to, pace), pace, dry_run, page, concurrency, progress)
    for _ in range(ROUNDS):
        try:
            return await run.once(settle)
        except Changed:
            log.info("CRD %s changed: its storage migration restarts", crd)
    raise KopfkitError(
        f"CRD {crd}",
        f"changed {ROUNDS} times during its storage migration",
        "Find out who keeps writing it (metadata.managedFields), then run the migration again.",
    )


@dataclass
class _Run:
    crd: Crd
    pace: Pace
    dry_run: bool
    page: int
    concurrency: int
    progress: Callable[[State], None]
    state: State = field(default_factory=State)
    refused: list[tuple[str, str]] = field(default_factory=list)
    # Key up to which all is rewritten in this round.
    reached: str = ""

    async def once(self, settle: float) -> Result:
        """One run under one spec of the CRD; `Changed` if it does not stay so."""
        self.state, self.refused = State(), []
        found = await self.crd.look()
        if found.migrated:
            if not self.dry_run:
                await self.crd.note(found, None)
            return Result(found.storage, needed=False, trimmed=True)
        # Before anything is written, so that whoever is told can tell others in time.
        self.progress(self.state)
        await asyncio.sleep(settle)
        await self.crd.announced(found)
        await self._everything(found)
        trimmed = False
        if not self.refused and not self.dry_run:
            await self.crd.trim(found)
            trimmed = True
        return Result(found.storage, True, self.state, tuple(self.refused), trimmed)

    async def _everything(self, found: Definition) -> None:
        """Rewrite every object after the checkpoint."""
        after = "" if self.dry_run else checkpoint(found)
        while True:
            try:
                await self._list(found, after)
                return
            except Gone:
                # It took longer than etcd keeps old revisions. From the start; what is done is
                # skipped.
                after = self.reached
            except ApiError as error:
                raise failure(f"{found.through.plural}.{found.through.group}", error) from error

    async def _list(self, found: Definition, after: str) -> None:
        self.reached = after
        counted = self.state.done if after else 0
        listed = passed = 0
        pages = objects.pages(self.crd.client, found.through, self.pace, self.page)
        async for items, remaining in pages:
            # Read before the look: if the spec is still the same, this page was converted under it.
            await self.crd.steady(found)
            fresh = [obj for obj in items if objects.key(obj) > after]
            listed += len(items)
            self.state = replace(self.state, total=max(self.state.total, listed + remaining))
            passed += len(items) - len(fresh)
            if passed > counted:
                self._count(done=passed - counted)
                counted = passed
            if fresh:
                await self._rewrite(found, fresh)
                self.reached = max(self.reached, *map(objects.key, fresh))
                if not (self.refused or self.dry_run):
                    await self.crd.note(found, self.reached)

    async def _rewrite(self, found: Definition, items: Objects) -> None:
        limit = asyncio.Semaphore(self.concurrency)

        async def one(obj: dict[str, Any]) -> None:
            async with limit:
                try:
                    outcome = await objects.rewrite(
                        self.crd.client,
                        found.through,
                        obj,
                        self.pace,
                        steady=lambda: self.crd.steady(found),
                        dry_run=self.dry_run,
                    )
                except Refused as refused:
                    self.refused.append((objects.key(obj), str(refused)))
                    self._count(done=1, refused=1)
                    return
            if self.dry_run and outcome is Outcome.CURRENT:
                # Nothing is written, so nothing tells how it is stored.
                outcome = Outcome.REWRITTEN
            self._count(done=1, **{outcome.value: 1})

        try:
            async with asyncio.TaskGroup() as group:
                for obj in items:
                    group.create_task(one(obj))
        except ExceptionGroup as errors:
            # The first says it; the others are the same trouble or were cancelled for it. What an
            # `except*` raises comes in a group of its own before Python 3.11.4.
            raise _first(errors) from None

    def _count(self, **more: int) -> None:
        counted = {name: getattr(self.state, name) + number for name, number in more.items()}
        self.state = replace(self.state, **counted)
        self.progress(self.state)


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
