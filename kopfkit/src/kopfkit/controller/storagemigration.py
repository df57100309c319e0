"""Storage version migration by the leader, after a release that stores another version.

`kopfkit.migration.keeper` does it; here is who is told: OLM, so that no upgrade begins meanwhile,
the log, and through `report` the metrics. Where nothing is to be done this is one GET a minute.
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from kopfkit.migration.keeper import Keeper, Report
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.olm.operatorcondition import Upgradeable

log = logging.getLogger(__name__)

REASON: Final = "StorageMigration"
# Seconds between two lines about a run that goes on.
_BETWEEN: Final = 10.0


class Migration:
    """The storage version migration of one CRD's objects.

    A run that cannot be finished is no objection to an upgrade, which may be its fix: OLM itself
    refuses a CRD without a version that is still in `status.storedVersions` (pkg/lib/crd/
    storage.go, SafeStorageVersionUpgrade).

    Args:
        client: an open client.
        crd: the CRD's name.
        may: whether this process may write now.
        upgradeable: what OLM is told by.
        clock: monotonic seconds.

    Attributes:
        report: the last one; None before the first look.
    """

    def __init__(
        self,
        client: Client,
        crd: str,
        *,
        may: Callable[[], bool],
        upgradeable: Upgradeable,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.report: Report | None = None
        self._upgradeable, self._clock = upgradeable, clock
        self._keeper = Keeper(client, crd, may=may, report=self._told)
        # Who objects, beside the objects' own "namespace/name".
        self._of = f"storage migration of {crd}"
        self._said_at = 0.0

    def wake(self) -> None:
        """Look now: this process leads from now on."""
        self._keeper.wake()

    async def run(self) -> None:
        """Look for ever."""
        await self._keeper.run()

    def _told(self, report: Report) -> None:
        under_way = not (report.done or report.problem)
        begins = under_way and not self.under_way
        self.report = report
        # One sentence for the whole run: each other one would be a write.
        sentence = f"the objects of {report.crd} are being migrated to the storage version"
        self._upgradeable.set(not under_way, REASON, sentence, of=self._of)
        now = self._clock()
        if begins:
            log.info("Storage migration started: %s", sentence)
        elif under_way and now - self._said_at >= _BETWEEN:
            log.info("Storage migration: %s", report.sentence)
        elif under_way:
            return
        self._said_at = now

    @property
    def under_way(self) -> bool:
        """Whether a run goes on."""
        return self.report is not None and not (self.report.done or self.report.problem)
