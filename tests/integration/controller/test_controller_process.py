"""The operator as a process: restarts, a second one beside it, signals, an API server that goes."""

import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

Create = Callable[..., Any]
Start = Callable[..., Any]
LEASE = (
    "/apis/coordination.k8s.io/v1/namespaces/helloworld-operator-system/leases/helloworld-operator"
)


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/2 nodes are available: 2 Insufficient cpu.",
}


def pod_of(one: Any) -> str:
    """The name of a HelloWorld's only pod, or ""."""
    path = f"/api/v1/namespaces/{one.namespace}/pods"
    found = one.api.get(path, labelSelector=f"app.kubernetes.io/instance={one.child}")["items"]
    return str(found[0]["metadata"]["name"]) if found else ""


def test_a_restart_over_settled_objects_writes_nothing(
    hello: Create, start: Start, api: Api, namespace: str
) -> None:
    first = start()
    plain, full = (
        hello("plain"),
        hello(
            "full",
            replicas=3,
            greeting={"message": "$x", "language": "zh-Hans"},
            image="example.com/x:1",
            resources={"requests": {"cpu": "0.5", "memory": 67108864}, "limits": {"cpu": 2}},
            service={"type": "NodePort", "port": 8000},
        ),
    )
    api.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "taken", "namespace": namespace},
            "spec": {"ports": [{"port": 9}]},
        }
    )
    taken = hello("taken")
    scaled = hello("scaled", autoscaling={"minReplicas": 2, "maxReplicas": 4})
    # One whose trouble is known from its pods only, and has to be looked for again.
    lost = hello("lost")
    for each in (plain, full, scaled, lost):
        each.settled()
    eventually(lambda: pod_of(lost))
    api.patch(
        f"/api/v1/namespaces/{namespace}/pods/{pod_of(lost)}/status",
        {"status": {"conditions": [UNSCHEDULABLE]}},
    )
    eventually(lambda: lost.condition("Degraded")["reason"] == "Unschedulable")
    eventually(lambda: taken.condition("Degraded")["status"] == "True")
    assert first.stop() == 0

    second = start()
    second.says("Became leader")
    second.says("Caches synced")
    # It has seen everything once it has repaired something that was made wrong meanwhile.
    probe = hello("probe")
    probe.settled()
    assert [write for write in second.writes(within=namespace) if "probe" not in write] == []


def test_sigterm_ends_it_with_0_and_gives_the_lease_back(start: Start, api: Api) -> None:
    operator = start()
    operator.says("Became leader")
    assert api.get(LEASE)["spec"]["holderIdentity"]

    assert operator.stop() == 0
    assert api.get(LEASE)["spec"]["holderIdentity"] == ""


def test_of_two_operators_only_the_leader_writes(hello: Create, start: Start) -> None:
    leader = start()
    leader.says("Became leader")
    standby = start(name="standby")
    standby.says("Standing by")
    standby.says("Caches synced")
    one = hello(replicas=1)
    one.settled()

    assert leader.writes()
    assert standby.writes() == []
    assert one.deployment()["metadata"]["generation"] == 1


def test_the_standby_takes_over_when_the_leader_is_killed(
    hello: Create, start: Start, namespace: str
) -> None:
    leader = start()
    leader.says("Became leader")
    standby = start(name="standby")
    standby.says("Standing by")
    standby.says("Caches synced")
    leader.kill()
    one = hello()

    one.settled()
    assert "Became leader" in standby.logs()
    # What the old one left is the new one's; it wrote for the new object only.
    eventually(lambda: len(standby.writes(within=namespace)) == 3)


def test_a_standby_takes_over_at_once_when_the_leader_ends_in_order(start: Start) -> None:
    leader = start()
    leader.says("Became leader")
    standby = start(name="standby")
    standby.says("Standing by")
    assert leader.stop() == 0

    standby.says("Became leader")


def test_a_leader_that_was_suspended_writes_nothing_when_it_wakes(
    hello: Create, start: Start, api: Api
) -> None:
    leader = start()
    leader.says("Became leader")
    standby = start(name="standby")
    standby.says("Standing by")
    leader.process.send_signal(signal.SIGSTOP)
    standby.says("Became leader")
    one = hello()
    one.settled()
    leader.process.send_signal(signal.SIGCONT)
    leader.says("Lost Lease")
    api.patch(one.path, {"spec": {"replicas": 2}})

    one.settled()
    assert [each for each in leader.writes(within=one.namespace) if one.name in each.split()] == []


def test_it_goes_on_after_the_api_server_was_away(
    hello: Create, start: Start, plane: Any, api: Api
) -> None:
    operator = start()
    operator.says("Became leader")
    server = plane.control.daemons()["kube-apiserver"]
    command = Path(f"/proc/{server.pid()}/cmdline").read_text().split("\0")[:-1]
    api.close()
    server.stop(0.0)
    time.sleep(4)  # longer than the Lease lasts
    server.argv = command
    server.start()
    eventually(plane.control.ready)
    api.close()  # its connections ended with the server

    one = hello()
    eventually(lambda: one.settled())
    assert operator.process.poll() is None
    api.delete(one.deployment_path)
    eventually(lambda: api.exists(one.deployment_path))


def test_without_the_crd_it_says_so_and_waits(start: Start, plane: Any, hello: Create) -> None:
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/helloworlds.test.jiaozi.com"
    plane.api.delete(crd)
    eventually(lambda: not plane.api.exists(crd))
    try:
        operator = start()
        operator.says("the CRD helloworlds.test.jiaozi.com is not installed")
        assert operator.process.poll() is None
    finally:
        plane.install_crd()

    hello().settled()


def test_a_crd_that_goes_and_comes_back_does_not_end_it(
    start: Start, plane: Any, hello: Create
) -> None:
    operator = start()
    operator.says("Caches synced")
    hello("before").settled()
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/helloworlds.test.jiaozi.com"
    plane.api.delete(crd)
    try:
        operator.says("the CRD helloworlds.test.jiaozi.com is not installed")
    finally:
        eventually(lambda: not plane.api.exists(crd))
        plane.install_crd()

    hello("after").settled()


def test_a_health_port_that_is_taken_is_one_clear_line(start: Start) -> None:
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
        operator = start(f"--health-port={port}")
        assert operator.process.wait(120) == 1

    assert f"error: health port {port}: cannot listen" in operator.logs()
    assert "Traceback" not in operator.logs()


def test_it_answers_healthz_and_readyz(start: Start) -> None:
    operator = start()
    operator.says("Caches synced")
    port = int(operator.logs().split("health port ")[1].split()[0].rstrip(","))
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as answer:
            assert answer.status == 200


def test_with_no_image_to_run_it_is_degraded_and_says_what_to_do(
    start: Start, hello: Create
) -> None:
    operator = start(image="")
    operator.says("RELATED_IMAGE_HELLOWORLD is not set")
    one = hello()

    eventually(lambda: one.condition("Degraded")["reason"] == "ImageMissing")
    assert "spec.image" in one.condition("Degraded")["message"]


def test_it_looks_only_at_the_namespaces_it_was_given(
    start: Start, hello: Create, api: Api, namespace: str
) -> None:
    operator = start(f"--namespace={namespace}")
    operator.says("Became leader")
    elsewhere = {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "metadata": {"name": "elsewhere", "namespace": "default"},
    }
    path = api.path_of(api.create(elsewhere))
    try:
        hello().settled()
        assert "status" not in api.get(path)
    finally:
        api.delete(path)
