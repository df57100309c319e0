"""kopfkit's own checks of a bundle and a catalog on the disk.

operator-sdk's and opm's validators judge each format for itself; these are the rules between files,
those of `checks`, and what the project's description and its release history say must be there.
"""

from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.packaging import checks, historyfile, releases
from kopfkit.packaging.editions import edition
from kopfkit.packaging.releases import History
from kopfkit.project import Faults, Project


def _load(faults: Faults, path: Path) -> list[Any]:
    """The documents of a YAML file; a file that cannot be had is a fault and an empty list."""
    try:
        return yamls.read_all(path)
    except yamls.DocumentError as error:
        faults.add(str(path), error.clause)
        return []


def bundle_faults(project: Project, root: Path) -> Faults:
    """Every fault of bundle/ and bundle.Dockerfile in a checkout: those that `checks` finds, and
    the CRDs of the project that its release serves and the bundle lacks."""
    faults = Faults("bundle")
    directory = root / "bundle"
    dockerfile = root / "bundle.Dockerfile"
    for finding in checks.check(directory, dockerfile=dockerfile):
        faults.add(finding.place, finding.why)
    bundle, _ = checks.load(directory)
    if bundle is None:
        return faults
    history = root / releases.NAME
    if history.is_file():
        listed = historyfile.parse(project, history.read_bytes()).releases
        version = str(bundle.spec.get("version"))
        for release in listed:
            if release.version == version:
                project = edition(project, release)
    for resource in project.resources:
        faults.require(
            resource.crd_name in bundle.crds, "bundle/manifests", f"lacks {resource.crd_name}"
        )
    return faults


def catalog_faults(project: Project, history: History, root: Path) -> Faults:
    """Every fault of the catalog in a checkout, against its release history."""
    faults = Faults("catalog")
    path = root / "catalog" / project.name / "catalog.yaml"
    documents = [one for one in _load(faults, path) if isinstance(one, dict)]
    bundles = {one.get("name") for one in documents if one.get("schema") == "olm.bundle"}
    for release in history.releases:
        name = release.name(project.name)
        faults.require(name in bundles, str(path), f"lacks {name} of catalog/releases.yaml")
    channels = {one.get("name") for one in documents if one.get("schema") == "olm.channel"}
    faults.require(
        channels == set(history.channels),
        str(path),
        f"has channels {sorted(map(str, channels))}, catalog/releases.yaml {history.channels}",
    )
    objects = [
        one
        for document in documents
        for one in document.get("properties", [])
        if one.get("type") == "olm.bundle.object"
    ]
    faults.require(not objects, str(path), "has olm.bundle.object, which OLM no longer reads")
    return faults
