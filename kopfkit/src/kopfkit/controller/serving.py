"""Which version of each API the controller uses: its own, or an older one where that is not served.

A first release's CRD may serve an old version only, and lack a kind. The controller is the same: it
reads objects in the shape of the version that it is written for, and writes only their status and
metadata, which are alike in all versions. What an old version's objects carry in their conversion
annotation is not looked at there: nobody has checked it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Object, Resource
from kopfkit.runtime.api.errors import ApiError, NotFound
from kopfkit.runtime.api.views import View, ViewingClient
from kopfkit.runtime.manager.kopfsettings import Watched

log = logging.getLogger(__name__)

# Seconds between two looks for what is not served yet.
_LOOK: Final = 1.0
# Looks in a row that find an old version alone. Of a CRD that is just made, the API server
# publishes one version after the other.
_SURE: Final = 3


@dataclass(frozen=True)
class Primary:
    """A custom resource that is reconciled.

    Attributes:
        resource: in the version that the controller is written for.
        kind: its kind.
        older: how an object of each older version, newest first, is read as one of `resource`'s
            version. Pure and total.
    """

    resource: Resource
    kind: str
    older: Mapping[str, Callable[[Object], Object]] = field(default_factory=dict, hash=False)

    @property
    def crd(self) -> str:
        """The CRD's name."""
        return f"{self.resource.plural}.{self.resource.group}"


class Serving:
    """Waits until the APIs are served, and has the client use the version that is.

    Args:
        client: gets a view of each primary that is served in an older version only.
        primaries: what is reconciled.
        watched: all that is watched.
        stop: ends the wait.

    Attributes:
        versions: the version of each primary that is used, "" where the release that is installed
            lacks it; empty while it is not known.
    """

    def __init__(
        self,
        client: ViewingClient,
        primaries: Sequence[Primary],
        watched: Sequence[Watched],
        stop: asyncio.Event,
    ) -> None:
        self._client, self._primaries, self._all, self._stop = client, primaries, watched, stop
        self.versions: dict[Resource, str] = {}
        self._seen: dict[Resource, Primary] = {}

    @property
    def watched(self) -> Sequence[Watched]:
        """The resources to watch, in the versions that are used."""
        found = [each for each in self._all if self.serves(each.resource)]
        return [replace(each, resource=self._used(each.resource)) for each in found]

    def serves(self, resource: Resource) -> bool:
        """Whether there is such a resource in the release that is installed."""
        return self.versions.get(resource, resource.version) != ""

    def seen(
        self, resource: Resource, kind: str | None, obj: Object
    ) -> tuple[Resource, str | None, Object]:
        """A watch event as the controller knows it."""
        primary = self._seen.get(resource)
        if primary is None:
            return resource, kind, obj
        return primary.resource, kind, primary.older[resource.version](obj)

    async def wait(self) -> None:
        """Wait until there is an API to use, or `stop`.

        Raises:
            KopfkitError: another version is served than the one that was used so far. A process
                that starts anew uses that one.
        """
        told, same = "", 0
        last: dict[Resource, str] = {}
        while not self._stop.is_set():
            try:
                found = await self._served()
                text = self._missing(found)
                same = same + 1 if found == last else 1
                last = found
                if not text and self._sure(found, same):
                    self._use(found)
                    if told:
                        log.info("Continuing: %s is served", self._primaries[0].crd)
                    return
            except ApiError as error:
                text = f"Cannot reach the API server, waiting: {error}"
            if text and text != told:
                log.warning("%s", text)
                told = text
            await self._pause()

    def _used(self, resource: Resource) -> Resource:
        return replace(resource, version=self.versions.get(resource) or resource.version)

    def _sure(self, found: Mapping[Resource, str], same: int) -> bool:
        for resource, version in self.versions.items():
            if version and found[resource] not in ("", version):
                raise KopfkitError(
                    f"{resource.plural}.{resource.group} {version}",
                    f"is no longer served, and {found[resource]} is",
                    "Nothing to do: the controller restarts and uses that version.",
                )
        newest = all(found[each.resource] == each.resource.version for each in self._primaries)
        return newest or same >= _SURE or bool(self.versions)

    def _use(self, versions: Mapping[Resource, str]) -> None:
        if self.versions:
            return
        self.versions = dict(versions)
        for primary in self._primaries:
            resource, version = primary.resource, versions[primary.resource]
            if version not in ("", resource.version):
                served = self._used(resource)
                self._client.views[resource] = View(served, primary.older[version])
                self._seen[served] = primary
                text = "Using API version %s: no other version of %s is served"
                log.info(text, version, resource.plural)

    def _missing(self, found: Mapping[Resource, str]) -> str:
        """The message about a primary that is not served; "" where all are that can be."""
        # A release that serves old versions only may lack a kind that came later.
        old = any(found[each.resource] in each.older for each in self._primaries)
        for each in self._primaries:
            if not found[each.resource] and not (old and not each.older):
                return (
                    f"the CRD {each.crd} is not installed, or does not serve "
                    f"{each.resource.version}; waits for it (`make install` or the OLM bundle "
                    "brings it)"
                )
        return ""

    async def _served(self) -> dict[Resource, str]:
        """The newest version of each primary that is served, "" for none."""
        lists: dict[tuple[str, str], set[str]] = {}
        found = {}
        for each in self._primaries:
            group, plural = each.resource.group, each.resource.plural
            found[each.resource] = ""
            for version in (each.resource.version, *each.older):
                if (group, version) not in lists:
                    lists[(group, version)] = await self._resources(group, version)
                if plural in lists[(group, version)]:
                    found[each.resource] = version
                    break
        return found

    async def _resources(self, group: str, version: str) -> set[str]:
        try:
            found = await self._client.request("GET", f"/apis/{group}/{version}")
        except NotFound:
            return set()
        return {str(item.get("name")) for item in found.get("resources") or []}

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(_LOOK):
                await self._stop.wait()
        except TimeoutError:
            pass
