"""The hash of a child's desired state, kept in an annotation of the child itself."""

import hashlib

import msgspec

from kopfkit.runtime.api.resources import Object


def sign(child: Object, key: str) -> Object:
    """The child, with the hash of itself in the annotation `key`."""
    digest = hashlib.sha256(msgspec.json.encode(child, order="deterministic")).hexdigest()
    child["metadata"].setdefault("annotations", {})[key] = digest[:16]
    return child
