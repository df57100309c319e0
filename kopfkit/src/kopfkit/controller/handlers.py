"""kopf's own handlers (`kopf.on.*`, timers, daemons) beside the controllers, run by the leader.

kopf runs once more in the process, with the user's registry. It starts when the process leads and
knows what there is, and ends when the Lease is lost; kopf's writes are fenced by the Lease like all
others, and so are those of `memo.apply` and `memo.client`, the operator's client. What a handler
writes with a client of its own is not.
"""

import asyncio
import logging
import sys
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from kopfkit.crd import CustomResource
from kopfkit.errors import KopfkitError
from kopfkit.repeats import often
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.gate import LAST_LOOK, GatedRequest
from kopfkit.runtime.api.resources import Resource
from kopfkit.runtime.api.rights import Use
from kopfkit.runtime.manager import kopftasks
from kopfkit.runtime.manager.kopfsettings import (
    CLIENT_TIMEOUT,
    SERVER_TIMEOUT,
    load_kopf,
    session_of,
)
from kopfkit.runtime.manager.watching import HANDLER

if TYPE_CHECKING:
    import kopf

log = logging.getLogger(__name__)

# Seconds between two looks whether the process leads.
_LOOK: Final = 0.2
# Seconds before kopf is started again when it ended by itself.
_PAUSE: Final = 3.0
# kopf posts core/v1 Events of what its handlers log.
_EVENTS: Final = Resource("", "v1", "events")


def default_registry() -> "kopf.OperatorRegistry | None":
    """kopf's default registry; None where nobody registered a handler in it, or imported kopf."""
    kopf = sys.modules.get("kopf")
    if kopf is None:
        return None
    registry: kopf.OperatorRegistry = kopf.get_default_registry()  # type: ignore[name-defined]
    return registry if any(_handlers(registry)) else None


def uses(
    operator: str, registry: Any, resources: Sequence[CustomResource], *, strict: bool
) -> Iterator[Use]:
    """The uses of resources by kopf for the handlers of a registry.

    Args:
        operator: its name.
        registry: of the handlers.
        resources: the operator's own; a handler may name one by its kind or plural alone.
        strict: refuse a handler whose resource is not named; False leaves it out.

    Raises:
        KopfkitError: a handler names no single resource of a known API group.
    """
    for handler, changes in _handlers(registry):
        resource, custom = _resource(handler.selector, resources)
        if resource is None:
            if strict:
                raise KopfkitError(
                    f"operator {operator}",
                    f"kopf's handler {handler.id} selects {handler.selector}, from which no RBAC "
                    "rules can be derived",
                    "Name group, version and plural in the decorator, or give Operator(uses=...).",
                )
            continue
        yield Use(resource, ("get", "list", "watch", "patch") if changes else _READ)
        if changes and custom:
            yield Use(resource, ("patch",), "status")
        if changes:
            yield Use(_EVENTS, ("create",))


_READ: Final = ("get", "list", "watch")


