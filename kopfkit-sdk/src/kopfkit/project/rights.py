"""Permissions from what processes do: an operator's own uses, and those of kopfkit's parts.

A project names the parts that its processes run (leader election, storage migration, ...) and gets
the rules that each of them needs, and no other.
"""

from collections.abc import Iterable
from functools import partial

from kopfkit.admission.hooks import Purpose, configuration_kind, configuration_name
from kopfkit.crd import CustomResource
from kopfkit.project.parts import KUSTOMIZE, OLM, Permission, Rule, Webhook
from kopfkit.runtime.api.resources import EVENTS, Resource
from kopfkit.runtime.api.rights import Use

__all__ = [
    "certificate_owner",
    "certificates",
    "cluster",
    "events",
    "leader_election",
    "main",
    "monitoring",
    "protection",
    "rules",
    "storage_migration",
]

_LEASES = Resource("coordination.k8s.io", "v1", "leases")
_SECRETS = Resource("", "v1", "secrets")
_CONFIG_MAPS = Resource("", "v1", "configmaps")
_DEPLOYMENTS = Resource("apps", "v1", "deployments")
_CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
_MONITORS = ("prometheusrules", "servicemonitors")
_POLICIES = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")


def rules(uses: Iterable[Use]) -> tuple[Rule, ...]:
    """One rule for each resource and subresource, in the order in which they are first named."""
    found: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for use in uses:
        name = "/".join(filter(None, (use.resource.plural, use.subresource)))
        found.setdefault((use.resource.group, name, use.names), set()).update(use.verbs)
    return tuple(
        Rule((group,), (name,), tuple(sorted(verbs)), names)
        for (group, name, names), verbs in found.items()
    )


def main(account: str, uses: Iterable[Use]) -> Permission:
    """What an operator's own code does, in the namespaces that it watches."""
    return Permission(service_account=account, cluster=True, rules=rules(uses), watched=True)


def cluster(account: str, uses: Iterable[Use]) -> Permission:
    """What it does with cluster-scoped kinds, where it may watch less than all namespaces."""
    return Permission(service_account=account, cluster=True, name="cluster", rules=rules(uses))


def events() -> Use:
    """`kopfkit.runtime.manager.events`."""
    return Use(EVENTS, ("create", "patch"))


def leader_election(account: str, lease: str) -> Permission:
    """`kopfkit.runtime.manager.lease`, with a Lease of that name in the operator's namespace."""
    return Permission(
        service_account=account,
        cluster=False,
        name="leader-election",
        rules=rules((Use(_LEASES, ("create",)), Use(_LEASES, ("get", "update"), names=(lease,)))),
    )


def storage_migration(account: str, *resources: CustomResource) -> Permission:
    """`kopfkit.migration`: objects are written again as they are, and the CRD says how far that is
    (an annotation) and what it stores (its status)."""
    names = tuple(resource.crd_name for resource in resources)
    uses = [
        Use(_CRDS, ("get", "update"), names=names),
        Use(_CRDS, ("patch",), "status", names=names),
    ]
    for resource in resources:
        served = Resource(resource.group, resource.versions[0].name, resource.plural)
        uses.append(Use(served, ("patch",)))
    return Permission(
        service_account=account, cluster=True, name="storage-migration", rules=rules(uses)
    )


def protection(account: str, *resources: CustomResource) -> Permission:
    """`runtime.olm.protection`: what refuses that the conversion is taken away while objects
    depend on it."""
    names = tuple(f"conversion.{resource.crd_name}" for resource in resources)
    policies = [Resource("admissionregistration.k8s.io", "v1", plural) for plural in _POLICIES]
    return Permission(
        service_account=account,
        cluster=True,
        name="conversion-protection",
        converting=True,
        rules=rules(
            [
                # Asked for by the API server of who makes a policy whose parameter is a CRD.
                Use(_CRDS, ("get",)),
                *(Use(policy, ("create",)) for policy in policies),
                *(Use(policy, ("get", "update"), names=names) for policy in policies),
            ]
        ),
    )


def monitoring(account: str, project: str) -> Permission:
    """`kopfkit.runtime.olm.monitoring`: the project's ServiceMonitor and PrometheusRule, where the
    Prometheus operator's API is served."""
    monitors = [Resource("monitoring.coreos.com", "v1", plural) for plural in _MONITORS]
    return Permission(
        service_account=account,
        cluster=False,
        name="monitoring",
        rules=rules(
            (
                Use(_CONFIG_MAPS, ("get",), names=(f"{project}-monitoring",)),
                *(Use(monitor, ("create",)) for monitor in monitors),
                *(Use(monitor, ("get", "update"), names=(project,)) for monitor in monitors),
            )
        ),
    )


def certificate_owner(webhook: Webhook, *resources: CustomResource) -> tuple[Permission, ...]:
    """`runtime.olm.ownership`, `renewal`: under OLM the webhook's Deployment owns the Secret,
    and its pods serve with what is in it as soon as the CRDs trust that.

    Args:
        resources: those that are converted.
    """
    crds = tuple(resource.crd_name for resource in resources)
    under_olm = partial(Permission, service_account=webhook.deployment, modes=frozenset({OLM}))
    uses = (
        # delete: who may not delete an object may not set its owners, where the API server checks
        # that (OwnerReferencesPermissionEnforcement, as in OpenShift).
        Use(_SECRETS, ("delete", "get", "patch", "watch"), names=(webhook.secret,)),
        Use(_DEPLOYMENTS, ("get",), names=(webhook.deployment,)),
    )
    owner = under_olm(cluster=False, name="certificate-owner", rules=rules(uses))
    if not crds:
        return (owner,)
    trust = rules([Use(_CRDS, ("watch",), names=crds)])
    return (owner, under_olm(cluster=True, name="certificate-trust", rules=trust))


def certificates(
    account: str, webhook: Webhook, *resources: CustomResource, purposes: Iterable[Purpose] = ()
) -> tuple[Permission, Permission]:
    """`kopfkit.runtime.olm.certificates`: the rotator, where OLM does not make the certificate.

    Args:
        resources: those that are converted.
        purposes: of the admission webhooks.
    """
    trusting = []
    if resources:
        crds = tuple(resource.crd_name for resource in resources)
        trusting.append(Use(_CRDS, ("get", "patch"), names=crds))
    for purpose in purposes:
        plural = f"{configuration_kind(purpose).lower()}s"
        configurations = Resource("admissionregistration.k8s.io", "v1", plural)
        name = configuration_name(webhook.deployment, purpose)
        trusting.append(Use(configurations, ("get", "patch"), names=(name,)))
    return (
        Permission(
            service_account=account,
            cluster=False,
            name="certificates",
            rules=rules(
                (
                    Use(_SECRETS, ("create",)),
                    Use(_SECRETS, ("get", "update"), names=(webhook.secret,)),
                )
            ),
            modes=frozenset({KUSTOMIZE}),
        ),
        Permission(
            service_account=account,
            cluster=True,
            name="certificates-ca",
            rules=rules(trusting),
            modes=frozenset({KUSTOMIZE}),
        ),
    )
