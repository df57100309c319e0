"""Two bundles of a catalog for `simulate upgrade`: what they hold, and whether one follows the
other."""

import base64
import json
from collections import deque
from pathlib import Path

from kopfkit.cli._catalogs import loaded
from kopfkit.cli._simulation import objects_of
from kopfkit.errors import KopfkitError
from kopfkit.packaging.catalogs import community, reading
from kopfkit.packaging.catalogs.packages import Package
from kopfkit.packaging.releases import History, Release
from kopfkit.packaging.ways import offered, sources
from kopfkit.simulation.bundles import Bundle, bundle_of, read_bundle


def two_bundles(source: str, package: str, old: str, new: str) -> tuple[Bundle, Bundle, str]:
    """Two bundles of a catalog, and why it does not offer the second to who has the first.

    Args:
        source: a path or an image.
        package: its name; "" where only one has such bundles.
        old, new: names of bundles, or versions.

    Raises:
        KopfkitError: they are not there, or cannot be read.
    """
    holding, before, after = held(source, package, old, new)
    return (
        contents(source, holding, before),
        contents(source, holding, after),
        not_offered(holding.history, before, after),
    )


def held(source: str, package: str, old: str, new: str) -> tuple[Package, Release, Release]:
    """The package of a catalog that has two bundles, and its releases of them; arguments and
    errors as of `two_bundles`."""
    found, _ = loaded(source)
    among = [found[package]] if package in found else list(found.values())
    holding = [one for one in among if _release(one, old) and _release(one, new)]
    if len(holding) > 1:
        why = f"has these in several packages ({', '.join(one.name for one in holding)})"
        raise KopfkitError(source, why, "Specify one with --package.")
    if not holding:
        missing = [name for name in (old, new) if not any(_release(one, name) for one in among)]
        why = f"has no package with {' and '.join(missing or (old, new))}"
        raise KopfkitError(source, why, "kopfkit catalog graph shows which releases there are.")
    (one,) = holding
    before, after = _release(one, old), _release(one, new)
    assert before is not None
    assert after is not None
    return one, before, after


def not_offered(history: History, old: Release, new: Release) -> str:
    """Why a release is not offered to who has another one, as a sentence; "" if it is."""
    names = [one.name(history.package) for one in (old, new)]
    if old.version == new.version or any(
        offered(new, old.version, channel) for channel in new.channels
    ):
        return ""
    steps = _steps(history, old.version, new.version)
    by = f"the upgrade path is {' -> '.join(steps)}" if steps else "there is no upgrade path"
    return f"no channel of {history.package} offers {names[1]} to users of {names[0]}; {by}."


def _steps(history: History, old: str, new: str) -> list[str]:
    """The shortest way through any channels; [] if there is none."""
    following: dict[str, list[str]] = {}
    for target in history.releases:
        for source in sources(history, target):
            following.setdefault(source, []).append(target.version)
    came: dict[str, str] = {old: ""}
    waiting = deque([old])
    while waiting and new not in came:
        at = waiting.popleft()
        for version in following.get(at, []):
            if version not in came:
                came[version] = at
                waiting.append(version)
    way, at = [], new if new in came else ""
    while at:
        way.append(at)
        at = came[at]
    return way[::-1]


def _release(package: Package, name: str) -> Release | None:
    version = name.removeprefix("v")
    for one in package.history.releases:
        if one.name(package.name) == name or one.version == version:
            return one
    return None


def contents(source: str, package: Package, release: Release) -> Bundle:
    """What a bundle holds: from its directory, from the catalog, or from its image.

    Raises:
        KopfkitError: it cannot be read.
    """
    name = release.name(package.name)
    blob, path = package.bundles[name], Path(source)
    file = Path(blob.file)
    if file.parent.name == "manifests":
        return read_bundle(file.parent)
    if path / release.version in community.bundles(path):
        return read_bundle(path / release.version)
    objects = _objects(path, name) if path.exists() else []
    image = str(blob.document.get("image", ""))
    if not objects and not image:
        raise KopfkitError(f"bundle {name}", "has neither objects nor an image in the catalog")
    return bundle_of(objects or objects_of(image), name)


def _objects(path: Path, name: str) -> list[reading.Object]:
    """The objects that a catalog itself has of a bundle (olm.bundle.object)."""
    blobs, _ = reading.read(path, whole=True)
    for blob in blobs:
        if blob.document.get("schema") == "olm.bundle" and blob.document.get("name") == name:
            values = blob.values("olm.bundle.object")
            try:
                return [json.loads(base64.b64decode(one["data"])) for one in values]
            except (ValueError, KeyError, TypeError) as error:
                why = f"has an object that is none ({error})"
                raise KopfkitError(f"bundle {name}", why) from None
    return []
