"""How far OLM has come with a Subscription, and what is wrong with it: pure functions over one
observation of the cluster. Reading, waiting and writing is `subscription`'s business."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kopfkit.olm.podfaults import Fault, of_deployment, of_pod, of_readiness

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Observed:
    """What was read in one turn.

    Attributes:
        package, channel: what is subscribed to.
        catalog, subscription, install_plan, csv: the objects, None where there is none (yet). The
            CSV is the one that the Subscription names as current.
        catalog_pods, unpack_pods, operator_pods, deployments: what runs for them.
        remains: the package's CSVs in the namespace while the Subscription has none, such as those
            of an earlier Subscription.
        events: of the operator's namespace, for what probes were answered.
        heads: channel -> name of its newest CSV, as the package server tells it for the catalog;
            None while it says nothing.
        converted: the CRDs that the CSV has a conversion webhook for.
        only_head: the installed CSV counts only if it is the channel's head: set when a
            Subscription changes its catalog, because its status is about the old one for a while.
    """

    package: str
    channel: str
    catalog: Object | None = None
    subscription: Object | None = None
    install_plan: Object | None = None
    csv: Object | None = None
    remains: Sequence[Object] = ()
    catalog_pods: Sequence[Object] = ()
    unpack_pods: Sequence[Object] = ()
    operator_pods: Sequence[Object] = ()
    deployments: Sequence[Object] = ()
    events: Sequence[Object] = ()
    heads: Mapping[str, str] | None = None
    converted: Sequence[Object] = ()
    only_head: bool = False


@dataclass(frozen=True)
class Assessment:
    """What an observation means.

    Attributes:
        stage: what OLM is at, for a progress display.
        done: the operator is installed and runs.
        faults: what is wrong, worst first.
    """

    stage: str
    done: bool = False
    faults: tuple[Fault, ...] = field(default=())


def assess(seen: Observed) -> Assessment:
    """Judge one observation."""
    done = _is_done(seen)
    return Assessment(_stage(seen), done, () if done else tuple(_faults(seen)))


def conversion_crds(csv: Object | None) -> list[str]:
    """Names of the CRDs that a CSV has a conversion webhook for."""
    webhooks = (csv or {}).get("spec", {}).get("webhookdefinitions", [])
    return [name for webhook in webhooks for name in webhook.get("conversionCRDs", [])]


def current_csv(subscription: Object | None) -> str:
    """Name of the CSV that a Subscription has installed or installs; "" before there is one."""
    status = (subscription or {}).get("status", {})
    return str(status.get("currentCSV") or status.get("installedCSV") or "")


def install_plan_name(subscription: Object | None) -> str:
    """Name of the InstallPlan a Subscription waits for; "" before there is one."""
    status = (subscription or {}).get("status", {})
    return str(status.get("installPlanRef", {}).get("name", ""))


def _is_done(seen: Observed) -> bool:
    installed = (seen.subscription or {}).get("status", {}).get("installedCSV")
    if not installed or seen.csv is None or seen.csv["metadata"]["name"] != installed:
        return False
    if seen.only_head and (seen.heads or {}).get(seen.channel) != installed:
        return False
    if _leaving(seen):
        return False
    return _phase(seen.csv) == "Succeeded" and not _unconnected(seen)


def _leaving(seen: Observed) -> list[Object]:
    """The CSVs that are being deleted, in whose place nothing is installed before they are gone."""
    found = [*([] if seen.csv is None else [seen.csv]), *seen.remains]
    return [
        csv for csv in found if "deletionTimestamp" in csv["metadata"] or _phase(csv) == "Deleting"
    ]


def _unconnected(seen: Observed) -> list[str]:
    """The CRDs whose conversion would fail now. While it installs, OLM takes the CA out of them and
    puts it back more than once, also when it has called the CSV Succeeded."""
    names = []
    for crd in seen.converted:
        webhook = crd["spec"].get("conversion", {}).get("webhook", {})
        if "caBundle" not in webhook.get("clientConfig", {}):
            names.append(crd["metadata"]["name"])
    return names


def _stage(seen: Observed) -> str:
    for csv in _leaving(seen):
        return f"waiting until {csv['metadata']['name']} is deleted"
    if seen.csv is not None:
        name, phase = seen.csv["metadata"]["name"], _phase(seen.csv)
        waits = _unconnected(seen) if phase == "Succeeded" else []
        more = f", {waits[0]} not yet connected to its webhook" if waits else ""
        return f"{name} {phase or 'just created'}{more}"
    if seen.install_plan is not None:
        plan = seen.install_plan
        phase = plan.get("status", {}).get("phase", "just created")
        return f"InstallPlan {plan['metadata']['name']} {phase}"
    if _unpacks(seen):
        return "unpacking the bundle"
    state = _connection(seen.catalog)
    if state == "READY":
        return "catalog READY, resolving the Subscription"
    return f"catalog {state}" if state else "waiting for the catalog's pod"


def _unpacks(seen: Observed) -> bool:
    return bool(seen.unpack_pods or _condition(seen.subscription, "BundleUnpacking"))


def _faults(seen: Observed) -> Iterator[Fault]:
    for csv in _leaving(seen):
        yield _half_removed(csv, seen.package)
    if seen.csv is None:
        yield from _catalog_faults(seen)
        for pod in seen.unpack_pods:
            yield from of_pod(pod)
        yield from _subscription_faults(seen)
    plan = seen.install_plan
    if plan is not None and plan.get("status", {}).get("phase") == "Failed":
        yield Fault(
            f"InstallPlan {plan['metadata']['name']}",
            f"failed: {_messages(plan) or 'OLM gives no reason'}",
            patience=5,
        )
    # Pods first: what they say is the cause of what the CSV says.
    for deployment in seen.deployments:
        yield from of_deployment(deployment)
    for pod in seen.operator_pods:
        yield from of_pod(pod, seen.events)
    for pod in seen.operator_pods:
        yield from of_readiness(pod, seen.events)
    if seen.csv is not None and _phase(seen.csv) == "Failed":
        status = seen.csv["status"]
        yield Fault(
            f"ClusterServiceVersion {seen.csv['metadata']['name']}",
            f"failed ({status.get('reason')}: {status.get('message')})",
            # OLM tries again by itself after some reasons, and the pods' faults, which say more,
            # need their time.
            patience=40,
        )


def _half_removed(csv: Object, package: str) -> Fault:
    metadata = csv["metadata"]
    namespace = metadata.get("namespace", "")
    held = ", ".join(metadata.get("finalizers", []))
    since, holds = metadata.get("deletionTimestamp"), f"finalizers: {held}" if held else ""
    told = "; ".join(filter(None, (since and f"since {since}", holds)))
    return Fault(
        f"ClusterServiceVersion {metadata['name']} in {namespace}",
        f"is being deleted{f' ({told})' if told else ''}, and nothing is installed in its place "
        "before it is gone",
        f"Finish the removal, then install again: kopfkit unsubscribe --package {package} "
        f"--namespace {namespace}. A finalizer that stays is for whoever set it to remove.",
        # OLM deletes a CSV within seconds where nothing holds it. Sooner than the resolution that
        # fails as long as it is there.
        patience=30,
    )


def _catalog_faults(seen: Observed) -> Iterator[Fault]:
    for pod in seen.catalog_pods:
        yield from of_pod(pod)
    status = (seen.catalog or {}).get("status", {})
    if status.get("message") and status.get("reason"):
        name = (seen.catalog or {})["metadata"]["name"]
        yield Fault(f"CatalogSource {name}", f"{status['reason']}: {status['message']}")


def _subscription_faults(seen: Observed) -> Iterator[Fault]:
    if seen.heads is not None and seen.channel not in seen.heads:
        offers = ", ".join(sorted(seen.heads))
        yield Fault(
            f"channel {seen.channel} of package {seen.package}",
            f"is not in the catalog; the package has: {offers}"
            if offers
            else "is not in the catalog, which does not have the package",
            "Choose another channel, or build the catalog with it.",
            # The package server has read the catalog, and another catalog has another name.
            patience=3,
        )
    failed = _condition(seen.subscription, "BundleUnpackFailed")
    if failed:
        yield Fault("the bundle", f"cannot be unpacked: {failed.get('message', '')}", patience=5)
    failed = _condition(seen.subscription, "ResolutionFailed")
    # Before the catalog answers, every resolution fails. And OLM unpacks what a later resolution
    # has chosen before it takes the condition back (syncResolvingNamespace of its
    # catalog/operator.go).
    if failed and _connection(seen.catalog) == "READY" and not _unpacks(seen):
        yield Fault(
            f"Subscription {seen.package}",
            f"cannot be resolved: {failed.get('message', '')}",
            # The first resolution after READY may still have seen the catalog as unreachable, and
            # OLM waits up to 30 s before it tries again.
            patience=45,
        )


def unmet(csv: Object | None) -> list[str]:
    """What a CSV still waits for: its requirements that are not fulfilled, as clauses."""
    waits = []
    for requirement in (csv or {}).get("status", {}).get("requirementStatus", []):
        if requirement.get("status") not in ("Present", "Satisfied"):
            name = f"{requirement.get('kind')} {requirement.get('name')}"
            waits.append(f"{name}: {requirement.get('message') or requirement.get('status')}")
    return waits


def _phase(csv: Object) -> str:
    return str(csv.get("status", {}).get("phase", ""))


def _connection(catalog: Object | None) -> str:
    state = (catalog or {}).get("status", {}).get("connectionState", {})
    return str(state.get("lastObservedState", ""))


def _condition(obj: Object | None, kind: str) -> Object | None:
    for condition in (obj or {}).get("status", {}).get("conditions", []):
        if condition.get("type") == kind and condition.get("status") == "True":
            found: Object = condition
            return found
    return None


def _messages(plan: Object) -> str:
    conditions = plan.get("status", {}).get("conditions", [])
    told = [c["message"] for c in conditions if c.get("status") == "False" and c.get("message")]
    return "; ".join(told) or str(plan.get("status", {}).get("message", ""))
