"""A release as the files of a pull request, for a checkout of a community-operators repository.

Layout and formats are those of k8s-operatorhub/community-operators and
redhat-openshift-ecosystem/community-operators-prod, whose pipelines are operator-pipelines
(operatorcert/schemas/ci-schema.json, release-config-schema.json, entrypoints/add_bundle_to_fbc.py).
A package whose ci.yaml has `fbc` gets a release-config.yaml beside the bundle: from that, the
pipeline adds the published bundle to catalog-templates/ and renders catalogs/. Any other package's
graph is what its CSVs say.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.manifests import fitted, shapes
from kopfkit.packaging.catalog import edges_of
from kopfkit.packaging.catalogs import community as packages
from kopfkit.packaging.catalogs.judging import judged
from kopfkit.packaging.catalogs.sources import load
from kopfkit.packaging.checks import ERROR
from kopfkit.packaging.releases import Release
from kopfkit.packaging.templates import BASIC, SEMVER
from kopfkit.project import Project
from kopfkit.releasing import community

TEMPLATE = "basic.yaml"
# Channels that the pipeline takes for a semver template, by their names in lower case.
_SEMVER_CHANNELS = {"candidate": "Candidate", "fast": "Fast", "stable": "Stable"}
_PACKAGE = "operators.operatorframework.io.bundle.package.v1"
# What ci.yaml names goes into a Makefile, where `$(shell ...)` would run.
_PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(f"{_PART}(/{_PART})*")


@dataclass
class Contribution:
    """What is to be written.

    Attributes:
        directory: operators/<package> of the checkout.
        files: new ones, by path below it; none is there already.
        notes: what a person should know, as sentences.
    """

    directory: Path
    files: dict[str, str]
    notes: list[str] = field(default_factory=list)


def contribution(
    root: Path,
    project: Project,
    release: Release,
    bundle: Mapping[str, str],
    *,
    default_channel: str,
    catalogs: Sequence[str] = (),
    reviewers: Sequence[str] = (),
) -> Contribution:
    """The files of a release.

    Args:
        root: of the checkout of the repository.
        bundle: the files of bundle/, by path below it.
        default_channel: of the package.
        catalogs: of a package that is new: those it goes into by a file-based catalog ("v4.18").
        reviewers: of a package that is new: GitHub users who may approve its pull requests.

    Raises:
        KopfkitError: the repository has the version, the directory is another package's, or the
            graph would not hold.
    """
    if not (root / "operators").is_dir():
        raise KopfkitError(
            str(root),
            "is no checkout of a community-operators repository (it has no operators/)",
            "Clone your fork of one, and name its directory.",
        )
    made = Contribution(root / "operators" / project.name, {})
    _refuse_links(root, made.directory, release.version)
    _refuse_others(made.directory, project.name, release.version)
    settings = _settings(made.directory / "ci.yaml")
    known = settings is not None
    if settings is None:
        settings = _new_settings(catalogs, reviewers)
        made.files["ci.yaml"] = yamls.dump(settings)
    elif catalogs or reviewers:
        made.notes.append(f"{made.directory / 'ci.yaml'} stays as it is: edit it yourself")
    for path, text in bundle.items():
        made.files[f"{release.version}/{path}"] = text
    if _fbc(settings):
        config = _release_config(project.name, release, settings, default_channel, made.notes)
        made.files[f"{release.version}/release-config.yaml"] = yamls.dump(config)
        if not (made.directory / "Makefile").exists():
            made.files["Makefile"] = _makefile(settings)
    else:
        if known and catalogs:
            raise KopfkitError(
                str(made.directory / "ci.yaml"),
                "does not enable fbc, so that the package is in no file-based catalog",
                "Onboard the package first (a pull request of its own), or leave out --catalog.",
            )
        _judge(made)
    return made


def _refuse_links(root: Path, directory: Path, version: str) -> None:
    """KopfkitError if a link would lead out of operators/<package> what is written there."""
    if directory.resolve() != root.resolve() / "operators" / directory.name:
        raise KopfkitError(
            str(directory), "is reached through a symbolic link", "Replace it by a directory."
        )
    for name in (version, "ci.yaml", "Makefile"):
        path = directory / name
        if path.is_symlink() and not path.exists():
            raise KopfkitError(str(path), "is a symbolic link to nothing", "Remove it.")


def _refuse_others(directory: Path, package: str, version: str) -> None:
    """KopfkitError if the version is there, or the directory is not this package's."""
    if (directory / version).exists():
        raise KopfkitError(
            str(directory / version),
            "is there already",
            "A version is published once: release the next one.",
        )
    for each in packages.bundles(directory):
        annotations = each / "metadata" / "annotations.yaml"
        found = yamls.read(annotations) if annotations.is_file() else {}
        # Their types are judged with the graph, where the file counts.
        fitting = fitted(found, shapes.ANNOTATIONS, lambda *_: None)
        named = fitting.get("annotations", {}).get(_PACKAGE)
        if named not in (None, package):
            raise KopfkitError(
                str(each), f"is of package {named}, not {package}", "Choose another package name."
            )


def _settings(path: Path) -> dict[str, Any] | None:
    """What ci.yaml says of the graph; None where there is none.

    Raises:
        KopfkitError: its schema does not hold.
    """
    if not path.exists():
        return None
    wrong: list[str] = []
    found = yamls.read(path)
    mapping = {"template_name": str, "catalog_names": [str], "type": str}
    shape = {"fbc": {"enabled": bool, "catalog_mapping": [mapping]}}
    fitting: dict[str, Any] = fitted(
        {} if found is None else found, shape, lambda place, why: wrong.append(f"{place} {why}")
    )
    listed = fitting.get("fbc", {}).get("catalog_mapping", [])
    wrong += [
        f"fbc.catalog_mapping: {key} is missing"
        for one in listed
        for key in mapping.keys() - one.keys()
    ]
    wrong += [
        f"fbc.catalog_mapping: {name!r} is no name of a template, a catalog or a type"
        for one in listed
        for name in (one.get("template_name"), one.get("type"), *one.get("catalog_names", []))
        if name is not None and not _NAME.fullmatch(name)
    ]
    if wrong:
        raise KopfkitError(str(path), wrong[0].strip(), "Correct it, as its schema says.")
    return fitting


