"""Runs a bundle that is in no catalog, and upgrades to another one, by OLM: a catalog of its own is
made for it in the cluster. The content of that catalog comes from whoever calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import rendering, servedcatalog, subscription, unsubscription
from kopfkit.olm.installation import current_csv
from kopfkit.olm.olmobjects import CATALOGS, GROUPS, SUBSCRIPTIONS
from kopfkit.olm.subscription import Installation
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

Blob = dict[str, Any]


@dataclass(frozen=True)
class Installed:
    """What an upgrade begins with.

    Attributes:
        namespace: of the Subscription.
        channel: that it follows.
        csv: the installed ClusterServiceVersion.
        source: the CatalogSource.
        targets: the namespaces of its OperatorGroup.
    """

    namespace: str
    channel: str
    csv: str
    source: dict[str, Any]
    targets: list[str]


def install(
    kubeconfig: Path,
    *,
    package: str,
    channel: str,
    catalog: Sequence[Blob],
    namespace: str,
    targets: Sequence[str],
    progress: Progress,
    timeout: float,
    starting_csv: str | None = None,
    secrets: Sequence[str] = (),
    opm_image: str | None = None,
) -> Installation:
    """Serve a catalog in the cluster and install a package from it; wait until OLM has done it.

    Args:
        catalog: the blobs to serve.
        namespace: where operator and catalog are; made if it is not there.
        targets: the namespaces to watch; none is all.
        secrets: names of pull secrets in the namespace for the bundle image.
        opm_image: what serves; None is the one that the cluster's OLM uses.

    Raises:
        KopfkitError: no OLM in the cluster, or what keeps it from installing.
    """
    kubectl = _olm(kubeconfig, progress)
    subscription.require_targets(kubectl, namespace, targets)
    if kubectl.get("namespaces", namespace) is None:
        kubectl.run("create", "namespace", namespace)
    content = servedcatalog.text(catalog)
    source = servedcatalog.catalog_source(package, namespace, content)
    if secrets:
        source["spec"]["secrets"] = list(secrets)
    default = f"quay.io/operator-framework/opm:{toolchain.version('opm')}"
    image = opm_image or servedcatalog.opm_image(kubectl, default)
    return subscription.follow(
        kubectl,
        package=package,
        channel=channel,
        catalog=source,
        namespace=namespace,
        targets=targets,
        progress=progress,
        timeout=timeout,
        starting_csv=starting_csv,
        serve=lambda written: servedcatalog.serve(kubectl, written, content, image),
    )


def refuse_second(kubeconfig: Path, package: str, csv: str) -> None:
    """KopfkitError if the package is subscribed to already and is, or becomes, another release."""
    for found in _subscriptions(_olm(kubeconfig, Progress()), package):
        there = current_csv(found)
        place = found["metadata"]["namespace"]
        if there != csv:
            raise KopfkitError(
                f"package {package}",
                f"is already installed in {place}, as {there or 'something that is not ready'}",
                "Upgrade it (kopfkit run bundle-upgrade) or remove it (kopfkit cleanup) first.",
            )


def installed(kubeconfig: Path, package: str, namespace: str | None) -> Installed:
    """What is installed of a package, for an upgrade.

    Args:
        namespace: of its Subscription; None where there is only one.

    Raises:
        KopfkitError: it is not installed, or in several namespaces.
    """
    kubectl = _olm(kubeconfig, Progress())
    found = _one(kubectl, package, namespace)
    spec = found["spec"]
    source = kubectl.get(CATALOGS, spec["source"], spec["sourceNamespace"])
    csv = str(found.get("status", {}).get("installedCSV", ""))
    if source is None or not csv:
        lacks = "its CatalogSource is gone" if source is None else "nothing is installed yet"
        raise KopfkitError(f"package {package}", f"cannot be upgraded: {lacks}")
    namespace = str(found["metadata"]["namespace"])
    groups = kubectl.list(GROUPS, namespace)
    targets = groups[0].get("spec", {}).get("targetNamespaces", []) if groups else []
    return Installed(namespace, str(spec.get("channel", "")), csv, source, targets)


def content(kubeconfig: Path, source: dict[str, Any], progress: Progress) -> list[Blob]:
    """The blobs that a CatalogSource serves.

    Raises KopfkitError if they cannot be had from here.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    if (served := servedcatalog.content(kubectl, source)) is not None:
        return served
    if image := source["spec"].get("image"):
        return rendering.render(image, progress)
    raise KopfkitError(
        f"CatalogSource {source['metadata']['name']}",
        "has no image, and was not made by kopfkit run bundle",
        "Remove the operator (kopfkit cleanup), and run the bundle again.",
    )


def namespace_of(kubeconfig: Path, package: str, namespace: str | None) -> str | None:
    """Where the package is installed, whether its Subscription is still there or not; None if it
    is nowhere.

    Raises KopfkitError if that is in several namespaces.
    """
    kubectl = Kubectl.at(kubeconfig)
    if not kubectl.serves(SUBSCRIPTIONS):
        return None
    if namespace is not None:
        return namespace
    if not _subscriptions(kubectl, package):
        # A removal that was interrupted deletes the Subscription first.
        places = unsubscription.namespaces(kubectl, package)
        if len(places) > 1:
            where = ", ".join(places)
            raise KopfkitError(
                f"package {package}", f"left something in {where}", "Specify it with --namespace."
            )
        return places[0] if places else None
    return str(_one(kubectl, package, None)["metadata"]["namespace"])


def _one(kubectl: Kubectl, package: str, namespace: str | None) -> dict[str, Any]:
    found = [
        one
        for one in _subscriptions(kubectl, package)
        if namespace in (None, one["metadata"]["namespace"])
    ]
    if not found:
        where = f" in {namespace}" if namespace else ""
        raise KopfkitError(
            f"package {package}",
            f"is not installed{where}",
            "Install it: kopfkit run bundle IMAGE.",
        )
    if len(found) > 1:
        names = ", ".join(one["metadata"]["namespace"] for one in found)
        raise KopfkitError(
            f"package {package}", f"is installed in {names}", "Specify it with --namespace."
        )
    return found[0]


def _subscriptions(kubectl: Kubectl, package: str) -> list[dict[str, Any]]:
    return [one for one in kubectl.list(SUBSCRIPTIONS, "*") if one["spec"]["name"] == package]


def _olm(kubeconfig: Path, progress: Progress) -> Kubectl:
    kubectl = Kubectl.at(kubeconfig, progress)
    if not kubectl.serves(SUBSCRIPTIONS):
        raise KopfkitError(
            "OLM", "is not installed in this cluster", "Install it: kopfkit olm install."
        )
    return kubectl
