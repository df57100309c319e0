"""metadata/annotations.yaml, the labels of the Dockerfile, which say the same, and the release's
own name and version.

Rules: docs/design/operator-bundle.md of operator-registry.
"""

import re
from collections.abc import Iterator

from kopfkit.packaging.checks.files import Bundle, Finding

PREFIX = "operators.operatorframework.io."
_BUNDLE = f"{PREFIX}bundle."
_NEEDED = ("mediatype.v1", "manifests.v1", "metadata.v1", "package.v1", "channels.v1")
# github.com/blang/semver: no leading zeros, no empty identifiers.
_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


def check(bundle: Bundle) -> Iterator[Finding]:
    """Required annotations, and agreement with the labels."""
    yield from _annotations(bundle)
    if bundle.dockerfile:
        yield from _agreement(bundle)
    yield from _release(bundle)


def _annotations(bundle: Bundle) -> Iterator[Finding]:
    found, file = bundle.annotations, bundle.annotations_file
    for key in _NEEDED:
        if f"{_BUNDLE}{key}" not in found:
            yield Finding(file, f"annotations[{_BUNDLE}{key}]", "is missing", "annotations")
    media = found.get(f"{_BUNDLE}mediatype.v1", "registry+v1")
    if media != "registry+v1":
        why = f"is {media!r}, not 'registry+v1'"
        yield Finding(file, f"annotations[{_BUNDLE}mediatype.v1]", why, "annotations")
    for key in ("channels.v1", "channel.default.v1"):
        if found.get(f"{_BUNDLE}{key}", "-") == "":
            yield Finding(file, f"annotations[{_BUNDLE}{key}]", "is empty", "annotations")
    channels = [one.strip() for one in found.get(f"{_BUNDLE}channels.v1", "").split(",")]
    if len(set(channels)) != len(channels):
        place = f"annotations[{_BUNDLE}channels.v1]"
        yield Finding(file, place, "names a channel twice", "channel-twice")


def _agreement(bundle: Bundle) -> Iterator[Finding]:
    for name in sorted({*bundle.annotations, *bundle.labels}):
        said, labelled = bundle.annotations.get(name), bundle.labels.get(name)
        if name.startswith(PREFIX) and said != labelled:
            yield Finding(
                f"{bundle.dockerfile}, {bundle.annotations_file}",
                name,
                f"{labelled!r} and {said!r} do not agree",
                "dockerfile-labels",
            )


def _release(bundle: Bundle) -> Iterator[Finding]:
    version, file = bundle.spec.get("version"), bundle.csv_file
    name = str(bundle.csv["metadata"]["name"])
    if not version:
        yield Finding(file, "spec.version", "is missing", "csv-version")
    elif not _SEMVER.fullmatch(version):
        yield Finding(file, "spec.version", f"{version!r} is not a semantic version", "csv-version")
    elif not name.endswith(f".v{version}"):
        # operator-sdk's form; opm and OLM take the version from the spec, people from the name.
        yield Finding(file, "metadata.name", f"{name!r} does not end with .v{version}", "csv-name")
    if bundle.spec.get("replaces") == name:
        yield Finding(file, "spec.replaces", "names the release itself", "replaces-itself")
