"""Bundles of the catalog that are published, and so never generated again.

What a catalog says of a published release must not change with the project's description, which is
that of the newest one. `kopfkit catalog add` keeps opm's rendering of a published bundle as a file
(catalog/published/<name>.yaml); the catalog takes it from there as it is.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging.editions import edition
from kopfkit.packaging.headers import header
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.workloads import Object
from kopfkit.project import Project
from kopfkit.yamls import dump

DIRECTORY = "catalog/published"
HEADER = header("kopfkit catalog add", "a published bundle; it stays as it is")


def path_of(root: Path, project: Project, release: Release) -> Path:
    """Where the rendering of a release is kept."""
    return root / DIRECTORY / f"{release.name(project.name)}.yaml"


def load(root: Path, project: Project, history: History) -> dict[str, Object]:
    """The published bundles by version.

    Raises:
        KopfkitError: a file is no rendering of the release that its name says.
    """
    found = {}
    for release in history.releases:
        path = path_of(root, project, release)
        if not path.exists():
            continue
        kept = check(project, history, yamls.read_all(path), str(path))
        if kept[0] is not release:
            raise KopfkitError(
                str(path), f"is of {kept[0].version}", "Name the file after its bundle."
            )
        found[release.version] = kept[1]
    return found


def check(
    project: Project, history: History, documents: Iterable[Any], where: str
) -> tuple[Release, Object]:
    """The release that an opm rendering of one bundle is of, and the bundle.

    Args:
        documents: what opm rendered.
        where: what to name in an error.

    Raises:
        KopfkitError: it is not one bundle of this package, or not what releases.yaml says.
    """
    bundles = [
        one for one in documents if isinstance(one, dict) and one.get("schema") == "olm.bundle"
    ]
    if len(bundles) != 1:
        raise KopfkitError(where, f"has {len(bundles)} bundles, not one")
    (bundle,) = bundles
    if bundle.get("package") != project.name:
        raise KopfkitError(where, f"is of package {bundle.get('package')}, not {project.name}")
    values = _properties(bundle)
    version = "".join(str(one.get("version", "")) for one in values.get("olm.package", []))
    release = history.release(version)
    name = release.name(project.name)
    if bundle.get("name") != name:
        raise KopfkitError(where, f"is named {bundle.get('name')!r}, not {name}")
    if not bundle.get("image"):
        raise KopfkitError(
            where, "names no bundle image", "Specify it: --bundle-img, preferably by digest."
        )
    # What the project had once and has no more is not looked at.
    known = {(each.kind, one.name) for each in project.resources for one in each.versions}
    listed = {(one.get("kind"), one.get("version")) for one in values.get("olm.gvk", [])}
    served = listed & known
    wanted = {
        (resource.kind, one.name)
        for resource in edition(project, release).resources
        for one in resource.versions
        if one.served
    }
    if served != wanted:
        raise KopfkitError(
            where,
            f"serves {_shown(served)}, and catalog/releases.yaml says {_shown(wanted)}",
            "A published bundle is immutable: correct the entry.",
        )
    return release, bundle


def text_of(bundle: Mapping[str, Any]) -> str:
    """The file that keeps a rendering."""
    return HEADER + dump(dict(bundle))


def _properties(bundle: Mapping[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in bundle.get("properties") or []:
        if isinstance(one, dict) and isinstance(one.get("value"), dict):
            found.setdefault(str(one.get("type")), []).append(one["value"])
    return found


def _shown(apis: Iterable[tuple[Any, Any]]) -> str:
    return ", ".join(sorted(f"{kind} {version}" for kind, version in apis))
