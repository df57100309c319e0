"""What is kept of an object is what is read, and bounded whatever the object carries."""

import asyncio
import tracemalloc
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.runtime.api.client import PAGE, PAGE_BYTES, Client, Resource
from kopfkit.runtime.api.errors import TooLarge
from kopfkit.runtime.api.shapes import FIELD, Shape, cut, decode, trim
from kopfkit.runtime.manager.feeds import beginning, reduced
from kopfkit.runtime.manager.store import Store

SHAPE = Shape(("ours.example.com/",))
THINGS = Resource("example.com", "v1", "things")
# Bytes of JSON that may be left of one object: two fields, 32 notes of 1 KiB twice, owners.
MOST = 2 * FIELD + 2 * 32 * 1024 + 10 * 1024 * 6

TEXT = st.text(max_size=8) | st.sampled_from(["ours.example.com/a", "x" * 2000, "\x01" * 300])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def hostile(many: int, key: str, note: str, value: Any, *, labels: bool, items: bool) -> Any:
    """An object that repeats something until it is huge."""
    owner = {"kind": "K", "name": note or "o", "uid": "u", "controller": labels}
    metadata: dict[str, Any] = {"name": "x", "namespace": "ns", "resourceVersion": "7"}
    notes = {f"{key}{number}": note for number in range(many)}
    metadata["labels" if labels else "annotations"] = notes
    metadata["ownerReferences"] = [owner] * many
    metadata["managedFields"] = [{"fieldsV1": value}] * many
    metadata["finalizers"] = [note] * many
    spec = {"a": [value] * many} if items else {str(number): value for number in range(many)}
    return {"apiVersion": "g/v1", "kind": "K", "metadata": metadata, "spec": spec, "status": value}


@budget(ci=25, soak=2000)
@given(
    many=st.sampled_from([1, 40, 1500]),
    key=TEXT,
    note=TEXT,
    value=VALUES,
    labels=st.booleans(),
    items=st.booleans(),
)
def test_what_is_kept_is_bounded_and_the_same_however_the_object_came(
    many: int, key: str, note: str, value: Any, labels: bool, items: bool
) -> None:
    obj = hostile(many, key, note, value, labels=labels, items=items)

    kept = decode(msgspec.json.encode(obj), SHAPE)

    assert len(msgspec.json.encode(kept)) <= MOST
    assert trim(kept, SHAPE) == kept
    assert kept["metadata"]["name"] == "x"
    # What is too large to be decoded at all leaves nothing, and else the two ways agree.
    if kept["spec"]:
        assert trim(obj, SHAPE) == kept
    for name in ("spec", "status"):
        assert name in cut(kept) or kept[name] == obj[name]


def test_an_objects_identity_its_own_notes_and_its_owner_are_kept() -> None:
    owner = {"apiVersion": "g/v1", "kind": "K", "name": "o", "uid": "u", "controller": True}
    foreign = [{"kind": "K", "name": str(n), "uid": str(n)} for n in range(50)]
    identity = {
        "name": "x",
        "namespace": "ns",
        "uid": "u",
        "resourceVersion": "9",
        "generation": 3,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionTimestamp": "2026-01-02T00:00:00Z",
    }
    note = {"ours.example.com/a": "1"}
    notes = {**note, "theirs.example.com/b": "2", "ours.example.com/large": "x" * 5000}
    metadata = {**identity, "labels": notes, "annotations": notes}
    metadata |= {"ownerReferences": [*foreign, owner], "managedFields": [{}]}
    metadata["finalizers"] = ["f", "ours.example.com/f"]
    spec = {"replicas": 1, "list": [{"a": None}]}

    kept = trim({"metadata": metadata, "spec": spec}, SHAPE)

    assert kept["spec"] == spec
    owners = kept["metadata"].pop("ownerReferences")
    assert owners[0] == owner
    assert len(owners) == 9
    assert kept["metadata"].pop("finalizers") == ["ours.example.com/f"]
    assert kept["metadata"] == {**identity, "labels": note, "annotations": note}
    assert cut(kept) == {}


