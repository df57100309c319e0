"""A CRD whose objects lose nothing while its operator is not installed.

OLM sets a CRD's conversion to None when the operator is uninstalled (operator-lifecycle-manager,
pkg/controller/operators/olm/operator.go, handleClusterServiceVersionDeletion). From then on the API
server answers a read through a version that is not stored with the other version's fields dropped,
and a write through it would lose them for good. A ValidatingAdmissionPolicy refuses those writes.
It needs no process, so it holds where everything of the operator is gone already.

OLM's None has to pass: before it installs the operator again it lists all objects in every version
that is served and will be (pkg/controller/operators/catalog, validateExistingCRs), and one that
asks a webhook which is gone would fail that for ever. So the stored version works, the others show
what they share with it and take no write, and the next installation finds all as it was.

From anybody but OLM the end of the conversion is refused while another version than the stored one
is served, and from everybody while objects are stored in two versions: then no version shows all.

The same policy keeps what the conversion carries for versions that lack it, and the operator's
CRDs where the garbage collector would delete them with their owner, as a ClusterExtension is
(`policies`).

The policy and its binding belong to the CRD: they go with it, and with nothing else.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from kopfkit.runtime.api.client import Client, Object, Resource
from kopfkit.runtime.api.errors import AlreadyExists, ApiError, Conflict, NotFound
from kopfkit.runtime.api.fields import differences
from kopfkit.runtime.manager.looking import look_for_ever
from kopfkit.runtime.olm.policies import GROUP, Carried, binding, policy, policy_name

__all__ = ["BINDINGS", "POLICIES", "Carried", "Protection", "binding", "policy", "policy_name"]

log = logging.getLogger(__name__)

POLICIES: Final = Resource(GROUP, "v1", "validatingadmissionpolicies")
BINDINGS: Final = Resource(GROUP, "v1", "validatingadmissionpolicybindings")
CRDS: Final = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
# Seconds between two looks.
INTERVAL: Final = 60.0


class Protection:
    """Keeps policy and binding of one CRD there.

    Needs get on CRDs (who makes a policy with a parameter must be able to read all of its kind);
    create on both kinds, and get and update of both by name.

    Args:
        client: an open client.
        crd: the CRD's name.
        may: whether this process may write now.
        carried: what the converter keeps in objects of old versions; None to protect the CRD only.
        siblings: names of the operator's other CRDs.
        interval: seconds between two looks.
    """

    def __init__(
        self,
        client: Client,
        crd: str,
        *,
        may: Callable[[], bool],
        carried: Carried | None = None,
        siblings: Iterable[str] = (),
        interval: float = INTERVAL,
    ) -> None:
        self._client, self._crd, self._may, self._interval = client, crd, may, interval
        self._carried, self._siblings = carried, tuple(siblings)
        self._told: set[str] = set()

    async def run(self) -> None:
        """Look for ever. What fails is logged once and tried again at the next look."""
        await look_for_ever(self.once, may=self._may, failed=self._failed, interval=self._interval)

    def _failed(self, error: ApiError) -> None:
        self._tell(f"cannot protect the conversion of {self._crd}: {error}")

    async def once(self) -> None:
        """One look, and what it asks for. Raises `ApiError`."""
        try:
            crd = await self._client.get(CRDS, None, self._crd)
        except NotFound:
            return
        conversion: Any = crd["spec"].get("conversion") or {}
        if conversion.get("strategy") != "Webhook":
            return  # nothing to lose
        # The binding first would be an error of the API server until the policy is there.
        others = [
            each["name"]
            for each in crd["spec"]["versions"]
            if each["served"] and not each["storage"]
        ]
        wanted = policy(self._crd, self._carried, others, self._siblings)
        wishes = ((POLICIES, wanted), (BINDINGS, binding(self._crd)))
        for resource, wish in wishes:
            await self._ensure(resource, wish, crd)

    async def _ensure(self, resource: Resource, wanted: Object, crd: Object) -> None:
        # No controller, and no blockOwnerDeletion: the right to set finalizers is not needed.
        owner = {
            "apiVersion": f"{CRDS.group}/{CRDS.version}",
            "kind": "CustomResourceDefinition",
            "name": self._crd,
            "uid": crd["metadata"]["uid"],
        }
        name = wanted["metadata"]["name"]
        try:
            live = await self._client.get(resource, None, name)
        except NotFound:
            metadata = {"name": name, "ownerReferences": [owner]}
            try:
                await self._client.create(resource, None, {**wanted, "metadata": metadata})
            except AlreadyExists:
                return  # just now; the next look compares
            log.info("created %s %s", wanted["kind"], name)
            return
        owners = live["metadata"].get("ownerReferences") or []
        if not any(each.get("uid") == owner["uid"] for each in owners):
            if owners and all(_is_crd(each, self._crd) for each in owners):
                return  # of the CRD's predecessor; the garbage collector takes it away
            self._tell(
                f"{wanted['kind']} {name} is not managed by this operator and stays as it is"
            )
            return
        changed = differences(wanted["spec"], live.get("spec"))
        if not changed:
            return
        try:
            await self._client.replace(resource, None, {**live, "spec": wanted["spec"]})
        except Conflict:
            return  # changed meanwhile; the next look compares again
        log.info("updated %s %s: %s", wanted["kind"], name, "; ".join(changed))

    def _tell(self, text: str) -> None:
        if text not in self._told:
            log.warning("%s", text)
        self._told.add(text)


def _is_crd(owner: dict[str, Any], name: str) -> bool:
    return (owner.get("kind"), owner.get("name")) == ("CustomResourceDefinition", name)
