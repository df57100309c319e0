"""The meaning of the API server's refusals, and the way out of them."""

from typing import Final

from kopfkit.runtime.api.errors import ApiError

# What the API server says when something is to be made in a namespace that is being deleted
# (plugin/pkg/admission/namespace/lifecycle). All that is in it goes, the owner too.
_TERMINATING: Final = "because it is being terminated"
# What the API server says of a field that is set once and for all (apimachinery,
# api/validation: FieldImmutableErrorMsg; core/validation, ValidatePersistentVolumeClaimUpdate;
# apps/validation, ValidateStatefulSetUpdate).
_IMMUTABLE: Final = (
    "field is immutable",
    "is immutable after creation",
    "may not change once set",
    "updates to statefulset spec for fields other than",
)
# What it says of a Service that somebody gave another type together with what that type cannot have
# (core/validation, validateServiceClusterIPsRelatedFields): any further write is refused as well.
_STUCK: Final = ("may not be set for ExternalName services",)
# What OwnerReferencesPermissionEnforcement says (plugin/pkg/admission/gc): setting owners takes
# the right to delete, and an operator has it only for what it deletes.
_OWNERLESS: Final = "cannot set an ownerRef on a resource you can't delete"
# What it says when something is to be made of a kind whose CRD is being deleted (apiextensions-
# apiserver, pkg/apiserver/customresource_handler.go).
_KIND_TERMINATING: Final = "while custom resource definition is terminating"


def kind_terminating(error: ApiError) -> bool:
    """Whether the kind itself is being deleted."""
    return _KIND_TERMINATING in error.message


def terminating(error: ApiError) -> bool:
    """Whether the namespace is being deleted."""
    return _TERMINATING in error.message


def hint(error: ApiError, kind: str, name: str, namespace: str, lost: str = "") -> str:
    """The way to the desired state of a child that cannot be changed, because somebody made it
    otherwise or took its owner reference away; "" where nothing can be advised.

    Args:
        lost: appended to the advice: what is lost by following it.
    """
    if any(each in error.message for each in _STUCK):
        why = "the API server refuses every change of it as it is"
    elif any(each in error.message for each in (*_IMMUTABLE, _OWNERLESS)):
        why = "the field is immutable"
    else:
        return ""
    where = f" -n {namespace}" if namespace else ""
    return (
        f"; hint: {why}: "
        f"`kubectl delete {kind.lower()} {name}{where}`, and it is created again{lost}"
    )
