"""`kopfkit catalog mirror`: what a disconnected cluster needs of a catalog or a bundle."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import frozen
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging.mirroring import complete, mirrored, parted, targets

MIRROR = "mirror.example.com:5000/olm"
DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    place = tmp_path / "checkout"
    frozen.write_sources(place)
    frozen.generate(place)
    return place


def run(where: Path, *words: str) -> Result:
    with contextlib.chdir(where):
        return CliRunner().invoke(kopfkit, ["catalog", "mirror", "--to", MIRROR, *words])


def written(where: Path, *words: str) -> dict[str, Any]:
    done = run(where, *words)
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = {}
    for path in sorted((where / "mirror").iterdir()):
        if path.suffix == ".txt":
            lines = path.read_text().splitlines()
            assert lines[0].startswith("# ")
            found[path.name] = lines[1:]
        else:
            found[path.name] = yamls.read(path)
    return found


@pytest.mark.parametrize(
    ("image", "whole", "target"),
    [
        ("busybox:1", "docker.io/library/busybox:1", f"{MIRROR}/library/busybox:1"),
        ("me/op:v1", "docker.io/me/op:v1", f"{MIRROR}/me/op:v1"),
        ("localhost/op:v1", "localhost/op:v1", f"{MIRROR}/op:v1"),
        (f"quay.io/a/b/c@{DIGEST}", f"quay.io/a/b/c@{DIGEST}", f"{MIRROR}/a/b/c:0123456789ab"),
        (f"quay.io/a/b:v2@{DIGEST}", f"quay.io/a/b:v2@{DIGEST}", f"{MIRROR}/a/b:v2"),
    ],
)
def test_an_image_has_one_place_in_the_mirror(image: str, whole: str, target: str) -> None:
    assert complete(image) == whole
    assert mirrored(whole, MIRROR) == target


def test_what_names_no_image_is_told() -> None:
    assert parted(["", "a b", "quay.io/x", "quay.io/x:1", "quay.io/x:1"]) == (
        ["quay.io/x:1"],
        ["a b", "quay.io/x"],
    )


def test_the_own_catalog_is_mirrored_with_every_image_that_it_names(checkout: Path) -> None:
    found = written(checkout)
    catalog = yamls.read_all(checkout / "catalog/helloworld-operator/catalog.yaml")
    named = {one["image"] for one in catalog if one["schema"] == "olm.bundle"}
    named |= {each["image"] for one in catalog for each in one.get("relatedImages", [])}
    image = "localhost:5001/helloworld-operator-catalog:v0.4.0"
    assert found["images.txt"] == sorted({*named, image})
    assert f"{image}={MIRROR}/helloworld-operator-catalog:v0.4.0" in found["mapping.txt"]
    assert len(found["mapping.txt"]) == len(found["images.txt"])
    assert found["imagetagmirrorset.yaml"]["spec"]["imageTagMirrors"] == [
        {"source": f"localhost:5001/{name}", "mirrors": [f"{MIRROR}/{name}"]}
        for name in ("helloworld-operator", "helloworld-operator-bundle")
    ]
    assert "imagedigestmirrorset.yaml" not in found
    mirrored_catalog = f"{MIRROR}/helloworld-operator-catalog:v0.4.0"
    assert found["catalogsource.yaml"]["spec"]["image"] == mirrored_catalog
    assert found["clustercatalog.yaml"]["spec"]["source"]["image"]["ref"] == mirrored_catalog
    (operators,) = found["imageset-config.yaml"]["mirror"]["operators"]
    assert operators["catalog"] == image
    assert operators["full"] is True
    assert operators["packages"][0]["name"] == "helloworld-operator"


def test_images_by_digest_have_a_set_of_their_own(checkout: Path) -> None:
    catalog = checkout / "catalog/helloworld-operator/catalog.yaml"
    text = catalog.read_text().replace("op-bundle:v0.1.0", f"op-bundle@{DIGEST}")
    catalog.write_text(text.replace("operator-bundle:v0.1.0", f"operator-bundle@{DIGEST}"))
    found = written(checkout, str(catalog.parent))
    assert found["imagedigestmirrorset.yaml"]["spec"]["imageDigestMirrors"] == [
        {
            "source": "localhost:5001/helloworld-operator-bundle",
            "mirrors": [f"{MIRROR}/helloworld-operator-bundle"],
        }
    ]
    # A catalog of a directory has no image unless somebody names it.
    assert "catalogsource.yaml" not in found
    assert found["imageset-config.yaml"]["mirror"].keys() == {"additionalImages"}


def test_channels_and_heads_leave_images_out(checkout: Path) -> None:
    every = written(checkout)["images.txt"]
    shutil.rmtree(checkout / "mirror")
    heads = written(checkout, "--heads", "--channel", "stable")
    assert {*heads["images.txt"]} < {*every}
    assert "localhost:5001/helloworld-operator-bundle:v0.4.0" in heads["images.txt"]
    (operators,) = heads["imageset-config.yaml"]["mirror"]["operators"]
    assert "full" not in operators
    assert operators["packages"] == [
        {"name": "helloworld-operator", "channels": [{"name": "stable"}]}
    ]


def test_a_bundle_and_a_package_of_bundles_are_as_good(checkout: Path, tmp_path: Path) -> None:
    found = written(checkout, "bundle")
    assert found["images.txt"] == ["localhost:5001/helloworld-operator:v0.4.0"]
    shutil.rmtree(checkout / "mirror")
    place = tmp_path / "helloworld-operator" / "0.4.0"
    shutil.copytree(checkout / "bundle", place)
    assert written(checkout, str(place.parent))["images.txt"] == found["images.txt"]


def test_a_second_run_replaces_what_the_first_wrote(checkout: Path) -> None:
    assert "imageset-config.yaml" in written(checkout)
    assert "catalogsource.yaml" in written(checkout)
    # What is not needed any more goes.
    assert "catalogsource.yaml" not in written(checkout, "bundle")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--to", "https://mirror"], "is not HOST"),
        (["nowhere"], "does not exist"),
        (["--channel", "nightly"], "has no channel nightly"),
        (["--channel", "stable", "--channel", "nightly"], "has no channel nightly"),
        (["--catalog-image", "https://quay.io/me/catalog"], "is not an image reference"),
        (["--catalog-image", "quay.io/me/catalog"], "has neither tag nor digest"),
        (["bundle", "--heads"], "is a bundle"),
        (["--package", "other"], "has no package other"),
        (["empty"], "is empty"),
    ],
)
def test_wrong_input_is_named_and_nothing_is_written(
    checkout: Path, words: list[str], why: str
) -> None:
    (checkout / "empty").mkdir()
    done = run(checkout, *words)
    assert done.exit_code == 1
    assert why in str(done.exception)
    assert not (checkout / "mirror").exists()


def test_a_broken_catalog_is_refused_before_images_are_missing(checkout: Path) -> None:
    catalog = checkout / "catalog/helloworld-operator/catalog.yaml"
    catalog.write_text(catalog.read_text() + "---\n: [broken\n")
    done = run(checkout)
    assert done.exit_code == 1
    assert "catalog.yaml" in str(done.exception)
    assert not (checkout / "mirror").exists()


def test_two_images_that_would_have_one_tag_get_tags_of_their_digests() -> None:
    other = DIGEST.replace("0", "f")
    images = [f"quay.io/a/b:v1@{DIGEST}", f"quay.io/a/b:v1@{other}", "quay.io/a/b:v1"]
    assert [*targets(images, MIRROR).values()] == [
        f"{MIRROR}/a/b:0123456789ab",
        f"{MIRROR}/a/b:f123456789ab",
        f"{MIRROR}/a/b:v1",
    ]
    # The same image of two registries.
    assert len({*targets([f"quay.io/a/b@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"], MIRROR).values()}) == 1


def test_images_that_would_replace_each_other_in_the_mirror_are_refused() -> None:
    with pytest.raises(KopfkitError, match=f"would both be copied to {MIRROR}/a/b:v1"):
        targets(["ghcr.io/a/b:v1", "quay.io/a/b:v1"], MIRROR)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("{version: 1.0.0, install: {spec: {deployments: [{name: one}]}}}", "names no images"),
        ("{relatedImages: [busybox:1]}", "is a string, not an object"),
        ("{install: {spec: {deployments: [{spec: {template: []}}]}}}", "is a list, not an object"),
        ("[", "is not YAML"),
    ],
)
@pytest.mark.parametrize("package", [True, False])
def test_a_csv_that_is_not_one_is_named(tmp_path: Path, spec: str, why: str, package: bool) -> None:
    place = tmp_path / "op" / "1.0.0" / "manifests"
    place.mkdir(parents=True)
    (place.parent / "metadata").mkdir()
    prefix = "operators.operatorframework.io.bundle"
    (place.parent / "metadata" / "annotations.yaml").write_text(
        f"annotations: {{{prefix}.package.v1: op, {prefix}.channels.v1: stable}}\n"
    )
    (place / "op.yaml").write_text(
        f"kind: ClusterServiceVersion\nmetadata: {{name: op.v1.0.0}}\nspec: {spec}\n"
    )
    done = run(tmp_path, "op" if package else "op/1.0.0")
    assert isinstance(done.exception, KopfkitError), done.exception
    assert why in str(done.exception)
