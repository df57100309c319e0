"""kopfkit's own checks of a bundle and a catalog on the disk.

operator-sdk's and opm's validators judge each format for itself; these are the rules between files,
those of `checks`, and what the project's description and its release history say must be there.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.manifests import fitted
from kopfkit.packaging import checks, historyfile, releases
from kopfkit.packaging.checks import Bundle, Finding
from kopfkit.packaging.editions import edition
from kopfkit.packaging.releases import History
from kopfkit.project import Faults, Project

# What is read of a file-based catalog (operator-registry alpha/declcfg).
_DOCUMENT = {"schema": str, "name": str, "properties": [{"type": str}]}


def _load(faults: Faults, path: Path) -> list[dict[str, Any]]:
    """The documents of a YAML file; what cannot be read is a fault and left out."""
    try:
        found = yamls.read_all(path)
    except yamls.DocumentError as error:
        faults.add(str(path), error.clause)
        return []
    return [
        fitted(one, _DOCUMENT, lambda field, why: faults.add(f"{path}: {field}", why))
        for one in found
    ]


def bundle_findings(
    project: Project, root: Path, skip: Collection[str] = ()
) -> tuple[Bundle | None, list[Finding]]:
    """bundle/ of a checkout as far as it can be read, and every fault of it and bundle.Dockerfile:
    those that `checks` finds, and the CRDs of the project that its release serves and it lacks.

    Args:
        skip: names of checks that are not asked.
    """
    directory = root / "bundle"
    bundle, findings = checks.load(directory, root / "bundle.Dockerfile")
    if bundle is None:
        # Of a bundle that kopfkit makes, this is what to do about it.
        hints = {"no-manifests": " (run make bundle)"}
        return None, [replace(one, why=one.why + hints.get(one.rule, "")) for one in findings]
    findings += checks.found_in(bundle, skip=skip)
    history = root / releases.NAME
    if history.is_file():
        listed = historyfile.parse(project, history.read_bytes()).releases
        version = str(bundle.spec.get("version"))
        for release in listed:
            if release.version == version:
                project = edition(project, release)
    for resource in project.resources:
        if resource.crd_name not in bundle.crds:
            why = f"lacks {resource.crd_name}"
            findings.append(Finding("bundle/manifests", "", why, "project-crds"))
    return bundle, findings


def catalog_faults(project: Project, history: History, root: Path) -> Faults:
    """Every fault of the catalog in a checkout, against its release history."""
    faults = Faults("catalog")
    path = root / "catalog" / project.name / "catalog.yaml"
    documents = _load(faults, path)
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