def _new_settings(catalogs: Sequence[str], reviewers: Sequence[str]) -> dict[str, Any]:
    # The schema refuses an empty list of reviewers.
    settings: dict[str, Any] = {"reviewers": list(reviewers)} if reviewers else {}
    if not catalogs:
        return {**community.SETTINGS, **settings}
    for name in catalogs:
        if not _NAME.fullmatch(name):
            raise KopfkitError(f"--catalog {name}", "is no name of a catalog such as v4.18")
    mapping = {"template_name": TEMPLATE, "catalog_names": list(catalogs), "type": BASIC}
    return {**settings, "fbc": {"enabled": True, "catalog_mapping": [mapping]}}


def _fbc(settings: Mapping[str, Any]) -> bool:
    fbc = settings.get("fbc")
    return isinstance(fbc, dict) and fbc.get("enabled") is True


def _release_config(
    package: str,
    release: Release,
    settings: Mapping[str, Any],
    default_channel: str,
    notes: list[str],
) -> dict[str, Any]:
    """To which templates the pipeline adds the bundle, in which channels, and replacing what."""
    templates: list[dict[str, Any]] = []
    for one in settings["fbc"].get("catalog_mapping") or []:
        name, kind = str(one.get("template_name", "")), one.get("type")
        if kind == BASIC:
            templates += _in_basic(package, release, name)
        elif kind == SEMVER:
            known = [
                _SEMVER_CHANNELS[each] for each in release.channels if each in _SEMVER_CHANNELS
            ]
            if known:
                templates.append({"template_name": name, "channels": known})
            else:
                notes.append(f"{name} is a semver template, and has none of the release's channels")
    if not templates:
        raise KopfkitError(
            "ci.yaml",
            "maps no catalog template that the release could go into",
            "Add it to fbc.catalog_mapping: template_name, catalog_names, type.",
        )
    default = {"defaultChannel": default_channel} if default_channel in release.channels else {}
    return {**default, "catalog_templates": templates}


def _in_basic(package: str, release: Release, name: str) -> list[dict[str, Any]]:
    """One item for the channels with the same edges."""
    found: list[dict[str, Any]] = []
    for channel in release.channels:
        edges = edges_of(package, release, channel)
        same = next((one for one in found if edges == _edges(one)), None)
        if same is None:
            found.append({"template_name": name, "channels": [channel], **edges})
        else:
            same["channels"].append(channel)
    return found


def _edges(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item[key] for key in ("replaces", "skips", "skipRange") if key in item}


def _judge(made: Contribution) -> None:
    """KopfkitError if opm would refuse the package's graph with the release in it."""
    with tempfile.TemporaryDirectory(prefix="kopfkit-contribution-") as place:
        copy = Path(place) / made.directory.name
        copy.mkdir()
        # Links: a copy would follow those of the checkout, wherever they lead.
        for each in made.directory.iterdir() if made.directory.exists() else ():
            (copy / each.name).symlink_to(each)
        for path, text in made.files.items():
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_text(text, "utf-8")
        found, findings = load(copy)
        wrong = [*findings, *(one for each in found.values() for one in judged(each))]
        errors = [one for one in wrong if one.severity == ERROR]
    if errors:
        told = "".join(f"\n  - {one.place.replace(place + '/', '')}: {one.why}" for one in errors)
        raise KopfkitError(
            str(made.directory),
            f"would not hold with this release, {len(errors)} errors{told}",
            "Contribute the releases in order, or correct the edges in catalog/releases.yaml.",
        )


# Targets in the place of operator-pipelines' fbc/Makefile, which other packages have.
_MAKEFILE = """\
# Renders this package's catalogs from catalog-templates/, to look at them. The pipeline does it by
# itself for a release that has a release-config.yaml.
SHELL := /bin/bash
OPM ?= opm
# template:kind:catalog, as in ci.yaml
MAPPING := {mapping}
CATALOGS := $(abspath $(CURDIR)/../../catalogs)
NAME := $(notdir $(CURDIR))

.PHONY: catalogs
catalogs:
\t@set -eu; for each in $(MAPPING); do \\
\t  IFS=: read -r template kind catalog <<< "$$each"; \\
\t  level=bundle-object-to-csv-metadata; \\
\t  case "$$catalog" in v4.1[2-6]) level=none;; esac; \\
\t  mkdir -p "$(CATALOGS)/$$catalog/$(NAME)"; \\
\t  $(OPM) alpha render-template "$$kind" -o yaml --migrate-level "$$level" \\
\t    "catalog-templates/$$template" > "$(CATALOGS)/$$catalog/$(NAME)/catalog.yaml"; \\
\tdone

.PHONY: validate-catalogs
validate-catalogs: catalogs
\t@set -eu; for each in $(MAPPING); do $(OPM) validate "$(CATALOGS)/$${{each##*:}}/$(NAME)"; done
"""


def _makefile(settings: Mapping[str, Any]) -> str:
    mapping = [
        f"{one['template_name']}:{str(one['type']).rpartition('.')[2]}:{catalog}"
        for one in settings["fbc"]["catalog_mapping"]
        for catalog in one["catalog_names"]
    ]
    return _MAKEFILE.format(mapping=" ".join(mapping))
