"""The parts of a project's description that follow from its `kopfkit.controller.Operator`.

So a kind that is owned or watched stands in one place: rights, Deployments and the kinds of
children cannot differ from what the process does. It imports what runs, kopf and its client among
it; `kopfkit.project` does not.
"""

from collections.abc import Sequence
from typing import Any

from kopfkit.controller.operators import Operator
from kopfkit.controller.settings import HEALTH_PORT, WEBHOOK_PORT
from kopfkit.crd import CustomResource
from kopfkit.environment import ALL_NAMESPACES
from kopfkit.project import alerts, parts, rights
from kopfkit.project.model import Project
from kopfkit.project.parts import Alert, Child, Conversion, Deployment, Monitoring, Permission
from kopfkit.runtime.api.rights import Use

__all__ = [
    "RUNBOOKS",
    "children",
    "conversion",
    "deployments",
    "monitoring",
    "permissions",
    "project",
    "resources",
]

_METRICS_PORT = 8081
# Where the runbooks of derived alerts are in the repository.
RUNBOOKS = "config/prometheus/runbooks"


def project(operator: Operator, **described: Any) -> Project:
    """The project of an operator.

    Args:
        operator: gives name, resources, deployments, permissions, children, conversion, admission,
            monitoring and install modes.
        described: the rest of `Project`'s arguments; one of those above replaces what follows.

    Raises:
        KopfkitError: the description cannot be right; it names every fault.
    """
    found: dict[str, Any] = {
        "name": operator.name,
        "namespace": f"{operator.name}-system",
        "resources": resources(operator),
        "deployments": deployments(operator),
        "permissions": permissions(operator),
        "children": children(operator),
        "conversion": conversion(operator),
        "admission": admission(operator),
        "monitoring": monitoring(operator, described.get("repository", "")),
        "install_modes": operator.install_modes,
    }
    return Project(**{**found, **described})


def resources(operator: Operator) -> tuple[CustomResource, ...]:
    """The custom resources that the operator reconciles."""
    return tuple(each.custom_resource for each in operator.controllers)


def permissions(operator: Operator) -> tuple[Permission, ...]:
    """The rights of what the operator's processes do, and no others."""
    name = operator.name
    everywhere, watched = _by_scope(operator)
    found = [rights.main(name, (*watched, rights.events()))]
    if everywhere:
        found.append(rights.cluster(name, everywhere))
    converted = [one for one in resources(operator) if one.crd_name in operator.converters]
    if converted:
        found.append(rights.storage_migration(name, *converted))
        found.append(rights.protection(name, *converted))
    found.append(rights.leader_election(name, lease=name))
    found.append(rights.monitoring(name, project=name))
    return tuple(found)


def _by_scope(operator: Operator) -> tuple[list[Use], list[Use]]:
    """The uses that no Role can grant, where an installation may watch less than all namespaces:
    those of cluster-scoped kinds; and all others."""
    if operator.install_modes == (ALL_NAMESPACES,):
        return [], list(operator.uses())
    named = {
        (kind.group, kind.plural)
        for each in operator.controllers
        for kind in (*each.owned, *each.made, *each.read, *(one.kind for one in each.watched))
        if not kind.namespaced
    }
    found: tuple[list[Use], list[Use]] = ([], [])
    for use in operator.uses():
        found[(use.resource.group, use.resource.plural) not in named].append(use)
    return found


def deployments(operator: Operator) -> tuple[Deployment, ...]:
    """The controllers' Deployment and, with a webhook, the webhook's. They are values:
    `dataclasses.replace` changes one."""
    ports = (f"--health-port={HEALTH_PORT}", f"--metrics-port={_METRICS_PORT}")
    controller = Deployment(
        name=operator.name,
        container="operator",
        args=("run", *ports),
        component="controller",
        # The leader by Lease, and one that waits with its caches filled.
        replicas=2,
        health_port=HEALTH_PORT,
        metrics_port=_METRICS_PORT,
        cpu="20m",
        memory="64Mi",
        memory_limit="256Mi",
        env={"LOG_FORMAT": "json"},
        scratch=True,
        certificate_args=("--manage-certificates",) if operator.has_webhook else (),
        # At a breakpoint no Lease is renewed, and every write after it would be refused.
        debug_args=("--no-leader-elect",),
    )
    if not operator.has_webhook:
        return (controller,)
    webhook = Deployment(
        name=f"{operator.name}-webhook",
        container="webhook",
        args=("webhook", f"--port={WEBHOOK_PORT}", *ports),
        component="webhook",
        replicas=2,
        health_port=HEALTH_PORT,
        metrics_port=_METRICS_PORT,
        cpu="20m",
        memory="48Mi",
        memory_limit="192Mi",
        env={"LOG_FORMAT": "json"},
        # Conversion and admission are pure: they call no API.
        api_access=False,
        local_args=("--cert-dir=",),
        # 5 s until every API server has seen the endpoint go, then 25 s to answer what is open.
        pre_stop_seconds=5,
        grace_seconds=30,
    )
    return (controller, webhook)


def children(operator: Operator) -> tuple[Child, ...]:
    """The kinds of objects that the operator makes."""
    found = [
        Child(kind.version, kind.kind, controller.kind)
        for controller in operator.controllers
        for kind in controller.owned
    ]
    # Named with its version, or operator-sdk warns that events.k8s.io had one that was removed.
    return (*found, Child("v1", "Event"))


def conversion(operator: Operator) -> Conversion | None:
    """The conversion webhook; None where nothing is converted."""
    if operator.conversion is None:
        return None
    return Conversion(deployment=f"{operator.name}-webhook")


def admission(operator: Operator) -> parts.Admission | None:
    """The admission webhooks; None where there are none."""
    hooks = tuple(hook for each in operator.admission for hook in each.hooks)
    return parts.Admission(deployment=f"{operator.name}-webhook", hooks=hooks) if hooks else None


def monitoring(
    operator: Operator, repository: str, *, own: Sequence[Alert] = (), runbooks: str = ""
) -> Monitoring:
    """The alerts on the operator's own metrics; their runbooks are generated beside the rules.

    Args:
        repository: URL of the source, where the pages are read.
        own: the operator's own alerts.
        runbooks: URL of their pages `<name>.md`, which are written by hand.
    """
    identity = operator.identity
    name, metrics = identity.name, identity.metrics_prefix
    found = alerts.of_process(name, metrics)
    if any(each.reconcile for each in operator.controllers):
        found += alerts.of_controllers(name, metrics, identity.conditions)
    if operator.has_webhook:
        converts = operator.conversion is not None
        found += alerts.of_webhook(name, metrics, f"{name}-webhook", converts=converts)
    generated = f"{repository}/blob/main/{RUNBOOKS}"
    return Monitoring((*found, *own), runbooks or generated, generated=generated)
