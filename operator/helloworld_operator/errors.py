"""The operator's own expected failures. None of them knows kopf or HTTP."""


class InvalidSpec(Exception):
    """A stored object's spec cannot be understood; the message names the field."""


class Vanished(Exception):
    """The HelloWorld a reconcile works on is no longer there."""
