"""What the builders of children are given, and what all children have in common.

A wish is decided before anything is built: which image runs now (`planning`), whether the number of
pods is ours to set, and what persistence adds to the pods. A builder reads nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from helloworld_operator.api import KIND, v1
from helloworld_operator.controller.names import child_name, labels
from helloworld_operator.controller.records import EMPTY, Record
from kopfkit.controller.desiredhash import sign
from kopfkit.controller.owners import owner_reference

Object = dict[str, Any]

# Names the wish a child was written for: what we no longer want is seen by it, where a comparison
# of what we want with what is there would find nothing.
HASH: Final = "test.jiaozi.com/desired-hash"


@dataclass(frozen=True)
class PodParts:
    """What something adds to the pods; lists as in a PodSpec.

    Attributes:
        volumes: the pod's volumes.
        mounts: of the greeting container.
        env: of the greeting container.
        init_containers: run before it, in this order.
        security: further keys of the pod's securityContext (fsGroup).
    """

    volumes: tuple[Object, ...] = ()
    mounts: tuple[Object, ...] = ()
    env: tuple[Object, ...] = ()
    init_containers: tuple[Object, ...] = ()
    security: Mapping[str, Any] = field(default_factory=dict)


NOTHING: Final = PodParts()


@dataclass(frozen=True)
class Wish:
    """One HelloWorld's wish, as far as it can be fulfilled now.

    Attributes:
        owner: the HelloWorld as read.
        spec: its spec.
        image: what the pods run.
        own_image: whether that is the operator's default image, whose arguments are known.
        replicas: how many pods; None where an autoscaler decides.
        parts: what persistence adds to the pods.
        claim: the PersistentVolumeClaim, or None.
        record: what the Deployment is to remember of images.
        hash: the hash that our Deployment carries, "" where there is none.
    """

    owner: Object
    spec: v1.Spec
    image: str
    own_image: bool = False
    replicas: int | None = 1
    parts: PodParts = NOTHING
    claim: Object | None = None
    record: Record = EMPTY
    hash: str = ""


def metadata(owner: Object, name: str | None = None) -> Object:
    """The metadata of a child; `name` where it is not that of the Deployment."""
    of = owner["metadata"]
    return {
        "name": name or child_name(of["name"]),
        "namespace": of["namespace"],
        "labels": labels(of["name"]),
        "ownerReferences": [owner_reference({"kind": KIND, **owner})],
    }


def signed(child: Object) -> Object:
    """The child with the hash of itself among its annotations."""
    return sign(child, HASH)


def hash_of(child: Object | None) -> str:
    """The hash that a child carries, or ""."""
    metadata = child["metadata"] if child is not None else {}
    return str((metadata.get("annotations") or {}).get(HASH, ""))
