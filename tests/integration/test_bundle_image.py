"""`kopfkit bundle validate IMAGE`, with a registry: what is in a bundle's image is checked."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from kopfkit.image.ociimages import crane

ROOT = Path(__file__).parents[2]
LABELS = (
    "operators.operatorframework.io.bundle.manifests.v1=manifests/",
    "operators.operatorframework.io.bundle.metadata.v1=metadata/",
)
OFFLINE = ("--skip", "operator-sdk", "--no-api-server")


def validate(image: str, where: Path) -> "subprocess.CompletedProcess[str]":
    kopfkit = Path(sys.executable).with_name("kopfkit")
    words = [kopfkit, "bundle", "validate", image, *OFFLINE]
    return subprocess.run(words, cwd=where, capture_output=True, text=True, check=False)


def push(image: str, files: dict[str, bytes], place: Path, labels: tuple[str, ...] = LABELS) -> str:
    """An image of these files, and a link that leads out of it."""
    layer = place / "layer.tar"
    with tarfile.open(layer, "w") as tar:
        link = tarfile.TarInfo("manifests/outside.yaml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    crane("append", "--oci-empty-base", "--new_layer", str(layer), "--new_tag", image)
    if labels:
        crane("mutate", *(f"--label={one}" for one in labels), "--tag", image, image)
    return image


def own() -> dict[str, bytes]:
    """The files of this checkout's bundle, by their path in an image."""
    paths = [path for path in sorted((ROOT / "bundle").rglob("*")) if path.is_file()]
    return {str(path.relative_to(ROOT / "bundle")): path.read_bytes() for path in paths}


def test_the_bundle_in_an_image_is_checked_and_nothing_of_it_is_left(
    registry: str, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    good = validate(push(f"{registry}/good:v1", own(), tmp_path), here)
    assert (good.returncode, good.stderr) == (0, ""), good.stdout
    csv = next(name for name in own() if name.endswith("clusterserviceversion.yaml"))
    bad = {**own(), csv: own()[csv] + b"kind: ClusterServiceVersion\n"}  # a key twice
    found = validate(push(f"{registry}/bad:v1", bad, tmp_path), here)
    assert found.returncode == 1
    assert f"bundle/{csv}: " in found.stdout
    assert not [*here.iterdir()]


@pytest.mark.parametrize(
    ("files", "labels", "why"),
    [
        ({"manifests/x.yaml": b"a: 1"}, (), "is not a bundle's: it has no label"),
        ({"../manifests/x.yaml": b"a: 1"}, LABELS, "has no manifests where its labels say"),
        ({"elsewhere/x.yaml": b"a: 1"}, LABELS, "has no manifests where its labels say"),
        ({"manifests/x.yaml": bytes(65 << 20)}, LABELS, "is larger than a bundle's"),
    ],
    ids=["no labels", "out of its directory", "elsewhere", "too large"],
)
def test_an_image_that_is_no_bundle_is_refused(
    registry: str, tmp_path: Path, files: dict[str, bytes], labels: tuple[str, ...], why: str
) -> None:
    said = validate(push(f"{registry}/none:v1", files, tmp_path, labels), tmp_path)
    assert said.returncode == 1
    assert why in said.stderr
    assert "Traceback" not in said.stderr


def test_an_image_that_no_registry_has_is_refused(registry: str, tmp_path: Path) -> None:
    for image in (f"{registry}/absent:v1", "localhost:9/x/y:v1"):
        said = validate(image, tmp_path)
        assert said.returncode == 1
        assert f"image {image}: cannot be read from its registry" in said.stderr
        assert "docker login" in said.stderr
