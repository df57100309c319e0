"""The files of the operator image; that they work is shown where images are built."""

from pathlib import Path

import pytest

from kopfkit.cluster import imageroot
from kopfkit.errors import KopfkitError


def test_without_locked_packages_nothing_is_written_and_the_cure_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "teapots"\nversion = "1"\n')
    with pytest.raises(KopfkitError) as caught:
        imageroot.build(tmp_path / "build" / "image", tmp_path)
    assert str(caught.value).startswith("requirements/operator.txt: is missing")
    assert caught.value.cure == "Write it: kopfkit image lock"
    assert not (tmp_path / "build").exists()


def test_an_architecture_that_nobody_builds_for_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KopfkitError, match="architecture 'mips': is not supported"):
        imageroot.build(tmp_path / "image", tmp_path, architecture="mips")
