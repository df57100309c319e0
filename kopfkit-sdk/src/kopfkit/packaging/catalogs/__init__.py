"""Catalogs of others: file-based ones, and packages of a community-operators checkout.

What is read becomes a release history (`kopfkit.packaging.releases`), as that of one's own package,
so that the same code walks, draws and judges both.
"""

from kopfkit.packaging.catalogs.judging import judged
from kopfkit.packaging.catalogs.packages import Package, packages
from kopfkit.packaging.catalogs.reading import Blob, read

__all__ = ["Blob", "Package", "judged", "packages", "read"]
