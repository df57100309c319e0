"""What a person names as a catalog: a directory, a file, a package of community-operators."""

from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.packaging.catalogs import community, reading
from kopfkit.packaging.catalogs.packages import Package, packages
from kopfkit.packaging.checks import Finding

Packages = dict[str, Package]


def load(path: Path, *, whole: bool = False) -> tuple[Packages, list[Finding]]:
    """The packages at a path, and what is wrong with them before their graphs are looked at.

    Args:
        whole: keep everything that the documents say.

    Raises:
        KopfkitError: there is none.
    """
    if not path.exists():
        raise KopfkitError(str(path), "does not exist")
    read = community.read if community.bundles(path) else reading.read
    blobs, unread = read(path, whole=whole)
    found, wrong = packages(blobs)
    if not blobs and not unread:
        raise KopfkitError(
            str(path),
            "is not a catalog: it is empty",
            "Specify a file-based catalog (a directory or a file), or a package of a "
            "community-operators checkout.",
        )
    return found, [*unread, *wrong]


def one_of(found: Packages, name: str, source: str) -> Package:
    """The package that is meant. KopfkitError if there is none, or there are several."""
    if name and name in found:
        return found[name]
    known = ", ".join(sorted(found)) if len(found) <= 20 else f"{len(found)} of them"
    if name or not found:
        raise KopfkitError(
            source, f"has no package {name}".strip(), f"It has {known}." * bool(found)
        )
    if len(found) > 1:
        raise KopfkitError(source, f"has several packages ({known})", "Specify one with --package.")
    return next(iter(found.values()))
