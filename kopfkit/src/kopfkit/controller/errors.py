"""Failures of a reconcile that are expected. None of them knows kopf or HTTP."""

from kopfkit.runtime.api.errors import ApiError

__all__ = ["ApiError", "InvalidSpec", "Vanished"]


class InvalidSpec(Exception):
    """A stored object's spec cannot be decoded; the message names the field."""


class Vanished(Exception):
    """The object that is reconciled is no longer there."""
