"""Manifests of a bundle that somebody else wrote, with the types that their readers rely on.

Whatever a document holds, what is returned here can be read without asking for types; what did not
fit is told and left out.
"""

from kopfkit.manifests.fitting import Each, Either, fitted
from kopfkit.manifests.reading import CRD, CSV, V1BETA1, as_v1, examples, typed

__all__ = ["CRD", "CSV", "V1BETA1", "Each", "Either", "as_v1", "examples", "fitted", "typed"]
