"""The catalog that is made for a bundle without one, judged by the real opm."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host import process
from kopfkit.olm import servedcatalog
from kopfkit.packaging import injection
from kopfkit.toolchain import toolchain

Blob = dict[str, Any]


@pytest.fixture(scope="module")
def bundles(frozen_checkout: Path) -> list[Blob]:
    """The frozen catalog's bundles, oldest first: blobs as opm renders them."""
    text = (frozen_checkout / "catalog/helloworld-operator/catalog.yaml").read_text()
    return [one for one in yamls.load_all(text) if one["schema"] == "olm.bundle"]


def judge(directory: Path, blobs: list[Blob]) -> str:
    """What opm has against a catalog, as the cluster's pod gets it; "" if it is valid."""
    (directory / "catalog.json").write_text(servedcatalog.text(blobs))
    try:
        process.run([toolchain.tool("opm"), "validate", str(directory)])
    except process.CommandFailed as error:
        return error.output
    return ""


def entries(blobs: list[Blob], channel: str) -> list[Blob]:
    (found,) = [one for one in blobs if one["schema"] == "olm.channel" and one["name"] == channel]
    return list(found["entries"])


def test_a_bundle_alone_is_a_catalog(tmp_path: Path, bundles: list[Blob]) -> None:
    blobs = injection.first(bundles[0])
    assert judge(tmp_path, blobs) == ""
    assert entries(blobs, injection.CHANNEL) == [{"name": bundles[0]["name"]}]


def test_each_further_bundle_replaces_what_is_installed(
    tmp_path: Path, bundles: list[Blob]
) -> None:
    blobs = injection.first(bundles[0])
    for old, new in itertools.pairwise(bundles):
        blobs = injection.above(blobs, injection.CHANNEL, old["name"], new)
        assert entries(blobs, injection.CHANNEL)[-1] == {
            "name": new["name"],
            "replaces": old["name"],
        }
    assert judge(tmp_path, blobs) == ""


def test_a_bundle_goes_on_top_of_a_catalog_with_other_channels_and_packages(
    tmp_path: Path, frozen_checkout: Path, bundles: list[Blob]
) -> None:
    text = (frozen_checkout / "catalog/helloworld-operator/catalog.yaml").read_text()
    others = [{"schema": "olm.package", "name": "other", "defaultChannel": "x"}]
    newer = json.loads(json.dumps(bundles[-1]).replace(injection.version(bundles[-1]), "9.0.0"))
    head = bundles[-1]["name"]
    blobs = injection.above([*yamls.load_all(text), *others], "stable", head, newer)
    assert judge(tmp_path, blobs) == ""
    assert entries(blobs, "stable")[-1]["name"] == newer["name"]
    assert newer["name"] not in {one["name"] for one in entries(blobs, "candidate")}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (0, 0, "is installed already"),
        (1, 0, "is in the catalog"),
        (1, -1, "is not newer than"),
    ],
)
def test_an_upgrade_that_is_none_is_refused(
    bundles: list[Blob], old: int, new: int, why: str
) -> None:
    blobs = injection.first(bundles[0])
    blobs = injection.above(blobs, injection.CHANNEL, bundles[0]["name"], bundles[1])
    bundle = bundles[new]
    if new < 0:
        text = json.dumps(bundles[0]).replace(injection.version(bundles[0]), "0.0.1")
        bundle = json.loads(text)
    with pytest.raises(KopfkitError, match=why):
        injection.above(blobs, injection.CHANNEL, bundles[old]["name"], bundle)


def test_another_bundle_of_the_installed_version_is_refused(bundles: list[Blob]) -> None:
    rebuilt = {**bundles[0], "name": f"{bundles[0]['name']}-rebuilt"}
    with pytest.raises(KopfkitError, match="is not newer than"):
        injection.above(injection.first(bundles[0]), injection.CHANNEL, bundles[0]["name"], rebuilt)


def test_a_channel_that_the_catalog_does_not_have_is_named(bundles: list[Blob]) -> None:
    with pytest.raises(KopfkitError, match="channel fast: is not in the catalog"):
        injection.above(injection.first(bundles[0]), "fast", bundles[0]["name"], bundles[1])


def supporting(*modes: str) -> Blob:
    value = {"installModes": [{"type": mode, "supported": True} for mode in modes]}
    return {"name": "x.v1", "properties": [{"type": "olm.csv.metadata", "value": value}]}


ALL = ("AllNamespaces", "OwnNamespace", "SingleNamespace", "MultiNamespace")


@pytest.mark.parametrize(
    ("modes", "asked", "targets"),
    [
        (ALL, "", []),
        (ALL[1:], "", ["here"]),
        (ALL, "OwnNamespace", ["here"]),
        (ALL, "SingleNamespace=there", ["there"]),
        (ALL, "MultiNamespace=a, b", ["a", "b"]),
        (ALL, "MultiNamespace=a,b,a", ["a", "b"]),
    ],
)
def test_the_install_mode_says_what_is_watched(
    modes: tuple[str, ...], asked: str, targets: list[str]
) -> None:
    assert injection.targets(supporting(*modes), "here", asked) == targets


@pytest.mark.parametrize(
    ("modes", "asked", "why"),
    [
        (ALL[:1], "OwnNamespace", "does not support install mode OwnNamespace"),
        (ALL, "Everywhere", "is none of OLM's"),
        (ALL, "SingleNamespace", "does not fit its namespaces"),
        (ALL, "SingleNamespace=here", "does not fit its namespaces"),
        (ALL, "AllNamespaces=a", "does not fit its namespaces"),
        (ALL[2:], "", "supports SingleNamespace, MultiNamespace only"),
    ],
)
def test_an_install_mode_that_cannot_be_is_refused(
    modes: tuple[str, ...], asked: str, why: str
) -> None:
    with pytest.raises(KopfkitError, match=re.escape(why)):
        injection.targets(supporting(*modes), "here", asked)


def test_a_catalog_that_is_too_large_says_what_to_do(bundles: list[Blob]) -> None:
    with pytest.raises(KopfkitError, match="a ConfigMap takes") as refused:
        servedcatalog.text([{**bundles[0], "more": "x" * servedcatalog.LIMIT}])
    assert "make catalog" in refused.value.hint
