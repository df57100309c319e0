"""What kind is told, and that its way of working leaves no trace in ours."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.docker import ownengine
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host import paths
from kopfkit.host.progress import Progress
from kopfkit.host.state import ClusterState
from kopfkit.kind import kind, kindconfig, podnetwork, registry
from kopfkit.toolchain import toolchain

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
    assert kindconfig.config(OURS)["networking"] == {"ipFamily": "ipv4", "disableDefaultCNI": True}
    assert kindconfig.config(PUBLIC)["networking"] == {"ipFamily": "ipv4"}


def test_the_kubelet_may_run_on_cgroup_v1() -> None:
    [patch] = kindconfig.config(PUBLIC)["kubeadmConfigPatches"]
    assert yamls.load(patch)["failCgroupV1"] is False


def test_containerd_looks_for_registries_where_ours_is_written() -> None:
    [patch] = kindconfig.config(PUBLIC)["containerdConfigPatches"]
    assert 'config_path = "/etc/containerd/certs.d"' in patch


def test_pods_get_addresses_from_the_nodes_subnet_and_reach_themselves() -> None:
    bridge, portmap = podnetwork.cni("10.244.1.0/24")["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.1.0/24"}]]
    assert bridge["hairpinMode"]
    assert portmap["capabilities"] == {"portMappings": True}


def test_a_cluster_with_workers_lets_pods_onto_every_node_and_notices_a_lost_one_soon() -> None:
    told = kindconfig.config(OURS, workers=2)
    assert [node["role"] for node in told["nodes"]] == ["control-plane", "worker", "worker"]
    patches = {p["kind"]: p for p in map(yamls.load, told["kubeadmConfigPatches"])}
    assert patches["InitConfiguration"]["nodeRegistration"] == {"taints": []}
    flags = patches["ClusterConfiguration"]["apiServer"]["extraArgs"]
    assert int(flags["default-unreachable-toleration-seconds"]) < 30
    # One node is never lost, and gets what a person's cluster has.
    assert len(kindconfig.config(OURS)["kubeadmConfigPatches"]) == 1


class Nodes(Engine):
    """An engine whose control plane lists two nodes; what is written onto a node is kept."""

    def docker(
        self, *arguments: str, input: str | None = None, timeout: float | None = None
    ) -> str:
        if "get" in arguments:
            return json.dumps({"items": [_node("a", 2), _node("b", 3)]})
        assert input is not None
        self.extra[arguments[2]] = f"{arguments[-1]}\n{input}"
        return ""


def _node(name: str, number: int) -> dict[str, Any]:
    address = {"type": "InternalIP", "address": f"172.18.0.{number}"}
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": f"10.244.{number}.0/24"},
        "status": {"addresses": [address]},
    }


def test_each_node_gets_its_own_subnet_and_a_route_to_the_others() -> None:
    engine = Nodes("unix:///nowhere.sock", own=True)
    podnetwork.give(engine, {"a": True, "b": False})
    assert "ip route replace 10.244.3.0/24 via 172.18.0.3" in engine.extra["a"]
    assert "10.244.2.0/24 via" not in engine.extra["a"]
    assert '"subnet": "10.244.2.0/24"' in engine.extra["a"]
    assert "ip route replace 10.244.2.0/24 via 172.18.0.2" in engine.extra["b"]


def test_packets_to_services_that_nobody_knows_yet_stay_on_the_node() -> None:
    engine = Nodes("unix:///nowhere.sock", own=True)
    podnetwork.give(engine, {"a": True, "b": False})
    for chain in ("OUTPUT", "FORWARD"):
        assert f"iptables -A {chain} -d 10.96.0.0/16 -j REJECT" in engine.extra["b"]


def test_a_node_without_a_subnet_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(podnetwork, "_SUBNET_TIMEOUT", 0.0)
    with pytest.raises(KopfkitError, match="node c: got no subnet"):
        podnetwork.give(Nodes("unix:///nowhere.sock", own=True), {"a": True, "c": False})


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
    assert yamls.read(Path(words[-1])) == kindconfig.config(OURS)


def test_a_cluster_is_not_forgotten_while_its_engine_does_not_answer(
    state: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kopfkit.docker.engines.detect", lambda: None)
    state.save()
    kind.down(state, Progress())  # nothing of it was made
    (state.directory / "kind.yaml").write_text("")
    with pytest.raises(KopfkitError, match="does not answer") as refused:
        kind.down(state, Progress())
    assert "DOCKER_HOST" in refused.value.hint
    assert not ownengine.directory().exists()


def test_each_cluster_has_a_registry_of_its_own() -> None:
    assert registry.container("a") != registry.container("b")


def test_a_taken_registry_port_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(registry, "PORT", taken.getsockname()[1])
        assert registry._port() not in (0, registry.PORT)
    assert registry._port() == registry.PORT
