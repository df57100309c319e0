"""The process that reconciles: what is started, in which order, and how it ends."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from kopfkit.controller import background, tasks
from kopfkit.controller.failures import Failures
from kopfkit.controller.identity import Identity
from kopfkit.controller.presence import Presence
from kopfkit.controller.serving import Primary, Serving
from kopfkit.controller.settings import Settings, own_namespace
from kopfkit.controller.sources import Source, Sources, Target
from kopfkit.controller.storagemigration import Migration
from kopfkit.controller.telemetry import Telemetry
from kopfkit.errors import KopfkitError
from kopfkit.migration.keeper import Report
from kopfkit.repeats import Once
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Object, Resource
from kopfkit.runtime.api.errors import ApiError
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.events import Recorder
from kopfkit.runtime.manager.kopfsettings import load_kopf
from kopfkit.runtime.manager.lease import Election, identity
from kopfkit.runtime.manager.queue import WorkQueue
from kopfkit.runtime.manager.recovery import Recovery
from kopfkit.runtime.manager.store import Key, Store
from kopfkit.runtime.manager.watching import Watcher
from kopfkit.runtime.olm.operatorcondition import Upgradeable, condition_name
from kopfkit.runtime.telemetry.health import Health

if TYPE_CHECKING:
    import kopf

    from kopfkit.admission.hooks import Purpose
    from kopfkit.controller.context import Parts
    from kopfkit.conversion import Converter

log = logging.getLogger(__name__)

# Seconds between two looks for what is not there yet at the start.
_LOOK: Final = 1.0
# Seconds that Events which still wait get at the end.
_LAST_EVENTS: Final = 1.0


class Manager:
    """Runs reconcilers: client, caches, watches, queues, Lease, health, metrics and the rest.

    Args:
        operator: name and version.
        settings: of the process.
        stop: ends the process when it is set; SIGTERM and SIGINT set it.
        primaries: what is reconciled; the first one is the operator's main resource.
        sources: what is watched, the primaries among them.
        stores: one for each watched resource; what was last seen.
        converters: of the primaries' CRDs that a webhook converts, by the CRD's name.
        admitting: the purposes of the admission webhooks.

    Attributes:
        client: reads and writes; its writes are fenced by the Lease.
        recorder: of Events.
        upgradeable: blocks upgrades by OLM.
        presence: of the kinds that are not reconciled.
        waiting: what depends on an object, beyond what its source says.
    """

    def __init__(
        self,
        operator: Identity,
        settings: Settings,
        stop: asyncio.Event,
        *,
        primaries: Sequence[Primary],
        sources: Sequence[Source],
        stores: Mapping[Resource, Store],
        converters: "Mapping[str, Converter]",
        admitting: "Sequence[Purpose]" = (),
    ) -> None:
        self._operator, self._settings, self._stop = operator, settings, stop
        self._primaries, self._converters = primaries, converters
        self._admitting = admitting
        self._stores, self._watched = stores, [each.watched for each in sources]
        shapes = {each.resource: each.shape for each in self._watched}
        self.client = ViewingClient(credentials.load, manager=operator.name)
        # What one object of ours is reduced to when it is read or its status written. Children are
        # read whole then: their managedFields say what is ours.
        for each in primaries:
            if (shape := shapes[each.resource]) is not None:
                self.client.shapes[(each.resource.group, each.resource.plural)] = shape
        self._serving = Serving(self.client, primaries, self._watched, stop)
        kinds = {each.resource: each.kind for each in primaries}
        self.presence = Presence(
            self.client,
            [each for each in sources if each.watched.resource not in kinds],
            kinds,
            settings.namespaces,
            self._kind_changed,
        )
        self._telemetry = Telemetry(operator, settings.metrics_port)
        self._telemetry.client(self.client)
        self.recorder = Recorder(self.client, operator.name, identity())
        self.upgradeable = Upgradeable(self.client, own_namespace() or "", condition_name())
        self._telemetry.events(self.recorder)
        self.waiting: Callable[[Resource, Key], Iterable[Target]] = lambda *_: ()
        self._queues: dict[Resource, WorkQueue[Key]] = {}
        self._workers: dict[Resource, int | None] = {}
        self._background: list[tuple[str, Callable[[], Coroutine[Any, Any, None]]]] = []
        self._telemetry.stores(
            {each.kind: stores[each.resource] for each in primaries}, settings.metrics_objects
        )
        self._sources = Sources(
            self.client,
            stores,
            sources,
            self._queues,
            namespaces=settings.namespaces,
            resync=settings.resync,
            waiting=lambda resource, key: self.waiting(resource, key),
            served=self._served,
            lost=self.presence.lost,
        )
        self._watcher = Watcher(
            self._watched,
            settings.namespaces,
            load=credentials.load,
            agent=operator.name,
            event=self._event,
            relisted=self._sources.relisted,
            ready=self._ready,
            started=lambda: tasks.on_signals(stop),
            silence=settings.watch_silence,
        )
        self._telemetry.watches(self._watcher.watchdog.heard_at)
        self._telemetry.leader(lambda: self._leading)
        self._migrations = [
            Migration(self.client, crd, may=self.may_write, upgradeable=self.upgradeable)
            for crd in converters
        ]
        self._telemetry.migration(self._migration)
        self._health = Health()
        self._health.checks["caches"] = self._caches
        self._health.checks["watches"] = self._watcher.stalled
        self._election: Election | None = None
        self._leading = not settings.leader_elect
        self._tasks = tasks.Tasks(stop)

    def add(
        self,
        resource: Resource,
        reconcile: Callable[[Key], Awaitable[float | None]],
        *,
        workers: int | None = None,
    ) -> None:
        """Reconcile the objects of a primary.

        Args:
            resource: of the primary.
            reconcile: reconciles one key; returns seconds after which to do it again, or None.
            workers: how many at a time; None for the settings' number.
        """
        (kind,) = (each.kind for each in self._primaries if each.resource == resource)
        observers = self._telemetry.queue(kind.lower())
        failures = Failures(kind, self._stores[resource])
        queue: WorkQueue[Key] = WorkQueue(
            reconcile, failed=failures.failed, observers=[*observers, failures]
        )
        self._telemetry.follow(observers, queue)
        self.client.observers.append(Recovery(queue.hurry))
        self._queues[resource], self._workers[resource] = queue, workers

    def run_in_background(self, name: str, task: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task beside the reconcilers once the caches are filled. It has to run for ever; if
        it ends with an exception, the process ends."""
        self._background.append((name, task))

    def run_handlers(
        self, registry: "kopf.OperatorRegistry", parts: "Mapping[tuple[str, str], Parts]"
    ) -> None:
        """Run the handlers of kopf's registry beside the reconcilers, while the process leads.

        Args:
            registry: of the handlers.
            parts: by API group and kind, of the controllers without a reconcile.
        """
        from kopfkit.controller.handlerchildren import HandlerChildren
        from kopfkit.controller.handlers import Handlers

        handlers = Handlers(
            registry,
            self._settings.namespaces,
            memo={"client": self.client, "apply": HandlerChildren(parts).apply},
            load=credentials.load,
            agent=self._operator.name,
            gate=lambda: self.client.gate(),
            may=self.may_write,
            started=lambda: tasks.on_signals(self._stop),
            silence=self._settings.watch_silence,
        )
        self.run_in_background("kopf's handlers", handlers.run)

    def concern(self, resource: Resource, key: Key) -> None:
        """Have an object of a primary reconciled, and those that depend on it."""
        self._sources.concern(resource, key)

    def wrote(self, by: Target, resource: Resource, obj: Object) -> None:
        """Have those reconciled that an object concerns which the reconcile of `by` wrote."""
        self._sources.wrote(by, resource, obj)

    def may_write(self) -> bool:
        """Whether this process leads and knows what there is."""
        return self._leading and self._sources.filled

    async def run(self) -> None:
        """Run until `stop` is set.

        Raises:
            KopfkitError: it cannot start (no credentials, the health port is taken), or one of its
                background tasks failed.
        """
        try:
            await self._run()
        finally:
            await self._end()

    async def _run(self) -> None:
        tasks.on_signals(self._stop)
        await self.client.open()
        port = await self._health.start(self._settings.health_port)
        await self._telemetry.start()
        log.info(
            "Starting: API server %s (%s), namespaces %s, health port %d, metrics port %d",
            self.client.credentials.server,
            self.client.credentials.source,
            ", ".join(self._settings.namespaces) or "all",
            port,
            self._settings.metrics_port,
        )
        for resource, queue in self._queues.items():
            queue.start(self._workers[resource] or self._settings.workers)
        self._start_leading()
        # Imported in a thread while the first lists are read.
        importing = asyncio.create_task(asyncio.to_thread(load_kopf), name="import of kopf")
        await tasks.until(self._stop, self._fill())
        await importing
        if self._stop.is_set():
            return
        self._tasks.start(self._sources.run(), "resync")
        self._tasks.start(self.presence.run(), "missing kinds")
        for migration in self._migrations:
            self._tasks.start(migration.run(), "storage migration")
        crds = [f"{each.resource.plural}.{each.resource.group}" for each in self._primaries]
        for crd, converter in self._converters.items():
            protecting = background.protection(self.client, crd, converter, crds, self.may_write)
            self._tasks.start(protecting, "protection of the conversion")
        for name, task in self._background:
            self._tasks.start(task(), name)
        await self._watcher.run(self._stop)
        if self._tasks.broken:
            raise KopfkitError(self._tasks.broken, "exited unexpectedly; see the log")

    def _start_leading(self) -> None:
        settings, name = self._settings, self._operator.name
        namespace = settings.lease_namespace or own_namespace() or self.client.credentials.namespace
        self._tasks.start(self.recorder.run(), "events")
        if condition_name():
            self._tasks.start(self.upgradeable.run(), "OperatorCondition")
        if settings.leader_elect:
            self._election = Election(self.client, namespace, name, identity(), changed=self._lead)
            self._tasks.start(self._election.run(), "election")
        if settings.metrics_port:
            monitoring = background.monitoring(self.client, namespace, name, self.may_write)
            self._tasks.start(monitoring, "monitoring")
        if settings.manage_certificates and (self._converters or self._admitting):
            rotating = background.certificates(
                self.client,
                namespace,
                name,
                [*self._converters],
                self._admitting,
                lambda: self._leading,
            )
            self._tasks.start(rotating, "certificates")

    async def _end(self) -> None:
        """Stop: finish what runs, give the Lease back, close."""
        self._stop.set()
        grace = self._settings.grace
        if not all(await asyncio.gather(*(each.drain(grace) for each in self._queues.values()))):
            log.warning("Some reconciles did not finish within %.0f s", grace)
        await self._tasks.end()
        await self.recorder.drain(_LAST_EVENTS)
        if self._election is not None:
            await self._election.release()
        await self._telemetry.stop()
        await self._health.stop()
        await self.client.close()
        log.info("Shutdown complete")

    def _lead(self, leading: bool) -> None:
        self._leading = leading
        self._go()

    def _go(self) -> None:
        for queue in self._queues.values():
            if self.may_write():
                queue.resume()
                queue.hurry()
            else:
                queue.pause()
        if self.may_write():
            for migration in self._migrations:
                migration.wake()

    def _caches(self) -> str:
        return "" if self._sources.filled else "not filled yet"

    def _migration(self) -> Report | None:
        """The report of the migration that runs or is blocked, else any."""
        reports = [each.report for each in self._migrations if each.report is not None]
        return min(reports, key=lambda each: each.done, default=None)

    async def _fill(self) -> None:
        await self._ready()
        once = Once()
        while True:
            try:
                await self._sources.fill()
                break
            except ApiError as error:
                if once.news("list", str(error)):
                    log.warning("Cannot list, retrying: %s", error)
                await asyncio.sleep(_LOOK)
        main = self._primaries[0]
        log.info("Caches synced: %d %ss", len(self._stores[main.resource]), main.kind)
        self._go()

    def _event(self, resource: Resource, kind: str | None, obj: Object) -> None:
        self._sources.event(*self._serving.seen(resource, kind, obj))

    async def _ready(self) -> None:
        """Wait until the API server serves the primaries; then it is known in which version."""
        await self._serving.wait()
        if self._watcher.failed:
            # Perhaps as a kind has gone: kopf would fail again.
            try:
                await self.presence.look_at_all()
            except ApiError as error:
                log.warning("cannot look for the kinds that are watched: %s", error)
        watched = self._serving.watched
        self._watcher.watch([each for each in watched if self.presence.serves(each.resource)])

    def _served(self, resource: Resource) -> bool:
        return self._serving.serves(resource) and self.presence.serves(resource)

    def _kind_changed(self, source: Source) -> None:
        """A kind came or went: watch accordingly, and reconcile whoever needs it."""
        self._watcher.restart()
        if not self.presence.serves(source.watched.resource):
            self._sources.clear(source.watched.resource)
        users = source.users or [each.resource for each in self._primaries]
        self._sources.concern_all(users)