def test_a_field_that_is_cut_says_how_large_it_was() -> None:
    spec = {"list": ["x"] * 20_000}

    kept = decode(msgspec.json.encode({"metadata": {"name": "x"}, "spec": spec}), SHAPE)

    assert cut(kept) == {"spec": len(msgspec.json.encode(spec))}
    assert cut(Store(SHAPE).get(("", "x")) or {}) == {}


def things(count: int, size: int) -> list[dict[str, Any]]:
    note = {"theirs.example.com/a": "x" * size}
    return [{"metadata": {"name": f"x{n:04}", "annotations": note}} for n in range(count)]


class Paged(Client):
    """Pages as the API server does.

    Attributes:
        limits: that it was asked for.
    """

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self.shapes = {}
        self._readers = asyncio.Semaphore(1)
        self.items = [msgspec.json.encode(each) for each in objects]
        self.limits: list[int] = []

    async def read(self, path: str, params: Mapping[str, str], *, most: int) -> bytes:
        limit, begin = int(params["limit"]), int(params.get("continue", "0"))
        self.limits.append(limit)
        more = str(begin + limit) if begin + limit < len(self.items) else ""
        items = self.items[begin : begin + limit]
        if most and sum(map(len, items)) > most:
            raise TooLarge(path)
        head = b'{"apiVersion":"example.com/v1","kind":"ThingList","metadata":'
        meta = msgspec.json.encode({"resourceVersion": "5", "continue": more})
        return head + meta + b',"items":[' + b",".join(items) + b"]}"


async def test_a_list_of_large_objects_takes_no_more_memory_than_a_page() -> None:
    client = Paged(things(600, 10) + things(120, 250_000) + things(5, 1_500_000))
    tracemalloc.start()
    try:
        found, version = await client.list(THINGS, shape=SHAPE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (len(found), version) == (725, "5")
    assert found[0] == {**found[0], "kind": "Thing", "apiVersion": "example.com/v1"}
    assert client.limits[0] == PAGE
    # A page, and the server's copy of it; the list itself has 38 MB.
    assert peak < 3 * PAGE_BYTES


async def test_an_answer_is_read_no_further_than_there_is_room(serve: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        # Compressed, a few bytes would unpack to many.
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=b"x" * 1000)

    client = await serve(answer)
    assert len(await client.read("/x", {}, most=1000)) == 1000
    with pytest.raises(TooLarge):
        await client.read("/x", {}, most=999)


@pytest.mark.parametrize("size", [10, 250_000])
async def test_a_list_is_complete_whatever_its_pages(size: int) -> None:
    objects = things(40, size) + things(7, 2 * PAGE_BYTES) if size > 10 else things(1200, size)
    for number, each in enumerate(objects):
        each["metadata"]["name"] = str(number)
    client = Paged(objects)

    found, _ = await client.list(THINGS)

    assert [each["metadata"] for each in found] == [each["metadata"] for each in objects]
    # Small objects take as many requests as they have pages, and no more.
    assert size > 10 or client.limits == [PAGE] * 3


def test_a_list_tells_kopf_where_to_begin_and_no_more() -> None:
    page = {
        "apiVersion": "v1",
        "kind": "ThingList",
        "metadata": {"resourceVersion": "5", "continue": "more"},
        "items": things(1, 10),
    }

    assert msgspec.json.decode(beginning(msgspec.json.encode(page))) == {
        **page,
        "metadata": {"resourceVersion": "5"},
        "items": [],
    }
    assert beginning(b"<html>") == b"<html>"


def test_a_large_event_is_reduced_and_what_is_no_event_is_handed_on() -> None:
    (large,) = things(1, 1_000_000)
    line = msgspec.json.encode({"type": "ADDED", "object": large})
    error = msgspec.json.encode({"type": "ERROR", "object": {"code": 500, "message": "x" * 99999}})

    small = msgspec.json.decode(reduced(line, SHAPE))

    assert small == {"type": "ADDED", "object": {"metadata": {"name": "x0000"}}}
    for other in (error, b"x" * 99999, b"{}"):
        assert reduced(other, SHAPE) == other
