"""Our finalizer on an object: put on and taken off, and nobody else's touched."""

from kopfkit.controller.errors import Vanished
from kopfkit.runtime.api.client import Object, Resource
from kopfkit.runtime.api.errors import NotFound
from kopfkit.runtime.api.views import ViewingClient
from kopfkit.runtime.manager.store import key_of


def has(obj: Object, finalizer: str) -> bool:
    """Whether the finalizer is on an object."""
    return finalizer in (obj["metadata"].get("finalizers") or [])


async def add(client: ViewingClient, resource: Resource, obj: Object, finalizer: str) -> None:
    """Put the finalizer on an object.

    Raises:
        Vanished: the object is gone, or about to.
        Conflict: somebody wrote in between.
    """
    await _write(client, resource, obj, finalizer, on=True)


async def remove(client: ViewingClient, resource: Resource, obj: Object, finalizer: str) -> None:
    """Take the finalizer off an object. Raises as `add`, but that it is gone is no failure."""
    try:
        await _write(client, resource, obj, finalizer, on=False)
    except Vanished:
        return


async def _write(
    client: ViewingClient, resource: Resource, obj: Object, finalizer: str, *, on: bool
) -> None:
    view = client.views.get(resource)
    served = view.served if view is not None else resource
    namespace, name = key_of(obj)
    try:
        # Read whole: the caches know no finalizers but ours.
        live = await client.request("GET", served.path(namespace, name))
        metadata = live["metadata"]
        if metadata["uid"] != obj["metadata"]["uid"] or (on and metadata.get("deletionTimestamp")):
            raise Vanished("it was deleted")
        found = metadata.get("finalizers") or []
        if (finalizer in found) == on:
            return
        wanted = [*found, finalizer] if on else [each for each in found if each != finalizer]
        version = metadata["resourceVersion"]  # nobody else's change is undone
        body = {"metadata": {"resourceVersion": version, "finalizers": wanted}}
        await client.merge(resource, namespace, name, body)
    except NotFound:
        raise Vanished("it was deleted") from None
