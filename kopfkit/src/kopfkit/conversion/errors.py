"""Why one object cannot be converted."""

from kopfkit.errors import KopfkitError


class ConversionError(KopfkitError):
    """An object that cannot be converted; `what` names it, `why` is the reason.

    The review that contained it is answered with Failure and this text: the API server passes it on
    to whoever asked for the object.
    """
