"""Removes an operator that OLM has installed: what `subscription` made, and what OLM made of it.

The CRDs and their objects stay unless they are asked for: deleting a CRD deletes all its objects.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kopfkit.cluster import olmobjects, retirement
from kopfkit.cluster.kubectl import Kubectl, Object
from kopfkit.cluster.olmobjects import CATALOGS, CRDS, CSVS, GROUPS, SUBSCRIPTIONS
from kopfkit.cluster.process import CommandFailed
from kopfkit.cluster.progress import Progress
from kopfkit.errors import KopfkitError

# Seconds until the operator's pods must have ended after their Deployment is gone; longer than the
# longest usual grace period.
_PODS = 120.0


@dataclass(frozen=True)
class Definition:
    """A CRD of the operator.

    Attributes:
        name: its name, such as "helloworlds.test.jiaozi.com".
        objects: how many objects of it there are; None if they cannot be read.
        versions: the served versions, the stored one first.
    """

    name: str
    objects: int | None
    versions: tuple[str, ...]


def unsubscribe(
    kubeconfig: Path,
    *,
    package: str,
    namespace: str,
    catalog_namespace: str,
    progress: Progress,
    crds: bool = False,
    confirm: Callable[[Sequence[Definition]], bool] = lambda definitions: True,
) -> list[Definition]:
    """Remove Subscription, CSV, CatalogSource and OperatorGroup of `package`. Idempotent.

    Args:
        crds: delete the operator's CRDs too, and with them every object.
        confirm: asked before anything is deleted if `crds` is set; False ends the call.

    Returns:
        The CRDs that stay, or with `crds` those that were deleted.

    Raises:
        KopfkitError: the cluster does not answer, `confirm` said no, or something does not go away.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    if not kubectl.serves(SUBSCRIPTIONS):
        progress.say("OLM is not installed in this cluster: nothing to remove.")
        return []
    csvs = _csvs(kubectl, package, namespace)
    definitions = _definitions(kubectl, package, namespace, csvs)
    if crds and definitions and not confirm(definitions):
        raise KopfkitError(f"package {package}", "was left as it is", "")
    with progress.step(f"Removing {package}") as step:
        step.note("Subscription")
        kubectl.delete(SUBSCRIPTIONS, package, namespace=namespace)
        if crds:
            # Before the operator goes, which may have a finalizer to remove.
            step.note("CRDs and their objects")
            kubectl.delete(CRDS, *(d.name for d in definitions), timeout=300)
        step.note("ClusterServiceVersion and pods")
        kubectl.delete(CSVS, *(c["metadata"]["name"] for c in csvs), namespace=namespace)
        _await_pods(kubectl, namespace, csvs)
        if not crds:
            step.note("conversions that nobody serves any more")
            retirement.retire(kubectl, [d.name for d in definitions])
        step.note("CatalogSource, OperatorGroup")
        mine = kubectl.list(CATALOGS, catalog_namespace, olmobjects.selector(package))
        kubectl.delete(
            CATALOGS, *(c["metadata"]["name"] for c in mine), namespace=catalog_namespace
        )
        _delete_group(kubectl, package, namespace)
        step.note("")
    if crds:
        return definitions
    left = [kubectl.get(CRDS, definition.name) for definition in definitions]
    return [_definition(kubectl, crd) for crd in left if crd is not None]


def _csvs(kubectl: Kubectl, package: str, namespace: str) -> list[Object]:
    """The package's CSVs in its namespace; a leftover without a Subscription is one too."""
    found = kubectl.list(CSVS, namespace)
    subscription = kubectl.get(SUBSCRIPTIONS, package, namespace) or {}
    status = subscription.get("status", {})
    names = {status.get("installedCSV"), status.get("currentCSV")}
    # OLM's own mark of what an Operator consists of; empty values, so the key is what counts.
    mark = _mark(package, namespace)
    return [
        csv
        for csv in found
        if "olm.copiedFrom" not in csv["metadata"].get("labels", {})
        and (csv["metadata"]["name"] in names or mark in csv["metadata"].get("labels", {}))
    ]


def _mark(package: str, namespace: str) -> str:
    return f"operators.coreos.com/{f'{package}.{namespace}'[:63].rstrip('-.')}"


def _definitions(
    kubectl: Kubectl, package: str, namespace: str, csvs: list[Object]
) -> list[Definition]:
    names = {
        owned["name"]
        for csv in csvs
        for owned in csv["spec"].get("customresourcedefinitions", {}).get("owned", [])
    }
    marked = kubectl.list(CRDS, selector=_mark(package, namespace))
    names |= {crd["metadata"]["name"] for crd in marked}
    found = [crd for name in sorted(names) if (crd := kubectl.get(CRDS, name)) is not None]
    return [_definition(kubectl, crd) for crd in found]


def _definition(kubectl: Kubectl, crd: Object) -> Definition:
    name = crd["metadata"]["name"]
    versions = sorted(crd["spec"]["versions"], key=lambda version: not version["storage"])
    served = tuple(version["name"] for version in versions if version["served"])
    plural, _, group = name.partition(".")
    try:
        # The stored version: reading it needs no webhook.
        listed = kubectl.run(
            "get", f"{plural}.{served[0]}.{group}", "--all-namespaces", "--output=name"
        )
        count: int | None = len(listed.split())
    except CommandFailed:
        count = None
    return Definition(name, count, served)


def _await_pods(kubectl: Kubectl, namespace: str, csvs: list[Object]) -> None:
    """Wait for the operator's pods: one that still runs would act beside the next installation."""
    selectors = [
        ",".join(f"{k}={v}" for k, v in d["spec"]["selector"].get("matchLabels", {}).items())
        for csv in csvs
        for d in csv["spec"]["install"]["spec"].get("deployments", [])
    ]
    deadline = time.monotonic() + _PODS
    for selector in filter(None, selectors):
        while pods := kubectl.list("pods", namespace, selector):
            if time.monotonic() > deadline:
                names = ", ".join(pod["metadata"]["name"] for pod in pods)
                raise KopfkitError(
                    f"pods in {namespace}", f"have not ended after {_PODS:.0f} s: {names}"
                )
            time.sleep(0.5)


def _delete_group(kubectl: Kubectl, package: str, namespace: str) -> None:
    """Delete the OperatorGroup, unless somebody else made it or other operators need it."""
    group = kubectl.get(GROUPS, package, namespace)
    if group is None or not olmobjects.is_ours(group) or kubectl.list(SUBSCRIPTIONS, namespace):
        return
    kubectl.delete(GROUPS, package, namespace=namespace)
