"""What kopf is given to read of the API server's answers: where a watch begins, and small events.

kopf reads a list whole before it looks at it, decodes every event whole and holds each for a second
after it was handled. So a list of kopf's is answered with its resourceVersion alone (it asks for
one object; who needs the objects lists them itself, reduced as they come), and of a large event it
gets what the resource's shape keeps.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
import msgspec

from kopfkit.runtime.api import shapes
from kopfkit.runtime.api.shapes import Shape

# Bytes of an event that is handed on as it came.
_SMALL: Final = 16 * 1024
# Bytes of one event; etcd takes 1.5 MiB an object, and as JSON one may be a few times as large.
_LARGEST: Final = 32 * 1024 * 1024


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _Meta(msgspec.Struct):
    resourceVersion: str = ""


class _List(msgspec.Struct):
    apiVersion: str = ""
    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)


_EVENT_OF: Final = msgspec.json.Decoder(_Event)
_LIST_OF: Final = msgspec.json.Decoder(_List)


class Feeds:
    """Reduces the answers to one session's lists and watches.

    Attributes:
        shapes: by the URL path of what is watched; None keeps all of an object. Answers to other
            requests are left as they are.
    """

    def __init__(self) -> None:
        self.shapes: Mapping[str, Shape | None] = {}

    async def middleware(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """For aiohttp's ClientSession."""
        response = await handler(request)
        # The server's address may have a path of its own before the API's.
        asked = request.url.path
        path = next((path for path in self.shapes if asked.endswith(path)), None)
        if path is None or response.status >= 400:
            return response
        if request.url.query.get("watch") == "true":
            if (shape := self.shapes[path]) is not None:
                response.content = _Lines(response.content, shape)  # type: ignore[assignment]
        else:
            response._body = beginning(await response.read())
        return response


def beginning(raw: bytes) -> bytes:
    """A list as JSON, without its objects and without more pages; as it is where it is no list."""
    try:
        return msgspec.json.encode({**msgspec.to_builtins(_LIST_OF.decode(raw)), "items": []})
    except msgspec.DecodeError:
        return raw


def reduced(line: bytes, shape: Shape) -> bytes:
    """An event of a watch as JSON, without what its object's shape does not keep; as it is where it
    is no event, or says ERROR."""
    if len(line) <= _SMALL:
        return line
    try:
        event = _EVENT_OF.decode(line)
        if event.type == "ERROR":
            return line
        small = shapes.decode(event.object, shape)
        return msgspec.json.encode({"type": event.type, "object": small})
    except msgspec.DecodeError:
        return line


class _Lines:
    """A watch's content, event by event, each reduced."""

    def __init__(self, content: Any, shape: Shape) -> None:
        self._content, self._shape = content, shape

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """What kopf reads watches with: here, one or more whole events at a time."""
        rest = bytearray()
        async for data in self._content.iter_chunked(size):
            rest += data
            end = data.rfind(b"\n")
            if end < 0:
                if len(rest) > _LARGEST:
                    raise aiohttp.ClientPayloadError("an event of a watch is too large")
                continue
            whole = len(rest) - len(data) + end + 1
            lines = bytes(rest[:whole])
            del rest[:whole]
            if len(lines) <= _SMALL:
                yield lines
                continue
            for line in lines[:-1].split(b"\n"):
                yield reduced(line, self._shape) + b"\n"
        if rest:
            yield bytes(rest)
