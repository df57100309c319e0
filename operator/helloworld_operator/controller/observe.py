"""What there is: a HelloWorld and its children as last seen, and whose a child is."""

import re
from enum import Enum
from typing import Any, Final

import msgspec

from helloworld_operator.api import GROUP, KIND, SNAPSHOT, v1
from helloworld_operator.controller.names import MANAGER, child_name
from helloworld_operator.errors import InvalidSpec
from kopfkit.runtime.managedfields import was_written_by
from kopfkit.runtime.resources import Object, Resource
from kopfkit.runtime.shapes import FIELD, Shape, cut
from kopfkit.runtime.store import Key

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


class Ownership(Enum):
    """Whose an object with a child's name is."""

    OURS = "ours"
    PREDECESSOR = "of a deleted HelloWorld of the same name"
    FOREIGN = "not ours"


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one: stored objects may hold anything."""
    return value if isinstance(value, dict) else {}


def controller_of(child: Object) -> dict[str, Any]:
    """The owner reference with controller=true, or {}."""
    references = child["metadata"].get("ownerReferences")
    for reference in references if isinstance(references, list) else []:
        if mapping(reference).get("controller") is True:
            return mapping(reference)
    return {}


def is_ours_by_kind(reference: dict[str, Any]) -> bool:
    """Whether an owner reference names a HelloWorld, of whatever version."""
    group = str(reference.get("apiVersion", "")).partition("/")[0]
    return group == GROUP and reference.get("kind") == KIND


def owner_key(child: Object) -> Key | None:
    """The key of the HelloWorld that controls a child, or None."""
    reference = controller_of(child)
    if not is_ours_by_kind(reference):
        return None
    return child["metadata"].get("namespace", ""), str(reference.get("name", ""))


def ownership(child: Object, owner: Object) -> Ownership:
    """Whose `child` is, seen from the HelloWorld `owner`. Only the uid decides."""
    reference = controller_of(child)
    if reference.get("uid") == owner["metadata"]["uid"]:
        return Ownership.OURS
    if is_ours_by_kind(reference) and reference.get("name") == owner["metadata"]["name"]:
        return Ownership.PREDECESSOR
    return Ownership.FOREIGN


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
    if size := cut(owner).get("spec"):
        raise InvalidSpec(f"spec: has {size} bytes, and at most {FIELD} are read: make it shorter")
    try:
        spec = msgspec.convert(owner.get("spec") or {}, v1.Spec)
    except msgspec.ValidationError as error:
        # msgspec says "Expected `int`, got `str` - at `$.replicas`".
        what, _, where = str(error).replace("`", "").partition(" - at $")
        raise InvalidSpec(f"spec{where}: {what}") from error
    # What becomes a header of the greeting server's, and of whatever image is named instead.
    language = spec.greeting.language
    if language and not _TAG.fullmatch(language):
        raise InvalidSpec("spec.greeting.language: must be a language tag such as en or zh-Hans")
    return spec
