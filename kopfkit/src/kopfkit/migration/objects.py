"""Pages of objects, and one object written again without a change.

Rewriting sends no content. It is a JSON patch that only tests: is the object still what was read?
The API server applies it to what is stored (converted to the version of the request), and writes
the result in the version it stores now, unless the bytes in etcd are the same already. So
a concurrent writer can lose nothing. And a conversion that is taken away half-way (OLM does that,
at every upgrade and at the uninstall) cannot empty an object either: converted without the webhook
it is not what was read, the test fails, and nothing is written.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum
from functools import partial
from typing import Any, Final

import msgspec

from kopfkit.migration import gojson
from kopfkit.migration.pace import Pace
from kopfkit.runtime.api.client import PAGE_BYTES, Client, Object, Objects, Resource
from kopfkit.runtime.api.errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unavailable,
)

# How often an object is read again because somebody else wrote it first.
TRIES: Final = 5
# Metadata that a conversion may not change; the rest of metadata is the API server's own.
_METADATA: Final = ("uid", "labels", "annotations", "finalizers", "ownerReferences")


class Outcome(Enum):
    """What became of one object."""

    REWRITTEN = "rewritten"
    # Its bytes were right already, or somebody else wrote it after the flip.
    CURRENT = "current"
    GONE = "gone"


class Refused(Exception):
    """The API server does not take the object as it is; str() is its sentence."""


def key(obj: Object) -> str:
    """Namespace and name, in the order in which the API server lists: that of etcd's keys."""
    metadata = obj["metadata"]
    return (
        f"{metadata['namespace']}/{metadata['name']}"
        if "namespace" in metadata
        else metadata["name"]
    )


async def pages(
    client: Client, resource: Resource, pace: Pace, size: int
) -> AsyncIterator[tuple[Objects, int]]:
    """Each page, and how many objects follow it. `Gone` if reading takes so long that the rest of
    the list is no longer there.

    A page has `size` objects, or fewer where they are large: who writes them must not decide how
    much memory it takes to read them.
    """
    params: dict[str, str] = {}
    while True:
        try:
            page = await pace.patiently(
                f"LIST of {resource.plural}.{resource.group}",
                partial(_page, client, resource, {**params, "limit": str(size)}, size),
            )
        except TooLarge:
            size = max(1, size // 4)
            continue
        metadata = page.get("metadata") or {}
        yield page.get("items") or [], int(metadata.get("remainingItemCount") or 0)
        if not metadata.get("continue"):
            return
        params["continue"] = metadata["continue"]


async def _page(client: Client, resource: Resource, params: dict[str, str], size: int) -> Object:
    raw = await client.read(resource.path(), params, most=PAGE_BYTES if size > 1 else 0)
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise Unavailable(f"GET {resource.path()}: the response is not a list ({error})") from error


async def rewrite(
    client: Client,
    resource: Resource,
    obj: Object,
    pace: Pace,
    *,
    steady: Callable[[], Awaitable[None]],
    dry_run: bool = False,
) -> Outcome:
    """Have the API server write one object again, as it is.

    Args:
        obj: the object as it was read through `resource`.
        steady: raises if the CRD is no longer what it was before `obj` was read. Asked again
            after each further read.
        dry_run: let the API server do everything but write.

    Raises:
        Refused: the API server does not take it.
        KopfkitError: no answer for too long.
    """
    metadata = obj["metadata"]
    path = resource.path(metadata.get("namespace"), metadata["name"])
    what = f"{resource.plural}.{resource.group} {key(obj)}"
    params = {"dryRun": "All"} if dry_run else {}
    for _ in range(TRIES):
        await pace.turn()
        body = msgspec.Raw(gojson.encode(unchanged(obj)))
        try:
            answer = await pace.patiently(
                what,
                lambda body=body: client.request(  # type: ignore[misc]
                    "PATCH",
                    path,
                    params=params,
                    body=body,
                    content_type="application/json-patch+json",
                ),
            )
            written = answer["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]
            return Outcome.REWRITTEN if written else Outcome.CURRENT
        except NotFound:
            return Outcome.GONE
        except Forbidden as error:
            raise Refused(error.sentence) from None
        except (Conflict, Invalid) as error:
            try:
                fresh = await pace.patiently(what, lambda: client.request("GET", path))
            except NotFound:
                return Outcome.GONE
            await steady()
            if fresh["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]:
                # Nobody wrote it: it is refused for what it holds.
                raise Refused(error.sentence) from None
            obj = fresh
    # Whoever keeps writing it writes it in the version that is stored now.
    return Outcome.CURRENT


def unchanged(obj: Object) -> Objects:
    """The JSON patch that changes nothing and holds only for the object as it is."""
    metadata = obj["metadata"]
    tests = [_test("/metadata/resourceVersion", metadata["resourceVersion"])]
    for name in _METADATA:
        tests += _tests(f"/metadata/{name}", metadata.get(name))
    for name, value in obj.items():
        if name not in ("apiVersion", "kind", "metadata"):
            tests += _tests(f"/{_pointer(name)}", value)
    return tests


def _tests(path: str, value: Any) -> Objects:
    """One test of the whole value, or several of its parts.

    The API server (evanphx/json-patch v4, lazyNode.equal) ends the connection over a null inside
    a list that is compared as a whole; lists with one are tested item by item.
    """
    if not _null_in_list(value):
        return [_test(path, value)]
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return [test for name, part in parts for test in _tests(f"{path}/{_pointer(str(name))}", part)]


def _null_in_list(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_null_in_list, value.values()))
    if isinstance(value, list):
        return any(one is None or _null_in_list(one) for one in value)
    return False


def _test(path: str, value: Any) -> dict[str, Any]:
    return {"op": "test", "path": path, "value": value}


def _pointer(name: str) -> str:
    """A name in a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
