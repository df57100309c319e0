"""A release's entry in catalog/releases.yaml: added or completed as text, so that comments stay."""

import re
from collections.abc import Mapping
from pathlib import Path

from kopfkit.errors import KopfkitError
from kopfkit.packaging.releases import NAME, Release


def text_of(path: Path) -> str:
    """The history's text. Raises KopfkitError if it is not UTF-8, in which entries are added."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise KopfkitError(NAME, "is not UTF-8", "Save it as UTF-8.") from None


def with_entry(text: str, release: Release) -> str:
    """The history's text with the release's entry at its end."""
    lines = [
        f"  - version: {release.version}",
        f"    date: {release.date.isoformat()}",
        f"    channels: [{', '.join(release.channels)}]",
    ]
    if release.replaces:
        lines.append(f"    replaces: {release.replaces}")
    if release.skips:
        lines.append(f"    skips: [{', '.join(release.skips)}]")
    if release.skip_range:
        lines.append(f"    skipRange: '{release.skip_range}'")
    lines += [f"    served: [{', '.join(release.served)}]", f"    stored: {release.stored}"]
    if release.deprecated_versions:
        lines.append(f"    deprecatedVersions: [{', '.join(release.deprecated_versions)}]")
    return text.rstrip("\n") + "\n" + "\n".join(lines) + "\n"


def with_images(text: str, version: str, images: Mapping[str, str]) -> str:
    """The history's text with what was published in the entry of a version, which has none yet."""
    begin = re.search(rf"^  - version: {re.escape(version)}\s*$", text, re.MULTILINE)
    assert begin is not None, version
    after = re.search(r"^  (- |#)|^\S", text[begin.end() + 1 :], re.MULTILINE)
    end = begin.end() + 1 + after.start() if after else len(text)
    body = text[begin.start() : end].rstrip("\n")
    listed = "".join(f"\n      {kind}: {images[kind]}" for kind in sorted(images, reverse=True))
    rest = text[end:]
    return f"{text[: begin.start()]}{body}\n    images:{listed}\n{rest}"
