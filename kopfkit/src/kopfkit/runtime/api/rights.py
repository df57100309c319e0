"""What a process does with resources, said beside the code that does it.

An operator's controller declares its uses; `kopfkit.project.rights` turns them into the rules that
its service account is granted, so that nobody keeps a second list. Nothing is imported here that a
generator would have to wait for.
"""

from dataclasses import dataclass

from kopfkit.runtime.api.resources import Resource


@dataclass(frozen=True)
class Use:
    """What is done with a resource.

    Attributes:
        resource: with which.
        verbs: of Kubernetes' authorization: get, list, watch, create, update, patch, delete.
            Server-side apply is a patch, and a create where there is nothing yet.
        subresource: of the resource ("status"), "" for the objects themselves.
        names: with these objects only; none means all. A create cannot be limited.
    """

    resource: Resource
    verbs: tuple[str, ...]
    subresource: str = ""
    names: tuple[str, ...] = ()


def status_of(resource: Resource) -> tuple[Use, Use]:
    """What writing a kind's status takes, and owning objects by it.

    Nothing calls finalizers: owner references with blockOwnerDeletion need the right where the API
    server checks them (OwnerReferencesPermissionEnforcement, as in OpenShift).
    """
    return Use(resource, ("patch",), "status"), Use(resource, ("update",), "finalizers")
