"""Spec and status of a stored object as the types of its API."""

from typing import TypeVar

import msgspec

from kopfkit.controller.errors import InvalidSpec
from kopfkit.crd import models
from kopfkit.runtime.api.resources import Object
from kopfkit.runtime.api.shapes import FIELD, cut

T = TypeVar("T")


def decode_spec(owner: Object, spec: type[T]) -> T:
    """The spec of an object, with defaults.

    Raises:
        InvalidSpec: it cannot be decoded. The API server refuses such objects now; one may have
            been stored under an older schema, or past it.
    """
    if size := cut(owner).get("spec"):
        raise InvalidSpec(f"spec: has {size} bytes, and at most {FIELD} are read: make it shorter")
    try:
        return models.decode(owner.get("spec") or {}, spec)
    except msgspec.ValidationError as error:
        # msgspec says "Expected `int`, got `str` - at `$.replicas`".
        what, _, where = str(error).replace("`", "").partition(" - at $")
        raise InvalidSpec(f"spec{where}: {what}") from error


def decode_status(owner: Object, status: type[T]) -> T:
    """A copy of the stored status to be changed; an empty one where it cannot be decoded."""
    try:
        return models.decode(owner.get("status") or {}, status)
    except msgspec.ValidationError:
        return status()
