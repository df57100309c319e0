"""Installs an operator as its users will: from a catalog image, by OLM and a Subscription.

Works with any package. Waits until the ClusterServiceVersion is Succeeded, or says in one message
what holds it up; OLM itself spreads that over six kinds of objects. Removing is in
`unsubscription`.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress, Step
from kopfkit.olm import olmobjects, retirement
from kopfkit.olm.installation import (
    Assessment,
    Observed,
    assess,
    current_csv,
    unmet,
)
from kopfkit.olm.observation import observe
from kopfkit.olm.olmobjects import CATALOGS, CSVS, GROUPS, SUBSCRIPTIONS
from kopfkit.olm.podfaults import Fault
from kopfkit.toolchain.kubectl import Kubectl, Object

# Seconds between two looks. Each is a handful of kubectl calls; OLM's own steps take seconds.
_INTERVAL = 1.0
# Looks in a row at which an installation with a conversion webhook must be good: OLM calls it
# Succeeded, and within 2 seconds may set it back to Pending once.
_STEADY = 4
# Seconds for everything: pulling four images over a slow line takes minutes.
TIMEOUT = 600.0


@dataclass(frozen=True)
class Installation:
    """An operator that OLM has installed, or is about to.

    Attributes:
        csv: name of the ClusterServiceVersion, "" before there is one.
        phase: its phase, such as "Succeeded".
        catalog_image: the image it comes from, "" if its CatalogSource is gone.
    """

    csv: str
    phase: str
    catalog_image: str


def find(kubeconfig: Path, *, package: str, namespace: str) -> Installation | None:
    """What is installed for `package` in `namespace`; None if there is no Subscription, or no OLM.

    Raises KopfkitError if the cluster does not answer.
    """
    kubectl = Kubectl.at(kubeconfig)
    if not kubectl.serves(SUBSCRIPTIONS):
        return None
    found = kubectl.get(SUBSCRIPTIONS, package, namespace)
    if found is None:
        return None
    spec = found["spec"]
    catalog = kubectl.get(CATALOGS, spec["source"], spec["sourceNamespace"])
    name = current_csv(found)
    csv = kubectl.get(CSVS, name, namespace) if name else None
    return Installation(
        csv=name,
        phase=(csv or {}).get("status", {}).get("phase", ""),
        catalog_image=(catalog or {}).get("spec", {}).get("image", ""),
    )


def subscribe(
    kubeconfig: Path,
    *,
    package: str,
    channel: str,
    catalog_image: str,
    namespace: str,
    catalog_namespace: str,
    progress: Progress,
    timeout: float = TIMEOUT,
    starting_csv: str | None = None,
    targets: Sequence[str] = (),
) -> Installation:
    """Install `package` from `catalog_image` and wait until OLM has done it. Idempotent.

    Args:
        kubeconfig: of the cluster, which has OLM.
        package, channel: what to subscribe to.
        catalog_image: the catalog; by digest if its tag is ever pushed again.
        namespace: where the operator runs; created, with the restricted Pod Security Standard.
        catalog_namespace: where the CatalogSource lives; it must exist unless it is `namespace`.
        timeout: seconds for everything.
        starting_csv: the ClusterServiceVersion to begin with, instead of the channel's head.
        targets: the namespaces that the operator watches; none is all.

    Raises:
        KopfkitError: no OLM, a namespace to watch that is not there, another OperatorGroup in the
            way, or what keeps OLM from installing.
    """
    kubectl = Kubectl.at(kubeconfig, progress)
    if not kubectl.serves(SUBSCRIPTIONS):
        raise KopfkitError(
            "OLM", "is not installed in this cluster", "Install it: kopfkit olm install."
        )
    require_targets(kubectl, namespace, targets)
    kubectl.apply(olmobjects.namespace(namespace))
    return follow(
        kubectl,
        package=package,
        channel=channel,
        catalog=olmobjects.catalog_source(package, catalog_namespace, catalog_image),
        namespace=namespace,
        progress=progress,
        timeout=timeout,
        starting_csv=starting_csv,
        targets=targets,
    )


def require_targets(kubectl: Kubectl, namespace: str, targets: Sequence[str]) -> None:
    """KopfkitError for a namespace to watch that does not exist: OLM installs nothing then.

    `namespace` is the operator's, which is made."""
    for name in targets:
        if name != namespace and kubectl.get("namespaces", name) is None:
            raise KopfkitError(
                f"namespace {name}",
                "is to be watched and does not exist",
                f"Create it: kubectl create namespace {name}.",
            )


