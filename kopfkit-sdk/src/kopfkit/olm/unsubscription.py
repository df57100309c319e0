"""Removes an operator that OLM has installed: what `subscription` made, and what OLM made of it.

The CRDs and their objects stay unless they are asked for. If they are, objects go first, while the
operator runs and can remove its finalizers; what is found of an operator does not depend on its
Subscription, so that a removal that was interrupted can be run again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host.process import CommandFailed
from kopfkit.host.progress import Progress, Step
from kopfkit.olm import olmobjects, retirement
from kopfkit.olm.olmobjects import CATALOGS, CRDS, CSVS, GROUPS, SUBSCRIPTIONS
from kopfkit.toolchain.kubectl import Kubectl, Object

# Seconds until the operator must have let its objects go (`on.delete`, finalizers).
_OBJECTS = 300.0
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

    @property
    def resource(self) -> str:
        """For kubectl, in the stored version: reading that needs no webhook."""
        plural, _, group = self.name.partition(".")
        return f"{plural}.{self.versions[0]}.{group}"


def unsubscribe(
    kubeconfig: Path,
    *,
    package: str,
    namespace: str,
    catalog_namespace: str,
    progress: Progress,
    crds: bool = False,
    confirm: Callable[[Sequence[Definition]], bool] = lambda definitions: True,
    patience: float = _OBJECTS,
) -> list[Definition]:
    """Remove Subscription, CSV, CatalogSource and OperatorGroup of `package`. Idempotent.

    Args:
        crds: delete the operator's CRDs too, and with them every object.
        confirm: asked before anything is deleted if `crds` is set; False ends the call.
        patience: seconds until the operator must have let the objects go.

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
        raise KopfkitError(
            f"package {package}", "was not removed: aborted, nothing was deleted", ""
        )
    with progress.step(f"Removing {package}") as step:
        if crds:
            # Before anything of the operator goes, which may have finalizers to remove; and before
            # their CRD, with which an operator may lose sight of them.
            _delete_objects(kubectl, definitions, step, patience)
        step.note("Subscription")
        kubectl.delete(SUBSCRIPTIONS, package, namespace=namespace)
        if crds:
            step.note("CRDs")
            kubectl.delete(CRDS, *(d.name for d in definitions), timeout=300)
        step.note("ClusterServiceVersion and pods")
        kubectl.delete(CSVS, *(c["metadata"]["name"] for c in csvs), namespace=namespace)
        _await_pods(kubectl, namespace, csvs)
        if not crds:
            step.note("conversions that nothing serves any more")
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


def left(kubeconfig: Path, *, package: str, namespace: str) -> list[str]:
    """What stays of an operator that was removed, as kubectl names it: its namespace, and what
    people's rights hang on (editor and viewer ClusterRoles)."""
    kubectl = Kubectl.at(kubeconfig)
    found = ["namespace/" + namespace] if kubectl.get("namespaces", namespace) else []
    roles = kubectl.list("clusterroles", selector=olmobjects.mark(package, namespace))
    return found + [f"clusterrole/{one['metadata']['name']}" for one in roles]


def _delete_objects(
    kubectl: Kubectl, definitions: Sequence[Definition], step: Step, patience: float
) -> None:
    """Delete all objects and wait; KopfkitError, and nothing else deleted, if some stay."""
    for one in definitions:
        step.note(f"objects of {one.name}")
        kubectl.run("delete", one.resource, "--all", "--all-namespaces", "--wait=false")
    deadline = time.monotonic() + patience
    for one in definitions:
        while staying := kubectl.list(one.resource, "*"):
            if time.monotonic() > deadline:
                raise _staying(one, staying, patience)
            time.sleep(0.5)


def _staying(definition: Definition, objects: list[Object], patience: float) -> KopfkitError:
    names = [
        "/".join(filter(None, (one["metadata"].get("namespace"), one["metadata"]["name"])))
        for one in objects
    ]
    held = sorted({name for one in objects for name in one["metadata"].get("finalizers", [])})
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return KopfkitError(
        f"objects of {definition.name}",
        f"are not gone after {patience:.0f} s: {', '.join(names[:3])}{more} (finalizers: "
        f"{', '.join(held) or 'none'}). The operator still runs; nothing else was deleted",
        "Check the operator's log about them, then run this again.",
    )


def _csvs(kubectl: Kubectl, package: str, namespace: str) -> list[Object]:
    """The package's CSVs in its namespace; a leftover without a Subscription is one too."""
    found = kubectl.list(CSVS, namespace)
    subscription = kubectl.get(SUBSCRIPTIONS, package, namespace) or {}
    status = subscription.get("status", {})
    names = {status.get("installedCSV"), status.get("currentCSV")}
    mark = olmobjects.mark(package, namespace)
    return [
        csv
        for csv in found
        if "olm.copiedFrom" not in csv["metadata"].get("labels", {})
        and (csv["metadata"]["name"] in names or mark in csv["metadata"].get("labels", {}))
    ]


def namespaces(kubectl: Kubectl, package: str) -> list[str]:
    """Where there is something of a package that OLM installed, with or without a Subscription."""
    found = set()
    for csv in kubectl.list(CSVS, "*"):
        place, labels = csv["metadata"]["namespace"], csv["metadata"].get("labels", {})
        if olmobjects.mark(package, place) in labels and "olm.copiedFrom" not in labels:
            found.add(place)
    ours = kubectl.list(CATALOGS, "*", olmobjects.selector(package))
    return sorted(found | {one["metadata"]["namespace"] for one in ours})


def _definitions(
    kubectl: Kubectl, package: str, namespace: str, csvs: list[Object]
) -> list[Definition]:
    names = {
        owned["name"]
        for csv in csvs
        for owned in csv["spec"].get("customresourcedefinitions", {}).get("owned", [])
    }
    marked = kubectl.list(CRDS, selector=olmobjects.mark(package, namespace))
    names |= {crd["metadata"]["name"] for crd in marked}
    found = [crd for name in sorted(names) if (crd := kubectl.get(CRDS, name)) is not None]
    return [_definition(kubectl, crd) for crd in found]


def _definition(kubectl: Kubectl, crd: Object) -> Definition:
    name = crd["metadata"]["name"]
    versions = sorted(crd["spec"]["versions"], key=lambda version: not version["storage"])
    served = tuple(version["name"] for version in versions if version["served"])
    found = Definition(name, None, served)
    try:
        listed = kubectl.run("get", found.resource, "--all-namespaces", "--output=name")
    except CommandFailed:
        return found
    return replace(found, objects=len(listed.split()))


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