class Handlers:
    """Runs kopf's handlers while the process leads.

    Args:
        registry: of the handlers.
        namespaces: in these, or everywhere if empty.
        memo: what kopf gives every handler as `memo`.
        load: finds the credentials, at the start and after each 401.
        agent: the user agent.
        gate: asked before each write of kopf's; raises `NotLeading`.
        may: whether the process leads and knows what there is.
        started: called after each start of kopf, which has taken the signals for itself then.
        silence: seconds without a byte after which a watch is opened anew.
    """

    def __init__(
        self,
        registry: "kopf.OperatorRegistry",
        namespaces: Sequence[str],
        *,
        memo: Mapping[str, Any],
        load: Callable[[], Awaitable[Credentials]],
        agent: str,
        gate: Callable[[], float],
        may: Callable[[], bool],
        started: Callable[[], None],
        silence: float,
    ) -> None:
        self._registry, self._namespaces = registry, tuple(namespaces)
        self._memo, self._load, self._agent, self._gate = dict(memo), load, agent, gate
        self._may, self._started, self._silence = may, started, silence
        # kopf closes none of them when it fails.
        self._sessions: list[aiohttp.ClientSession] = []
        self._kopf = load_kopf()
        # Its commentary is kept for --log-level debug; what handlers log is theirs to say.
        commentary = logging.getLogger("kopf.objects")
        commentary.setLevel(logging.getLogger().level)
        # The operator's own watches are handlers to kopf, too.
        commentary.addFilter(lambda record: HANDLER not in record.getMessage())
        self._add_login()

    async def run(self) -> None:
        """Run them whenever the process leads, for ever."""
        while True:
            await self._until(True)
            log.info("Starting kopf's handlers: this process is the leader")
            try:
                await self._once()
                log.info("Stopped kopf's handlers: this process is no longer the leader")
            except Exception as error:
                log.error(
                    "kopf's handlers failed, restarting in %.0f s: %s",
                    _PAUSE,
                    error,
                    extra=often("kopf's handlers"),
                )
                await asyncio.sleep(_PAUSE)

    async def _until(self, leads: bool) -> None:
        while self._may() is not leads:  # noqa: ASYNC110 (it depends on the clock, too)
            await asyncio.sleep(_LOOK)

    async def _once(self) -> None:
        try:
            await kopftasks.run_until(self._run(), self._until(False))
        finally:
            for session in self._sessions:
                await session.close()
            self._sessions.clear()

    async def _run(self) -> None:
        kopf = self._kopf
        settings = kopf.OperatorSettings()
        settings.process.ultimate_exiting_timeout = None  # no SIGKILL from within
        settings.scanning.disabled = True  # no right to read all CRDs and namespaces is needed
        settings.watching.server_timeout = SERVER_TIMEOUT
        settings.watching.client_timeout = CLIENT_TIMEOUT
        settings.watching.inactivity_timeout = self._silence
        settings.admission.server = _elsewhere
        roots = await kopf.spawn_tasks(
            registry=self._registry,
            settings=settings,
            standalone=True,  # the Lease says who handles
            clusterwide=not self._namespaces,
            namespaces=list(self._namespaces),
            memo=kopf.Memo(self._memo),
        )
        self._started()
        done, _ = await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        raise RuntimeError("kopf ended by itself")

    def _add_login(self) -> None:
        """Have kopf use the operator's credentials, unless the user logs in otherwise."""
        kopf, known = self._kopf, self._registry._activities.get_all_handlers()
        theirs = [each.activity for each in known if not each._fallback]
        if any(each is not None and each.value == "authentication" for each in theirs):
            return

        @kopf.on.login(registry=self._registry, id="kopfkit")  # type: ignore[untyped-decorator]
        async def login(**_: Any) -> Any:
            made = session_of(
                kopf, await self._load(), self._agent, (self._fenced,), request_class=GatedRequest
            )
            self._sessions.append(made.aiohttp_session)
            return made

    async def _fenced(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        writes = request.method not in ("GET", "HEAD")
        LAST_LOOK.set(self._gate if writes else None)
        if writes:
            self._gate()
        return await handler(request)


async def _elsewhere(_: Any) -> AsyncIterator[Any]:
    """kopf's admission server, where admission handlers are served by the webhook's process."""
    await asyncio.Event().wait()
    yield {}


def _handlers(registry: Any) -> Iterator[tuple[Any, bool]]:
    """The handlers of a registry that concern objects, and whether kopf writes for them."""
    for part, changes in (
        (registry._indexing, False),
        (registry._watching, False),
        (registry._spawning, True),
        (registry._changing, True),
    ):
        for handler in part.get_all_handlers():
            if handler.selector is not None:  # a sub-handler has its parent's
                yield handler, changes


def _resource(selector: Any, resources: Iterable[CustomResource]) -> tuple[Resource | None, bool]:
    """The one resource that a selector of kopf's names, and whether it is a custom one of ours."""
    names = {selector.plural, selector.kind, selector.singular, selector.shortcut}
    names = {name for name in (*names, selector.any_name) if isinstance(name, str)}
    for each in resources:
        known = {each.plural, each.kind, each.singular, *each.short_names}
        if names & known and selector.group in (None, each.group):
            version = selector.version or each.versions[0].name
            return Resource(each.group, version, each.plural), True
    plural = selector.plural or selector.any_name
    if selector.group is None or selector.fn is not None or not isinstance(plural, str):
        return None, False
    # kopf takes a kind's name as well; a resource's is in lower case.
    if plural != plural.lower():
        return None, False
    custom = "." in selector.group and not selector.group.endswith(".k8s.io")
    return Resource(selector.group, selector.version or "v1", plural), custom
