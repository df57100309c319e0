"""Pages of a storage migration are bounded by their bytes, and none of them is left out."""

from collections.abc import Mapping
from typing import Any

import msgspec

from kopfkit.migration import objects
from kopfkit.migration.pace import Pace
from kopfkit.runtime.api.client import PAGE_BYTES, Client, Resource
from kopfkit.runtime.api.errors import TooLarge, Unavailable

THINGS = Resource("example.com", "v1", "things")


class Server(Client):
    """Pages as the API server does; the first answer is none."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.most = 0
        self.fails = 1

    async def read(self, path: str, params: Mapping[str, str], *, most: int) -> bytes:
        if self.fails:
            self.fails -= 1
            raise Unavailable("no answer")
        begin, end = int(params.get("continue", 0)), int(params.get("continue", 0))
        end += int(params["limit"])
        more = str(end) if end < len(self.items) else ""
        page = {"metadata": {"continue": more}, "items": self.items[begin:end]}
        raw = msgspec.json.encode(page)
        if most and len(raw) > most:
            raise TooLarge(path)
        self.most = max(self.most, len(raw))
        return raw


async def test_large_objects_come_in_small_pages_and_all_of_them_come() -> None:
    items = [{"metadata": {"name": str(n)}, "spec": "x" * 250_000} for n in range(60)]
    items += [{"metadata": {"name": str(n)}} for n in range(60, 80)]
    server = Server(items)
    pace = Pace(rate=0, patience=60)

    found = [
        each["metadata"]["name"]
        async for page, _ in objects.pages(server, THINGS, pace, 100)
        for each in page
    ]

    assert found == [str(n) for n in range(80)]
    assert server.most <= PAGE_BYTES
