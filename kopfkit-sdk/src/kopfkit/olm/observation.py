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
    # One kubectl for several kinds: starting it costs more than a request. Without the copies that
    # OLM puts into every namespace of each operator that watches all of them.
    here = kubectl.list(f"{SUBSCRIPTIONS},{CSVS}", namespace, "!olm.copiedFrom")
    subscription = _named(here, "Subscription", looked.package)
    name, plan = current_csv(subscription), install_plan_name(subscription)
    csv = _named(here, "ClusterServiceVersion", name)
    seen = replace(looked, subscription=subscription, csv=csv)
    if csv is not None:
        seen = replace(seen, converted=kubectl.existing(CRDS, *conversion_crds(csv)))
        if csv.get("status", {}).get("phase") != "Succeeded":
            beside = kubectl.list("deployments.apps,pods,events", namespace)
            owned = [
                each for each in _of(beside, "Deployment") if _label(each, "olm.owner") == name
            ]
            pods = [pod for pod in _of(beside, "Pod") if _belongs(pod, owned)]
            seen = replace(seen, deployments=owned, operator_pods=pods, events=_of(beside, "Event"))
    else:
        mark = olmobjects.mark(looked.package, namespace)
        serving = kubectl.list(f"{CATALOGS},pods", catalog_namespace)
        pods = _of(serving, "Pod")
        seen = replace(
            seen,
            remains=[
                each
                for each in _of(here, "ClusterServiceVersion")
                if mark in each["metadata"].get("labels", {})
            ],
            catalog=_named(serving, "CatalogSource", source),
            catalog_pods=[p for p in pods if _label(p, "olm.catalogSource") == source],
            unpack_pods=[p for p in pods if _label(p, "operatorframework.io/bundle-unpack-ref")],
        )
    if plan:  # by name: a namespace keeps those of all upgrades that it has seen
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


def _of(objects: Sequence[Object], kind: str) -> list[Object]:
    return [each for each in objects if each["kind"] == kind]


def _named(objects: Sequence[Object], kind: str, name: str) -> Object | None:
    return next((each for each in _of(objects, kind) if each["metadata"]["name"] == name), None)


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
