"""What kind is told, and that its way of working leaves no trace in ours."""

import ipaddress
import os
from pathlib import Path

import pytest
import yaml

from kopfkit.cluster import kind, ownengine, paths, registry, toolchain
from kopfkit.cluster.docker import Engine
from kopfkit.cluster.progress import Progress
from kopfkit.cluster.state import ClusterState
from kopfkit.errors import KopfkitError

OURS, PUBLIC = "kopfkit/node:v1-abc", "docker.io/kindest/node:v1"
ENGINE = Engine("unix:///nowhere.sock", own=True)


@pytest.fixture
def state() -> ClusterState:
    """A cluster that has not been made."""
    return ClusterState("try", "kind", str(paths.state_dir("try") / "kubeconfig"))


@pytest.fixture
def fake_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in kind's place; a test writes it."""
    program = tmp_path / "bin" / "kind"
    program.parent.mkdir()
    monkeypatch.setattr(toolchain, "tool", lambda name, progress=None: program)
    return program


def _write(program: Path, text: str) -> None:
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def test_our_node_image_gets_our_network_and_the_public_one_keeps_its_own() -> None:
    assert kind.config(OURS)["networking"] == {"ipFamily": "ipv4", "disableDefaultCNI": True}
    assert kind.config(PUBLIC)["networking"] == {"ipFamily": "ipv4"}


def test_the_kubelet_may_run_on_cgroup_v1() -> None:
    [patch] = kind.config(PUBLIC)["kubeadmConfigPatches"]
    assert yaml.safe_load(patch)["failCgroupV1"] is False


def test_containerd_looks_for_registries_where_ours_is_written() -> None:
    [patch] = kind.config(PUBLIC)["containerdConfigPatches"]
    assert 'config_path = "/etc/containerd/certs.d"' in patch


def test_pods_get_addresses_from_the_nodes_subnet_and_reach_themselves() -> None:
    bridge, portmap = kind.cni()["plugins"]
    subnet = bridge["ipam"]["ranges"][0][0]["subnet"]
    # kubeadm's default for kind.
    assert ipaddress.IPv4Network(subnet).subnet_of(ipaddress.IPv4Network("10.244.0.0/16"))
    assert bridge["hairpinMode"]
    assert portmap["capabilities"] == {"portMappings": True}


def test_a_failing_kind_is_told_with_the_end_of_its_log_and_leaves_no_trace(
    state: ClusterState, fake_kind: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _write(fake_kind, '[ "$1" = get ] && exit 0\necho "ERROR: no space left" >&2\nexit 1')
    here, environment = Path.cwd(), dict(os.environ)
    with pytest.raises(KopfkitError, match="ERROR: no space left"):
        kind._create(state, ENGINE, OURS)
    assert Path.cwd() == here
    assert dict(os.environ) == environment
    assert not (here / ".pytest-kind").exists()
    assert not (state.directory / ".pytest-kind").exists()
    assert "no space" not in "".join(capfd.readouterr()), "the progress display has the terminal"


def test_kind_is_asked_for_the_image_and_the_configuration_on_our_engine(
    state: ClusterState, fake_kind: Path, tmp_path: Path
) -> None:
    said = tmp_path / "said"
    _write(fake_kind, f'[ "$1" = get ] && exit 0\necho "$DOCKER_HOST $@" > "{said}"\nexit 1')
    with pytest.raises(KopfkitError):
        kind._create(state, ENGINE, OURS)
    words = said.read_text().split()
    assert words[:3] == [str(ENGINE.host), "create", "cluster"]
    assert {f"--image={OURS}", "--name=try", f"--kubeconfig={state.kubeconfig}"} <= set(words)
    assert yaml.safe_load(Path(words[-1]).read_text()) == kind.config(OURS)


def test_a_cluster_is_not_forgotten_while_its_engine_does_not_answer(
    state: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "detect", classmethod(lambda cls: None))
    state.save()
    kind.down(state, Progress())  # nothing of it was made
    (state.directory / "kind.yaml").write_text("")
    with pytest.raises(KopfkitError, match="does not answer") as refused:
        kind.down(state, Progress())
    assert "DOCKER_HOST" in refused.value.cure
    assert not ownengine.directory().exists()


def test_each_cluster_has_a_registry_of_its_own() -> None:
    assert registry.container("a") != registry.container("b")


def test_a_taken_registry_port_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(registry, "PORT", taken.getsockname()[1])
        assert registry._port() not in (0, registry.PORT)
    assert registry._port() == registry.PORT
