"""CRDs whose operator is gone: only what needs no conversion is still served.

Without its webhook a CRD's conversion can only fail, and with the strategy None, which OLM leaves
behind at an uninstall, the API server answers with objects whose fields it dropped. Where all is
stored in one version, that one is served alone: then a read through another version is a plain "not
found", and listing, garbage collection and the deletion of namespaces need nobody to convert. The
next installation serves all versions again.

Where objects are still stored in several versions, the webhook stays named: to fail is the only
thing that loses nothing.

Where OLM alone removes the operator, the other versions stay served, and the policy of
`kopfkit.runtime.olm.protection` refuses writes through them. Releases without that policy, an OLM
that was down, or a storage migration leave a CRD whose conversion names a Service that is gone. OLM
lists all objects in each served version before it installs (`validateExistingCRs` in its catalog
operator), and refuses for as long as such a list fails: `recover` ends that before an installation.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from kopfkit.errors import KopfkitError
from kopfkit.host.process import CommandFailed
from kopfkit.olm.installation import conversion_crds
from kopfkit.olm.olmobjects import CRDS, CSVS
from kopfkit.toolchain.kubectl import Kubectl, Object

# How often a write meets another one: OLM's own, at the same time.
_TRIES: Final = 5


def retire(kubectl: Kubectl, names: Iterable[str]) -> list[str]:
    """Make these CRDs safe without a webhook; those that are gone are fine.

    Returns:
        The names of those that were changed.

    Raises:
        CommandFailed: the API server refused.
    """
    return [name for name in names if _retire(kubectl, name)]


def _retire(kubectl: Kubectl, name: str) -> bool:
    for attempt in range(_TRIES):
        crd = kubectl.get(CRDS, name)
        wanted = None if crd is None else retired(crd)
        if wanted is None:
            return False
        try:
            # It carries the resourceVersion that was read.
            kubectl.run("replace", "--filename=-", input=json.dumps(wanted))
        except CommandFailed as error:
            if "Conflict" not in error.output or attempt == _TRIES - 1:
                raise
            continue
        return True
    return False


def recover(kubectl: Kubectl, namespace: str) -> list[str]:
    """Make the CRDs safe whose conversion webhook was in `namespace` and is gone.

    To be called before an installation there. CRDs that an installed ClusterServiceVersion
    converts, or whose Service is still there, are left alone.

    Returns:
        The names of those that were changed.

    Raises:
        KopfkitError: objects of one are stored in several versions; nothing was changed.
        CommandFailed: the API server refused.
    """
    named = [crd for crd in kubectl.list(CRDS) if _service_namespace(crd) == namespace]
    if not named:
        return []
    services = {one["metadata"]["name"] for one in kubectl.list("services", namespace)}
    converted = {name for csv in kubectl.list(CSVS, namespace) for name in conversion_crds(csv)}
    dead = [
        crd
        for crd in named
        if _service(crd)["name"] not in services and crd["metadata"]["name"] not in converted
    ]
    for crd in dead:
        if retired(crd) is None:
            name = crd["metadata"]["name"]
            stored = ", ".join(crd.get("status", {}).get("storedVersions", []))
            raise KopfkitError(
                f"CRD {name}",
                f"has objects stored as {stored}, and its conversion webhook, the Service "
                f"{_service(crd)['name']} in {namespace}, is gone: OLM installs nothing over it",
                "Run the operator on this machine (make run) until it has migrated all objects to "
                "one version, then subscribe again.",
            )
    return retire(kubectl, [crd["metadata"]["name"] for crd in dead])


def _service(crd: Object) -> dict[str, Any]:
    """Reference to the Service of its conversion webhook; {} where it has none."""
    webhook = crd["spec"].get("conversion", {}).get("webhook") or {}
    return dict(webhook.get("clientConfig", {}).get("service") or {})


def _service_namespace(crd: Object) -> str:
    return str(_service(crd).get("namespace", ""))


def retired(crd: Object) -> Object | None:
    """The CRD as it is safe without a webhook, or None if it is, or cannot be made so.

    Args:
        crd: as read.
    """
    spec = crd["spec"]
    versions: list[dict[str, Any]] = spec["versions"]
    stored = [version["name"] for version in versions if version["storage"]]
    if crd.get("status", {}).get("storedVersions", stored) != stored:
        return None
    if not any(version["served"] for version in versions if version["storage"]):
        return None  # nothing would be served
    served = [{**version, "served": version["storage"]} for version in versions]
    none = {"strategy": "None"}
    if served == versions and spec.get("conversion", none) == none:
        return None
    return {**crd, "spec": {**spec, "versions": served, "conversion": none}}
