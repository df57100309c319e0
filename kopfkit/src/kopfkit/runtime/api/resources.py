"""Resources of the API by name, and objects as plain dictionaries."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Object: TypeAlias = dict[str, Any]
Objects: TypeAlias = list[dict[str, Any]]


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


EVENTS: Final = Resource("events.k8s.io", "v1", "events")
