"""Which version of the API the controller speaks: v1, or v1alpha1 where nothing else is served.

The first release's CRD has v1alpha1 only, and no HelloWorldSnapshot. The controller is the same: it
reads HelloWorlds in v1's shape, and writes only their status, which is alike in both versions.
What v1alpha1 objects may carry of v1 in their conversion annotation is not looked at there: nobody
has checked it.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from helloworld_operator.api import GROUP, PLURAL, SNAPSHOT
from helloworld_operator.api.conversion import to_v1
from helloworld_operator.controller.observe import HELLOWORLDS, SNAPSHOTS
from helloworld_operator.controller.sources import WATCHED
from kopfkit.errors import KopfkitError
from kopfkit.runtime.client import Object, Resource
from kopfkit.runtime.errors import ApiError, NotFound
from kopfkit.runtime.kopfsettings import Watched
from kopfkit.runtime.views import View, ViewingClient

log = logging.getLogger(__name__)

OLD: Final = Resource(GROUP, "v1alpha1", PLURAL)
# Seconds between two looks for what is not served yet.
_LOOK: Final = 1.0
# Looks in a row that find the old version alone. Of a CRD that is just made, the API server
# publishes one version after the other.
_SURE: Final = 3


class Serving:
    """Waits for a version to be served, and has the client speak it.

    Args:
        client: gets the view of HelloWorlds where it needs one.
        stop: ends the wait.

    Attributes:
        version: that is spoken, "" while none is served.
    """

    def __init__(self, client: ViewingClient, stop: asyncio.Event) -> None:
        self._client, self._stop = client, stop
        self.version = ""

    @property
    def old(self) -> bool:
        """Whether v1alpha1 is spoken."""
        return self.version == OLD.version

    @property
    def watched(self) -> Sequence[Watched]:
        """What there is to watch."""
        found = [each for each in WATCHED if self.serves(each.resource)]
        if not self.old:
            return found
        return [
            replace(each, resource=OLD) if each.resource == HELLOWORLDS else each for each in found
        ]

    def serves(self, resource: Resource) -> bool:
        """Whether there is such a resource in the release that is installed."""
        return not (self.old and resource == SNAPSHOTS)

    def seen(
        self, resource: Resource, kind: str | None, obj: Object
    ) -> tuple[Resource, str | None, Object]:
        """A watch event as the controller knows it."""
        if resource == OLD:
            return HELLOWORLDS, kind, to_v1(obj)
        return resource, kind, obj

    async def wait(self) -> None:
        """Wait until there is something to speak to, or `stop`.

        Raises:
            KopfkitError: another version is served than the one that was spoken so far. A process
                that starts anew speaks that one.
        """
        told, old = "", 0
        while not self._stop.is_set():
            try:
                found = await self._served()
                old = old + 1 if found == OLD.version else 0
                if self.version and found and found != self.version:
                    raise KopfkitError(
                        f"{PLURAL}.{GROUP} {self.version}",
                        f"is no longer served, and {found} is",
                        "Nothing to be done: the controller starts anew and goes on with that.",
                    )
                if found == HELLOWORLDS.version or old >= _SURE or (found and self.version):
                    self._speak(found)
                    if told:
                        log.info("goes on: %s.%s is served", PLURAL, GROUP)
                    return
                text = "" if found else _missing(await self._lacks())
            except ApiError as error:
                text = f"cannot reach the API server, waits: {error}"
            if text and text != told:
                log.warning("%s", text)
                told = text
            await self._pause()

    def _speak(self, version: str) -> None:
        if self.version:
            return
        self.version = version
        if self.old:
            self._client.views[HELLOWORLDS] = View(OLD, to_v1)
            log.info("speaks %s: no other version of %s is served", version, PLURAL)

    async def _served(self) -> str:
        """v1 if all of it is served, else v1alpha1 if that is served and v1 is not, else ""."""
        new = await self._resources(HELLOWORLDS.version)
        if {PLURAL, SNAPSHOT.plural} <= new:
            return HELLOWORLDS.version
        if PLURAL not in new and PLURAL in await self._resources(OLD.version):
            return OLD.version
        return ""

    async def _lacks(self) -> str:
        new = await self._resources(HELLOWORLDS.version)
        return SNAPSHOT.plural if PLURAL in new else PLURAL

    async def _resources(self, version: str) -> set[str]:
        try:
            found = await self._client.request("GET", f"/apis/{GROUP}/{version}")
        except NotFound:
            return set()
        return {str(item.get("name")) for item in found.get("resources") or []}

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LOOK):
                await self._stop.wait()
        except TimeoutError:
            pass


def _missing(plural: str) -> str:
    return (
        f"the CRD {plural}.{GROUP} is not installed, or does not serve v1; waits for it "
        "(`make install` or the OLM bundle brings it)"
    )
