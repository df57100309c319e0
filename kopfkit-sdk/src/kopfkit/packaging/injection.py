"""A file-based catalog for one bundle that is in none: what `run bundle` serves, and how a further
bundle is put on top of what is installed. Pure functions over opm's JSON."""

from collections.abc import Sequence
from typing import Any

import semver

from kopfkit.errors import KopfkitError

Blob = dict[str, Any]
# The channel of a bundle that is run without a catalog.
CHANNEL = "kopfkit-run-bundle"


def first(bundle: Blob) -> list[Blob]:
    """The catalog that has this bundle and nothing else."""
    return [
        {"schema": "olm.package", "name": bundle["package"], "defaultChannel": CHANNEL},
        {
            "schema": "olm.channel",
            "package": bundle["package"],
            "name": CHANNEL,
            "entries": [{"name": bundle["name"]}],
        },
        bundle,
    ]


def above(catalog: Sequence[Blob], channel: str, installed: str, bundle: Blob) -> list[Blob]:
    """The catalog with `bundle` as the head of `channel`, replacing what is installed.

    Args:
        catalog: has the package, the channel, and the installed bundle.
        installed: name of the installed ClusterServiceVersion.

    Raises:
        KopfkitError: the bundle is in the catalog already, is not newer than what is installed, or
            the catalog has no such channel.
    """
    package, name = bundle["package"], bundle["name"]
    mine = [blob for blob in catalog if _package(blob) == package]
    bundles = {blob["name"]: blob for blob in mine if blob["schema"] == "olm.bundle"}
    if name == installed:
        raise KopfkitError(f"bundle {name}", "is installed already", "Specify a newer bundle.")
    if name in bundles:
        raise KopfkitError(
            f"bundle {name}",
            f"is in the catalog that {package} comes from",
            "OLM upgrades to it by itself; name a bundle that the catalog does not have.",
        )
    if installed in bundles:
        old, new = version(bundles[installed]), version(bundle)
        if semver.Version.parse(new) <= semver.Version.parse(old):
            raise KopfkitError(
                f"bundle {name}",
                f"has version {new}, which is not newer than {old}, which is installed",
                "Raise its version, or remove the operator first: kopfkit cleanup.",
            )
    found = [
        _extended(blob, name, installed) if _is_channel(blob, channel) else blob for blob in mine
    ]
    if not any(_is_channel(blob, channel) for blob in mine):
        raise KopfkitError(f"channel {channel}", f"is not in the catalog of {package}")
    return [*found, bundle]


def entry(catalog: Sequence[Blob], package: str, channel: str, name: str = "") -> Blob:
    """The bundle of a channel that OLM installs first.

    Args:
        name: the ClusterServiceVersion to begin with; "" for the channel's head, the one that
            nothing replaces or skips.

    Raises:
        KopfkitError: the catalog has no such package, channel or bundle.
    """
    mine = [blob for blob in catalog if _package(blob) == package]
    bundles = {blob["name"]: blob for blob in mine if blob.get("schema") == "olm.bundle"}
    entries = [each for blob in mine if _is_channel(blob, channel) for each in blob["entries"]]
    if not entries:
        known = [blob["name"] for blob in mine if blob.get("schema") == "olm.channel"]
        raise KopfkitError(
            f"channel {channel} of {package}",
            "is not in the catalog",
            f"It has: {', '.join(known)}." if known else "It does not have the package.",
        )
    passed = {each.get("replaces") for each in entries}
    passed |= {one for each in entries for one in each.get("skips") or ()}
    found = name or next((one["name"] for one in entries if one["name"] not in passed), "")
    if found not in bundles or all(found != each["name"] for each in entries):
        raise KopfkitError(
            f"bundle {found or '(the head)'}", f"is not in the channel {channel} of {package}"
        )
    return bundles[found]


def version(bundle: Blob) -> str:
    """The bundle's version, from its olm.package property."""
    for one in bundle.get("properties", []):
        if one.get("type") == "olm.package":
            return str(one["value"]["version"])
    raise KopfkitError(f"bundle {bundle.get('name')}", "has no olm.package property")


def metadata(bundle: Blob) -> dict[str, Any]:
    """What opm has taken over from its ClusterServiceVersion."""
    for one in bundle.get("properties", []):
        if one.get("type") == "olm.csv.metadata":
            found: dict[str, Any] = one["value"]
            return found
    return {}


def install_modes(bundle: Blob) -> list[str]:
    """The install modes that the ClusterServiceVersion supports."""
    modes = metadata(bundle).get("installModes") or []
    return [one["type"] for one in modes if one.get("supported")]


def targets(bundle: Blob, namespace: str, asked: str = "") -> list[str]:
    """The namespaces that the operator is to watch; an empty list is all of them.

    Args:
        namespace: where it runs.
        asked: an install mode as operator-sdk writes it: "AllNamespaces", "OwnNamespace",
            "SingleNamespace=NAME", "MultiNamespace=NAME,NAME"; "" is the widest that needs no name.

    Raises:
        KopfkitError: no such mode, not one that the bundle supports, or not one that fits.
    """
    supported = install_modes(bundle)
    if not asked:
        fitting = [mode for mode in ("AllNamespaces", "OwnNamespace") if mode in supported]
        if not fitting:
            raise KopfkitError(
                f"bundle {bundle['name']}",
                f"supports {', '.join(supported) or 'no install mode'} only",
                "Specify the namespaces: --install-mode SingleNamespace=NAME.",
            )
        asked = fitting[0]
    mode, _, listed = asked.partition("=")
    names = list(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    counts = {
        "AllNamespaces": not names,
        "OwnNamespace": not names,
        "SingleNamespace": len(names) == 1 and names != [namespace],
        "MultiNamespace": bool(names),
    }
    if mode not in counts:
        raise KopfkitError(
            f"install mode {mode!r}", "is none of OLM's", f"Valid values: {', '.join(counts)}."
        )
    if not counts[mode]:
        raise KopfkitError(
            f"install mode {asked!r}",
            "does not fit its namespaces",
            "AllNamespaces and OwnNamespace have none, SingleNamespace has one other than the "
            "operator's own, MultiNamespace has some.",
        )
    if mode not in supported:
        raise KopfkitError(
            f"bundle {bundle['name']}",
            f"does not support install mode {mode}",
            f"It supports: {', '.join(supported) or 'none'}.",
        )
    return [namespace] if mode == "OwnNamespace" else names


def _extended(blob: Blob, name: str, installed: str) -> Blob:
    return {**blob, "entries": [*blob["entries"], {"name": name, "replaces": installed}]}


def _is_channel(blob: Blob, name: str) -> bool:
    return blob.get("schema") == "olm.channel" and blob.get("name") == name


def _package(blob: Blob) -> str:
    return str(blob["name"] if blob.get("schema") == "olm.package" else blob.get("package", ""))
