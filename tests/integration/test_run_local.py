"""Run mode 1 on a real API server: `kopfkit run local` as a person starts it."""

import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit.cluster import controlplane, daemon, ports, toolchain
from kopfkit.cluster.controlplane import ControlPlane
from kopfkit.cluster.kubectl import Kubectl
from kopfkit.cluster.localconversion import LocalConversion
from kopfkit.errors import KopfkitError
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/helloworlds.test.jiaozi.com"
PATIENCE = 240.0


class Run:
    """One `kopfkit run local`, and what it has printed."""

    def __init__(self, world: "World", *flags: str) -> None:
        self.world = world
        self.port = ports.free(1)[0]
        self.lines: list[str] = []
        self._fresh: queue.Queue[str | None] = queue.Queue()
        words = ["run", "local", f"--webhook-port={self.port}", *flags]
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from kopfkit.cli import main; main()", *words],
            cwd=ROOT,
            env=world.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self, text: str) -> str:
        """The next line with `text`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                found = self._fresh.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                found = None
            assert found is not None, f"no {text!r} in\n{self.output}"
            if text in found:
                return found

    @property
    def output(self) -> str:
        """All that it has printed."""
        return "\n".join(self.lines)

    def ready(self) -> "Run":
        """Wait until it says that everything runs."""
        self.line("all processes are running")
        return self

    def children(self) -> dict[str, int]:
        """The pids of its processes by their command."""
        found = {}
        for pid in daemon.owned(self.world.state):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            if "helloworld_operator" in words:
                found[words[words.index("helloworld_operator") + 1]] = pid
        return found

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            self.process.terminate()
            self.wait()
        daemon.sweep(self.world.state, 1.0)
        self._reader.join(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            self._fresh.put(self.lines[-1])
        self._fresh.put(None)


class World:
    """A control plane for these tests alone: the CRD has one fixed name."""

    def __init__(self, plane: ControlPlane, state: Path) -> None:
        self.plane, self.state = plane, state
        self.api = Api(plane.kubeconfig)
        self.kubectl = Kubectl.at(plane.kubeconfig)
        self.env = {
            **os.environ,
            "KUBECONFIG": str(plane.kubeconfig),
            "KOPFKIT_STATE_DIR": str(state),
        }
        self.env.pop("RELATED_IMAGE_HELLOWORLD", None)

    def install(self) -> None:
        """What `make install` does."""
        self.kubectl.run("apply", "--server-side", "--force-conflicts", "-k", "config/crd")

    def conversion(self) -> Any:
        """The CRD's spec.conversion as it is now."""
        return self.api.get(CRD)["spec"]["conversion"]

    def client_config(self) -> Any:
        """How the API server reaches the webhook."""
        return self.conversion()["webhook"]["clientConfig"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The control plane with the CRD installed."""
    try:
        toolchain.ensure((*controlplane.TOOLS, "kubectl"))
    except KopfkitError as error:
        pytest.skip(f"no control plane: {error}")
    plane = ControlPlane(tmp_path_factory.mktemp("plane"), tied=True)
    plane.start()
    made = World(plane, tmp_path_factory.mktemp("state"))
    try:
        yield made
    finally:
        made.api.close()
        plane.stop()


@pytest.fixture(autouse=True)
def installed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CRD as `make install` leaves it."""
    monkeypatch.chdir(ROOT)
    world.install()


Start = Callable[..., Run]


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Start `kopfkit run local` with flags."""
    runs: list[Run] = []

    def new(*flags: str) -> Run:
        runs.append(Run(world, *flags))
        return runs[-1]

    yield new
    for run in runs:
        run.close()


def hello(version: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"test.jiaozi.com/{version}",
        "kind": "HelloWorld",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def path(version: str, name: str) -> str:
    return f"/apis/test.jiaozi.com/{version}/namespaces/default/helloworlds/{name}"


def deployment(namespace: str) -> dict[str, Any]:
    labels = {"app": "x"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": PROJECT.name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "x", "image": "x:1"}]},
            },
        },
    }


@pytest.fixture
def deployed(world: World) -> Iterator[Callable[[], None]]:
    """Call it to have a Deployment of the operator in the cluster."""
    namespace = world.api.post(
        "/api/v1/namespaces",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "deployed-"}},
    )["metadata"]["name"]
    yield lambda: world.api.apply(deployment(namespace))
    target = world.api.path_of(deployment(namespace))
    if world.api.exists(target):
        world.api.delete(target)
    eventually(lambda: not world.api.exists(target))


def test_objects_are_converted_and_reconciled_by_the_processes_of_this_machine(
    world: World, start: Start
) -> None:
    run = start("--operand-image=example.com/greeting:9").ready()
    assert world.client_config()["url"] == f"https://127.0.0.1:{run.port}/convert"
    assert "service" not in world.client_config()
    world.api.create(hello("v1alpha1", "old", size=3, message="Hi"))
    new = world.api.get(path("v1", "old"))
    assert (new["spec"]["replicas"], new["spec"]["greeting"]["message"]) == (3, "Hi")
    child = eventually(lambda: world.api.get("/apis/apps/v1/namespaces/default/deployments/old"))
    (container,) = child["spec"]["template"]["spec"]["containers"]
    assert (child["spec"]["replicas"], container["image"]) == (3, "example.com/greeting:9")
    prefixes = {line.partition(" | ")[0] for line in run.lines}
    assert prefixes == {"kopfkit", "webhook", "operator"}
    assert "\033" not in run.output


def test_make_install_resets_the_conversion_and_it_is_put_back(world: World, start: Start) -> None:
    run = start().ready()
    before = world.conversion()
    world.install()
    run.line("was changed: set it to")
    eventually(lambda: world.conversion() == before)
    # The API server goes by a CRD a moment after it was written.
    eventually(lambda: world.api.create(hello("v1alpha1", "again", size=1)))
    assert world.api.get(path("v1", "again"))["spec"]["replicas"] == 1


def test_after_a_run_make_install_points_the_conversion_at_the_service_again(
    world: World, start: Start
) -> None:
    before = world.conversion()
    start().ready().interrupt()
    assert world.conversion() != before
    world.install()
    assert world.conversion() == before


def test_ctrl_c_ends_both_processes_and_says_what_stays(world: World, start: Start) -> None:
    run = start().ready()
    assert set(run.children()) == {"webhook", "run"}
    assert run.interrupt() == 0
    assert list(daemon.owned(world.state)) == []
    assert "operator | " in run.output
    last = run.lines[-1]
    assert f"still points at https://127.0.0.1:{run.port}/convert" in last
    for way_out in ("run this again", "make deploy", "make uninstall"):
        assert way_out in last


def test_a_second_run_has_the_same_ca(world: World, start: Start) -> None:
    start().ready().interrupt()
    first = world.client_config()
    run = start().ready()
    second = world.client_config()
    assert second["caBundle"] == first["caBundle"]
    assert second["url"] == f"https://127.0.0.1:{run.port}/convert" != first["url"]


def test_a_killed_run_leaves_no_process_behind(world: World, start: Start) -> None:
    run = start().ready()
    run.process.kill()
    run.wait()
    eventually(lambda: not list(daemon.owned(world.state)))


@pytest.mark.parametrize(("victim", "name"), [("webhook", "webhook"), ("run", "operator")])
def test_if_one_process_dies_the_other_is_ended_and_the_reason_told(
    world: World, start: Start, victim: str, name: str
) -> None:
    run = start().ready()
    os.kill(run.children()[victim], signal.SIGKILL)
    assert run.wait() == 1
    assert list(daemon.owned(world.state)) == []
    error = run.output.partition("error: ")[2]
    assert f"the {name} process: was killed by SIGKILL" in error
    assert "INFO" in error  # the end of its log


def test_a_second_run_against_the_same_cluster_is_refused(start: Start) -> None:
    first = start().ready()
    second = start()
    assert second.wait() == 1
    assert f"already has a run: process {first.process.pid}" in second.output
    assert first.process.poll() is None


@pytest.mark.parametrize(
    ("flag", "what"),
    [
        ("--webhook-port", "the webhook"),
        ("--debug", "the debugger"),
        ("--health-port", "the operator's probes"),
    ],
)
def test_a_taken_port_is_refused_before_anything_is_started(
    world: World, start: Start, flag: str, what: str
) -> None:
    before = world.conversion()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        run = start(f"{flag}={port}")
        assert run.wait() == 1
    assert f"port {port} for {what}: is in use by process {os.getpid()} " in run.output
    assert f"choose another port with {flag}" in run.output
    assert "webhook |" not in run.output
    assert world.conversion() == before


def test_without_the_crd_a_run_is_refused_with_the_cure(world: World, start: Start) -> None:
    world.kubectl.run("delete", "-k", "config/crd")
    run = start()
    assert run.wait() == 1
    assert "CRD helloworlds.test.jiaozi.com: is not installed" in run.output
    assert "make install" in run.output
    assert "webhook |" not in run.output


def test_beside_an_operator_in_the_cluster_a_run_is_refused_unless_forced(
    world: World, start: Start, deployed: Callable[[], None]
) -> None:
    before = world.conversion()
    deployed()
    run = start()
    assert run.wait() == 1
    for words in ("two would conflict", "make undeploy", "--replicas=0", "--force"):
        assert words in run.output
    assert world.conversion() == before
    forced = start("--force").ready()
    # In the election of the operator in the cluster: the Lease lets one of them write.
    assert re.search(r"Lease deployed-\w+/helloworld-operator", forced.output)


def test_an_operator_that_is_deployed_meanwhile_ends_the_run(
    world: World, start: Start, deployed: Callable[[], None]
) -> None:
    run = start().ready()
    deployed()
    world.install()
    theirs = world.conversion()
    assert run.wait() == 1
    assert "two would conflict" in run.output
    assert world.conversion() == theirs
    assert "still points at" not in run.output


def test_a_webhook_that_the_api_server_cannot_reach_is_told_and_taken_back(world: World) -> None:
    before = world.conversion()
    (port,) = ports.free(1)
    names = ["helloworlds.test.jiaozi.com"]
    ca = (world.plane.certificates / "ca.crt").read_bytes()
    conversion = LocalConversion(world.kubectl, names, f"https://127.0.0.1:{port}/convert", ca)
    conversion.put()
    assert conversion.in_place()
    (sample,) = (s for s in PROJECT.samples if s["apiVersion"].endswith("/v1alpha1"))
    with pytest.raises(KopfkitError, match="--webhook-host") as error:
        conversion.require_reached([sample], timeout=10.0)
    assert "connection refused" in str(error.value)
    conversion.put_off()
    assert world.conversion() == before


class Debugger:
    """A client of the Debug Adapter Protocol, as far as attaching goes."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._stream = self._socket.makefile("rb")
        self._seq = 0

    def send(self, command: str, **arguments: Any) -> None:
        """Send a request."""
        self._seq += 1
        body = json.dumps(
            {"seq": self._seq, "type": "request", "command": command, "arguments": arguments}
        )
        self._socket.sendall(f"Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def until(self, kind: str, name: str) -> Any:
        """The next response to the command, or event, `name`."""
        while True:
            length = 0
            while line := self._stream.readline().strip():
                length = int(line.partition(b":")[2])
            message = json.loads(self._stream.read(length))
            if message["type"] == kind and name in (message.get("command"), message.get("event")):
                return message

    def close(self) -> None:
        """Hang up."""
        self._stream.close()
        self._socket.close()


def test_the_operator_waits_for_a_debugger_and_goes_on_when_one_has_attached(
    world: World, start: Start
) -> None:
    (port,) = ports.free(1)
    run = start("--debug", str(port))
    run.line(f"waits for a debugger on 127.0.0.1:{port}")
    run.line('"request": "attach"')
    world.api.create(hello("v1alpha1", "debugged", size=1))
    assert world.api.get(path("v1", "debugged"))["spec"]["replicas"] == 1
    child = "/apis/apps/v1/namespaces/default/deployments/debugged"
    # Several times what an operator needs from its start to its first child.
    looks = time.monotonic() + 4.0
    while time.monotonic() < looks:
        assert not any(line.startswith("operator |") and "starts" in line for line in run.lines)
        assert not world.api.exists(child)
        time.sleep(0.1)
    client = Debugger(port)
    try:
        client.send("initialize", adapterID="test", clientID="test", pathFormat="path")
        assert client.until("response", "initialize")["success"]
        client.send("attach", justMyCode=False)
        client.until("event", "initialized")
        client.send("configurationDone")
        assert client.until("response", "attach")["success"]
        run.ready()
        eventually(lambda: world.api.exists(child))
        client.send("threads")
        assert client.until("response", "threads")["body"]["threads"]
    finally:
        client.close()
    assert run.interrupt() == 0
    assert list(daemon.owned(world.state)) == []


def test_a_run_that_nobody_attaches_to_ends_with_ctrl_c(world: World, start: Start) -> None:
    (port,) = ports.free(1)
    run = start(f"--debug={port}")
    run.line("waits for a debugger")
    assert run.interrupt() == 0
    eventually(lambda: not list(daemon.owned(world.state)))
