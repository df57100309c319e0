"""The controller as a process: what is started, in which order, and how it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from helloworld_operator.api import KIND, SNAPSHOT
from helloworld_operator.controller import beside, lifetime, telling
from helloworld_operator.controller.migration import Migration
from helloworld_operator.controller.names import MANAGER
from helloworld_operator.controller.observe import HELLOWORLDS, SNAPSHOTS
from helloworld_operator.controller.reconcilers import Reconcilers
from helloworld_operator.controller.serving import Serving
from helloworld_operator.controller.sources import PRIMARIES, WATCHED, Sources, new_stores
from helloworld_operator.insight import Insight
from helloworld_operator.settings import Settings, own_namespace
from kopfkit.errors import KopfkitError
from kopfkit.runtime import credentials
from kopfkit.runtime.client import Object, Resource
from kopfkit.runtime.errors import ApiError, NotLeading
from kopfkit.runtime.events import Recorder
from kopfkit.runtime.health import Health
from kopfkit.runtime.kopfsettings import load_kopf
from kopfkit.runtime.lease import Election, identity
from kopfkit.runtime.operatorcondition import Upgradeable, condition_name
from kopfkit.runtime.queue import WorkQueue
from kopfkit.runtime.recovery import Recovery
from kopfkit.runtime.store import Key
from kopfkit.runtime.views import ViewingClient
from kopfkit.runtime.watching import Watcher

log = logging.getLogger(__name__)

# Seconds between two looks for what is not there yet at the start.
_LOOK = 1.0
# How many snapshots are reconciled at a time; their Jobs do the work.
_SNAPSHOT_WORKERS = 4
# Seconds that Events which still wait get at the end.
_LAST_EVENTS = 1.0


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Run the controller until `stop` is set or SIGTERM or SIGINT comes.

    Raises:
        KopfkitError: it cannot start: no credentials, the health port is taken.
    """
    stop = stop or asyncio.Event()
    process = _Process(settings, stop)
    try:
        await process.run()
    finally:
        await process.end()


