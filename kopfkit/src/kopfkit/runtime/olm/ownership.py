"""The certificate Secret that OLM makes, owned by the Deployment that serves with it.

OLM v0 has the ClusterServiceVersion own the Secret. An upgrade deletes the old one, and with it the
Secret that the new one has just decided to go on using; a new certificate of a new authority is
made, and until every pod has mounted it the API server trusts the one and is shown the other. A
Deployment keeps its identity through an upgrade and ends with the uninstall, so the Secret is made
its too: an object goes only when all its owners are gone.

The ClusterServiceVersion that the Deployment belongs to stays an owner, since OLM notices that a
Secret is gone or damaged by that owner alone (olm, pkg/controller/operators/olm/operator.go:
handleDeletion, syncObject); without it a pod could not start until OLM's next resync, up to six
minutes later. After an upgrade it is the new one.

When OLM writes a new certificate, it makes the ClusterServiceVersion the only owner, or leaves the
Secret without any; that is mended at the next look. Only what is OLM's is touched: a Secret that
neither a ClusterServiceVersion owns nor OLM's label marks as its own is somebody else's.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final

from kopfkit.runtime.api.client import Client, Object, Objects, Resource
from kopfkit.runtime.api.errors import ApiError, Conflict, NotFound

SECRETS: Final = Resource("", "v1", "secrets")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments")
log = logging.getLogger(__name__)

# Seconds between two looks: how long a Secret that OLM makes anew stays OLM's alone.
LOOK: Final = 5.0
# How often one look meets another writer.
TRIES: Final = 5


@dataclass(frozen=True)
class Owned:
    """A Secret and its owner to be, both in one namespace.

    Needs get, patch and delete on the Secret and get on the Deployment, both by name
    (`kopfkit.project.rights.certificate_owner`).
    """

    namespace: str
    secret: str
    deployment: str


async def run(client: Client, owned: Owned, *, look: float = LOOK) -> None:
    """Look for ever; what fails is logged once and tried again at the next look.

    Raises:
        KopfkitError: the credentials have ended, and there are no new ones.
    """
    told = ""
    while True:
        try:
            if await once(client, owned):
                log.info("Secret %s now belongs to Deployment %s", owned.secret, owned.deployment)
            told = ""
        except ApiError as error:
            if str(error) != told:
                log.error("cannot keep Secret %s through upgrades: %s", owned.secret, error)
            told = str(error)
        await asyncio.sleep(look)


async def once(client: Client, owned: Owned) -> bool:
    """Make the Deployment an owner; returns whether anything had to be written.

    Raises:
        ApiError: a request failed. That there is no Secret or no Deployment yet is no failure.
    """
    for _ in range(TRIES):
        try:
            secret = await client.get(SECRETS, owned.namespace, owned.secret)
            owners = owners_of(secret)
            ours = any(_csv(owner) or _is(owner, owned.deployment) for owner in owners)
            if not ours and (owners or not _marked(secret)):
                return False
            deployment = await client.get(DEPLOYMENTS, owned.namespace, owned.deployment)
        except NotFound:
            return False
        wanted = owners_with(owners, deployment)
        if wanted == owners:
            return False
        metadata = {
            # Met as it was read: OLM may write owners of its own at the same moment.
            "resourceVersion": secret["metadata"]["resourceVersion"],
            "ownerReferences": wanted,
        }
        try:
            body = {"metadata": metadata}
            await client.merge(SECRETS, owned.namespace, owned.secret, body)
        except Conflict:
            continue
        except NotFound:
            return False
        return True
    raise Conflict(f"Secret {owned.secret} is written all the time", status=409)


def owners_of(obj: Object) -> Objects:
    """metadata.ownerReferences."""
    return obj["metadata"].get("ownerReferences") or []


def owners_with(owners: Objects, deployment: Object) -> Objects:
    """The owners with this Deployment, and of ClusterServiceVersions with those that own it."""
    name, uid = deployment["metadata"]["name"], deployment["metadata"]["uid"]
    ours = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "uid": uid}
    # Neither controller nor blockOwnerDeletion: the right to set finalizers is not needed.
    wanted = {
        one["uid"]: {field: one[field] for field in ours}
        for one in (ours, *filter(_csv, owners_of(deployment)))
    }
    kept = [one for one in owners if one["uid"] in wanted or not (_csv(one) or _is(one, name))]
    there = {one["uid"] for one in kept}
    return kept + [one for uid, one in wanted.items() if uid not in there]


def _marked(secret: Object) -> bool:
    """Whether OLM made it (its OLMManagedLabelKey; v0.38 of OLM marks all it makes)."""
    return bool((secret["metadata"].get("labels") or {}).get("olm.managed") == "true")


def _csv(owner: dict[str, Any]) -> bool:
    group = str(owner.get("apiVersion")).partition("/")[0]
    return (group, owner.get("kind")) == ("operators.coreos.com", "ClusterServiceVersion")


def _is(owner: dict[str, Any], deployment: str) -> bool:
    group = str(owner.get("apiVersion")).partition("/")[0]
    return (group, owner.get("kind"), owner.get("name")) == ("apps", "Deployment", deployment)
