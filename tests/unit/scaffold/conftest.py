"""A project of one kind, made in a temporary directory."""

from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from kopfkit.scaffold import operations
from kopfkit.scaffold.answers import Answers
from kopfkit.scaffold.rendering import Kit

ANSWERS = Answers("example.org", "cache-operator", "2026-11-29", "The cache team")
MEMCACHED = {"group": "cache", "version": "v1alpha1", "kind": "Memcached"}
# As the command has it.
KIT = Kit(installed("kopfkit-sdk"))


def create(root: Path, kit: Kit = KIT, **words: Any) -> None:
    """`kopfkit create api` in a directory."""
    given = {"plural": "", "namespaced": True, **MEMCACHED, **words}
    operations.create_api(root, kit, **given).carry_out(root)


def create_webhook(root: Path, kit: Kit = KIT, **words: Any) -> None:
    """`kopfkit create webhook` in a directory."""
    given = {**MEMCACHED, "defaulting": True, "validation": True, **words}
    operations.create_webhook(root, kit, **given).carry_out(root)


def files(root: Path) -> dict[str, str]:
    """All files of a directory but the repository's."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one kind, in the current directory of the test."""
    place = tmp_path / "cache-operator"
    place.mkdir()
    operations.init(place, ANSWERS, KIT).carry_out(place)
    create(place)
    return place
