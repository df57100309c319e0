"""What the running operator tells: conditions a person and `kubectl wait` can rely on, and Events.

No kubelet runs here: the tests write the pods' statuses in its place, word for word as it does. The
Deployment's and the quota's controllers are real.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from kopfkit.host import process
from kopfkit.host.process import CommandFailed
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

pytestmark = pytest.mark.usefixtures("operator")

Create = Callable[..., Any]
Wait = Callable[..., None]
NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def wait(plane: Any) -> Wait:
    """`kubectl wait --for=condition=Available` as a person types it; CommandFailed at its end."""
    toolchain.ensure(("kubectl",))
    kubectl = [str(toolchain.tool("kubectl")), f"--kubeconfig={plane.control.kubeconfig}"]

    def run(one: Any, timeout: str = "120s", condition: str = "Available") -> None:
        what = ["wait", f"--for=condition={condition}", f"hw/{one.name}", f"-n={one.namespace}"]
        process.run([*kubectl, *what, f"--timeout={timeout}"])

    return run


def pods(one: Any) -> list[Any]:
    """The pods there are, oldest first. LookupError while there are none."""
    found = _any_pods(one)
    if not found:
        raise LookupError("no pods")
    return sorted(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def _any_pods(one: Any) -> list[Any]:
    path = f"/api/v1/namespaces/{one.namespace}/pods"
    selector = f"app.kubernetes.io/instance={one.child}"
    return list(one.api.get(path, labelSelector=selector)["items"])


def write(one: Any, pod: Any, status: dict[str, Any]) -> None:
    """What a kubelet would tell of a pod."""
    path = f"/api/v1/namespaces/{one.namespace}/pods/{pod['metadata']['name']}/status"
    one.api.patch(path, {"status": status})


def container(pod: Any, **more: Any) -> dict[str, Any]:
    spec = pod["spec"]["containers"][0]
    base = {"name": spec["name"], "image": spec["image"], "imageID": "", "restartCount": 0}
    return {**base, "ready": False, **more}


def answer(one: Any, count: int = 1) -> None:
    """All pods are ready; wait until there are as many as wanted."""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": NOW}
    running = {"running": {"startedAt": NOW}}

    def written() -> bool:
        """Again where one of them went meanwhile."""
        found = pods(one)
        for pod in found:
            statuses = [container(pod, ready=True, state=running)]
            told = {"phase": "Running", "conditions": [ready], "containerStatuses": statuses}
            write(one, pod, told)
        return len(found) >= count

    eventually(written)


def fail(one: Any, state: dict[str, Any], **more: Any) -> None:
    """The newest pod's container is in this state."""
    pod = eventually(lambda: pods(one))[-1]
    write(one, pod, {"containerStatuses": [container(pod, state=state, **more)]})


def degraded(one: Any, reason: str) -> Any:
    """Wait until Degraded is True for the reason; the condition."""

    def look() -> Any:
        found = one.condition("Degraded")
        assert (found["status"], found["reason"]) == ("True", reason), found
        return found

    return eventually(look)


def healthy(one: Any) -> None:
    """Wait until Degraded is False."""
    eventually(lambda: one.condition("Degraded")["status"] == "False")


def events(one: Any) -> list[tuple[str, str, str]]:
    """Type, reason and note of the operator's Events about a HelloWorld."""
    path = f"/apis/events.k8s.io/v1/namespaces/{one.namespace}/events"
    return [
        (event["type"], event["reason"], event["note"])
        for event in one.api.get(path)["items"]
        if event["regarding"].get("kind") == "HelloWorld" and event["regarding"]["name"] == one.name
    ]


def pulling(one: Any, reason: str, message: str) -> None:
    fail(one, {"waiting": {"reason": reason, "message": message}})


def test_a_helloworld_that_comes_up_is_available_in_four_writes_and_no_event(
    hello: Create, wait: Wait, operator: Any
) -> None:
    one = hello("comes-up")
    one.settled()
    with pytest.raises(CommandFailed, match="timed out waiting for the condition"):
        wait(one, "1s")
    answer(one)
    wait(one)

    now = one.get()["status"]
    assert now["image"].endswith("helloworld-operator:test")
    assert (now["replicas"], now["readyReplicas"], now["desiredReplicas"]) == (1, 1, 1)
    eventually(lambda: one.condition("Progressing")["reason"] == "RolloutComplete")
    assert events(one) == []
    # Two children, a status without pods that answer and one with.
    eventually(lambda: len([each for each in operator.writes() if one.name in each.split()]) == 4)


