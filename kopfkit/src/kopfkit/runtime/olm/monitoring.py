"""Creates the operator's ServiceMonitor and PrometheusRule where their API is served.

They come in a ConfigMap that is installed with the operator, because a bundle that carries them as
objects cannot be installed on a cluster without the Prometheus operator. They are owned by the
ConfigMap and go with it. An object of the same name that the ConfigMap does not own is left alone:
somebody has applied config/prometheus, or rules of their own.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

import msgspec

from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from kopfkit.runtime.manager.looking import look_for_ever

log = logging.getLogger(__name__)

CONFIG_MAPS: Final = Resource("", "v1", "configmaps")
GROUP: Final = "monitoring.coreos.com"
VERSION: Final = "v1"
KINDS: Final = {
    "ServiceMonitor": Resource(GROUP, VERSION, "servicemonitors"),
    "PrometheusRule": Resource(GROUP, VERSION, "prometheusrules"),
}
# Seconds between two looks: the Prometheus operator may be installed later.
INTERVAL: Final = 60.0


class MonitoringObjects:
    """Keeps the objects of one ConfigMap.

    Args:
        client: reads and writes.
        namespace, name: the ConfigMap; the objects are made beside it.
        may: whether this process may write now.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        *,
        may: Callable[[], bool],
        interval: float = INTERVAL,
    ) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self._may, self._interval = may, interval
        self._told: set[str] = set()

    async def run(self) -> None:
        """Look for ever. Nothing that goes wrong here is worth more than a warning."""
        await look_for_ever(self.once, may=self._may, failed=self._failed, interval=self._interval)

    def _failed(self, error: ApiError) -> None:
        self._tell(f"cannot set up monitoring: {error}", logging.WARNING)

    async def once(self) -> None:
        """One look, and what it asks for. Raises `ApiError`."""
        served = await self._served()
        if not served:
            return
        try:
            config = await self._client.get(CONFIG_MAPS, self._namespace, self._name)
        except NotFound:
            return  # installed without it; nothing is missed
        for text in (config.get("data") or {}).values():
            wanted = _object(text)
            resource = KINDS.get(str(wanted.get("kind")))
            if resource is not None and wanted["kind"] in served:
                await self._ensure(resource, wanted, config)

    async def _served(self) -> set[str]:
        try:
            found = await self._client.request("GET", f"/apis/{GROUP}/{VERSION}")
        except NotFound:
            return set()
        return {str(item.get("kind")) for item in found.get("resources") or []}

    async def _ensure(self, resource: Resource, wanted: Object, config: Object) -> None:
        name = wanted["metadata"]["name"]
        what = f"{wanted['kind']} {self._namespace}/{name}"
        owner = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": self._name,
            "uid": config["metadata"]["uid"],
        }
        try:
            live = await self._client.get(resource, self._namespace, name)
        except NotFound:
            metadata = {**wanted["metadata"], "ownerReferences": [owner]}
            try:
                await self._client.create(
                    resource, self._namespace, {**wanted, "metadata": metadata}
                )
            except AlreadyExists:
                return  # somebody else's, and just now; the next look tells
            log.info("created %s", what)
            return
        owners = live["metadata"].get("ownerReferences") or []
        if not any(each.get("uid") == owner["uid"] for each in owners):
            self._tell(f"{what} is not managed by this operator and stays as it is", logging.INFO)
            return
        if live.get("spec") == wanted.get("spec"):
            return
        try:
            await self._client.replace(
                resource, self._namespace, {**live, "spec": wanted.get("spec")}
            )
        except Conflict:
            return  # changed meanwhile; the next look compares again
        log.info("updated %s", what)

    def _tell(self, text: str, level: int) -> None:
        if text not in self._told:
            log.log(level, "%s", text)
            self._told = {text} if len(self._told) > 10 else self._told | {text}


def _object(text: Any) -> Object:
    """The object of a text that has a name; {} for any other text."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, TypeError, UnicodeError):
        return {}
    metadata = found.get("metadata") if isinstance(found, dict) else None
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
    return found if named else {}
