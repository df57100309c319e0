"""`kopfkit cluster` as a person uses it, on a control plane, with what goes wrong in between."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kopfkit.host import daemon
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

COMMAND = [sys.executable, "-c", "from kopfkit.cli import main; main()", "cluster"]


class Home:
    """A state directory of its own, and the command that works in it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.env = {**os.environ, "KOPFKIT_STATE_DIR": str(state)}
        self.env.pop("CLUSTER", None)

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words], env={**self.env, **env}, capture_output=True, text=True, check=False
        )

    def pids(self) -> set[int]:
        return set(daemon.owned(self.state))

    def left(self) -> list[str]:
        """What is in the state directory beside the lock files."""
        return [entry.name for entry in self.state.glob("*") if entry.suffix != ".lock"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "state")
    yield made
    daemon.sweep(made.state)


def test_up_twice_then_existing_then_down(home: Home, root: Path) -> None:
    first = home.run("up", "--kind", "control-plane")
    assert first.returncode == 0, first.stderr
    assert "control-plane, because you asked for it" in first.stderr
    pids = home.pids()
    assert len(pids) == 3

    again = home.run("up")
    assert "because it is there already" in again.stderr
    assert home.pids() == pids

    kubeconfig = home.run("kubeconfig").stdout.strip()
    with Api(Path(kubeconfig)) as api:
        assert api.exists("/api/v1/namespaces/default")
    told = home.run("status")
    assert told.returncode == 0
    assert "API server  ready" in told.stdout

    deployed = subprocess.run(
        ["make", "deploy"], cwd=root, env=home.env, capture_output=True, text=True, check=False
    )
    assert deployed.returncode == 0, deployed.stderr
    assert "this cluster has no nodes: no pod will run" in deployed.stdout

    other = home.run("up", "--name", "other", CLUSTER="existing", KUBECONFIG=kubeconfig)
    assert other.returncode == 0, other.stderr
    assert home.run("down", "--name", "other").returncode == 0
    assert home.pids() == pids  # somebody else's cluster is never ended

    refused = home.run("up", "--olm")
    assert refused.returncode == 1
    assert "has no node" in refused.stderr
    assert home.pids() == pids

    assert home.run("down").returncode == 0
    assert not home.pids()
    assert home.left() == []
    assert "does not exist" in home.run("down").stdout


def test_a_damaged_state_file_stops_neither_up_nor_down(home: Home) -> None:
    assert home.run("up", "--kind", "control-plane").returncode == 0
    old = home.pids()
    (home.state / "kopfkit/state.json").write_text('{"name": "kopf')
    again = home.run("up", "--kind", "control-plane")
    assert again.returncode == 0, again.stderr
    assert "cleaning up" in again.stderr
    assert len(home.pids()) == 3
    assert not home.pids() & old
    (home.state / "kopfkit/state.json").write_text("")
    assert home.run("down").returncode == 0
    assert not home.pids()
    assert home.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_leaves_nothing(home: Home, number: signal.Signals) -> None:
    with subprocess.Popen([*COMMAND, "up", "--kind", "control-plane"], env=home.env) as command:
        eventually(lambda: len(home.pids()) >= 2)
        command.send_signal(number)
    assert command.returncode == 130
    assert not home.pids()
    assert home.left() == []


def test_a_killed_up_is_cleared_away_by_the_next_command(home: Home) -> None:
    with subprocess.Popen([*COMMAND, "up", "--kind", "control-plane"], env=home.env) as command:
        eventually(lambda: len(home.pids()) >= 2)
        command.kill()
    assert home.pids()
    assert home.run("kubeconfig").returncode == 1
    assert home.run("down").returncode == 0
    assert not home.pids()
    assert home.left() == []


def test_existing_without_a_usable_kubeconfig_says_what_to_do(home: Home, tmp_path: Path) -> None:
    gone = home.run("up", "--kind", "existing", KUBECONFIG=str(tmp_path / "none"))
    assert gone.returncode == 1
    assert "Set KUBECONFIG" in gone.stderr
    dead = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "x", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        "current-context": "x",
    }
    (tmp_path / "dead").write_text(json.dumps(dead))
    refused = home.run("up", "--kind", "existing", KUBECONFIG=str(tmp_path / "dead"))
    assert refused.returncode == 1
    assert "does not answer" in refused.stderr
    assert home.left() == []
