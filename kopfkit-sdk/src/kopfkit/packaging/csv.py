"""The ClusterServiceVersion: prose from the description, everything else computed."""

import base64
import json
from typing import Any

from kopfkit.environment import INSTALL_MODES
from kopfkit.packaging import crds, rbac, webhooks, workloads
from kopfkit.packaging.descriptors import descriptors
from kopfkit.packaging.releases import Release
from kopfkit.packaging.workloads import Object
from kopfkit.project import FEATURES, OLM, Project

API_VERSION = "operators.coreos.com/v1alpha1"
FEATURES_PREFIX = "features.operators.openshift.io"


def _annotations(project: Project) -> dict[str, str]:
    return {
        "alm-examples": json.dumps([dict(one) for one in project.samples], indent=2),
        "capabilities": project.capabilities,
        "categories": ",".join(project.categories),
        "containerImage": "",
        "createdAt": "",
        "description": project.summary,
        **{
            f"{FEATURES_PREFIX}/{name}": "true" if name in project.features else "false"
            for name in FEATURES
        },
        "operatorframework.io/suggested-namespace": project.namespace,
        "repository": project.repository,
        "support": project.provider.name,
    }


def _prose(project: Project) -> dict[str, Any]:
    provider = {"name": project.provider.name}
    if project.provider.url:
        provider["url"] = project.provider.url
    return {
        "description": project.description,
        "displayName": project.display_name,
        "icon": [
            {
                "base64data": base64.b64encode(project.icon.data).decode(),
                "mediatype": project.icon.media_type,
            }
        ],
        "keywords": list(project.keywords),
        "links": [{"name": link.name, "url": link.url} for link in project.links],
        "maintainers": [{"email": one.email, "name": one.name} for one in project.maintainers],
        "maturity": project.maturity,
        "minKubeVersion": project.min_kube_version,
        "provider": provider,
    }


def _owned(project: Project) -> list[Object]:
    found = []
    for resource in project.resources:
        crd = crds.crd(project, resource)
        for version in resource.versions:
            if not version.served:
                continue
            found.append(
                {
                    "description": version.description,
                    "displayName": resource.kind,
                    "kind": resource.kind,
                    "name": resource.crd_name,
                    "resources": [
                        {"kind": child.kind, "name": "", "version": child.version}
                        for child in project.children
                        if child.of in ("", resource.kind)
                    ],
                    "specDescriptors": descriptors(crd, version.name, "spec"),
                    "statusDescriptors": descriptors(crd, version.name, "status"),
                    "version": version.name,
                }
            )
    return found


def _install(project: Project, image: str) -> Object:
    strategy: Object = {}
    granted_any = {one.service_account for one in project.permissions if OLM in one.modes}
    for key, cluster in (("clusterPermissions", True), ("permissions", False)):
        rules: dict[str, list[Object]] = {}
        if not cluster:
            # OLM makes service accounts for permissions only, not for what deployments name.
            rules = {one.name: [] for one in project.deployments if one.name not in granted_any}
        for one in project.permissions:
            # Roles in each namespace that is watched; ClusterRoles, if all are.
            everywhere = one.cluster and not (one.watched and project.limitable)
            if everywhere is cluster and OLM in one.modes:
                rules.setdefault(one.service_account, []).extend(
                    rbac.rule_object(rule) for rule in one.rules
                )
        if rules:
            strategy[key] = [
                {"serviceAccountName": account, "rules": granted}
                for account, granted in rules.items()
            ]
    strategy["deployments"] = [
        {
            "name": deployment.name,
            "label": workloads.labels(project, deployment.component),
            "spec": workloads.deployment_spec(project, deployment, image, mount_certificate=False),
        }
        for deployment in project.deployments
    ]
    return {"strategy": "deployment", "spec": strategy}


def base_csv(project: Project) -> Object:
    """The prose alone: the base that operator-sdk's own generator would start from."""
    annotations = _annotations(project)
    for computed in ("alm-examples", "containerImage", "createdAt"):
        del annotations[computed]
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": f"{project.name}.v0.0.0",
            "namespace": "placeholder",
            "labels": _platforms(project),
            "annotations": annotations,
        },
        "spec": {
            "apiservicedefinitions": {},
            "customresourcedefinitions": {"owned": _owned(project)},
            **_prose(project),
            "install": {"strategy": "", "spec": {"deployments": None}},
            "installModes": _install_modes(project),
            "version": "0.0.0",
        },
    }


def _platforms(project: Project) -> dict[str, str]:
    """The labels by which a catalog's page is shown for clusters of these platforms only.

    Without them OLM's package server takes the operator for one of linux on amd64.
    """
    found = {f"operatorframework.io/arch.{name}": "supported" for name in project.architectures}
    return {**found, "operatorframework.io/os.linux": "supported"}


def _install_modes(project: Project) -> list[Object]:
    return [{"type": mode, "supported": mode in project.install_modes} for mode in INSTALL_MODES]


def csv(project: Project, release: Release, image: str) -> Object:
    """The ClusterServiceVersion of a release.

    Args:
        project: as it is in that release (`editions`).
        image: the operator's image, a valid reference.
    """
    annotations = _annotations(project)
    annotations["containerImage"] = image
    annotations["createdAt"] = release.created_at
    if release.skip_range:
        annotations["olm.skipRange"] = release.skip_range
    annotations = dict(sorted(annotations.items()))
    spec: Object = {
        "apiservicedefinitions": {},
        "customresourcedefinitions": {"owned": _owned(project)},
        **_prose(project),
        "install": _install(project, image),
        "installModes": _install_modes(project),
        "relatedImages": [
            {"name": project.name, "image": image},
            *(
                {"name": related.name, "image": related.image or image}
                for related in project.related_images
            ),
        ],
        "version": release.version,
    }
    if release.replaces:
        spec["replaces"] = release.name(project.name, release.replaces)
    if release.skips:
        spec["skips"] = [release.name(project.name, version) for version in release.skips]
    if hooks := webhooks.definitions(project):
        spec["webhookdefinitions"] = hooks
    spec = dict(sorted(spec.items()))
    return {
        "apiVersion": API_VERSION,
        "kind": "ClusterServiceVersion",
        "metadata": {
            "name": release.name(project.name),
            "namespace": "placeholder",
            "labels": _platforms(project),
            "annotations": annotations,
        },
        "spec": spec,
    }
