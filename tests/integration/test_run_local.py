"""Run mode 1 on a real API server: `kopfkit run local` as a person starts it."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dap import Debugger
from helloworld_operator.project import PROJECT
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon, ports
from kopfkit.host.process import CommandFailed
from kopfkit.local.localconversion import LocalConversion
from kopfkit.testing.client import ApiError
from kopfkit.testing.waiting import eventually
from localruns import CRD, ROOT, Start, World, running, starting


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory) as made:
        yield made


@pytest.fixture(autouse=True)
def installed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CRD as `make install` leaves it."""
    monkeypatch.chdir(ROOT)
    world.install()


@pytest.fixture
def start(world: World) -> Iterator[Start]:
    """Start `kopfkit run local` with flags."""
    with starting(world) as new:
        yield new


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


def test_an_image_that_no_kubelet_takes_is_refused_while_the_webhook_runs(
    world: World, start: Start
) -> None:
    image = f"example.com/hello@sha256:{'0' * 32}"  # the schema's expression takes it
    eventually(lambda: world.api.create(hello("v1", "before", image=image)))
    run = start().ready()
    said = "spec.image: has a sha256 digest that is not 64 characters of 0-9 and a-f: an image"
    for version in ("v1", "v1alpha1"):

        def refused(version: str = version) -> bool:
            body = json.dumps(hello(version, "bad", image=image))
            with pytest.raises(CommandFailed) as caught:
                world.kubectl.run("create", "--dry-run=server", "--filename=-", input=body)
            return f'The HelloWorld "bad" is invalid: {said}' in caught.value.output

        eventually(refused)
    # What was there before can be edited, also through the other version.
    for version in ("v1", "v1alpha1"):
        world.api.patch(path(version, "before"), {"metadata": {"labels": {"edited": version}}})
    world.api.patch(path("v1", "before"), {"spec": {"replicas": 2}})
    with pytest.raises(ApiError, match=r"spec\.image: has a sha256 digest"):
        world.api.patch(path("v1", "before"), {"spec": {"image": f"{image}0"}})
    # Nobody is refused for want of an answer.
    run.interrupt()
    world.api.patch(path("v1", "before"), {"spec": {"image": f"{image}0"}})


def test_make_install_resets_the_conversion_and_it_is_put_back(world: World, start: Start) -> None:
    run = start().ready()
    before = world.conversion()
    world.install()
    run.line("was changed: set it to")
    eventually(lambda: world.conversion() == before)
    # The API server goes by a CRD a moment after it was written.
    eventually(lambda: world.api.create(hello("v1alpha1", "again", size=1)))
    assert world.api.get(path("v1", "again"))["spec"]["replicas"] == 1


def test_a_crd_that_olm_installed_is_converted_by_this_machine_and_given_back(
    world: World, start: Start
) -> None:
    # OLM creates a CRD with a plain POST: the service is its, and no apply of ours removes it.
    before = world.conversion()
    world.kubectl.run("delete", "-k", "config/crd")
    eventually(lambda: not world.api.exists(CRD))
    world.kubectl.run("create", "--field-manager=catalog", "--filename=config/crd/bases")
    eventually(lambda: world.kubectl.run("get", "helloworlds", "--all-namespaces") is not None)
    run = start().ready()
    assert world.client_config()["url"] == f"https://127.0.0.1:{run.port}/convert"
    assert "service" not in world.client_config()
    assert run.interrupt() == 0
    world.install()
    assert world.conversion() == before


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
        client.attach()
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


def test_a_breakpoint_in_reconcile_stops_there_and_shows_the_object(
    world: World, start: Start
) -> None:
    (port,) = ports.free(1)
    run = start(f"--debug={port}")
    run.line("waits for a debugger")
    source = ROOT / "operator/helloworld_operator/controller/helloworlds.py"
    lines = source.read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "world = observe(hello.raw" in text)
    client = Debugger(port)
    try:
        client.attach((source, line))
        world.api.create(hello("v1", "stopped-at", replicas=1))
        child = "/apis/apps/v1/namespaces/default/deployments/stopped-at"
        # Objects of other tests are reconciled before it.
        while True:
            thread = client.until("event", "stopped")["body"]["threadId"]
            frame = client.ask("stackTrace", threadId=thread)["stackFrames"][0]
            assert (frame["source"]["path"], frame["line"]) == (str(source), line)
            name = client.ask(
                "evaluate", frameId=frame["id"], expression="hello.raw['metadata']['name']"
            )["result"]
            if name == "'stopped-at'":
                break
            client.ask("continue", threadId=thread)
        assert not world.api.exists(child)
        client.ask("setBreakpoints", source={"path": str(source)}, breakpoints=[])
        client.ask("continue", threadId=thread)
        eventually(lambda: world.api.exists(child))
    finally:
        client.close()
    assert run.interrupt() == 0
