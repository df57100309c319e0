"""The CSV's webhook definitions: the conversion, the admission of our kinds, and the guard that
keeps the conversion while OLM upgrades.

OLM overwrites the CRD with the bundle's at every upgrade and writes the caBundle back seconds
later. The guard is a mutating admission webhook on updates of the CRD, served beside the conversion
(see `kopfkit.conversion.guard`). It helps from the upgrade on in which the *old* release has it.
"""

from kopfkit.admission.hooks import webhook_name
from kopfkit.crd import CustomResource
from kopfkit.packaging import admission
from kopfkit.packaging.workloads import Object
from kopfkit.project import Project

# Suffix of the label by which the guard is asked about our CRDs and no others.
GUARD = "conversion-guard"
# Seconds that an update of the CRD waits for the guard; then it goes on without.
GUARD_TIMEOUT = 5


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
    """spec.webhookdefinitions; the conversion first, as OLM installs them in their order.

    The guard is the last: whether a certificate is still the one that is trusted, OLM reads from
    the last one's configuration alone, and the guard keeps two authorities in the CRD.
    """
    webhook, resources = project.conversion, converting(project)
    if webhook is None or not resources:
        return admission.definitions(project)
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
        *admission.definitions(project),
        guard_definition(
            webhook_name("guard", suffix), webhook.guard_path, guard_label(project), common
        ),
    ]


def guard_definition(name: str, path: str, labels: dict[str, str], common: Object) -> Object:
    """The guard's entry in spec.webhookdefinitions.

    Args:
        name: generateName.
        path: where it is served.
        labels: of the CRDs that it watches over.
        common: what the entry has of Deployment and ports.
    """
    return {
        "type": "MutatingAdmissionWebhook",
        "generateName": name,
        "webhookPath": path,
        # A CRD must be writable when there is no pod of ours.
        "failurePolicy": "Ignore",
        "timeoutSeconds": GUARD_TIMEOUT,
        "objectSelector": {"matchLabels": labels},
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
    }