def test_an_image_that_cannot_be_pulled_is_named(
    hello: Create, api: Api, wait: Wait, operator: Any
) -> None:
    one = hello("no-image", image="example.com/none:1")
    one.settled()
    pulling(one, "ErrImagePull", "example.com/none:1: not found")
    told = degraded(one, "ImageMissing")

    assert "example.com/none:1 cannot be pulled: example.com/none:1: not found" in told["message"]
    available = "0 of 1 pod available: ImageMissing; see the condition Degraded"
    assert one.condition("Available")["message"] == available
    with pytest.raises(CommandFailed, match="timed out"):
        wait(one, "1s")
    assert eventually(lambda: [each[:2] for each in events(one)]) == [("Warning", "ImageMissing")]
    # The kubelet changes its words with every try; the status stays as it is.
    before = datetime.now(UTC)
    again = 'Back-off pulling image "example.com/none:1": ErrImagePull: example.com/none:1: '
    pulling(one, "ImagePullBackOff", again + "not found")
    reads = pod_lists(operator, one)
    eventually(lambda: pod_lists(operator, one) > reads + 1)
    writes = operator.writes(since=before)
    assert [each for each in writes if "no-image" in each.split()] == []

    api.patch(one.path, {"spec": {"image": "example.com/some:1"}})
    eventually(lambda: one.get()["status"]["observedGeneration"] == 2)
    eventually(lambda: pods(one)[-1]["spec"]["containers"][0]["image"] == "example.com/some:1")
    answer(one)
    wait(one)
    healthy(one)
    assert eventually(lambda: "Recovered" in [each[1] for each in events(one)])


def pod_lists(operator: Any, one: Any) -> int:
    """How often the operator has read the pods of the namespace."""
    return len(
        [
            each
            for each in operator.requests()
            if each.get("objectRef", {}).get("resource") == "pods"
            and each["objectRef"].get("namespace") == one.namespace
        ]
    )


def test_a_pod_that_keeps_ending_is_told_while_the_old_one_answers(
    hello: Create, api: Api, wait: Wait
) -> None:
    one = hello("crashes")
    answer(one)
    wait(one)
    api.patch(one.path, {"spec": {"image": "example.com/broken:1"}})
    eventually(lambda: len(pods(one)) == 2)
    ended = {"exitCode": 3, "reason": "Error", "message": "no such table", "finishedAt": NOW}
    broken = next(pod for pod in pods(one) if "broken" in str(pod["spec"]))
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    state = container(broken, state=waiting, lastState={"terminated": ended}, restartCount=2)
    write(one, broken, {"containerStatuses": [state]})
    told = degraded(one, "PodsCrashing")

    assert "(exit code 3): no such table" in told["message"]
    wait(one)
    status = one.get()["status"]
    assert status["image"].endswith("helloworld-operator:test")
    assert one.condition("Available")["observedGeneration"] == 2


def test_an_exhausted_quota_is_named(hello: Create, api: Api, namespace: str, wait: Wait) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": namespace},
        "spec": {"hard": {"pods": "1"}},
    }
    path = api.path_of(api.create(quota))
    eventually(lambda: api.get(path).get("status", {}).get("hard"))
    one = hello("refused", replicas=2)
    told = degraded(one, "QuotaExceeded")

    assert "exceeded quota: tight" in told["message"]
    assert not re.search(r"refused-[0-9a-f]+-", told["message"])  # no pod's name
    answer(one)
    wait(one)  # one of two answers
    assert one.condition("Progressing")["reason"] == "RollingOut"


def test_a_pod_that_fits_nowhere_is_told_with_the_schedulers_words(hello: Create) -> None:
    one = hello("nowhere")
    one.settled()
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/2 nodes are available: 2 Insufficient cpu.",
        "lastTransitionTime": NOW,
    }
    write(one, eventually(lambda: pods(one))[0], {"conditions": [condition]})

    assert "2 Insufficient cpu" in degraded(one, "Unschedulable")["message"]


def test_scaled_to_zero_is_not_available_though_the_last_pods_still_answer(
    hello: Create, api: Api, wait: Wait
) -> None:
    one = hello("zero")
    answer(one)
    wait(one)
    api.patch(f"{one.path}/scale", {"spec": {"replicas": 0}})
    wait(one, condition="Available=False")

    condition = one.condition("Available")
    assert (condition["reason"], condition["observedGeneration"]) == ("ScaledToZero", 2)
    with pytest.raises(CommandFailed, match="timed out"):
        wait(one, "1s")
    healthy(one)
    eventually(lambda: not _any_pods(one))
    api.patch(f"{one.path}/scale", {"spec": {"replicas": 1}})
    answer(one)
    wait(one)


