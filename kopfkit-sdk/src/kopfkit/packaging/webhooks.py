"""The CSV's webhook definitions: the conversion, and the guard that keeps it while OLM upgrades.

OLM overwrites the CRD with the bundle's at every upgrade and writes the caBundle back seconds
later. The guard is a mutating admission webhook on updates of the CRD, served beside the conversion
(see `kopfkit.conversion.guard`). It helps from the upgrade on in which the *old* release has it.
"""

import hashlib

from kopfkit.crd import CustomResource
from kopfkit.packaging.workloads import Object
from kopfkit.project import Project

# Suffix of the label by which the guard is asked about our CRDs and no others.
GUARD = "conversion-guard"
# Seconds that an update of the CRD waits for the guard; then it goes on without.
GUARD_TIMEOUT = 5
_LONGEST_LABEL = 63


def converting(project: Project) -> list[CustomResource]:
    """The resources that the conversion webhook is asked about."""
    if project.conversion is None:
        return []
    return [resource for resource in project.resources if len(resource.versions) > 1]


def guard_label(project: Project) -> dict[str, str]:
    """The label of every CRD that the guard watches over; {} if there is none."""
    found = converting(project)
    return {f"{found[0].group}/{GUARD}": project.name} if found else {}


def definitions(project: Project) -> list[Object]:
    """spec.webhookdefinitions; the conversion first, as OLM installs them in their order."""
    webhook, resources = project.conversion, converting(project)
    if webhook is None or not resources:
        return []
    common = {
        "admissionReviewVersions": ["v1"],
        # The Service's port; the pods listen on targetPort.
        "containerPort": 443,
        "targetPort": webhook.port,
        "deploymentName": webhook.deployment,
        "sideEffects": "None",
    }
    # OLM tells webhook definitions apart by generateName, across all operators of a cluster.
    suffix = f"{resources[0].plural}.{resources[0].group}"
    return [
        {
            "type": "ConversionWebhook",
            "generateName": f"convert.{suffix}",
            "conversionCRDs": [resource.crd_name for resource in resources],
            "webhookPath": webhook.path,
            **common,
        },
        {
            "type": "MutatingAdmissionWebhook",
            "generateName": _guard_name(suffix),
            "webhookPath": webhook.guard_path,
            # A CRD must be writable when there is no pod of ours.
            "failurePolicy": "Ignore",
            "timeoutSeconds": GUARD_TIMEOUT,
            "objectSelector": {"matchLabels": guard_label(project)},
            "rules": [
                {
                    "apiGroups": ["apiextensions.k8s.io"],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["customresourcedefinitions"],
                    "scope": "Cluster",
                }
            ],
            **common,
        },
    ]


def _guard_name(suffix: str) -> str:
    """A name that the API server and OLM take: a domain of three labels at least, and no longer
    than the value of a label, which OLM makes of it."""
    name = f"guard.{suffix}"
    if len(name) <= _LONGEST_LABEL:
        return name
    return f"guard.{hashlib.sha256(suffix.encode()).hexdigest()[:16]}.webhook.kopfkit"