def follow(
    kubectl: Kubectl,
    *,
    package: str,
    channel: str,
    catalog: Object,
    namespace: str,
    progress: Progress,
    timeout: float = TIMEOUT,
    starting_csv: str | None = None,
    targets: Sequence[str] = (),
    serve: Callable[[Object], None] | None = None,
) -> Installation:
    """Subscribe `package` to a CatalogSource, and wait until OLM has installed from it.

    Args:
        catalog: the CatalogSource to write; its namespace must exist.
        namespace: where the operator runs; it must exist.
        targets: the namespaces that the operator watches; none is all.
        serve: called with the CatalogSource as it was written, before anything else follows.

    Raises:
        KopfkitError: another OperatorGroup in the way, or what keeps OLM from installing.
    """
    source = str(catalog["metadata"]["name"])
    catalog_namespace = str(catalog["metadata"]["namespace"])
    image = str(catalog["spec"].get("image", ""))
    with progress.step(f"Subscribing to {package} ({channel})") as step:
        before = kubectl.get(SUBSCRIPTIONS, package, namespace)
        for name in retirement.recover(kubectl, namespace) if before is None else ():
            progress.say(
                f"CRD {name}: its conversion webhook is gone. Until the operator runs, only the "
                "version is served that objects are stored in; all objects stay as they are."
            )
        wanted = olmobjects.subscription(
            package,
            namespace,
            channel=channel,
            source=source,
            source_namespace=catalog_namespace,
            starting_csv=starting_csv,
        )
        group = olmobjects.operator_group(package, namespace, targets)
        groups = [] if _has_group(kubectl, namespace, targets) else [group]
        kubectl.apply(catalog)
        if serve is not None:
            serve(kubectl.get(CATALOGS, source, catalog_namespace) or catalog)
        kubectl.apply(*groups, wanted)
        looked = Observed(
            package,
            channel,
            only_head=before is not None and before["spec"]["source"] != source,
        )
        csv = _wait(kubectl, looked, namespace, source, catalog_namespace, step, timeout)
        _forget_other_catalogs(kubectl, package, catalog_namespace, source)
    return Installation(csv, "Succeeded", image)


def _has_group(kubectl: Kubectl, namespace: str, targets: Sequence[str]) -> bool:
    """Whether the namespace has its OperatorGroup; OLM refuses two in one namespace."""
    groups = kubectl.list(GROUPS, namespace)
    for group in groups:
        spec = group.get("spec", {})
        if sorted(spec.get("targetNamespaces", [])) == sorted(targets) and "selector" not in spec:
            continue
        raise KopfkitError(
            f"OperatorGroup {group['metadata']['name']} in {namespace}",
            "selects other namespaces than the operator is to watch"
            if targets
            else "selects namespaces, and a conversion webhook needs all of them",
            "Delete it, or install into another namespace.",
        )
    return bool(groups)


def _wait(
    kubectl: Kubectl,
    looked: Observed,
    namespace: str,
    source: str,
    catalog_namespace: str,
    step: Step,
    timeout: float,
) -> str:
    deadline = time.monotonic() + timeout
    patience = Patience()
    looks = good = 0
    while True:
        seen = observe(kubectl, looked, namespace, source, catalog_namespace)
        verdict = assess(seen)
        step.note(verdict.stage)
        looks, good = looks + 1, good + 1 if verdict.done else 0
        # What is good at the first look was there before; a CSV without conversion stays good.
        if good and (good == looks or good >= _STEADY or not seen.converted):
            return current_csv(seen.subscription)
        now = time.monotonic()
        final = patience.exhausted(verdict, now)
        if final is not None:
            raise KopfkitError(final.what, final.why, final.hint)
        if now > deadline:
            raise _too_late(seen, verdict, timeout)
        time.sleep(_INTERVAL)


class Patience:
    """Remembers since when each fault has been seen."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def exhausted(self, verdict: Assessment, now: float) -> Fault | None:
        """The first fault that has stood longer than its patience at `now` (seconds, monotonic)."""
        self._since = {fault.what: self._since.get(fault.what, now) for fault in verdict.faults}
        for fault in verdict.faults:
            if now - self._since[fault.what] >= fault.patience:
                return fault
        return None


def _too_late(seen: Observed, verdict: Assessment, timeout: float) -> KopfkitError:
    waits = [f"{fault.what}: {fault.why}" for fault in verdict.faults] or unmet(seen.csv)
    detail = f" ({'; '.join(waits)})" if waits else ""
    return KopfkitError(
        f"package {seen.package}",
        f"was not installed within {timeout:.0f} s; OLM is at: {verdict.stage}{detail}",
        "Wait longer with --timeout, or look with: kubectl get sub,ip,csv,pods.",
    )


def _forget_other_catalogs(
    kubectl: Kubectl, package: str, catalog_namespace: str, source: str
) -> None:
    """Delete the CatalogSources of earlier images, whose pods would run on for nothing."""
    found = kubectl.list(CATALOGS, catalog_namespace, olmobjects.selector(package))
    names = [obj["metadata"]["name"] for obj in found if obj["metadata"]["name"] != source]
    kubectl.delete(CATALOGS, *names, namespace=catalog_namespace)
