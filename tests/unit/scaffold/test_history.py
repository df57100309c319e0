"""`kopfkit create api` and the release history: what is published stays as it is."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.scaffold import operations
from kopfkit.scaffold.merging import Plan

from .conftest import KIT, MEMCACHED

NAME = "catalog/releases.yaml"
DIGEST = "sha256:" + "a" * 64


def planned(root: Path, **words: Any) -> Plan:
    given = {**MEMCACHED, "plural": "", "namespaced": True, "version": "v1", **words}
    return operations.create_api(root, KIT, **given)


def by_tag(root: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=me", "-c", "user.email=me@example.org"]
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "--message=Release 0.1.0"],
        ["tag", "v0.1.0"],
    ):
        subprocess.run([*git, *words], check=True)


def by_images(root: Path) -> None:
    with (root / NAME).open("a") as file:
        file.write(f"    images:\n      operator: example.org/op@{DIGEST}\n")


def by_bundle(root: Path) -> None:
    (root / "catalog/published").mkdir()
    (root / "catalog/published/cache-operator.v0.1.0.yaml").write_text("schema: olm.bundle\n")


PUBLISHED = pytest.mark.parametrize("publish", [by_tag, by_images, by_bundle])


@PUBLISHED
def test_a_new_version_begins_the_next_release_where_the_last_one_is_published(
    root: Path, publish: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1796083200")
    publish(root)
    before = (root / NAME).read_text()
    made = planned(root)
    made.carry_out(root)
    assert made.left == []
    assert (root / NAME).read_text() == before + (
        "  - version: 0.2.0\n"
        "    date: 2026-12-01\n"
        "    channels: [stable]\n"
        "    replaces: 0.1.0\n"
        "    served: [v1alpha1, v1]\n"
        "    stored: v1alpha1\n"
    )


@PUBLISHED
def test_the_next_release_is_begun_once(root: Path, publish: Any) -> None:
    publish(root)
    planned(root).carry_out(root)
    before = (root / NAME).read_text()
    made = planned(root, version="v2")
    made.carry_out(root)
    assert (root / NAME).read_text() == before
    assert made.left == [(NAME, "name v2 in the release that brings it")]


def test_a_new_kind_of_a_version_that_was_published_is_told(root: Path) -> None:
    by_tag(root)
    before = (root / NAME).read_text()
    made = planned(root, kind="Backup", version="v1alpha1")
    made.carry_out(root)
    assert (root / NAME).read_text().startswith(before)
    assert yamls.read(root / NAME)["releases"][1]["served"] == ["v1alpha1"]
    assert made.left == [
        (
            NAME,
            "say in 0.1.0, which is published, that it has no Backup: "
            "crds: {backups.cache.example.org: {served: []}}",
        )
    ]


def test_a_history_that_nothing_can_be_added_to_is_left_to_its_owner(root: Path) -> None:
    by_tag(root)
    path = root / NAME
    path.write_text(path.read_text() + "accepted: []\n")
    before = path.read_text()
    made = planned(root)
    made.carry_out(root)
    assert path.read_text() == before
    assert made.left == [(NAME, "0.1.0 is published: add the release that brings v1")]


def test_a_tag_of_another_version_publishes_nothing(root: Path) -> None:
    by_tag(root)
    subprocess.run(["git", "-C", str(root), "tag", "-d", "v0.1.0"], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(root), "tag", "v0.1.0-rc.1"], check=True)
    planned(root).carry_out(root)
    (only,) = yamls.read(root / NAME)["releases"]
    assert only["served"] == ["v1alpha1", "v1"]


def test_a_history_that_cannot_be_read_refuses_with_nothing_written(root: Path) -> None:
    (root / NAME).write_text("releases: [")
    with pytest.raises(KopfkitError, match=r"catalog/releases\.yaml"):
        planned(root)
