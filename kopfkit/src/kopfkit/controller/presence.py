"""Which of the kinds that controllers own or watch the cluster serves.

A kind whose CRD is not installed (yet, or any more) stops nobody: it is told once, not watched, and
looked for every few seconds. When it comes or goes, the objects of its controllers are reconciled.

Whether a kind is there is told by its LIST alone. Discovery lags behind it after a CRD was made or
deleted, and a watch of what discovery still names would fail.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from kopfkit.controller.owners import called_kind
from kopfkit.runtime.api.errors import ApiError, NotFound
from kopfkit.runtime.api.resources import Resource

if TYPE_CHECKING:
    from kopfkit.controller.sources import Source
    from kopfkit.runtime.api.client import Client

log = logging.getLogger(__name__)

# Seconds between two looks for kinds that are missing: one small GET each.
_LOOK: Final = 2.0


class Presence:
    """Knows which kinds the cluster serves.

    Args:
        client: asks for lists.
        sources: of the kinds that may be missing; an operator's own kinds are waited for instead.
        primaries: the kinds that are reconciled, by resource; they name the controllers.
        namespaces: that are watched; none means all.
        changed: called with the source of a kind that came or went.

    Attributes:
        missing: the resources that the cluster does not serve.
    """

    def __init__(
        self,
        client: "Client",
        sources: "Iterable[Source]",
        primaries: Mapping[Resource, str],
        namespaces: Sequence[str],
        changed: "Callable[[Source], None]" = lambda _: None,
    ) -> None:
        self._client, self._primaries, self._changed = client, primaries, changed
        self._namespaces = namespaces
        self._sources = {each.watched.resource: each for each in sources}
        self.missing: set[Resource] = set()

    def serves(self, resource: Resource) -> bool:
        """Whether the cluster serves a resource, as last seen."""
        return resource not in self.missing

    def lost(self, resource: Resource) -> bool:
        """Take note that a LIST was answered with 404; False if the resource is one of those that
        are waited for."""
        source = self._sources.get(resource)
        if source is None:
            return False
        if resource not in self.missing:
            self.missing.add(resource)
            log.warning(
                "%s: the cluster does not serve %s; continuing without it; hint: install its "
                "CRD, it is then picked up",
                *self._named(source),
            )
            self._changed(source)
        return True

    async def look(self, resource: Resource) -> bool:
        """Ask the API server whether it serves a resource. Raises `ApiError`."""
        source = self._sources.get(resource)
        if source is None:
            return True
        watched = source.watched
        labels = {"labelSelector": watched.labels} if watched.labels else {}
        path = resource.path(watched.places(self._namespaces)[0])
        try:
            await self._client.request("GET", path, params={"limit": "1", **labels})
        except NotFound:
            self.lost(resource)
            return False
        if resource in self.missing:
            self.missing.discard(resource)
            log.info("%s: the cluster serves %s now", *self._named(source))
            self._changed(source)
        return True

    async def look_at_all(self) -> None:
        """Ask for each kind. Raises `ApiError`."""
        await asyncio.gather(*(self.look(each) for each in self._sources))

    async def run(self) -> None:
        """Look for what is missing, for ever."""
        while True:
            await asyncio.sleep(_LOOK)
            for resource in list(self.missing):
                try:
                    await self.look(resource)
                except ApiError as error:
                    log.debug("cannot look for %s: %s", resource.plural, error)

    def _named(self, source: "Source") -> tuple[str, str]:
        """The controllers that need a kind, and the kind, as messages name them."""
        needed = [self._primaries[each] for each in source.users or self._primaries]
        who = f"controller{'s' if len(needed) > 1 else ''} of {' and '.join(needed)}"
        return who, called_kind(source.kind, source.watched.resource)
