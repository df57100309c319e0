"""The admission webhooks in a bundle and in config/.

OLM v0's definitions know no match conditions, so the process does without them too: they only spare
it calls.
"""

from kopfkit.admission import registration
from kopfkit.packaging.workloads import Object, metadata
from kopfkit.project import Project

_TYPES = {"mutate": "MutatingAdmissionWebhook", "validate": "ValidatingAdmissionWebhook"}


def definitions(project: Project) -> list[Object]:
    """The CSV's webhook definitions of the admission webhooks; the defaults first."""
    admission = project.admission
    if admission is None:
        return []
    return [
        {
            "type": _TYPES[purpose],
            "generateName": hook.name,
            "webhookPath": hook.path,
            "admissionReviewVersions": ["v1"],
            # The Service's port; the pods listen on targetPort.
            "containerPort": 443,
            "targetPort": admission.port,
            "deploymentName": admission.deployment,
            **registration.asked(hook),
        }
        for purpose, hooks in registration.by_purpose(admission.hooks).items()
        for hook in hooks
    ]


def configurations(project: Project) -> list[Object]:
    """The webhook configurations of config/. There is no caBundle: the controller writes it."""
    admission = project.admission
    if admission is None:
        return []
    service = {"namespace": project.namespace, "name": admission.service, "port": 443}
    found = registration.configurations(
        admission.deployment,
        admission.hooks,
        lambda hook: {"service": {**service, "path": hook.path}},
    )
    component = project.deployment(admission.deployment).component
    for each in found:
        name = each["metadata"]["name"]
        each["metadata"] = metadata(project, name, component=component, cluster=True)
    return found
