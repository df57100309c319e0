"""The project as it is in one release: what its bundle has, and what came later or was not there.

The operator's code is one; a release differs from another in the API versions that its CRDs serve
and store (catalog/releases.yaml). All else follows: a kind without a served version is not there,
without two versions of a kind there is no conversion, and without a conversion there is no webhook,
nor what only it needs.
"""

from dataclasses import replace
from typing import Any

from kopfkit.admission.hooks import PURPOSES
from kopfkit.crd import CustomResource, Version
from kopfkit.environment import OWN_NAMESPACE, POD_NAMESPACE, WATCH_NAMESPACE
from kopfkit.errors import KopfkitError
from kopfkit.packaging.releases import Release
from kopfkit.project import Admission, Deployment, Permission, Project, Rule, rights


def edition(project: Project, release: Release) -> Project:
    """The project with the APIs of a release."""
    resources = tuple(
        _resource(resource, release)
        for resource in project.resources
        if any(each.name in release.apis_of(resource.crd_name).served for each in resource.versions)
    )
    kinds = {resource.kind for resource in resources}
    served = {
        (f"{resource.group}/{version.name}", resource.kind)
        for resource in resources
        for version in resource.versions
        if version.served
    }
    found = replace(
        project,
        resources=resources,
        conversion=project.conversion if _converted(resources) else None,
        admission=_admission(project, resources),
        samples=tuple(
            each for each in project.samples if (each["apiVersion"], each["kind"]) in served
        ),
        children=tuple(each for each in project.children if each.of in ("", *kinds)),
    )
    gone = project.webhook if found.webhook is None else None
    deployments = _without(found.deployments, gone.deployment) if gone else found.deployments
    monitoring = found.monitoring
    if monitoring is not None and project.conversion is not None and found.conversion is None:
        webhook = project.conversion.deployment
        alerts = tuple(each for each in monitoring.alerts if each.deployment != webhook)
        monitoring = replace(monitoring, alerts=alerts)
    permissions = [
        each
        for each in project.permissions
        if (found.conversion is not None or not each.converting)
        and (gone is None or each.service_account != gone.deployment)
    ]
    return replace(
        found,
        deployments=deployments,
        monitoring=monitoring,
        permissions=_of_apis((*permissions, *_of_webhook(found)), project, resources),
    )


def in_own_namespace(project: Project) -> Project:
    """The project as it is where it watches its own namespace: with Roles there.

    Raises:
        KopfkitError: it does not support that.
    """
    if OWN_NAMESPACE not in project.install_modes:
        raise KopfkitError(
            f"operator {project.name}",
            f"does not support install mode {OWN_NAMESPACE}",
            f"It supports: {', '.join(project.install_modes)}.",
        )
    # The pods have POD_NAMESPACE in any case.
    own = {WATCH_NAMESPACE: f"$({POD_NAMESPACE})"}
    return replace(
        project,
        permissions=tuple(
            replace(each, cluster=each.cluster and not each.watched) for each in project.permissions
        ),
        deployments=tuple(
            replace(each, env={**own, **each.env}) if each.api_access else each
            for each in project.deployments
        ),
    )


def _converted(resources: tuple[CustomResource, ...]) -> list[CustomResource]:
    return [each for each in resources if len(each.versions) > 1]


def _admission(project: Project, resources: tuple[CustomResource, ...]) -> Admission | None:
    """The admission webhooks for versions that are served: for no other is anybody asked."""
    if project.admission is None:
        return None
    served = {
        (each.group, version.name, each.kind)
        for each in resources
        for version in each.versions
        if version.served
    }
    hooks = tuple(
        hook for hook in project.admission.hooks if (hook.group, hook.version, hook.kind) in served
    )
    return replace(project.admission, hooks=hooks) if hooks else None


def _of_webhook(project: Project) -> tuple[Permission, ...]:
    """What follows from a declared webhook: the rights to its certificate."""
    webhook = project.webhook
    if webhook is None:
        return ()
    converted = _converted(project.resources) if project.conversion is not None else []
    hooks = project.admission.hooks if project.admission else ()
    purposes = tuple(each for each in PURPOSES if any(hook.purpose == each for hook in hooks))
    makers = [each.name for each in project.deployments if each.certificate_args]
    return (
        *(
            each
            for name in makers
            for each in rights.certificates(name, webhook, *converted, purposes=purposes)
        ),
        *rights.certificate_owner(webhook, *converted),
    )


def _without(deployments: tuple[Deployment, ...], webhook: str) -> tuple[Deployment, ...]:
    """The Deployments but the webhook's; none makes certificates for it."""
    return tuple(replace(each, certificate_args=()) for each in deployments if each.name != webhook)


def _resource(resource: CustomResource, release: Release) -> CustomResource:
    """The kind with the versions that are known by then.

    A release names the versions of all its kinds together: a kind that has no version of the stored
    one's name keeps its own.
    """
    apis = release.apis_of(resource.crd_name)
    known = {*release.known_of(resource.crd_name), *apis.served, apis.stored}
    versions = [each for each in resource.versions if each.name in known]
    stores = apis.stored in [each.name for each in versions]
    own = next((each.name for each in versions if each.storage), versions[0].name)
    stored = apis.stored if stores else own
    return replace(
        resource,
        versions=tuple(_version(resource, each, stored, release) for each in versions),
    )


def _version(
    resource: CustomResource, version: Version[Any, Any], stored: str, release: Release
) -> Version[Any, Any]:
    found = replace(
        version,
        served=version.name in release.apis_of(resource.crd_name).served,
        storage=version.name == stored,
    )
    if version.name not in release.deprecated_versions or version.deprecation_warning is not None:
        return found
    # The wording of the API server's own warnings.
    text = (
        f"{resource.group}/{version.name} {resource.kind} is deprecated; "
        f"use {resource.group}/{stored} {resource.kind}"
    )
    return replace(found, deprecation_warning=text)


def _of_apis(
    permissions: tuple[Permission, ...], project: Project, present: tuple[CustomResource, ...]
) -> tuple[Permission, ...]:
    """The permissions without rules about kinds of ours that are not there."""
    absent = {(each.group, each.plural) for each in project.resources} - {
        (each.group, each.plural) for each in present
    }

    def kept(rule: Rule) -> Rule | None:
        resources = tuple(
            name
            for name in rule.resources
            if not all((group, name.partition("/")[0]) in absent for group in rule.groups)
        )
        return replace(rule, resources=resources) if resources else None

    found = []
    for permission in permissions:
        rules = tuple(rule for rule in map(kept, permission.rules) if rule is not None)
        if rules:
            found.append(replace(permission, rules=rules))
    return tuple(found)