class _Process:
    def __init__(self, settings: Settings, stop: asyncio.Event) -> None:
        self._settings, self._stop = settings, stop
        self._client = ViewingClient(credentials.load, manager=MANAGER)
        self._client.shapes.update(PRIMARIES)
        self._serving = Serving(self._client, stop)
        self._insight = Insight(settings.metrics_port)
        self._insight.client(self._client)
        self._stores = new_stores()
        self._recorder = Recorder(self._client, MANAGER, identity())
        self._upgradeable = Upgradeable(self._client, own_namespace() or "", condition_name())
        self._insight.events(self._recorder)
        reconcilers = self._reconcilers = Reconcilers(
            self._client,
            self._stores,
            image=settings.image,
            recorder=self._recorder,
            upgradeable=self._upgradeable,
            concern=lambda resource, key: self._sources.concern(resource, key),
        )
        self._queue = self._new_queue("helloworld", HELLOWORLDS, reconcilers.helloworlds)
        self._snapshots = self._new_queue("helloworldsnapshot", SNAPSHOTS, reconcilers.snapshots)
        kinds = {KIND: self._stores[HELLOWORLDS], SNAPSHOT.kind: self._stores[SNAPSHOTS]}
        self._insight.stores(kinds, settings.metrics_objects)
        self._sources = Sources(
            self._client,
            self._stores,
            self._queue,
            namespaces=settings.namespaces,
            resync=settings.resync,
            queues={SNAPSHOTS: self._snapshots},
            waiting=reconcilers.waiting,
            served=self._serving.serves,
        )
        self._watcher = Watcher(
            WATCHED,
            settings.namespaces,
            load=credentials.load,
            agent=MANAGER,
            event=self._event,
            relisted=self._sources.relisted,
            ready=self._crd,
            started=lambda: lifetime.on_signals(stop),
            silence=settings.watch_silence,
        )
        self._insight.watches(self._watcher.watchdog.heard_at)
        self._insight.leader(lambda: self._leading)
        self._migration = Migration(self._client, may=self._acts, upgradeable=self._upgradeable)
        self._insight.migration(lambda: self._migration.report)
        self._health = Health()
        self._health.checks["caches"] = self._caches
        self._health.checks["watches"] = self._watcher.stalled
        self._election: Election | None = None
        self._leading = not settings.leader_elect
        self._tasks = lifetime.Tasks(stop)

    def _new_queue(
        self, name: str, of: Resource, reconciler: Callable[[Key], Awaitable[float | None]]
    ) -> WorkQueue[Key]:
        def failed(key: Key, error: BaseException, delay: float) -> None:
            known = self._stores[of].get(key)
            about = telling.about(known) if known is not None else {"object": "/".join(key)}
            _failed(about, error, delay)

        observers = self._insight.queue(name)
        queue: WorkQueue[Key] = WorkQueue(reconciler, failed=failed, observers=observers)
        self._insight.follow(observers, queue)
        self._client.observers.append(Recovery(queue.hurry))
        return queue

    async def run(self) -> None:
        lifetime.on_signals(self._stop)
        await self._client.open()
        port = await self._health.start(self._settings.health_port)
        await self._insight.start()
        namespace = (
            self._settings.lease_namespace or own_namespace() or self._client.credentials.namespace
        )
        log.info(
            "starts: API server %s (%s), namespaces %s, health on port %d, metrics on %d",
            self._client.credentials.server,
            self._client.credentials.source,
            ", ".join(self._settings.namespaces) or "all",
            port,
            self._settings.metrics_port,
        )
        if not self._settings.image:
            log.warning(
                "RELATED_IMAGE_HELLOWORLD is not set: HelloWorlds without spec.image stay Degraded"
            )
        self._tasks.start(self._recorder.run(), "events")
        if condition_name():
            self._tasks.start(self._upgradeable.run(), "OperatorCondition")
        self._queue.start(self._settings.workers)
        self._snapshots.start(_SNAPSHOT_WORKERS)
        if self._settings.leader_elect:
            self._election = Election(
                self._client, namespace, MANAGER, identity(), changed=self._lead
            )
            self._tasks.start(self._election.run(), "election")
        if self._settings.metrics_port:
            self._tasks.start(beside.monitoring(self._client, namespace, self._acts), "monitoring")
        if self._settings.manage_certificates:
            self._tasks.start(
                beside.certificates(self._client, namespace, lambda: self._leading), "certificates"
            )
        # Imported in a thread while the first lists are read.
        importing = asyncio.create_task(asyncio.to_thread(load_kopf), name="import of kopf")
        await lifetime.until(self._stop, self._fill())
        await importing
        if self._stop.is_set():
            return
        self._tasks.start(self._sources.run(), "resync")
        self._tasks.start(self._reconcilers.quotas.run(self._acts), "quotas")
        self._tasks.start(self._migration.run(), "storage migration")
        self._tasks.start(
            beside.protection(self._client, self._acts), "protection of the conversion"
        )
        await self._watcher.run(self._stop)
        if self._tasks.broken:
            raise KopfkitError(self._tasks.broken, "ended unexpectedly; the log says why")

    async def end(self) -> None:
        """Stop: finish what runs, give the Lease back, close."""
        self._stop.set()
        queues = (self._queue, self._snapshots)
        ended = await asyncio.gather(*(each.drain(self._settings.grace) for each in queues))
        if not all(ended):
            log.warning("some reconciles did not end in %.0f s", self._settings.grace)
        await self._tasks.end()
        await self._recorder.drain(_LAST_EVENTS)
        if self._election is not None:
            await self._election.release()
        await self._insight.stop()
        await self._health.stop()
        await self._client.close()
        log.info("ended")

    def _lead(self, leading: bool) -> None:
        self._leading = leading
        self._go()

    def _acts(self) -> bool:
        return self._leading and self._sources.filled

    def _go(self) -> None:
        for queue in (self._queue, self._snapshots):
            if self._acts():
                queue.resume()
                queue.hurry()
            else:
                queue.pause()
        if self._acts():
            self._migration.wake()

    def _caches(self) -> str:
        return "" if self._sources.filled else "not filled yet"

    async def _fill(self) -> None:
        await self._crd()
        while True:
            try:
                await self._sources.fill()
                break
            except ApiError as error:
                log.warning("cannot list, tries again: %s", error)
                await asyncio.sleep(_LOOK)
        log.info("knows %d HelloWorlds", len(self._stores[WATCHED[0].resource]))
        self._go()

    def _event(self, resource: Resource, kind: str | None, obj: Object) -> None:
        self._sources.event(*self._serving.seen(resource, kind, obj))

    async def _crd(self) -> None:
        """Wait until the API server serves HelloWorlds; then it is known in which version."""
        await self._serving.wait()
        self._watcher.watch(self._serving.watched)


def _failed(about: Mapping[str, object], error: BaseException, delay: float) -> None:
    if isinstance(error, NotLeading):
        log.info("left to the next leader", extra=about)
    elif isinstance(error, ApiError):
        log.error("failed, again in %.1f s: %s", delay, error, extra=about)
    else:
        log.error("failed, again in %.1f s", delay, exc_info=error, extra=about)
