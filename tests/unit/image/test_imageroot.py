"""The files of the operator image; that they work is shown where images are built."""

import hashlib
import sys
import zipfile
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.image import imagelock, imageroot


def test_without_locked_packages_nothing_is_written_and_the_cure_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "teapots"\nversion = "1"\n')
    with pytest.raises(KopfkitError) as caught:
        imageroot.build(tmp_path / "build" / "image", tmp_path)
    assert str(caught.value).startswith("requirements/operator.txt: is missing")
    assert caught.value.hint == "Write it: kopfkit image lock"
    assert not (tmp_path / "build").exists()


def test_an_image_may_have_locked_packages_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "thing-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("thing.py", "a = 1\n")
        file.writestr(
            "thing-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1\n"
        )
        file.writestr("thing-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("thing-1.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    lock = tmp_path / imageroot.LOCK
    lock.parent.mkdir()
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock.write_text(f"thing==1 --hash=sha256:{digest}\n")
    imageroot.build(tmp_path / "image", tmp_path)
    assert (tmp_path / "image" / "thing.py").read_text() == "a = 1\n"


def test_an_architecture_that_nobody_builds_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KopfkitError, match="architecture 'mips': is not supported"):
        imageroot.build(tmp_path / "image", tmp_path, architecture="mips")


def test_the_image_has_its_bytecode_wherever_this_machine_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "elsewhere"))
    root = tmp_path / "root"
    root.mkdir()
    (root / "thing.py").write_text("a = 1\n")
    imageroot.byte_compile(root, f"{sys.version_info.major}.{sys.version_info.minor}")
    made = [path.name for path in (root / "__pycache__").iterdir()]
    assert made == [f"thing.{sys.implementation.cache_tag}.pyc"]
    assert not (tmp_path / "elsewhere").exists()


def test_a_kopfkit_that_no_index_has_is_named_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["kopfkit>=0.4.0"]\n')
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(KopfkitError, match="is in no package index that pip uses") as caught:
        imagelock.write(tmp_path)
    assert "PIP_FIND_LINKS" in caught.value.hint
    assert not (tmp_path / "requirements").exists()
