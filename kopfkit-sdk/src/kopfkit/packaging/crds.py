"""The project's CRDs with their conversion webhook declared.

A CRD with several versions always says strategy Webhook, also where nothing answers yet: a call
then fails, while strategy None would answer with the other version's fields dropped and, on a
write, lose them for good.
"""

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


def crd(project: Project, resource: CustomResource) -> Object:
    """The CRD of a resource, with the versions that it has (`editions`: of one release)."""
    # A version that is not served may still be the one that objects are stored in.
    several = len(resource.versions) > 1
    found: Object = custom_resource_definition(
        resource, conversion=conversion(project) if several and project.conversion else None
    )
    meta = found["metadata"]
    guarded = guard_label(project) if several else {}
    meta["labels"] = {**(meta.get("labels") or {}), **labels(project), **guarded}
    return found


def file_name(resource: CustomResource) -> str:
    """controller-gen's name of the file, e.g. test.jiaozi.com_helloworlds.yaml."""
    return f"{resource.group}_{resource.plural}.yaml"
