"""What there is: a HelloWorld and its children as last seen, and whose a child is."""

import re
from typing import Final

from helloworld_operator.api import GROUP, KIND, SNAPSHOT, v1
from helloworld_operator.controller.names import MANAGER, child_name
from kopfkit.controller import owners
from kopfkit.controller.decoding import decode_spec
from kopfkit.controller.errors import InvalidSpec
from kopfkit.controller.owners import Ownership, controller_of, mapping, ownership
from kopfkit.runtime.managedfields import was_written_by
from kopfkit.runtime.resources import Object, Resource
from kopfkit.runtime.shapes import Shape
from kopfkit.runtime.store import Key

__all__ = ["AUTOSCALERS", "CLAIMS", "DEPLOYMENTS", "HELLOWORLDS", "INSTANCE", "JOBS", "PODS"]
__all__ += ["PODS_SHAPE", "SERVICES", "SNAPSHOTS", "Ownership", "controller_of", "is_orphan_of"]
__all__ += ["mapping", "owner_key", "ownership", "spec_of"]

_TAG: Final = re.compile(v1.LANGUAGE)
HELLOWORLDS: Final = Resource(GROUP, "v1", "helloworlds")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments")
SERVICES: Final = Resource("", "v1", "services")
AUTOSCALERS: Final = Resource("autoscaling", "v2", "horizontalpodautoscalers")
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims")
PODS: Final = Resource("", "v1", "pods")
JOBS: Final = Resource("batch", "v1", "jobs")
QUOTAS: Final = Resource("", "v1", "resourcequotas")
RANGES: Final = Resource("", "v1", "limitranges")
# Of pods, which have any writers: what tells one template's from another's.
PODS_SHAPE: Final = Shape(("pod-template-hash",))
SNAPSHOTS: Final = Resource(GROUP, "v1", SNAPSHOT.plural)

# The label that says which HelloWorld an object belongs to.
INSTANCE: Final = "app.kubernetes.io/instance"


def owner_key(child: Object) -> Key | None:
    """The key of the HelloWorld that controls a child, or None."""
    return owners.owner_key(child, GROUP, KIND)


def is_orphan_of(child: Object, owner: Object) -> bool:
    """Whether `child` (read with its managedFields) is one of `owner`'s that lost its owner
    reference.

    No other controller owns it, our field manager owns fields of it, and no label says that it
    belongs to another HelloWorld. An object that somebody else made has no fields of ours.
    """
    metadata = child["metadata"]
    instance = mapping(metadata.get("labels")).get(INSTANCE)
    return (
        not controller_of(child)
        and was_written_by(child, MANAGER)
        and instance in (None, child_name(owner["metadata"]["name"]))
    )


def spec_of(owner: Object) -> v1.Spec:
    """The HelloWorld's spec, with defaults.

    Raises:
        InvalidSpec: it cannot be understood. The API server refuses such objects now; one may have
            been stored under an older schema, or past it.
    """
    spec = decode_spec(owner, v1.Spec)
    # What becomes a header of the greeting server's, and of whatever image is named instead.
    language = spec.greeting.language
    if language and not _TAG.fullmatch(language):
        raise InvalidSpec("spec.greeting.language: must be a language tag such as en or zh-Hans")
    return spec
