"""The controller as a process: `kopfkit.controller.Manager` with HelloWorld's two reconcilers."""

import asyncio
import logging
from typing import Final

from helloworld_operator.api import HELLOWORLD, KIND, SNAPSHOT
from helloworld_operator.api.conversion import CONVERTER, to_v1
from helloworld_operator.controller.observe import HELLOWORLDS, SNAPSHOTS
from helloworld_operator.controller.reconcilers import Reconcilers
from helloworld_operator.controller.sources import SOURCES, new_stores
from helloworld_operator.identity import IDENTITY
from helloworld_operator.settings import Settings
from kopfkit.controller.manager import Manager
from kopfkit.controller.serving import Primary

log = logging.getLogger(__name__)

PRIMARIES: Final = (
    Primary(HELLOWORLDS, KIND, {"v1alpha1": to_v1}),
    Primary(SNAPSHOTS, SNAPSHOT.kind),
)
# How many snapshots are reconciled at a time; their Jobs do the work.
_SNAPSHOT_WORKERS: Final = 4


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Run the controller until `stop` is set or SIGTERM or SIGINT comes.

    Raises:
        KopfkitError: it cannot start: no credentials, the health port is taken.
    """
    stores = new_stores()
    manager = Manager(
        IDENTITY,
        settings,
        stop or asyncio.Event(),
        primaries=PRIMARIES,
        sources=SOURCES,
        stores=stores,
        converters={HELLOWORLD.crd_name: CONVERTER},
    )
    reconcilers = Reconcilers(
        manager.client,
        stores,
        image=settings.image,
        recorder=manager.recorder,
        upgradeable=manager.upgradeable,
        concern=manager.concern,
    )
    manager.add(HELLOWORLDS, reconcilers.helloworlds)
    manager.add(SNAPSHOTS, reconcilers.snapshots, workers=_SNAPSHOT_WORKERS)
    manager.waiting = reconcilers.waiting
    manager.run_in_background("quotas", lambda: reconcilers.quotas.run(manager.may_write))
    if not settings.image:
        log.warning(
            "RELATED_IMAGE_HELLOWORLD is not set: HelloWorlds without spec.image stay Degraded"
        )
    await manager.run()
