"""The objects that tell OLM to install an operator from a catalog image. Pure builders."""

import hashlib
from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]

API = "operators.coreos.com"
CATALOGS = f"catalogsources.{API}"
CSVS = f"clusterserviceversions.{API}"
GROUPS = f"operatorgroups.{API}"
PLANS = f"installplans.{API}"
SUBSCRIPTIONS = f"subscriptions.{API}"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
PACKAGES = "packagemanifests.packages.operators.coreos.com"

_MANAGED_BY = "app.kubernetes.io/managed-by"


def labels(package: str) -> dict[str, str]:
    """What marks the objects that `kopfkit subscribe` made for a package."""
    return {_MANAGED_BY: "kopfkit", "app.kubernetes.io/part-of": package}


def is_ours(obj: Object) -> bool:
    """Whether kopfkit made the object, so that kopfkit may delete it."""
    return bool(obj["metadata"].get("labels", {}).get(_MANAGED_BY) == "kopfkit")


def selector(package: str) -> str:
    """The label selector for what `labels` marks."""
    return ",".join(f"{key}={value}" for key, value in labels(package).items())


def mark(package: str, namespace: str) -> str:
    """The label that OLM gives all parts of an operator; its value is empty."""
    return f"{API}/{f'{package}.{namespace}'[:63].rstrip('-.')}"


def catalog_name(package: str, image: str) -> str:
    """Name of the CatalogSource for a catalog image.

    A CatalogSource that is made again under an old name may serve the old content for a while, so
    another image gets another name. At most 63 characters: OLM uses it as a label's value, and as
    the name of a Service.
    """
    return f"{package[:42]}-catalog-{hashlib.sha256(image.encode()).hexdigest()[:12]}"


def namespace(name: str) -> Object:
    """The operator's namespace; pods in it must meet the restricted Pod Security Standard."""
    modes = ("enforce", "audit", "warn")
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in modes},
        },
    }


def operator_group(package: str, namespace: str, targets: Sequence[str] = ()) -> Object:
    """The OperatorGroup for the namespaces `targets`; none is all of them, the only mode that a
    conversion webhook allows."""
    return {
        "apiVersion": f"{API}/v1",
        "kind": "OperatorGroup",
        "metadata": {"name": package, "namespace": namespace, "labels": labels(package)},
        "spec": {"targetNamespaces": sorted(targets)} if targets else {},
    }


def catalog_source(package: str, namespace: str, image: str) -> Object:
    """The CatalogSource that serves the catalog in `image`."""
    return {
        "apiVersion": f"{API}/v1alpha1",
        "kind": "CatalogSource",
        "metadata": {
            "name": catalog_name(package, image),
            "namespace": namespace,
            "labels": labels(package),
        },
        "spec": {
            "sourceType": "grpc",
            "image": image,
            "displayName": f"{package} catalog",
            "grpcPodConfig": {"securityContextConfig": "restricted"},
        },
    }


def subscription(
    package: str,
    namespace: str,
    *,
    channel: str,
    source: str,
    source_namespace: str,
    starting_csv: str | None,
) -> Object:
    """The Subscription to a package's channel in the CatalogSource `source`."""
    start = {"startingCSV": starting_csv} if starting_csv else {}
    return {
        "apiVersion": f"{API}/v1alpha1",
        "kind": "Subscription",
        "metadata": {"name": package, "namespace": namespace, "labels": labels(package)},
        "spec": {
            "name": package,
            "channel": channel,
            "source": source,
            "sourceNamespace": source_namespace,
            "installPlanApproval": "Automatic",
            **start,
        },
    }
