"""Reads what OLM has made of a Subscription so far: one `Observed` per look."""

from collections.abc import Sequence
from dataclasses import replace

from kopfkit.host.process import CommandFailed
from kopfkit.olm import olmobjects
from kopfkit.olm.installation import (
    Observed,
    conversion_crds,
    current_csv,
    install_plan_name,
)
from kopfkit.olm.olmobjects import CATALOGS, CRDS, CSVS, PACKAGES, PLANS, SUBSCRIPTIONS
from kopfkit.toolchain.kubectl import Kubectl, Object


def observe(
    kubectl: Kubectl, looked: Observed, namespace: str, source: str, catalog_namespace: str
) -> Observed:
    """Look once.

    Args:
        looked: says what is subscribed to; everything else in it is read anew.
        namespace: of the Subscription.
        source, catalog_namespace: the CatalogSource.
    """
    subscription = kubectl.get(SUBSCRIPTIONS, looked.package, namespace)
    name, plan = current_csv(subscription), install_plan_name(subscription)
    csv = kubectl.get(CSVS, name, namespace) if name else None
    seen = replace(looked, subscription=subscription, csv=csv)
    if csv is not None:
        found = [kubectl.get(CRDS, crd) for crd in conversion_crds(csv)]
        seen = replace(seen, converted=[crd for crd in found if crd is not None])
        if csv.get("status", {}).get("phase") != "Succeeded":
            owned = kubectl.list("deployments.apps", namespace, f"olm.owner={name}")
            pods = [pod for pod in kubectl.list("pods", namespace) if _belongs(pod, owned)]
            events = kubectl.list("events", namespace) if pods else []
            seen = replace(seen, deployments=owned, operator_pods=pods, events=events)
    else:
        mark = olmobjects.mark(looked.package, namespace)
        remains = kubectl.list(CSVS, namespace, f"{mark},!olm.copiedFrom")
        catalog = kubectl.get(CATALOGS, source, catalog_namespace)
        pods = kubectl.list("pods", catalog_namespace)
        seen = replace(
            seen,
            remains=remains,
            catalog=catalog,
            catalog_pods=[p for p in pods if _label(p, "olm.catalogSource") == source],
            unpack_pods=[p for p in pods if _label(p, "operatorframework.io/bundle-unpack-ref")],
        )
    if plan:
        seen = replace(seen, install_plan=kubectl.get(PLANS, plan, namespace))
    if seen.only_head or (csv is None and _resolution_failed(subscription)):
        seen = replace(seen, heads=_heads(kubectl, looked.package, source, catalog_namespace))
    return seen


def _heads(
    kubectl: Kubectl, package: str, source: str, catalog_namespace: str
) -> dict[str, str] | None:
    try:
        found = kubectl.list(PACKAGES, catalog_namespace, f"catalog={source}")
    except CommandFailed:
        return None  # the package server is not there (yet)
    if not found:
        return None  # it has not read the catalog (yet)
    channels: list[Object] = []
    for manifest in found:
        if manifest["metadata"]["name"] == package:
            channels = manifest.get("status", {}).get("channels", [])
    return {channel["name"]: channel.get("currentCSV", "") for channel in channels}


def _resolution_failed(subscription: Object | None) -> bool:
    conditions = (subscription or {}).get("status", {}).get("conditions", [])
    return any(c["type"] == "ResolutionFailed" and c["status"] == "True" for c in conditions)


def _belongs(pod: Object, deployments: Sequence[Object]) -> bool:
    """Whether one of the Deployments selects the pod; the operator's children may be beside it."""
    labels = pod["metadata"].get("labels", {}).items()
    return any(
        deployment["spec"]["selector"].get("matchLabels", {}).items() <= labels
        for deployment in deployments
    )


def _label(obj: Object, name: str) -> str:
    return str(obj["metadata"].get("labels", {}).get(name, ""))
