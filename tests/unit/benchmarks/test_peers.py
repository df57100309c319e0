"""What the benchmark runs: nothing that an operator does not need, and a clear word without Go or
Rust."""

import shutil
from pathlib import Path

import pytest

from bench import peerbuild, sites
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.toolchain import golang

SOURCE = Path(__file__).parents[3] / "benchmarks" / "go"


def test_a_site_has_a_distribution_and_what_it_requires_and_nothing_else(tmp_path):
    site = sites.link(tmp_path / "site", ["kopf"])
    names = {path.name for path in site.iterdir()}
    assert {"kopf", "aiohttp", "click", "yarl"} <= names
    assert not {"kubernetes", "pykube", "pytest"} & names


def test_a_distribution_can_be_left_out_while_its_requirements_stay(tmp_path):
    site = sites.link(tmp_path / "site", ["kopf"], without=["kopf"])
    names = {path.name for path in site.iterdir()}
    assert "aiohttp" in names
    assert "kopf" not in names


def test_a_missing_distribution_is_named(tmp_path):
    with pytest.raises(KopfkitError, match="no-such-thing"):
        sites.link(tmp_path / "site", ["no-such-thing"])


def test_without_go_the_error_says_so_and_what_to_do(tmp_path, monkeypatch):
    # A source of its own, so that no build of before is found; no Go, and no index to get one from.
    source = shutil.copytree(SOURCE, tmp_path / "go")
    (source / "other.go").write_text("package main\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KOPFKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    golang.find.cache_clear()
    try:
        with pytest.raises(KopfkitError, match=r"Go.*not on PATH") as caught:
            peerbuild.go("operator", source, Progress())
    finally:
        golang.find.cache_clear()
    assert "Install Go" in str(caught.value)


def test_without_cargo_the_error_says_so_and_what_to_do(tmp_path, monkeypatch):
    source = shutil.copytree(SOURCE.parent / "rs", tmp_path / "rs")
    (source / "src" / "other.rs").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("KOPFKIT_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(KopfkitError, match=r"cargo: is not on PATH") as caught:
        peerbuild.rust(source, Progress())
    assert "Install Rust" in caught.value.hint


def test_the_peer_on_kube_rs_is_locked():
    locked = (SOURCE.parent / "rs" / "Cargo.lock").read_text()
    assert 'name = "kube"\nversion = "5.0.0"\n' in locked
    assert locked.count("checksum = ") == locked.count("[[package]]") - 1  # its own has none


def test_the_peer_on_controller_runtime_is_pinned_with_its_hashes():
    wanted = (SOURCE / "go.mod").read_text()
    hashes = (SOURCE / "go.sum").read_text()
    assert "sigs.k8s.io/controller-runtime v0.25.2" in wanted
    assert "sigs.k8s.io/controller-runtime v0.25.2 h1:" in hashes
