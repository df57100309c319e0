"""What is asked of the API server: reads, lists and watches, and writes while we lead.

Objects stay plain dictionaries: no model classes to import or to fill.
"""

from collections.abc import AsyncGenerator
from typing import Final

import aiohttp
import msgspec

from kopfkit.runtime.errors import ApiError, Gone, Unavailable
from kopfkit.runtime.gate import LAST_LOOK
from kopfkit.runtime.resources import Object, Objects, Resource
from kopfkit.runtime.session import CONNECT_TIMEOUT, Session

# Objects per page of a LIST: kubectl's and client-go's value.
PAGE: Final = 500


class Client(Session):
    """A `Session` with one API server, by what is done with its objects.

    Every call raises `ApiError` where the answer is a failure, or none came; a write raises
    `NotLeading` where it must not happen.
    """

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object. Raises `NotFound` and the other `ApiError`s."""
        return await self.request("GET", resource.path(namespace, name))

    async def list(
        self, resource: Resource, namespace: str | None = None, *, labels: str = ""
    ) -> tuple[Objects, str]:
        """All objects of a collection (page by page), and the list's resourceVersion."""
        for _ in range(3):
            try:
                return await self._list(resource, namespace, labels)
            except Gone:
                continue  # the continue token grew too old: from the start
        return await self._list(resource, namespace, labels)

    async def _list(
        self, resource: Resource, namespace: str | None, labels: str
    ) -> tuple[Objects, str]:
        found: Objects = []
        params = {"limit": str(PAGE)}
        if labels:
            params["labelSelector"] = labels
        while True:
            page = await self.request("GET", resource.path(namespace), params=params)
            kind = str(page.get("kind", "")).removesuffix("List")
            for item in page.get("items") or []:
                # Items of a list say neither; events and single reads do.
                item.setdefault("apiVersion", page.get("apiVersion"))
                item.setdefault("kind", kind)
                found.append(item)
            metadata = page.get("metadata") or {}
            if not metadata.get("continue"):
                return found, str(metadata.get("resourceVersion", ""))
            params["continue"] = metadata["continue"]

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Create; the object is returned as stored. Raises `AlreadyExists`."""
        return await self.request("POST", resource.path(namespace), body=body)

    async def apply(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Server-side apply under our field manager.

        Forced, which takes fields over that are in `body` and no others: those are ours by
        contract.
        """
        return await self.request(
            "PATCH",
            resource.path(namespace, body["metadata"]["name"]),
            params={"force": "true"},
            body=body,
            content_type="application/apply-patch+yaml",
        )

    async def replace(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """PUT; with a resourceVersion in `body` an update in between raises `Conflict`."""
        path = resource.path(namespace, body["metadata"]["name"])
        return await self.request("PUT", path, body=body)

    async def merge(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: Object,
        *,
        subresource: str = "",
    ) -> Object:
        """JSON merge patch of an object or of its subresource ("status")."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name, subresource),
            body=body,
            content_type="application/merge-patch+json",
        )

    async def patch(
        self, resource: Resource, namespace: str | None, name: str, operations: Objects
    ) -> Object:
        """JSON patch (RFC 6902) of an object."""
        return await self.request(
            "PATCH",
            resource.path(namespace, name),
            body=operations,
            content_type="application/json-patch+json",
        )

    async def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str
    ) -> None:
        """Delete the object that has this uid, and in the background what it owns.

        Raises:
            NotFound: there is none of that name.
            Conflict: there is one, with another uid.
        """
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        await self.request("DELETE", resource.path(namespace, name), body=body)

    async def watch(
        self,
        resource: Resource,
        namespace: str | None,
        *,
        fields: str,
        seconds: int,
        since: str = "",
    ) -> AsyncGenerator[Object, None]:
        """Events of a collection for at most `seconds`. For a few objects only."""
        params = {"watch": "true", "fieldSelector": fields, "timeoutSeconds": str(seconds)}
        if since:
            params["resourceVersion"] = since
        LAST_LOOK.set(None)
        async with self.send(
            "GET", resource.path(namespace), params, None, "", seconds + CONNECT_TIMEOUT
        ) as response:
            await self.check(response, f"watch {resource.plural}")
            try:
                async for line in response.content:
                    yield msgspec.json.decode(line)
            except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, ValueError) as error:
                raise Unavailable(f"watch {resource.plural}: {error!r}") from error


__all__ = ["ApiError", "Client", "Object", "Objects", "Resource"]
