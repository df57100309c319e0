"""A migration that runs by itself: in the leader, as soon as a release stores another version.

Level-triggered: now and then it looks at the CRD, and migrates if that remembers an older version.
Each step is told as a Report, from which an operator makes its condition, its metrics and OLM's
Upgradeable. Left out: where these go.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from kopfkit.errors import KopfkitError
from kopfkit.migration.storage import State, migrate
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import ApiError, NotLeading

log = logging.getLogger(__name__)

# Seconds between two looks at the CRD: one small request each.
LOOK: Final = 60.0
# What it waits at most after run upon run that could not be finished, as a power of 2 of that long:
# each of them asks for every object again.
_LONGEST: Final = 4
# The same for the first such run: at the end of an upgrade OLM still writes the CRD for some
# seconds, and a run is true for one generation of it only.
_FIRST: Final = -3


@dataclass(frozen=True)
class Report:
    """How it stands with the objects of one CRD.

    Attributes:
        crd: its name.
        done: whether everything is stored in one version.
        state: the numbers of the run.
        problem: what keeps it from going on, with the hint; "" if nothing does.
    """

    crd: str
    done: bool
    state: State
    problem: str = ""

    @property
    def sentence(self) -> str:
        """For a condition's message."""
        if self.problem:
            return self.problem
        if self.done:
            return f"all objects of {self.crd} are stored in one version"
        return f"{self.state.done} of {self.state.total} objects of {self.crd} are migrated"


class Keeper:
    """Keeps the objects of a CRD in the version that it stores.

    Args:
        client: an open client. Its gate ends a run when the Lease is lost.
        crd: the CRD's name.
        may: whether this process may write now.
        report: told before a run's first object, after each and at each look's end; must not raise.
        look: seconds between two looks. After one that met a problem it is an eighth, doubled each
            time that it meets one again, up to 16 times as long.
        options: of `migrate` (rate, page, concurrency, settle, patience).
    """

    def __init__(
        self,
        client: Client,
        crd: str,
        *,
        may: Callable[[], bool],
        report: Callable[[Report], None],
        look: float = LOOK,
        **options: Any,
    ) -> None:
        self._client, self._crd, self._may, self._report = client, crd, may, report
        self._look, self._options = look, options
        self._state = State()
        self._told = ""
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look now: this process may write from now on."""
        self._woken.set()

    async def run(self) -> None:
        """Look for ever."""
        wait, failed = self._look, 0
        while True:
            self._woken.clear()
            if self._may():
                failed = 0 if await self.once() else failed + 1
                factor = 2.0 ** min(_FIRST + failed - 1, _LONGEST) if failed else 1.0
                wait = self._look * factor
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    async def once(self) -> bool:
        """Migrate if there is anything to; returns whether everything is stored in one version."""
        self._state = State()
        problem = ""
        try:
            result = await migrate(
                self._client, self._crd, progress=self._progress, **self._options
            )
        except NotLeading:
            return False  # the next leader goes on
        except (KopfkitError, ApiError) as error:
            problem = str(error)
        except Exception as error:
            # It runs beside the controller's real work, which must not end with it.
            log.exception("Storage migration of %s: failed", self._crd)
            problem = f"the storage migration of {self._crd} failed: {error!r}"
        else:
            if result.refused:
                key, why = result.refused[0]
                problem = (
                    f"{len(result.refused)} objects of {self._crd} cannot be stored anew, "
                    f"such as {key}: {why}"
                )
            elif result.needed:
                log.info("All objects of %s are stored in %s", self._crd, result.storage)
            self._state = result.state
        if problem and problem != self._told:
            log.error("Storage migration: %s", problem)
        self._told = problem
        self._report(Report(self._crd, not problem, self._state, problem))
        return not problem

    def _progress(self, state: State) -> None:
        self._state = state
        self._report(Report(self._crd, False, state))
