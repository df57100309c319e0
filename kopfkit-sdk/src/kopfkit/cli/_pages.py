"""The page of an operator from whatever a person has of it: a bundle, a catalog, a project."""

import os
from pathlib import Path

from kopfkit import manifests
from kopfkit.cli._catalogbundles import contents
from kopfkit.cli._catalogs import opened
from kopfkit.cli._generation import Checkout
from kopfkit.errors import KopfkitError
from kopfkit.packaging.catalogs import community
from kopfkit.packaging.catalogs.packages import Package
from kopfkit.packaging.page.model import Object, Page, page
from kopfkit.packaging.releases import Release
from kopfkit.packaging.ways import heads
from kopfkit.simulation.documents import read_documents

_SETTINGS = "pyproject.toml"
# Fields of a CSV's spec that the property olm.csv.metadata has under other names.
_RENAMED = {"crdDescriptions": "customresourcedefinitions"}


def page_of(source: Path | None, package: str) -> Page:
    """The page of what is at a path; None is the project of the current directory.

    Args:
        package: of a catalog with several.

    Raises:
        KopfkitError: nothing of an operator is there, or it cannot be read.
    """
    if is_project(source):
        return _of_project(source)
    assert source is not None
    if not source.exists():
        raise KopfkitError(
            str(source),
            "does not exist",
            "Name a bundle's directory, a catalog or a project, or change into a project.",
        )
    if is_bundle(source):
        return _of_bundle(source)
    return _of_catalog(source, package)


def is_project(source: Path | None) -> bool:
    """Whether a path is a project, whose code is run. A bundle with a pyproject.toml is none."""
    return source is None or ((source / _SETTINGS).is_file() and not is_bundle(source))


def is_bundle(source: Path) -> bool:
    """Whether a directory is a bundle: it has manifests/, or a ClusterServiceVersion itself."""
    if not source.is_dir() or community.bundles(source):
        return False
    return (source / "manifests").is_dir() or any(source.glob("*clusterserviceversion.y*ml"))


def _of_project(root: Path | None) -> Page:
    from kopfkit.packaging.bundle import manifests as objects_of

    if root is not None:
        os.chdir(root)
    checkout = Checkout()
    newest = checkout.history.newest.version
    release = checkout.history.release(newest)
    objects = list(objects_of(checkout.project, release, checkout.image(newest)).values())
    return page(*_split(objects, str(checkout.root)), history=checkout.history)


def _of_bundle(source: Path) -> Page:
    inner = source / "manifests"
    objects = read_documents(inner if inner.is_dir() else source)
    csv, crds = _split(objects, str(source))
    annotations = _annotations(source)
    prefix = "operators.operatorframework.io.bundle."
    names = [name.strip() for name in annotations.get(f"{prefix}channels.v1", "").split(",")]
    default = annotations.get(f"{prefix}channel.default.v1", "")
    return page(csv, crds, channels=[(name, "", name == default) for name in names if name])


def _annotations(source: Path) -> dict[str, str]:
    directory = source / "metadata"
    documents = read_documents(directory) if directory.is_dir() else []
    for document in documents:
        found = document.get("annotations")
        if isinstance(found, dict):
            return {str(name): str(value) for name, value in found.items()}
    return {}


def _split(objects: list[Object], what: str) -> tuple[Object, list[Object]]:
    csvs = [each for each in objects if each.get("kind") == manifests.CSV]
    if len(csvs) != 1:
        raise KopfkitError(
            what,
            f"has {len(csvs)} ClusterServiceVersions where a bundle has one",
            "Name a bundle: the directory with manifests/ and metadata/.",
        )
    return csvs[0], [each for each in objects if each.get("kind") == manifests.CRD]


def _of_catalog(source: Path, name: str) -> Page:
    package = opened(str(source), name, whole=True)
    release = _shown(package, str(source))
    blob = package.bundles[release.name(package.name)]
    told = blob.values("olm.csv.metadata")
    if told and Path(blob.file).parent.name != "manifests":
        return page(_csv(package, release, told[0]), history=package.history)
    bundle = contents(str(source), package, release)
    return page(bundle.csv, bundle.crds.values(), history=package.history)


def _shown(package: Package, source: str) -> Release:
    """The release that a catalog's page is of: the head of the default channel."""
    history = package.history
    names = [package.default_channel, *history.channels]
    for name in names:
        if name in history.channels and (found := heads(history, name)):
            return found[-1]
    raise KopfkitError(
        f"package {package.name}",
        "has no channel with a release",
        f"kopfkit catalog validate {source} says why.",
    )


def _csv(package: Package, release: Release, told: Object) -> Object:
    """What a catalog keeps of a ClusterServiceVersion, as one."""
    document = package.blob.document if package.blob else {}
    spec = {_RENAMED.get(name, name): value for name, value in told.items()}
    icon = document.get("icon")
    return {
        "metadata": {
            "name": release.name(package.name),
            "annotations": told.get("annotations", {}),
        },
        "spec": {
            **spec,
            "version": release.version,
            "description": spec.get("description") or document.get("description", ""),
            "icon": [icon] if icon else [],
        },
    }
