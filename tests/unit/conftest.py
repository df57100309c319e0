"""Tests of what works in a cache and a state directory have their own, never the user's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kopfkit.toolchain import golang, gomod, toolchain

_PACKAGES = {"cli", "cluster", "docker", "host", "image", "kind", "local", "olm", "toolchain"}


@pytest.fixture(autouse=True)
def own_home(request: pytest.FixtureRequest) -> None:
    """`home`, for each test of these packages."""
    if request.path.parent.name in _PACKAGES:
        request.getfixturevalue("home")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory that stands for the user's; nothing remembered from another test."""
    monkeypatch.setenv("KOPFKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KOPFKIT_STATE_DIR", str(tmp_path / "state"))
    for variable in ("CLUSTER", "KUBECONFIG", "KUBEBUILDER_ASSETS", "DOCKER_HOST"):
        monkeypatch.delenv(variable, raising=False)
    _forget()
    yield tmp_path
    _forget()


def _forget() -> None:
    toolchain.choose.cache_clear()
    golang.find.cache_clear()
    gomod.group.cache_clear()
