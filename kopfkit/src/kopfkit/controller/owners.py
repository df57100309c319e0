"""Owner references: to whom an object belongs. Only the uid decides whether it is ours."""

from enum import Enum
from typing import Any

from kopfkit.runtime.api.resources import Object, Resource
from kopfkit.runtime.manager.store import Key, key_of


class Ownership(Enum):
    """The relation of an object that has a child's name to the owner of that child."""

    OURS = "ours"
    PREDECESSOR = "of a deleted object of the same kind and name"
    FOREIGN = "not ours"


def mapping(value: Any) -> dict[str, Any]:
    """The value if it is a mapping, else an empty one: stored objects may hold anything."""
    return value if isinstance(value, dict) else {}


def dig(obj: Any, *path: str) -> Any:
    """What is at a path of keys in a stored object, whatever that holds; None where nothing is."""
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj


def items(value: Any) -> list[dict[str, Any]]:
    """The mappings in a value if it is a list, else none."""
    return [each for each in (value if isinstance(value, list) else []) if isinstance(each, dict)]


def owned_by(child: Object | None, owner: Object) -> bool:
    """Whether there is such a child, and its owner's uid makes it that owner's."""
    return child is not None and ownership(child, owner) is Ownership.OURS


def group_of(api_version: Any) -> str:
    """The API group of an apiVersion ("apps" of "apps/v1"); "" for the core group."""
    group, slash, _ = str(api_version or "").partition("/")
    return group if slash else ""


def owner_reference(owner: Object) -> Object:
    """The reference that makes `owner` the controller of an object."""
    return {
        # As it was read: the garbage collector must find the owner in a version that is served.
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(child: Object) -> dict[str, Any]:
    """The owner reference with controller=true, or {}."""
    references = child["metadata"].get("ownerReferences")
    for reference in references if isinstance(references, list) else []:
        if mapping(reference).get("controller") is True:
            return mapping(reference)
    return {}


def is_of_kind(reference: dict[str, Any], group: str, kind: str) -> bool:
    """Whether an owner reference names an object of a kind, in whatever version."""
    return group_of(reference.get("apiVersion")) == group and reference.get("kind") == kind


def owner_key(child: Object, group: str, kind: str, *, namespaced: bool = True) -> Key | None:
    """The key of the object of a kind that controls a child, or None.

    Args:
        namespaced: whether objects of the kind live in a namespace, which is their children's.
    """
    reference = controller_of(child)
    if not is_of_kind(reference, group, kind):
        return None
    namespace = child["metadata"].get("namespace", "") if namespaced else ""
    return namespace, str(reference.get("name", ""))


def ownership(child: Object, owner: Object) -> Ownership:
    """The relation of `child` to `owner`. Only the uid decides whether it is ours."""
    reference = controller_of(child)
    if reference.get("uid") == owner["metadata"]["uid"]:
        return Ownership.OURS
    same = is_of_kind(reference, group_of(owner.get("apiVersion")), str(owner.get("kind")))
    if same and reference.get("name") == owner["metadata"]["name"]:
        return Ownership.PREDECESSOR
    return Ownership.FOREIGN


def called(child: Object) -> str:
    """A child as log lines and messages name it: "Deployment default/x", "Namespace x"."""
    return f"{child.get('kind', 'object')} {called_key(key_of(child))}"


def called_key(key: Key) -> str:
    """A key as log lines and messages name it: "default/x", or "x" without a namespace."""
    return "/".join(filter(None, key))


def called_kind(kind: str, resource: Resource) -> str:
    """A kind as messages name it: "Widget (widgets.example.com, v1)"."""
    named = ".".join(filter(None, (resource.plural, resource.group)))
    return f"{kind or resource.plural} ({named}, {resource.version})"


def collision(what: str, live: Object) -> str:
    """The message about an object that has the name of a child (`what`) and is not ours."""
    owner = controller_of(live)
    whose = f"{owner.get('kind')} {owner.get('name')}" if owner else "nobody this operator knows"
    return (
        f"{what} exists and belongs to {whose}: it is left alone; delete or rename one of the two"
    )
