"""Checks of what a person passes to a generator: versions, image references, channels.

Rules: semver.org 2.0.0; the distribution project's reference grammar (github.com/distribution/
reference); channel names as OLM takes them in a Subscription, limited to what is also a DNS label
with dots, because catalogs and annotations separate channels by commas.
"""

import re

from kopfkit.project import Faults
from kopfkit.ranges import SEMVER

_DOMAIN = (
    r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:\d+)?"
)
_PATH = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
REFERENCE = re.compile(
    rf"(?P<name>({_DOMAIN}/)?{_PATH}(/{_PATH})*)"
    r"(:(?P<tag>\w[\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
CHANNEL = re.compile(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", re.ASCII)


def check_version(faults: Faults, place: str, version: object, *, build: bool = False) -> bool:
    """Note the fault unless `version` is a semantic version without a leading v.

    Args:
        build: it may have build metadata.
    """
    if isinstance(version, str) and SEMVER.fullmatch(version):
        if "+" in version and not build:
            # Build metadata cannot be part of a tag or an object's name, and orders nothing.
            faults.add(
                place, f"{version!r} has build metadata (+...), which no image tag can carry"
            )
            return False
        return True
    hint = " (leave the v out)" if isinstance(version, str) and version.startswith("v") else ""
    faults.add(place, f"{version!r} is not a semantic version such as 0.1.0{hint}")
    return False


def check_image(faults: Faults, place: str, image: object) -> bool:
    """Note the fault unless `image` is an image reference with a tag or digest."""
    match = REFERENCE.fullmatch(image) if isinstance(image, str) else None
    if match is None or len(match["name"]) > 255:
        faults.add(place, f"{image!r} is not an image reference such as quay.io/me/operator:v0.1.0")
        return False
    return faults.require(
        match["tag"] or match["digest"],
        place,
        f"{image!r} has neither tag nor digest, so it would mean another image every day",
    )


def check_channel(faults: Faults, place: str, channel: object) -> bool:
    """Note the fault unless `channel` is a name for a channel."""
    return faults.require(
        isinstance(channel, str) and CHANNEL.fullmatch(channel),
        place,
        f"{channel!r} is not a channel name (lower case letters, digits, '-' and '.', e.g. stable)",
    )


def split_image(image: str) -> tuple[str, str, str]:
    """Name, tag and digest of a valid reference; what is absent is ""."""
    match = REFERENCE.fullmatch(image)
    assert match is not None, image
    return match["name"], match["tag"] or "", match["digest"] or ""
