"""Requests to the API server: JSON in, JSON out, failures as own types, writes only while we lead.

Objects stay plain dictionaries: no model classes to import or to fill. The client repeats nothing
by itself (but once after a 401, with fresh credentials); who calls it knows when to try again.
"""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import aiohttp
import msgspec

from kopfkit.runtime import errors
from kopfkit.runtime.credentials import Credentials
from kopfkit.runtime.errors import ApiError, Gone, NotLeading, Unauthorized, Unavailable

Object: TypeAlias = dict[str, Any]
Objects: TypeAlias = list[dict[str, Any]]

# Seconds for one request and its answer; above the API server's own limit for most calls is
# useless.
REQUEST_TIMEOUT: Final = 30.0
# Seconds until the TCP connection stands.
CONNECT_TIMEOUT: Final = 5.0
# Objects per page of a LIST: kubectl's and client-go's value.
PAGE: Final = 500


@dataclass(frozen=True)
class Resource:
    """A resource of the API by group ("" is the core group), version and plural."""

    group: str
    version: str
    plural: str

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """URL path of the collection, an object in it or a subresource of that."""
        parts = ["/apis", self.group] if self.group else ["/api"]
        parts.append(self.version)
        if namespace:
            parts += ["namespaces", namespace]
        return "/".join([*parts, self.plural, *filter(None, (name, subresource))])


def _always() -> float:
    return REQUEST_TIMEOUT


# What a request must ask once more when its connection stands and its bytes are about to leave.
_LAST_LOOK: ContextVar[Callable[[], float] | None] = ContextVar("last_look", default=None)


class _Request(aiohttp.ClientRequest):
    """A request that is not sent if the Lease was lost while it waited for its connection.

    A process that is stopped and goes on later finds its requests where it left them. Between this
    look and the kernel lie microseconds, and nothing that waits.
    """

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        look = _LAST_LOOK.get()
        if look is not None:
            look()
        return await super().send(conn)

    async def write_bytes(self, writer: Any, conn: Any, content_length: int | None = None) -> None:
        # The headers wait for the body and leave with it, in another turn of the loop.
        look = _LAST_LOOK.get()
        try:
            if look is not None:
                look()
        except NotLeading as error:
            if conn.protocol is not None:
                conn.protocol.set_exception(aiohttp.ClientConnectionError(str(error)))
            conn.close()
            return
        await super().write_bytes(writer, conn, content_length)


class _WhileWeMay:
    """Lets a request wait for its answer as long as the gate gives time, asking again and again.

    A write that is cut off would be sent once more, and that when the API server is slow. So it may
    go on while the Lease is renewed, and no longer than that.

    Args:
        gate: gives seconds, or raises `NotLeading`.

    Raises:
        NotLeading: it gives none at the start. TimeoutError where it gives none later.
    """

    def __init__(self, gate: Callable[[], float]) -> None:
        self._gate, self._first = gate, gate()
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(self._first)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        self._next = self._loop.call_later(self._first / 2, self._look)

    async def __aexit__(self, *error: Any) -> None:
        self._next.cancel()
        await self._limit.__aexit__(*error)

    def _look(self) -> None:
        try:
            left = self._gate()
        except NotLeading:
            return
        if not self._limit.expired():
            self._limit.reschedule(self._loop.time() + left)
            self._next = self._loop.call_later(left / 2, self._look)


