"""How kopf is imported and set up where it only watches: see `watching`."""

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from kopfkit.runtime.api.client import Resource
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.shapes import Shape

if TYPE_CHECKING:
    import kopf

# Seconds the API server keeps one watch open, and a little more after which we drop it ourselves.
SERVER_TIMEOUT: Final = 300
CLIENT_TIMEOUT: Final = SERVER_TIMEOUT + 30
# Libraries that kopf imports for their logins and types if it finds them: 0.2 s and 20 MB.
_UNUSED: Final = ("kubernetes", "kubernetes_asyncio", "pykube")


@dataclass(frozen=True)
class Watched:
    """A resource to watch.

    Attributes:
        resource: what is watched.
        labels: the label selector to watch it by, "" for all objects.
        shape: what is kept of its objects; None for all of them but managedFields.
        namespaced: whether its objects live in a namespace.
    """

    resource: Resource
    labels: str = ""
    shape: Shape | None = None
    namespaced: bool = True

    def places(self, namespaces: Sequence[str]) -> tuple[str | None, ...]:
        """Where it is listed and watched: in each of these namespaces; None stands for all, and for
        what lives in none."""
        return tuple(namespaces) if self.namespaced and namespaces else (None,)


class _Backoffs:
    """Delays (seconds) for kopf's requests, without an end and without a length."""

    def __iter__(self) -> Iterator[float]:
        delay = 0.1
        while True:
            yield delay * random.uniform(0.75, 1.25)
            delay = min(delay * 2, 3.0)


def _no_diffs(kopf: Any) -> "kopf.DiffBaseStorage":
    """A storage that remembers nothing and compares nothing.

    kopf looks for changes of each object it hears of, whether anyone wants to know or not, and
    copies the whole object several times for it: that was half of the work of watching.
    """

    class Nothing(kopf.DiffBaseStorage):  # type: ignore[misc]
        def fetch(self, *, body: Any) -> None:
            return None

        def build(self, *, body: Any, extra_fields: Any = None) -> dict[str, Any]:
            return {}

        def store(self, *, body: Any, patch: Any, essence: Any) -> None:
            pass

    return Nothing()


def load_kopf() -> Any:
    """Import kopf without the client libraries it would import beside it."""
    hidden = [name for name in _UNUSED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        import kopf
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
    return kopf


def session_of(
    kopf: Any,
    found: Credentials,
    agent: str,
    middlewares: Sequence[aiohttp.ClientMiddlewareType],
    request_class: type[aiohttp.ClientRequest] = aiohttp.ClientRequest,
) -> Any:
    """kopf's session with the API server, a `kopf.AiohttpSession`; the caller closes it.

    Args:
        kopf: the module.
        found: the credentials.
        agent: the user agent.
        middlewares: of aiohttp; the first one is the outermost.
        request_class: of aiohttp.
    """
    # Not compressed: a few bytes may unpack to all the memory there is.
    headers = {"User-Agent": agent, "Accept-Encoding": "identity"}
    if found.authorization:
        headers["Authorization"] = found.authorization
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=found.ssl_context() or True),
        headers=headers,
        proxy=found.proxy,
        middlewares=middlewares,
        request_class=request_class,
    )
    return kopf.AiohttpSession(
        server=found.server, aiohttp_session=session, default_namespace=found.namespace
    )


def settings_of(kopf: Any, watched: Sequence[Watched], silence: float) -> "kopf.OperatorSettings":
    """kopf's settings for watching these; see `watching` for what each is about.

    Args:
        kopf: the module.
        watched: what is watched.
        silence: seconds without a byte after which a watch is opened anew.
    """
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = None  # no SIGKILL from within; the pod has one
    settings.posting.enabled = False  # no Events made of log lines
    settings.scanning.disabled = True  # one CRD, pinned; no reading of all CRDs and namespaces
    settings.queueing.idle_timeout = 1.0  # handlers only take note; 5 s of idling costs memory
    settings.watching.server_timeout = SERVER_TIMEOUT
    settings.watching.client_timeout = CLIENT_TIMEOUT
    settings.watching.connect_timeout = 5.0
    settings.watching.inactivity_timeout = silence
    settings.watching.chunk_size = 1  # kopf's list tells where a watch begins, no more: `feeds`
    settings.persistence.diffbase_storage = _no_diffs(kopf)
    # kopf takes its finalizer from objects for which it has no handler that needs one, and of the
    # handlers that need it (the user's, of this process or another's) nothing is known here.
    settings.persistence.finalizer = ""
    settings.networking.request_timeout = 60.0
    settings.networking.connect_timeout = 5.0
    settings.networking.error_backoffs = _Backoffs()
    for each in watched:
        if each.labels:
            resource = each.resource
            place = (resource.group, resource.version, resource.plural)
            settings.watching.label_selectors[place] = each.labels
    return settings  # type: ignore[no-any-return]
