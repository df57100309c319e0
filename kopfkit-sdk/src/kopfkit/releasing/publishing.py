"""What comes after a release was made: checking its directory, and pushing its images.

A tag is never moved: what is in the registry under it must be the same image, or nothing.
"""

import json
from pathlib import Path
from typing import Any

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.image import ociimages
from kopfkit.oci.layout import Layout
from kopfkit.packaging.releases import History
from kopfkit.project import Faults
from kopfkit.releasing import provenance, signing
from kopfkit.releasing.process import ENVELOPE, KINDS, STATEMENT


def statement(directory: Path) -> dict[str, Any]:
    """The statement of a release's directory. Raises KopfkitError if there is none."""
    try:
        found = json.loads((directory / STATEMENT).read_bytes())
    except (OSError, ValueError) as error:
        raise KopfkitError(
            str(directory), f"is not a release ({error})", "make release VERSION=x.y.z makes one."
        ) from None
    if not isinstance(found, dict):
        raise KopfkitError(str(directory / STATEMENT), "is not a statement")
    return found


def version(directory: Path) -> str:
    """The version of the release in a directory. Raises KopfkitError if it holds none."""
    return str(
        statement(directory)["predicate"]["buildDefinition"]["externalParameters"]["version"]
    )


def verify(directory: Path, public: Path | None) -> int:
    """Check every file and image of a release against its statement; returns how many they are.

    Args:
        directory: of the release.
        public: PEM file of the key that must have signed it; None leaves the signature out.

    Raises:
        KopfkitError: the signature is not the key's, or something was changed, added or is missing.
    """
    told = statement(directory)
    if public is not None:
        try:
            data = (directory / ENVELOPE).read_bytes()
        except OSError:
            raise KopfkitError(
                str(directory), "is not signed", f"kopfkit release sign {directory} --key KEY"
            ) from None
        if signing.opened(data, signing.public_key(public)) != told:
            raise KopfkitError(str(directory / STATEMENT), "is not the statement that was signed")
    faults = Faults(str(directory))
    listed = {one["name"]: f"sha256:{one['digest']['sha256']}" for one in told["subject"]}
    found = provenance.files(directory)
    for name in (STATEMENT, ENVELOPE):
        found.pop(name, None)
    for name in sorted(found):
        if name not in listed:
            faults.add(name, "is not in the statement")
        elif listed[name] != found[name]:
            faults.add(name, f"was changed: it is {found[name]}, not {listed[name]}")
    digests = set(listed.values())
    for kind in KINDS:
        layout = Layout(directory / "images" / kind)
        faults.require(layout.digest() in digests, f"images/{kind}", "is not in the statement")
        for fault in layout.faults():
            faults.add(f"images/{kind}", fault)
    images = _images(told)
    for name in sorted(set(listed) - set(found) - set(images)):
        faults.add(name, "is missing")
    faults.raise_if_any("Do not use it; make or get it again.")
    return len(listed)


def check_earlier(history: History, released: str, images: dict[str, str]) -> list[str]:
    """Ask the registries for the bundles of all other releases, which the catalog points at.

    Args:
        history: all releases.
        released: the version that is not asked for.
        images: version -> bundle image.

    Returns the images that no registry answered for. Raises KopfkitError if one is not there.
    """
    faults, silent = Faults("catalog"), []
    for release in history.releases:
        if release.version == released:
            continue
        found = ociimages.there(images[release.version])
        if found is None:
            silent.append(images[release.version])
        elif not found:
            faults.add(
                f"bundle of {release.version}", f"{images[release.version]} is not in its registry"
            )
    faults.raise_if_any(
        "Push it, or name the one that was published (catalog/releases.yaml, images): nobody "
        "could install or pass through that release."
    )
    return silent


def push(directory: Path, progress: Progress) -> list[str]:
    """Push the images of a release, the catalog last; returns their references by digest.

    A second run finds them there and pushes nothing.

    Raises:
        KopfkitError: the release was changed since it was made, a tag has another image, or the
            registry does not take it; what was pushed before that stays.
    """
    verify(directory, None)
    told = statement(directory)
    names = {digest: name for name, digest in _images(told).items()}
    todo: list[tuple[Path, str, str]] = []
    for kind in KINDS:
        layout = directory / "images" / kind
        digest = Layout(layout).digest()
        tag = f"{names[digest]}:v{version(directory)}"
        present = ociimages.there(tag)
        if present and present != digest:
            raise KopfkitError(
                f"image {tag}",
                f"is in the registry as {present}, and this release has {digest}",
                "A version is released once: choose the next one.",
            )
        todo.append((layout, tag, "" if present else digest))
    pushed = []
    for layout, tag, missing in todo:
        if missing:
            ociimages.push(layout, tag, progress=progress)
        pushed.append(f"{tag.rpartition(':')[0]}@{Layout(layout).digest()}")
    return pushed


def _images(told: dict[str, Any]) -> dict[str, str]:
    base = told["predicate"]["buildDefinition"]["externalParameters"]["imageBase"]
    names = {base, f"{base}-bundle", f"{base}-catalog"}
    return {
        one["name"]: f"sha256:{one['digest']['sha256']}"
        for one in told["subject"]
        if one["name"] in names
    }
