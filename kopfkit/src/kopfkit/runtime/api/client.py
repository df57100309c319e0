"""What is asked of the API server: reads, lists and watches, and writes while we lead.

Objects stay plain dictionaries: no model classes to import or to fill. A list is read in pages of
bounded size and each object is reduced as it is decoded, where its caller names a shape: however
much its writers put into the objects, a list takes no more memory than what is kept of them.
"""

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any, Final

import aiohttp
import msgspec

from kopfkit.runtime.api import shapes
from kopfkit.runtime.api.errors import ApiError, Gone, TooLarge, Unavailable
from kopfkit.runtime.api.gate import LAST_LOOK
from kopfkit.runtime.api.resources import Object, Objects, Resource
from kopfkit.runtime.api.session import CONNECT_TIMEOUT, Session
from kopfkit.runtime.api.shapes import Shape

# Objects per page of a LIST: kubectl's and client-go's value.
PAGE: Final = 500
# Bytes of a page; a larger one is asked for again with fewer objects. etcd takes 1.5 MiB an object,
# and as JSON one may be a few times as large: a page of one object is read whatever it has.
PAGE_BYTES: Final = 4 * 1024 * 1024
_FEWER: Final = 4
# Pages that are read at a time.
_READERS: Final = 2


class _Meta(msgspec.Struct):
    resourceVersion: str = ""
    continue_: str = msgspec.field(name="continue", default="")


class _Page(msgspec.Struct):
    """A page of a LIST, its objects still as bytes."""

    apiVersion: str = ""
    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    items: list[msgspec.Raw] | None = None


_PAGE_OF: Final = msgspec.json.Decoder(_Page)


class Client(Session):
    """A `Session` with one API server, by what is done with its objects.

    Every call raises `ApiError` where the answer is a failure, or none came; a write raises
    `NotLeading` where it must not happen.

    Attributes:
        shapes: what `get` and `merge` keep of an answered object, by API group and plural; all of
            it where there is none.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.shapes: dict[tuple[str, str], Shape] = {}
        self._readers = asyncio.Semaphore(_READERS)

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object. Raises `NotFound` and the other `ApiError`s."""
        path = resource.path(namespace, name)
        return await self.request("GET", path, decode=self._decoder(resource))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        shape: Shape | None = None,
    ) -> tuple[Objects, str]:
        """All objects of a collection (page by page), and the list's resourceVersion.

        Args:
            resource: of the collection.
            namespace: where, or None for everywhere.
            labels: a label selector, "" for all.
            fields: a field selector, "" for all.
            shape: what is kept of each object; None for all of it.
        """
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        selectors = {name: value for name, value in selectors.items() if value}
        for _ in range(3):
            try:
                return await self._list(resource, namespace, selectors, shape)
            except Gone:
                continue  # the continue token grew too old: from the start
        return await self._list(resource, namespace, selectors, shape)

    async def _list(
        self,
        resource: Resource,
        namespace: str | None,
        selectors: dict[str, str],
        shape: Shape | None,
    ) -> tuple[Objects, str]:
        found: Objects = []
        limit, path = PAGE, resource.path(namespace)
        params = dict(selectors)
        while True:
            async with self._readers:
                try:
                    most = PAGE_BYTES if limit > 1 else 0
                    raw = await self.read(path, {**params, "limit": str(limit)}, most=most)
                except TooLarge:
                    limit = max(1, limit // _FEWER)
                    continue
                page, items = _page(raw, shape, f"GET {path}")
            found += items
            if not page.continue_:
                return found, page.resourceVersion
            params["continue"] = page.continue_
            if len(raw) < PAGE_BYTES // _FEWER:
                limit = min(PAGE, limit * 2)

    def _decoder(self, resource: Resource) -> Any:
        return partial(shapes.decode, shape=self.shapes.get((resource.group, resource.plural)))

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
            decode=self._decoder(resource),
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


def _page(raw: bytes, shape: Shape | None, what: str) -> tuple[_Meta, Objects]:
    """A page's metadata, and its objects."""
    try:
        page = _PAGE_OF.decode(raw)
        items = [shapes.decode(item, shape) for item in page.items or ()]
    except msgspec.DecodeError as error:
        raise Unavailable(f"{what}: the response is not a list ({error})") from error
    kind = page.kind.removesuffix("List")
    for item in items:
        # Items of a list say neither; events and single reads do.
        item.setdefault("apiVersion", page.apiVersion)
        item.setdefault("kind", kind)
    return page.metadata, items


__all__ = ["ApiError", "Client", "Object", "Objects", "Resource"]