class Client:
    """One session with one API server.

    Args:
        load: finds the credentials; called once at `open` and again after a 401.
        manager: field manager and user agent of every write.

    Attributes:
        gate: called before each write; returns the seconds the write may take and raises
            `NotLeading` where it must not happen. Leader election sets it.
        writes: how many gated writes were sent, rejected ones included.
        observers: each is told of a request that ended: method, path, HTTP status (0: no answer
            came) and seconds. Metrics and traces set them.
    """

    def __init__(self, load: Callable[[], Awaitable[Credentials]], *, manager: str) -> None:
        self._load = load
        self.manager = manager
        self.gate: Callable[[], float] = _always
        self.writes = 0
        self.observers: list[Callable[[str, str, int, float], None]] = []
        self.credentials: Credentials
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Read the credentials and make the session.

        Raises:
            KopfkitError: there are no usable credentials.
        """
        credentials = await self._load()
        context = credentials.ssl_context()
        old, self.credentials = self._session, credentials
        headers = {"User-Agent": self.manager, "Accept": "application/json"}
        if credentials.authorization:
            headers["Authorization"] = credentials.authorization
        self._session = aiohttp.ClientSession(
            base_url=credentials.server,
            connector=aiohttp.TCPConnector(limit=64, ssl=context if context is not None else True),
            headers=headers,
            proxy=credentials.proxy,
            request_class=_Request,
        )
        if old is not None:
            await old.close()

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()

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
    ) -> AsyncIterator[Object]:
        """Events of a collection for at most `seconds`. For a few objects only."""
        params = {"watch": "true", "fieldSelector": fields, "timeoutSeconds": str(seconds)}
        if since:
            params["resourceVersion"] = since
        _LAST_LOOK.set(None)
        async with self._send(
            "GET", resource.path(namespace), params, None, "", seconds + CONNECT_TIMEOUT
        ) as response:
            await self._check(response, f"watch {resource.plural}")
            try:
                async for line in response.content:
                    yield msgspec.json.decode(line)
            except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, ValueError) as error:
                raise Unavailable(f"watch {resource.plural}: {error!r}") from error

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        gated: bool = True,
    ) -> Object:
        """Send one request and decode its answer.

        Args:
            gated: ask `gate` before a write. The Lease itself is written without.

        Raises:
            ApiError: the answer is a failure, or none came.
            NotLeading: it is a write, and we may not write.
        """
        try:
            return await self._request(method, path, params, body, content_type, gated)
        except Unauthorized:
            # Tokens end; the kubelet and login plugins have written new ones by now.
            await self.open()
            return await self._request(method, path, params, body, content_type, gated)

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        gated: bool,
    ) -> Object:
        query = dict(params or {})
        gated = gated and method != "GET"
        if method != "GET":
            query["fieldManager"] = self.manager
        may = _WhileWeMay(self.gate if gated else _always)
        if gated:
            self.writes += 1
        _LAST_LOOK.set(self.gate if gated else None)
        what = f"{method} {path}"
        started, status = time.perf_counter(), 0
        try:
            async with (
                may,
                self._send(method, path, query, body, content_type, REQUEST_TIMEOUT) as response,
            ):
                status = response.status
                await self._check(response, what)
                answer = msgspec.json.decode(await response.read())
        except TimeoutError as error:
            seconds = time.perf_counter() - started
            raise Unavailable(f"{what}: no answer in {seconds:.1f} s") from error
        except (aiohttp.ClientError, socket.gaierror, OSError) as error:
            raise Unavailable(f"{what}: {error}") from error
        except msgspec.DecodeError as error:
            raise Unavailable(f"{what}: the answer is not JSON ({error})") from error
        finally:
            for observer in self.observers:
                observer(method, path, status, time.perf_counter() - started)
        if not isinstance(answer, dict):
            raise Unavailable(f"{what}: the answer is not an object")
        return answer

    def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Any,
        content_type: str,
        seconds: float,
    ) -> "aiohttp.client._RequestContextManager":
        if self._session is None:
            raise RuntimeError("the client is not open")
        return self._session.request(
            method,
            path,
            params=params,
            data=None if body is None else msgspec.json.encode(body),
            headers={"Content-Type": content_type} if body is not None else None,
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_TIMEOUT),
        )

    @staticmethod
    async def _check(response: aiohttp.ClientResponse, what: str) -> None:
        if response.status < 400:
            return
        raw = await response.read()
        try:
            answer: Any = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = raw.decode(errors="replace")
        header = response.headers.get("Retry-After")
        raise errors.from_answer(response.status, answer, header, what)


__all__ = ["ApiError", "Client", "Object", "Resource"]
