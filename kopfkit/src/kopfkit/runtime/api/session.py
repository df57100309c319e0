"""One request to the API server and its answer: JSON in, JSON out, failures as own types.

It repeats nothing by itself (but once after a 401, with fresh credentials); who calls it knows when
to try again. What is asked for is `client`'s business.
"""

import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
import msgspec

from kopfkit.runtime.api import errors
from kopfkit.runtime.api.credentials import Credentials
from kopfkit.runtime.api.errors import TooLarge, Unauthorized, Unavailable
from kopfkit.runtime.api.gate import LAST_LOOK, GatedRequest, WhileWeMay
from kopfkit.runtime.api.resources import Object

# Seconds for one request and its answer; above the API server's own limit for most calls is
# useless.
REQUEST_TIMEOUT: Final = 30.0
# Seconds until the TCP connection stands.
CONNECT_TIMEOUT: Final = 5.0


def _always() -> float:
    return REQUEST_TIMEOUT


def _decode(raw: bytes) -> Object:
    return msgspec.json.decode(raw, type=dict[str, Any])


async def _bytes(response: aiohttp.ClientResponse, most: int, what: str) -> bytes:
    """The body, or `TooLarge` as soon as it is known to have more than `most` bytes (0: never)."""
    if not most:
        return await response.read()
    found = bytearray()
    async for part in response.content.iter_any():
        found += part
        if len(found) > most:
            raise TooLarge(f"{what}: the answer has more than {most} bytes")
    return bytes(found)


class Session:
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
        # Not compressed: a few bytes may unpack to all the memory there is.
        headers = {"User-Agent": self.manager, "Accept": "application/json"}
        headers["Accept-Encoding"] = "identity"
        if credentials.authorization:
            headers["Authorization"] = credentials.authorization
        self._session = aiohttp.ClientSession(
            base_url=credentials.server,
            connector=aiohttp.TCPConnector(limit=64, ssl=context if context is not None else True),
            headers=headers,
            proxy=credentials.proxy,
            request_class=GatedRequest,
        )
        if old is not None:
            await old.close()

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        gated: bool = True,
        decode: Callable[[bytes], Object] = _decode,
    ) -> Object:
        """Send one request and decode its answer.

        Args:
            gated: ask `gate` before a write. The Lease itself is written without.
            decode: makes an object of the answer's bytes.

        Raises:
            ApiError: the answer is a failure, or none came.
            NotLeading: it is a write, and we may not write.
        """
        raw = await self._fresh(method, path, params, body, content_type, gated, 0)
        try:
            return decode(raw)
        except msgspec.DecodeError as error:  # also what is JSON, and no object
            raise Unavailable(
                f"{method} {path}: the response is not an object ({error})"
            ) from error

    async def read(self, path: str, params: Mapping[str, str], *, most: int) -> bytes:
        """GET; the answer's bytes as they came.

        Args:
            most: how many bytes are read; 0 for any number.

        Raises:
            ApiError: the answer is a failure, or none came.
            TooLarge: it has more bytes.
        """
        return await self._fresh("GET", path, params, None, "", False, most)

    async def _fresh(self, *request: Any) -> bytes:
        try:
            return await self._request(*request)
        except Unauthorized:
            # Tokens end; the kubelet and login plugins have written new ones by now.
            await self.open()
            return await self._request(*request)

    async def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        gated: bool,
        most: int,
    ) -> bytes:
        query = dict(params or {})
        gated = gated and method != "GET"
        if method != "GET":
            query["fieldManager"] = self.manager
        may = WhileWeMay(self.gate if gated else _always)
        if gated:
            self.writes += 1
        LAST_LOOK.set(self.gate if gated else None)
        what = f"{method} {path}"
        started, status = time.perf_counter(), 0
        try:
            async with (
                may,
                self.send(method, path, query, body, content_type, REQUEST_TIMEOUT) as response,
            ):
                status = response.status
                await self.check(response, what)
                return await _bytes(response, most, what)
        except TimeoutError as error:
            seconds = time.perf_counter() - started
            raise Unavailable(f"{what}: no answer in {seconds:.1f} s") from error
        except (aiohttp.ClientError, socket.gaierror, OSError) as error:
            raise Unavailable(f"{what}: {error}") from error
        finally:
            for observer in self.observers:
                observer(method, path, status, time.perf_counter() - started)

    def send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str],
        body: Any,
        content_type: str,
        seconds: float,
    ) -> "aiohttp.client._RequestContextManager":
        """Begin a request that may take `seconds` with its answer; not gated, and not observed."""
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
    async def check(response: aiohttp.ClientResponse, what: str) -> None:
        """Raise the `ApiError` that an answer is; `what` was asked."""
        if response.status < 400:
            return
        raw = await response.read()
        try:
            answer: Any = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = raw.decode(errors="replace")
        header = response.headers.get("Retry-After")
        raise errors.from_answer(response.status, answer, header, what)
