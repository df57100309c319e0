"""The CRD in the cluster, as a migration reads and writes it: look, checkpoint, trim."""

import logging
from typing import Any, Final

import msgspec

from kopfkit.errors import KopfkitError
from kopfkit.migration import definition
from kopfkit.migration.definition import DEFINITIONS, Definition
from kopfkit.migration.pace import Pace
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import ApiError, Conflict, Forbidden, NotFound, Unavailable

log = logging.getLogger(__name__)

# Suffix of the checkpoint's annotation; its prefix is the API's own group.
CHECKPOINT: Final = "storage-migration"


class Changed(Exception):
    """The CRD's spec is no longer what it was when the run began."""


class Crd:
    """One CRD.

    Args:
        client: reads and writes it.
        name: of the CRD.
        to: the version that it has to store, None for any.
        pace: repeats what is not answered.
    """

    def __init__(self, client: Client, name: str, to: str | None, pace: Pace) -> None:
        self.client, self.name, self.to, self.pace = client, name, to, pace

    async def look(self) -> Definition:
        """The CRD now. Raises KopfkitError: it is not there, or must not be migrated."""

        async def get() -> Any:
            return await self.client.get(DEFINITIONS, None, self.name)

        try:
            return definition.read(await self.pace.patiently(f"CRD {self.name}", get), self.to)
        except NotFound:
            raise KopfkitError(
                f"CRD {self.name}",
                "is not in this cluster",
                "Name it as `kubectl get crd` does, PLURAL.GROUP, or choose another cluster.",
            ) from None
        except ApiError as error:
            raise failure(f"CRD {self.name}", error) from error

    async def steady(self, found: Definition) -> None:
        """Raise `Changed` if the CRD's spec is not what was found."""
        try:
            now = await self.look()
        except KopfkitError:
            # What is refused now was not before: it changed. The next round says why.
            raise Changed from None
        if not now.same(found):
            raise Changed

    async def announced(self, found: Definition) -> None:
        """Wait until discovery names the version that is stored."""
        group, version = found.through.group, found.through.version

        async def ask() -> None:
            listed = await self.client.request("GET", f"/apis/{group}/{version}")
            for resource in listed.get("resources") or []:
                if resource.get("name") == found.through.plural:
                    if resource.get("storageVersionHash") in (None, found.storage_hash):
                        return
                    raise Unavailable("discovery still names another storage version")
            raise Unavailable("discovery does not name it yet")

        try:
            await self.pace.patiently(f"discovery of {self.name}", ask)
        except ApiError as error:
            raise failure(f"discovery of {self.name}", error) from error

    async def note(self, found: Definition, after: str | None) -> None:
        """Write the checkpoint: everything up to `after` is rewritten. None removes it."""
        name = _annotation(found)
        if after is None and name not in found.annotations:
            return
        noted = {"uid": found.uid, "generation": found.generation, "after": after}
        value = None if after is None else msgspec.json.encode(noted).decode()

        async def write() -> None:
            # Not a patch: validators of bundles take the right to patch CRDs for the right to
            # create them (operator-framework/api, good_practices.go).
            live = await self.client.get(DEFINITIONS, None, self.name)
            annotations = dict(live["metadata"].get("annotations") or {})
            annotations.pop(name, None)
            if value is not None:
                annotations[name] = value
            metadata = {**live["metadata"], "annotations": annotations}
            await self.client.replace(DEFINITIONS, None, {**live, "metadata": metadata})

        try:
            await self.pace.patiently(f"CRD {self.name}", write)
        except (Forbidden, NotFound, Conflict) as error:
            # Without a checkpoint a run that is ended starts over, nothing worse.
            log.debug("no checkpoint in CRD %s: %s", self.name, error)

    async def trim(self, found: Definition) -> None:
        """Have storedVersions name the current version alone; `Changed` as `steady`."""
        while True:
            now = await self.look()
            if not now.same(found):
                raise Changed
            body = {
                # Met as it was read: a flip in between would add its version to the list.
                "metadata": {"resourceVersion": now.resource_version},
                "status": {"storedVersions": [found.storage]},
            }
            try:
                await self.pace.patiently(
                    f"status of CRD {self.name}",
                    lambda body=body: self.client.merge(  # type: ignore[misc]
                        DEFINITIONS, None, self.name, body, subresource="status"
                    ),
                )
            except Conflict:
                continue
            except ApiError as error:
                raise failure(f"status of CRD {self.name}", error) from error
            await self.note(now, None)
            return


def checkpoint(found: Definition) -> str:
    """The key up to which all is rewritten under this very spec, "" if there is none."""
    try:
        noted = msgspec.json.decode(found.annotations.get(_annotation(found), ""))
    except msgspec.DecodeError:
        return ""
    if not isinstance(noted, dict):
        return ""
    same = (noted.get("uid"), noted.get("generation")) == (found.uid, found.generation)
    after = noted.get("after")
    return after if same and isinstance(after, str) else ""


def failure(what: str, error: ApiError) -> KopfkitError:
    """The error a person sees for one of the API server's."""
    hint = "Run the migration again; it resumes."
    if isinstance(error, Forbidden):
        hint = (
            "Grant get and patch on the CRD, patch on its status, and list, get and patch on its "
            "objects."
        )
    return KopfkitError(what, error.message, hint)


def _annotation(found: Definition) -> str:
    return f"{found.through.group}/{CHECKPOINT}"
