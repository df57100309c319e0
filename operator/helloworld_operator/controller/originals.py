"""What a snapshot is taken of: whether it can be copied now, where, and into how large a claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helloworld_operator.api import snapshot as api
from helloworld_operator.api import v1
from helloworld_operator.controller import desired, jobs, names, upgrades, volumes
from helloworld_operator.controller.observe import (
    CLAIMS,
    DEPLOYMENTS,
    HELLOWORLDS,
    SERVICES,
    Ownership,
    mapping,
    ownership,
    spec_of,
)
from helloworld_operator.controller.retention import MADE_BY, OF_UID
from helloworld_operator.controller.status import conditions_of
from kopfkit.controller.errors import InvalidSpec
from kopfkit.runtime.client import Client, Object, Resource
from kopfkit.runtime.errors import NotFound
from kopfkit.runtime.store import Key, Store, key_of


@dataclass(frozen=True)
class Obstacle:
    """Why a HelloWorld cannot be copied now: a reason for programs, a sentence for people."""

    reason: str
    message: str


@dataclass(frozen=True)
class Original:
    """A HelloWorld that can be copied.

    Attributes:
        url: where its guest book answers.
        resources: what its pods ask for.
        persistence: its volume, as wished.
        claim: its claim as it is, or None where it was not seen yet.
    """

    url: str
    resources: Object
    persistence: v1.Persistence
    claim: Object | None


class Originals:
    """Finds them.

    Args:
        client: asks once more before something is deleted.
        stores: what was last seen.
    """

    def __init__(self, client: Client, stores: Mapping[Resource, Store]) -> None:
        self._client, self._stores = client, stores

    def find(self, key: Key) -> Original | Obstacle:
        """The HelloWorld, or why it cannot be copied now."""
        namespace, name = key
        source = self._stores[HELLOWORLDS].get(key)
        if source is None or source["metadata"].get("deletionTimestamp"):
            text = f"HelloWorld {name} does not exist: create it, or delete this snapshot"
            return Obstacle("SourceMissing", text)
        try:
            spec = spec_of(source)
        except InvalidSpec as error:
            return Obstacle("SourceNotAvailable", f"HelloWorld {name} cannot be decoded: {error}")
        if spec.persistence is None:
            text = f"HelloWorld {name} has no volume: add spec.persistence to it"
            return Obstacle("SourceNotPersistent", text)
        if not self._answers(source):
            text = (
                f"HelloWorld {name} has no pod that answers with its guest book: a copy is "
                "fetched from the running one, as soon as it is available"
            )
            return Obstacle("SourceNotAvailable", text)
        claim = self._stores[CLAIMS].get((namespace, names.claim_name(name)))
        address = desired.url(source, spec)
        return Original(address, desired.resources(spec), spec.persistence, claim)

    def resources(self, key: Key) -> Object | None:
        """What the HelloWorld's pods ask for; None where that cannot be known."""
        source = self._stores[HELLOWORLDS].get(key)
        try:
            return desired.resources(spec_of(source)) if source is not None else None
        except InvalidSpec:
            return None

    async def vanished(self, snapshot: Object) -> bool:
        """Whether the operator made this snapshot for a HelloWorld that is gone, and it holds
        nothing. One of the same name that was made since is another one."""
        labels = mapping(snapshot["metadata"].get("labels"))
        states = conditions_of(mapping(snapshot.get("status")))
        if not labels.get(OF_UID) or MADE_BY not in labels:
            return False
        if states.get("Ready", {}).get("status") == "True":
            return False
        name = str(mapping(snapshot.get("spec")).get("helloWorldName", ""))
        key = (snapshot["metadata"]["namespace"], name)
        known = self._stores[HELLOWORLDS].get(key)
        if known is not None and known["metadata"]["uid"] == labels[OF_UID]:
            return False
        try:
            now = await self._client.get(HELLOWORLDS, *key)
        except NotFound:
            return True
        return bool(now["metadata"]["uid"] != labels[OF_UID])

    @staticmethod
    def claim(original: Original, spec: api.Spec, metadata: Object) -> Object:
        """The claim of a snapshot.

        Args:
            original: what is copied.
            spec: the snapshot's; what it leaves out is as the original has it.
            metadata: of the claim.
        """
        wished = original.persistence
        size = str(spec.size) if spec.size is not None else ""
        made: dict[str, Any] = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {
                "requests": {
                    "storage": size
                    or volumes.larger(str(wished.size), volumes.capacity(original.claim))
                }
            },
        }
        storage = spec.storage_class_name or wished.storage_class_name
        if storage:
            made["storageClassName"] = storage
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**metadata, "labels": jobs.labels("snapshot")},
            "spec": made,
        }

    def _answers(self, source: Object) -> bool:
        """Whether all its pods run as wished, with the volume, behind a Service of ours.

        What another Service of that name answers is not this guest book.
        """
        namespace, name = key_of(source)
        place = (namespace, names.child_name(name))
        live, service = (self._stores[each].get(place) for each in (DEPLOYMENTS, SERVICES))
        if live is None or ownership(live, source) is not Ownership.OURS:
            return False
        if service is None or ownership(service, source) is not Ownership.OURS:
            return False
        found = upgrades.running(live, desired.CONTAINER)
        pod = mapping(mapping(mapping(live.get("spec")).get("template")).get("spec"))
        wanted = {"claimName": names.claim_name(name)}
        mounts = [mapping(each).get("persistentVolumeClaim") for each in pod.get("volumes") or []]
        return found is not None and found.complete and wanted in mounts
