"""What a simulation wants to know of a cluster, read from it: CRDs, objects, the Secret's owner.

Reads only. Objects come through each version by a LIST, as OLM gets them, hence converted by what
converts now.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.runtime.api.client import Client, Resource
from kopfkit.runtime.api.errors import ApiError, NotFound
from kopfkit.runtime.olm.ownership import SECRETS, owners_of
from kopfkit.simulation.preflight import is_webhook, served_by_both
from kopfkit.simulation.situation import Situation

Object = dict[str, Any]
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")


async def look(
    client: Client, new: Mapping[str, Object], told: Callable[[str], None] = lambda text: None
) -> Situation:
    """The cluster as far as these CRDs of the new bundle go.

    Args:
        client: an open client that may get CRDs and list their objects.
        told: is called with what is read next.

    Raises:
        KopfkitError: the cluster does not answer, or a LIST fails, at which OLM would stop, too.
    """
    crds: dict[str, Object] = {}
    objects: dict[str, dict[str, list[Object]]] = {}
    owner = ""
    for name, crd in new.items():
        told(name)
        try:
            crds[name] = await client.get(CRDS, None, name)
        except NotFound:
            continue
        objects[name] = {}
        for version in served_by_both(crds[name], crd):
            told(f"objects of {name} in {version}")
            spec = crds[name]["spec"]
            resource = Resource(spec["group"], version, spec["names"]["plural"])
            try:
                objects[name][version], _ = await client.list(resource)
            except ApiError as error:
                raise KopfkitError(
                    f"objects of {name} in {version}",
                    f"cannot be listed ({error}); OLM would not get beyond this either",
                    "Fix the conversion webhook first.",
                ) from None
        owner = owner or await _secret_owner(client, crds[name])
    return Situation(crds=crds, objects=objects, secret_owner=owner)


async def _secret_owner(client: Client, crd: Object) -> str:
    """As `Situation.secret_owner`; "" if there is no such Secret or it may not be read."""
    if not is_webhook(crd):
        return ""
    service = crd["spec"]["conversion"]["webhook"]["clientConfig"].get("service") or {}
    try:
        secret = await client.get(SECRETS, service.get("namespace"), f"{service.get('name')}-cert")
    except ApiError:
        return ""
    kinds = {str(owner.get("kind")) for owner in owners_of(secret)}
    # Of several owners the last one that goes decides, and a Deployment stays through an upgrade.
    return "csv" if kinds == {"ClusterServiceVersion"} else "deployment"
