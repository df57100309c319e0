"""The refusal of a description no API server would accept."""

from kopfkit.errors import KopfkitError


class CrdError(KopfkitError):
    """A type or a resource description from which no valid CRD can be made.

    Raised while generating, so that the mistake costs the author a second and not a release.
    """
