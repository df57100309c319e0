"""The parts of an entry of catalog/releases.yaml (`historyfile`), each checked by itself."""

import datetime
import re
from collections.abc import Iterable, Mapping
from typing import Any

from kopfkit.packaging.inputs import check_image, check_version, split_image
from kopfkit.packaging.releases import Apis, Entry
from kopfkit.project import Faults

_IMAGES = {"operator", "bundle"}
_EDGES = {"replaces", "skips", "skipRange"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# What somebody means for a version, right or wrong; anything else names a bundle.
_NUMBERS = re.compile(r"v?[0-9]+(\.[0-9]+)*([-+].*)?")
# A bundle's name, which becomes a file's.
NAME_OF_A_BUNDLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


def strings(faults: Faults, place: str, value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        faults.require(len(set(value)) == len(value), place, "names something twice")
        return tuple(value)
    faults.add(place, f"{value!r} is not a list of strings")
    return ()


def day(value: object) -> datetime.date | None:
    """The day in a text, quoted or not; None where it is none."""
    # fromisoformat alone takes 20261124 and 2026-W48-2 too.
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return datetime.date.fromisoformat(value)
    except ValueError:
        return None


def unknown(faults: Faults, place: str, found: Mapping[Any, Any], known: set[str]) -> None:
    for key in sorted(str(key) for key in found if key not in known):
        faults.add(f"{place}{key}", f"is unknown; valid are {', '.join(sorted(known))}")


def reference(faults: Faults, at: str, value: object) -> str:
    """A release's version, or the name of a bundle that the history does not have; "" for none."""
    if value == "":
        return ""
    if isinstance(value, str) and not _NUMBERS.fullmatch(value):
        if NAME_OF_A_BUNDLE.fullmatch(value):
            return value
        faults.add(at, f"{value!r} is neither a version nor a bundle's name")
    else:
        check_version(faults, at, value, build=True)
    return str(value)


def entry(faults: Faults, at: str, data: Mapping[str, Any]) -> Entry:
    """Whose users a release is offered to."""
    replaces = reference(faults, f"{at}.replaces", data.get("replaces", ""))
    skips = strings(faults, f"{at}.skips", data.get("skips", []))
    for index, one in enumerate(skips):
        reference(faults, f"{at}.skips[{index}]", one)
    skip_range = data.get("skipRange", "")
    faults.require(
        isinstance(skip_range, str), f"{at}.skipRange", f"{skip_range!r} is not a string"
    )
    return Entry(replaces, skips, str(skip_range))


def entries(
    faults: Faults, at: str, data: object, channels: Iterable[str], usual: Entry
) -> dict[str, Entry]:
    """The edges in the channels that have other ones."""
    found = {}
    for channel, one in _mapping(faults, at, data).items():
        place = f"{at}.{channel}"
        faults.require(channel in channels, place, "is not a channel of the release")
        if isinstance(one, dict):
            unknown(faults, f"{place}.", one, _EDGES)
            found[channel] = entry(faults, place, one)
        else:
            faults.add(place, f"{one!r} is not a mapping")
    return {channel: one for channel, one in found.items() if one != usual}


def apis(faults: Faults, at: str, data: object) -> dict[str, Apis]:
    """The API versions of the CRDs that have other ones."""
    found = {}
    for crd, one in _mapping(faults, at, data).items():
        if isinstance(one, dict):
            unknown(faults, f"{at}.{crd}.", one, {"served", "stored"})
            found[crd] = versions(faults, f"{at}.{crd}", one)
        else:
            faults.add(f"{at}.{crd}", f"{one!r} is not a mapping")
    return found


def versions(faults: Faults, at: str, data: Mapping[str, Any]) -> Apis:
    """The API versions that are served, and the one that is stored: one of these."""
    served = strings(faults, f"{at}.served", data.get("served"))
    stored = data.get("stored", "")
    faults.require(
        stored in served if served else not stored,
        f"{at}.stored",
        f"{stored!r} is not among the served versions ({', '.join(served)})",
    )
    return Apis(served, str(stored))


def _mapping(faults: Faults, at: str, data: object) -> dict[str, Any]:
    if isinstance(data, dict):
        return data
    faults.add(at, f"{data!r} is not a mapping")
    return {}


def images(faults: Faults, at: str, data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        faults.add(at, f"{data!r} is not a mapping")
        return {}
    unknown(faults, f"{at}.", data, _IMAGES)
    for name, image in data.items():
        if check_image(faults, f"{at}.{name}", image):
            faults.require(
                split_image(image)[2],
                f"{at}.{name}",
                f"{image!r} has no digest: a tag may mean another image tomorrow",
            )
    return {str(name): str(image) for name, image in data.items()}
