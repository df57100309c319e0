"""metadata/annotations.yaml, and the labels of the Dockerfile, which say the same.

Rules: docs/design/operator-bundle.md of operator-registry.
"""

from collections.abc import Iterator

from kopfkit.packaging.checks.files import Bundle, Finding

PREFIX = "operators.operatorframework.io."
_BUNDLE = f"{PREFIX}bundle."
_FIXED = {
    "mediatype.v1": "registry+v1",
    "manifests.v1": "manifests/",
    "metadata.v1": "metadata/",
}


def check(bundle: Bundle) -> Iterator[Finding]:
    """Required annotations, and agreement with the labels."""
    found, file = bundle.annotations, bundle.annotations_file
    for key, value in _FIXED.items():
        name = f"{_BUNDLE}{key}"
        if found.get(name) != value:
            yield Finding(file, f"annotations[{name}]", f"is {found.get(name)!r}, not {value!r}")
    for key in ("package.v1", "channels.v1"):
        if not found.get(f"{_BUNDLE}{key}"):
            yield Finding(file, f"annotations[{_BUNDLE}{key}]", "is missing")
    channels = [one.strip() for one in found.get(f"{_BUNDLE}channels.v1", "").split(",")]
    default = f"{_BUNDLE}channel.default.v1"
    if default in found and not found[default]:
        yield Finding(file, f"annotations[{default}]", "is empty; leave it out")
    if len(set(channels)) != len(channels):
        yield Finding(file, f"annotations[{_BUNDLE}channels.v1]", "names a channel twice")
    if bundle.dockerfile:
        yield from _agreement(bundle)
    yield from _name(bundle)


def _agreement(bundle: Bundle) -> Iterator[Finding]:
    for name in sorted({*bundle.annotations, *bundle.labels}):
        said, labelled = bundle.annotations.get(name), bundle.labels.get(name)
        if name.startswith(PREFIX) and said != labelled:
            yield Finding(
                f"{bundle.dockerfile}, {bundle.annotations_file}",
                name,
                f"{labelled!r} and {said!r} do not agree",
            )


def _name(bundle: Bundle) -> Iterator[Finding]:
    version = bundle.spec.get("version")
    name = str(bundle.csv["metadata"]["name"])
    if not version:
        yield Finding(bundle.csv_file, "spec.version", "is missing")
    elif not name.endswith(f".v{version}"):
        # operator-sdk's form; opm and OLM take the version from the spec, people from the name.
        yield Finding(bundle.csv_file, "metadata.name", f"{name!r} does not end with .v{version}")
    if bundle.spec.get("replaces") == name:
        yield Finding(bundle.csv_file, "spec.replaces", "names the release itself")
