"""kopf as the source of events, kept alive.

kopf watches; what it sees is handed on, reduced to what is kept of it (`feeds`), and nothing of
kopf's own state keeping (progress annotations, finalizers, events) is used. What it does not do by
itself is done here:

- It waits between retries of a failed request for ever, with a delay that stays short, instead of
  giving up after a minute (`kopfsettings`).
- It ends on a watch ERROR other than 410, on a 404 (the CRD went away) and on a line that is not
  JSON. Then it is started again; it lists everything anew.
- A stream that says nothing, not even the API server's bookmark every minute, is opened anew; if
  that does not help, because kopf waits for something that does not come, kopf is started again.
- It lists at its start and after a 410, whole, and says nothing about objects that vanished
  meanwhile. Its list only tells where a watch begins; `relisted` tells the owner of the store, who
  compares it with a list of his own.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from kopfkit.repeats import often
from kopfkit.runtime.api.client import Object, Resource
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.manager import kopftasks
from kopfkit.runtime.manager.feeds import Feeds
from kopfkit.runtime.manager.kopfsettings import Watched, load_kopf, session_of, settings_of
from kopfkit.runtime.manager.watchdog import Watchdog

if TYPE_CHECKING:
    import kopf

log = logging.getLogger(__name__)

# By this name kopf logs each event of a watch.
HANDLER: Final = "kopfkit-watch"

# Seconds of silence after which a watch is opened anew: the API server sends a bookmark every
# minute and keeps events for 75 s. After twice as long, kopf is started again.
SILENCE: Final = 70.0
# Seconds between two starts of kopf, longest.
LONGEST_PAUSE: Final = 10.0
# Seconds after which a start of kopf counts as good, and the next pause is short again.
_GOOD: Final = 5.0


class Stalled(Exception):
    """A watch was silent although it should have been opened anew."""


class Watcher:
    """Runs kopf for some resources.

    Args:
        watched: what to watch.
        namespaces: in these, or everywhere if empty.
        load: finds the credentials, at the start and after each 401.
        agent: the user agent.
        event: called with the resource, the event's type ("ADDED", "MODIFIED", "DELETED") and the
            object.
        relisted: called when kopf has begun to watch a resource again: objects are to be listed.
        ready: awaited before each start of kopf, to wait for what it needs (the CRD).
        started: called after each start of kopf, which has taken the signals for itself then.
        silence: seconds without a byte after which a watch is opened anew.

    Attributes:
        watchdog: knows how long each watch has been silent.
        failed: whether kopf ended by itself the last time.
    """

    def __init__(
        self,
        watched: Sequence[Watched],
        namespaces: Sequence[str],
        *,
        load: Callable[[], Awaitable[Credentials]],
        agent: str,
        event: Callable[[Resource, str | None, Object], None],
        relisted: Callable[[], None],
        ready: Callable[[], Awaitable[None]],
        started: Callable[[], None],
        silence: float = SILENCE,
    ) -> None:
        self._watched, self._namespaces = watched, namespaces
        self._load, self._agent = load, agent
        self._event, self._relisted = event, relisted
        self._ready, self._started = ready, started
        self._silence = silence
        self.watchdog = Watchdog((), listed=relisted)
        self._feeds = Feeds()
        self.watch(watched)
        self.running = self.failed = False
        self._restart = asyncio.Event()

    def restart(self) -> None:
        """Start kopf anew, after `ready`: there is something else to watch."""
        self._restart.set()

    def watch(self, watched: Sequence[Watched]) -> None:
        """Watch these from the next start of kopf on."""
        self._watched = watched
        self._feeds.shapes = {
            each.resource.path(namespace): each.shape
            for each in watched
            for namespace in each.places(self._namespaces)
        }
        self.watchdog.expect(self._feeds.shapes)

    def stalled(self) -> str:
        """Which watch has been silent for too long, in words; "" for none."""
        return self.watchdog.stalled(1.5 * self._silence)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set."""
        counting = asyncio.create_task(self.watchdog.run(), name="watchdog")
        try:
            await self._run(stop)
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)

    async def _run(self, stop: asyncio.Event) -> None:
        pause = 0.5
        loop = asyncio.get_running_loop()
        while not stop.is_set():
            await self._ready()
            self._restart.clear()
            started, self.failed = loop.time(), False
            try:
                await self._once(stop)
                if self._restart.is_set():
                    continue
                why: object = "no reason given"
            except Exception as error:
                why = error
            self.failed = True
            if stop.is_set():
                return
            log.error(
                "Watches ended, restarting in %.1f s: %s",
                pause,
                why,
                extra=often("watching ended"),
            )
            if loop.time() - started > _GOOD:
                pause = 0.5
            try:
                async with asyncio.timeout(pause):
                    await stop.wait()
            except TimeoutError:
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(self, stop: asyncio.Event) -> None:
        sessions: list[aiohttp.ClientSession] = []  # kopf closes none of them when it fails
        try:
            ends = (stop.wait(), self._restart.wait(), self._until_stalled())
            await kopftasks.run_until(self._kopf(sessions), *ends)
        finally:
            for session in sessions:
                await session.close()

    async def _until_stalled(self) -> None:
        limit, start = 2 * self._silence, self.watchdog.counted
        while self.watchdog.counted < start + limit or not self.watchdog.stalled(limit):  # noqa: ASYNC110
            await asyncio.sleep(min(1.0, self._silence / 4))
        raise Stalled(self.watchdog.stalled(limit))

    async def _kopf(self, sessions: list[aiohttp.ClientSession]) -> None:
        kopf = load_kopf()
        roots = await kopf.spawn_tasks(
            registry=self._registry(kopf, sessions),
            settings=settings_of(kopf, self._watched, self._silence),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=list(self._namespaces),
        )
        self._started()
        self.running = True
        try:
            done, _ = await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.running = False
        for task in done:
            task.result()

    def _registry(
        self, kopf: Any, sessions: list[aiohttp.ClientSession]
    ) -> "kopf.OperatorRegistry":
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)  # type: ignore[untyped-decorator]
        async def login(**_: Any) -> Any:
            # The first middleware is the outermost: the watchdog hears of every byte.
            middlewares = (self._feeds.middleware, self.watchdog.middleware)
            made = session_of(kopf, await self._load(), self._agent, middlewares)
            sessions.append(made.aiohttp_session)
            return made

        for each in self._watched:
            self._observe(kopf, registry, each.resource)
        return registry  # type: ignore[no-any-return]

    def _observe(self, kopf: Any, registry: Any, resource: Resource) -> None:
        async def observe(type: str | None, event: Any, **_: Any) -> None:
            self._event(resource, type, event["object"])

        decorate = kopf.on.event(
            resource.group, resource.version, resource.plural, registry=registry, id=HANDLER
        )
        decorate(observe)
