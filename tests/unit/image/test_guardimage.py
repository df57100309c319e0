"""What the guard's image is made of."""

import importlib.metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from kopfkit.admission import guard
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.image import guardimage
from kopfkit.oci import dockerfile


def test_it_has_what_kopfkit_requires_and_no_extra_of_it() -> None:
    names = [line.partition(">")[0] for line in guardimage.requirements()]
    assert names == ["aiohttp", "msgspec", "prometheus-client"]
    assert f"aiohttp=={importlib.metadata.version('aiohttp')}" in guardimage.constraints()


def test_kopfkit_is_taken_from_its_source_where_that_is_here(root: Path) -> None:
    assert guardimage.source() == root / "kopfkit"


def test_a_kopfkit_that_was_installed_is_asked_for_in_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(guard, "__file__", str(tmp_path / "a/site-packages/kopfkit/x/guard.py"))
    assert guardimage.source() is None
    version = importlib.metadata.version("kopfkit")
    assert guardimage.requirements()[0] == f"kopfkit=={version}"


def test_it_runs_the_guard_as_another_user_than_root() -> None:
    recipe = dockerfile.read("Dockerfile", guardimage.dockerfile(), {})
    assert list(recipe.copies) == [("root/", "/opt/kopfkit-guard/")]
    text = guardimage.dockerfile()
    assert f'ENTRYPOINT ["python3", "-m", "{guard.MODULE}"]' in text
    assert "USER 65532:65532" in text


def test_a_name_without_a_tag_is_refused_before_anything_is_built() -> None:
    result = CliRunner().invoke(kopfkit, ["guard", "image", "--tag", "quay.io/me/guard"])
    assert isinstance(result.exception, KopfkitError)
    assert "--tag" in str(result.exception)
