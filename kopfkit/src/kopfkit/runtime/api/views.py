"""A client that sees a resource through another version than the code is written for.

An operator is written for one version of its API, its hub. An API server on which an older release
of the CRD is installed serves another one. There the resource is asked for in the version that is
served, and what comes back is turned into the hub's shape at this one place.

Only the spec's shape is translated. `apiVersion` stays what the API server said, because owner
references and Events must name a version that it serves. What is written has to look the same in
both versions, as a status usually does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kopfkit.runtime.api.client import Client, Object, Objects, Resource
from kopfkit.runtime.api.shapes import Shape


@dataclass(frozen=True)
class View:
    """How a resource is seen.

    Attributes:
        served: the resource in the version that the API server serves.
        inbound: an object of that version, in the shape that the code knows. Pure and total.
    """

    served: Resource
    inbound: Callable[[Object], Object]


class ViewingClient(Client):
    """A `Client` that reads and merges some resources through a view.

    Attributes:
        views: by the resource as the code names it. Creating, applying and replacing such
            a resource is not translated, and so refused.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.views: dict[Resource, View] = {}

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """One object. Raises `NotFound` and the other `ApiError`s."""
        view = self.views.get(resource)
        if view is None:
            return await super().get(resource, namespace, name)
        return view.inbound(await super().get(view.served, namespace, name))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        labels: str = "",
        fields: str = "",
        shape: Shape | None = None,
    ) -> tuple[Objects, str]:
        """All objects of a collection (page by page), and the list's resourceVersion."""
        view = self.views.get(resource)
        served = resource if view is None else view.served
        found, version = await super().list(
            served, namespace, labels=labels, fields=fields, shape=shape
        )
        if view is None:
            return found, version
        return [view.inbound(each) for each in found], version

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
        view = self.views.get(resource)
        if view is None:
            return await super().merge(resource, namespace, name, body, subresource=subresource)
        served = view.served
        return view.inbound(
            await super().merge(served, namespace, name, body, subresource=subresource)
        )

    async def create(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Create; the object is returned as stored. Raises `AlreadyExists`."""
        self._refuse(resource)
        return await super().create(resource, namespace, body)

    async def apply(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """Server-side apply under our field manager."""
        self._refuse(resource)
        return await super().apply(resource, namespace, body)

    async def replace(self, resource: Resource, namespace: str | None, body: Object) -> Object:
        """PUT; with a resourceVersion in `body` an update in between raises `Conflict`."""
        self._refuse(resource)
        return await super().replace(resource, namespace, body)

    def _refuse(self, resource: Resource) -> None:
        if resource in self.views:
            raise NotImplementedError(f"{resource.plural} are only read and merged through a view")
