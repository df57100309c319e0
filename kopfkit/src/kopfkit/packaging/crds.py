"""The project's CRDs with their conversion webhook declared.

A CRD with several versions always says strategy Webhook, also where nothing answers yet: a call
then fails, while strategy None would answer with the other version's fields dropped and, on a
write, lose them for good.
"""

from collections.abc import Collection
from typing import Any

from kopfkit.crd import CustomResource, custom_resource_definition
from kopfkit.packaging.webhooks import guard_label
from kopfkit.packaging.workloads import Object, labels
from kopfkit.project import Project


def conversion(project: Project) -> dict[str, Any]:
    """spec.conversion that points at the webhook's Service.

    There is no caBundle: the certificate rotator, OLM or `make install` fill it in.
    """
    webhook = project.conversion
    assert webhook is not None
    return {
        "strategy": "Webhook",
        "webhook": {
            "clientConfig": {
                "service": {
                    "namespace": project.namespace,
                    "name": webhook.service,
                    "path": webhook.path,
                    "port": 443,
                }
            },
            "conversionReviewVersions": ["v1"],
        },
    }


def crd(
    project: Project,
    resource: CustomResource,
    *,
    served: Collection[str] | None = None,
    storage: str | None = None,
) -> Object:
    """The CRD of a resource; `served` and `storage` say what a release serves and stores.

    A release names the versions of all its kinds together: a kind that has no version of the
    stored one's name keeps its own.
    """
    # A version that is not served may still be the one that objects are stored in.
    several = len(resource.versions) > 1
    known = {version.name for version in resource.versions}
    found: Object = custom_resource_definition(
        resource,
        conversion=conversion(project) if several and project.conversion else None,
        served=None if served is None else known.intersection(served),
        storage=storage if storage in known else None,
    )
    meta = found["metadata"]
    guarded = guard_label(project) if several else {}
    meta["labels"] = {**labels(project), **guarded, **meta.get("labels", {})}
    return found


def released(project: Project, served: Collection[str]) -> list[CustomResource]:
    """The resources of which a release serves a version; a kind that came later is not in it."""
    return [
        resource
        for resource in project.resources
        if any(version.name in served for version in resource.versions)
    ]


def file_name(resource: CustomResource) -> str:
    """controller-gen's name of the file, e.g. test.jiaozi.com_helloworlds.yaml."""
    return f"{resource.group}_{resource.plural}.yaml"