def test_kubectl_wait_believes_no_condition_of_an_older_generation(
    hello: Create, api: Api, wait: Wait, operator: Any
) -> None:
    one = hello("stale")
    answer(one)
    wait(one)
    # What a condition of before looks like until the operator has looked again.
    old = {**one.condition("Available"), "observedGeneration": 0}
    others = [each for each in one.get()["status"]["conditions"] if each["type"] != "Available"]
    operator.process.send_signal(19)  # SIGSTOP
    try:
        api.patch(f"{one.path}/status", {"status": {"conditions": [old, *others]}})
        with pytest.raises(CommandFailed, match="timed out"):
            wait(one, "1s")
    finally:
        operator.process.send_signal(18)  # SIGCONT
    wait(one)


def test_without_its_service_the_greeting_is_not_available(
    hello: Create, api: Api, namespace: str
) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "no-service", "namespace": namespace},
        "spec": {"ports": [{"port": 9}]},
    }
    api.create(foreign)
    one = hello("no-service")
    answer(one)
    eventually(lambda: one.get()["status"].get("readyReplicas") == 1)

    condition = one.condition("Available")
    assert (condition["status"], condition["reason"]) == ("False", "NameCollision")


def test_a_repair_is_an_event_that_says_what_was_changed(hello: Create, api: Api) -> None:
    one = hello("mended")
    one.settled()
    api.patch(one.deployment_path, {"spec": {"replicas": 5}}, fieldManager="somebody-else")
    eventually(lambda: one.deployment()["spec"]["replicas"] == 1)
    api.delete(one.service_path)

    told = eventually(lambda: events(one) if len(events(one)) == 2 else [])
    repaired, missing = sorted(told, key=lambda each: each[1], reverse=True)
    assert repaired[:2] == ("Normal", "ChildRepaired")
    assert "spec.replicas: 5 -> 1" in repaired[2]
    assert missing[:2] == ("Normal", "ChildMissing")
    assert f"Service {one.namespace}/mended" in missing[2]


def test_every_line_about_an_object_names_it_and_its_generation(operator: Any) -> None:
    lines = re.findall(r"^\S+ [A-Z]+ +(\w+ test-.*)$", operator.logs(), re.MULTILINE)
    named = r"(HelloWorld|HelloWorldSnapshot) test-\w+/\S+ generation=\d+ "

    assert lines
    assert [line for line in lines if not re.match(named, line)] == []


def test_a_namespace_that_is_being_deleted_is_no_trouble(
    hello: Create, api: Api, namespace: str, operator: Any
) -> None:
    one = hello("leaves")
    one.settled()
    # Held by a finalizer, so that it goes no further than to have its content deleted.
    holder = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "held", "namespace": namespace, "finalizers": ["example.com/held"]},
    }
    held = api.path_of(api.create(holder))
    api.patch(one.path, {"metadata": {"finalizers": ["example.com/held"]}})
    try:
        api.delete(f"/api/v1/namespaces/{namespace}")
        eventually(lambda: not api.exists(one.deployment_path))
        probe = api.get(one.path)
        assert "Forbidden" not in str(probe["status"])
    finally:
        for path in (held, one.path):
            api.patch(path, {"metadata": {"finalizers": None}})
    assert f"{namespace}/leaves generation=1  failed" not in operator.logs()


def test_a_server_that_keeps_refusing_with_an_error_of_its_own_is_told(
    hello: Create, api: Api, namespace: str
) -> None:
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"broken-{namespace}"},
        "webhooks": [
            {
                "name": "broken.example.com",
                "clientConfig": {"url": "https://127.0.0.1:9/"},
                "rules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "resources": ["deployments"],
                        "operations": ["CREATE"],
                    }
                ],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
            }
        ],
    }
    path = api.path_of(api.create(webhook))
    try:
        one = hello("blocked")
        assert "broken.example.com" in degraded(one, "ServerError")["message"]
        assert one.condition("Available")["reason"] == "ServerError"
    finally:
        api.delete(path)
    eventually(lambda: api.exists(one.deployment_path))
    healthy(one)
