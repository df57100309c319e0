"""What kind of cluster is started, and why. Docker and root are facts of the machine, so the two
questions about them are answered by the test."""

import pytest

from kopfkit.cluster import choice
from kopfkit.docker import engines, ownengine
from kopfkit.docker.engine import Engine
from kopfkit.errors import KopfkitError
from kopfkit.host.state import ClusterState

RUNNING = ClusterState("kopfkit", "control-plane", "/k", ready=True)


@pytest.fixture(params=["docker", "root", "bare"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine on which Docker answers, one where it could be started, one without both."""
    engine = Engine(None, False, "28.0") if request.param == "docker" else None
    reason = "not running as root" if request.param == "bare" else ""
    monkeypatch.setattr(engines, "detect", lambda: engine)
    monkeypatch.setattr(ownengine, "impossible", lambda: reason)
    return str(request.param)


def test_auto_takes_the_best_that_fits_and_says_why(machine: str) -> None:
    chosen = choice.choose("auto", olm=False, previous=None)
    expected = {
        "docker": ("kind", "Docker 28.0 answers"),
        "root": ("kind", "no Docker answers, but as root on Debian one can be started"),
        "bare": ("control-plane", "no Docker answers and none can be started: not running as root"),
    }
    assert (chosen.kind, chosen.why) == expected[machine]


def test_auto_never_takes_somebodys_own_cluster(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somebody/kubeconfig")
    assert choice.choose("auto", olm=False, previous=None).kind != "existing"


def test_the_environment_overrides_auto(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "existing")
    chosen = choice.choose("auto", olm=True, previous=None)
    assert (chosen.kind, chosen.why) == ("existing", "CLUSTER=existing")


def test_an_explicit_kind_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "existing")
    assert choice.choose("control-plane", olm=False, previous=None).kind == "control-plane"


def test_what_runs_is_taken_up(machine: str) -> None:
    chosen = choice.choose("auto", olm=False, previous=RUNNING)
    assert (chosen.kind, chosen.why) == ("control-plane", "it is there already")


def test_another_kind_than_what_runs_is_refused() -> None:
    with pytest.raises(KopfkitError, match=r"of the kind control-plane, not kind"):
        choice.choose("kind", olm=False, previous=RUNNING)


def test_an_unknown_kind_lists_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "minikube")
    with pytest.raises(KopfkitError, match="Valid values: existing, kind, control-plane, auto"):
        choice.choose("auto", olm=False, previous=None)


@pytest.mark.parametrize("previous", [None, RUNNING])
def test_olm_on_a_control_plane_is_refused_with_the_reason(previous: ClusterState | None) -> None:
    with pytest.raises(KopfkitError, match="has no node") as refusal:
        choice.choose("control-plane", olm=True, previous=previous)
    assert "--kind kind" in refusal.value.hint
