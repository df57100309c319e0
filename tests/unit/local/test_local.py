"""The parts of a run outside the cluster that need no cluster."""

import io
import os
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any, cast

import pytest

from helloworld_operator.project import PROJECT
from kopfkit import pki
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, listeners, ports
from kopfkit.host.state import ClusterState
from kopfkit.local import localchecks, localchildren, localtarget, localtls
from kopfkit.local.localchildren import Child, Output
from kopfkit.local.localoperator import Operator
from kopfkit.local.localprocesses import Options, Processes
from kopfkit.local.localsession import Session
from kopfkit.local.localtarget import Target
from kopfkit.local.localwatch import DescriptionChanged
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OPERATOR = Operator("helloworld_operator", "1.2.3", PROJECT)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home and an empty state directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KOPFKIT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path


# --- which cluster


def config(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_the_kubeconfig_is_the_flag_then_the_variable_then_the_cluster_then_the_home(
    home: Path,
) -> None:
    at_home = config(home / ".kube" / "config")
    assert localtarget.find(None, "demo", {}) == at_home
    own = config(home / "state" / "demo" / "kubeconfig")
    ClusterState("demo", "kind", str(own)).save()
    assert localtarget.find(None, "demo", {}) == own
    named = config(home / "named")
    assert localtarget.find(None, "demo", {"KUBECONFIG": str(named)}) == named
    flag = config(home / "flag")
    assert localtarget.find(flag, "demo", {"KUBECONFIG": str(named)}) == flag


def test_where_no_kubeconfig_is_the_error_names_every_place(home: Path) -> None:
    with pytest.raises(KopfkitError) as error:
        localtarget.find(None, "demo", {})
    for place in ("--kubeconfig", "KUBECONFIG", "'demo'", str(home / ".kube" / "config")):
        assert place in str(error.value)


def test_a_kubeconfig_that_was_named_and_is_not_there_is_never_replaced(home: Path) -> None:
    config(home / ".kube" / "config")
    with pytest.raises(KopfkitError, match="KUBECONFIG names it"):
        localtarget.find(None, "demo", {"KUBECONFIG": "/nowhere"})
    with pytest.raises(KopfkitError, match="--kubeconfig names it"):
        localtarget.find(Path("/nowhere"), "demo", {})


def test_several_files_in_the_variable_are_refused_with_the_way_to_merge_them() -> None:
    with pytest.raises(KopfkitError, match="--flatten"):
        localtarget.find(None, "demo", {"KUBECONFIG": "/a:/b"})


def target(server: str, cluster: ClusterState | None = None) -> Target:
    return Target(Kubectl(Path("/k"), Path("/kubectl")), server, "", cluster)


def test_the_webhook_host_is_the_flag_then_the_clusters_then_loopback() -> None:
    kind = ClusterState("demo", "kind", "/k", webhook_host="172.18.0.1")
    assert target("https://127.0.0.1:6443", kind).webhook_host("10.0.0.9") == "10.0.0.9"
    assert target("https://127.0.0.1:6443", kind).webhook_host(None) == "172.18.0.1"
    for server in ("https://127.0.0.1:6443", "https://localhost", "https://[::1]:6443"):
        assert target(server).webhook_host(None) == "127.0.0.1"


def test_a_remote_cluster_needs_the_webhook_host_flag() -> None:
    with pytest.raises(KopfkitError, match="--webhook-host"):
        target("https://api.example.com:6443").webhook_host(None)


def test_the_files_of_a_run_are_inside_its_clusters_directory(home: Path) -> None:
    cluster = ClusterState("demo", "kind", "/k")
    assert target("https://a", cluster).directory.parent == home / "state" / "demo"
    foreign = target("https://a").directory
    assert foreign == target("https://a").directory != target("https://b").directory


# --- the operator as processes


def test_module_and_version_come_from_the_checkout() -> None:
    found = Operator.load()
    assert found.module == "helloworld_operator"
    assert found.project == PROJECT
    assert found.crds == ["helloworlds.test.jiaozi.com"]
    assert found.controllers == ["helloworld-operator"]


def test_flags_for_this_machine_replace_those_for_the_pod() -> None:
    arguments = OPERATOR.arguments(
        "helloworld-operator-webhook", port=1, health_port=2, metrics_port=3, cert_dir="d"
    )
    assert arguments == [
        "webhook", "--port=1", "--health-port=2", "--metrics-port=3", "--cert-dir=d"
    ]  # fmt: skip


def test_a_process_gets_no_argument_that_the_description_does_not_say() -> None:
    plain = replace(
        PROJECT.deployments[0],
        args=("run", "--liveness=http://0.0.0.0:8080/healthz"),
        debug_args=(),
    )
    found = replace(OPERATOR, project=replace(PROJECT, deployments=(plain, PROJECT.deployments[1])))
    given = found.arguments(plain.name, health_port=1, metrics_port=2, cert_dir="x", debug=True)
    assert tuple(given) == plain.args
    assert found.health_port(plain.name) == 8080
    assert OPERATOR.health_port(plain.name) == 0
    with pytest.raises(KopfkitError, match=r"whose description has no --health-port="):
        localchecks.check_ports(found, 0, 8081, None)
    webhook = replace(PROJECT.deployments[1], local_args=())
    found = replace(OPERATOR, project=replace(PROJECT, deployments=(plain, webhook)))
    with pytest.raises(KopfkitError, match=r"has no --cert-dir= in its description"):
        localchecks.check_ports(found, 1, 0, None)


def test_only_a_debugger_takes_the_lease_away() -> None:
    name = PROJECT.deployments[0].name
    assert "--no-leader-elect" in OPERATOR.arguments(name, debug=True)
    assert "--no-leader-elect" not in OPERATOR.arguments(name)


def test_the_operand_image_is_the_flag_then_the_variable_then_the_projects_own() -> None:
    name = "RELATED_IMAGE_HELLOWORLD"
    assert OPERATOR.images(None, {}) == {name: f"{PROJECT.image_base}:v1.2.3"}
    assert OPERATOR.images(None, {name: "x:1"}) == {name: "x:1"}
    assert OPERATOR.images("y:1", {name: "x:1"}) == {name: "y:1"}


def test_the_samples_that_show_conversion_are_those_in_other_versions_than_the_stored() -> None:
    name = "helloworlds.test.jiaozi.com"
    for stored, other in (("v1", "v1alpha1"), ("v1alpha1", "v1")):
        (sample,) = OPERATOR.samples({name: stored})
        assert sample["apiVersion"] == f"test.jiaozi.com/{other}"


# --- certificates


def test_certificates_are_private_and_kept(tmp_path: Path) -> None:
    first = localtls.ensure(tmp_path / "run", "127.0.0.1", now=NOW)
    before = (first.directory / "tls.crt").read_bytes()
    second = localtls.ensure(tmp_path / "run", "127.0.0.1", now=NOW + timedelta(days=9))
    assert second == first
    assert (second.directory / "tls.crt").read_bytes() == before
    kept = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(kept) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@pytest.mark.parametrize("host", ["10.1.2.3", "fd00::1", "host.example.com"])
def test_another_host_gets_another_certificate_from_the_same_ca(tmp_path: Path, host: str) -> None:
    first = localtls.ensure(tmp_path, "127.0.0.1", now=NOW)
    before = (first.directory / "tls.crt").read_bytes()
    second = localtls.ensure(tmp_path, host, now=NOW)
    after = (second.directory / "tls.crt").read_bytes()
    assert second.ca == first.ca
    assert after != before
    localtls.ensure(tmp_path, host, now=NOW)
    assert (second.directory / "tls.crt").read_bytes() == after


def test_a_certificate_that_is_about_to_end_is_replaced(tmp_path: Path) -> None:
    first = localtls.ensure(tmp_path, "127.0.0.1", now=NOW)
    late = NOW + timedelta(days=300)
    second = localtls.ensure(tmp_path, "127.0.0.1", now=late)
    assert second.ca == first.ca
    assert pki.expiry((second.directory / "tls.crt").read_bytes()) > late + timedelta(days=300)


@pytest.mark.parametrize("file", ["ca.crt", "ca.key", "serving/tls.crt", "serving/tls.key"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, file: str) -> None:
    localtls.ensure(tmp_path, "127.0.0.1", now=NOW)
    (tmp_path / file).write_text("-----BEGIN junk")
    made = localtls.ensure(tmp_path, "127.0.0.1", now=NOW)
    certificate = (made.directory / "tls.crt").read_bytes()
    assert pki.issued_by(certificate, made.ca)
    assert pki.key_matches(pki.KeyPair(certificate, (made.directory / "tls.key").read_bytes()))


# --- ports


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_refused_with_its_holder_and_the_flag(taken: int) -> None:
    with pytest.raises(KopfkitError) as error:
        listeners.require_free(taken, "the webhook", "--webhook-port")
    assert f"port {taken} for the webhook" in str(error.value)
    assert "--webhook-port" in error.value.hint
    if sys.platform == "linux":
        assert listeners.listening(taken)
        assert f"process {os.getpid()} " in error.value.why


def test_a_free_port_passes() -> None:
    (port,) = ports.free(1)
    listeners.require_free(port, "the webhook", "--webhook-port")
    assert not listeners.listening(port)
    assert listeners.holder(port) is None


def test_free_ports_are_different_and_none_that_an_outgoing_connection_gets(taken: int) -> None:
    found = ports.free(50)
    assert len(set(found)) == 50
    assert taken not in found
    assert max(found) < 32768


# --- processes


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, terminal = io.StringIO(), Terminal()
    Output(plain).line("webhook", "hello")
    Output(terminal).line("webhook", "hello")
    assert plain.getvalue() == "webhook | hello\n"
    assert terminal.getvalue() == "\033[36mwebhook |\033[0m hello\n"
    monkeypatch.setenv("NO_COLOR", "1")
    Output(bare := Terminal()).line("webhook", "hello")
    assert bare.getvalue() == "webhook | hello\n"


def child(directory: Path, code: str, stream: io.StringIO) -> Child:
    argv = [sys.executable, "-c", code]
    return Child("operator", argv, env={}, directory=directory, output=Output(stream))


def test_a_dead_childs_error_has_its_status_and_the_end_of_its_output(tmp_path: Path) -> None:
    code = "import sys; [print('line', n) for n in range(99)]; sys.exit('out of cheese')"
    dead = child(tmp_path, code, stream := io.StringIO())
    text = str(dead.death())
    assert "status 1" in text
    assert "out of cheese" in text
    assert "line 0\n" not in text
    assert "operator | line 0\n" in stream.getvalue()


def test_a_child_that_ignores_sigterm_is_killed_and_so_is_what_it_started(tmp_path: Path) -> None:
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'],"
        " start_new_session=True); print('up'); time.sleep(600)"
    )
    stubborn = child(tmp_path, code, stream := io.StringIO())
    deadline = time.monotonic() + 30
    while "up" not in stream.getvalue():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(list(daemon.owned(tmp_path))) == 2
    localchildren.end([stubborn], tmp_path, Output(stream), grace=0.2)
    assert not stubborn.running()
    assert list(daemon.owned(tmp_path)) == []
    assert "operator did not stop: killed" in stream.getvalue()
    assert signal.SIGKILL.name in str(stubborn.death())


class Ends(Session):
    """A session that ends one child, with Ctrl-C pressed meanwhile or not."""

    why: BaseException
    presses: bool
    left = False

    def work(self) -> None:
        raise self.why

    def end(self) -> bool:
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up'); time.sleep(60)"
        stubborn = child(self.target.directory, code, stream := io.StringIO())
        eventually(lambda: "up" in stream.getvalue())
        if self.presses:
            Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        grace = 60.0 if self.presses else 0.1
        return localchildren.end([stubborn], self.target.directory, self.output, grace)

    def leave(self) -> None:
        self.left = True


@pytest.mark.parametrize("presses", [False, True], ids=["undisturbed", "with Ctrl-C"])
@pytest.mark.parametrize("why", [DescriptionChanged(), KeyboardInterrupt()])
def test_a_ctrl_c_while_it_ends_is_never_lost(
    why: BaseException, presses: bool, tmp_path: Path
) -> None:
    target = SimpleNamespace(source="here", server="x", directory=tmp_path)
    nothing = cast(Any, None)
    session = Ends(nothing, cast(Any, target), Output(io.StringIO()), nothing)
    session.why, session.presses = why, presses
    if isinstance(why, DescriptionChanged) and not presses:
        with pytest.raises(DescriptionChanged):
            session.run()
        assert not session.left
    else:
        session.run()
        assert session.left
    assert list(daemon.owned(tmp_path)) == []


def test_no_process_gets_the_port_that_the_webhook_is_about_to_listen_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "_PORTS", few := ports.free(4))
    target = Target(Kubectl(home / "k", home / "kubectl"), "https://127.0.0.1", "here", None)
    options = Options(webhook_port=few[0], debug=few[1])
    processes = Processes(OPERATOR, options, target, "127.0.0.1", Output(io.StringIO()), [])
    assert {processes._free_port() for _ in range(50)} == set(few[2:])
