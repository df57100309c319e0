"""The running operator in namespaces with a quota, and a Deployment that somebody paused. The
controllers of Deployments, ReplicaSets and quotas are real."""

from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

Create = Callable[..., Any]
# Seconds from room to a try: the promise is 10, and the rest is for a busy machine.
SOON = 30.0


@pytest.fixture
def quota(api: Api, namespace: str) -> Callable[[dict[str, str]], None]:
    """Makes or changes the namespace's quota; returns when its status is up to date."""
    path = f"/api/v1/namespaces/{namespace}/resourcequotas/tight"

    def set_to(hard: dict[str, str]) -> None:
        metadata = {"name": "tight", "namespace": namespace}
        body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata}
        if api.exists(path):
            api.patch(path, {"spec": {"hard": hard}})
        else:
            api.create({**body, "spec": {"hard": hard}})
        eventually(lambda: set(api.get(path).get("status", {}).get("used", {})) == set(hard))

    return set_to


def told(one: Any, kind: str, reason: str) -> Any:
    def look() -> Any:
        found = one.condition(kind)
        assert found["reason"] == reason, found
        return found

    return eventually(look)


@pytest.mark.parametrize(
    ("counted", "child"),
    [
        ("count/deployments.apps", "deployment_path"),
        ("services", "service_path"),
        ("count/services", "service_path"),
    ],
)
def test_a_child_that_a_quota_refuses_is_told_and_made_when_there_is_room(
    hello: Create, api: Api, quota: Any, counted: str, child: str
) -> None:
    quota({counted: "0"})
    one = hello()
    found = told(one, "Degraded", "QuotaExceeded")
    assert "exceeded quota: tight" in found["message"]
    # Long enough for the delays between its own tries to have grown far beyond the time below.
    eventually(lambda: len(refused(one, api)) >= 1)

    quota({counted: "1"})

    eventually(lambda: api.exists(getattr(one, child)), timeout=SOON)
    told(one, "Degraded", "AsExpected")


def refused(one: Any, api: Api) -> list[Any]:
    path = f"/apis/events.k8s.io/v1/namespaces/{one.namespace}/events"
    found = api.get(path)["items"]
    return [each for each in found if each.get("reason") == "QuotaExceeded"]


def test_pods_that_a_quota_refuses_are_tried_again_when_there_is_room(
    hello: Create, api: Api, quota: Any, operator: Any
) -> None:
    quota({"pods": "1"})
    one = hello(replicas=3)
    told(one, "Degraded", "QuotaExceeded")

    def pods() -> int:
        path = f"/api/v1/namespaces/{one.namespace}/pods"
        return len(api.get(path)["items"])

    # The ReplicaSets' controller has given up for longer than the time below.
    eventually(lambda: count(one, api) >= 12, timeout=60)
    quota({"pods": "3"})

    eventually(lambda: pods() == 3, timeout=SOON)
    told(one, "Degraded", "AsExpected")
    # One write for each time there was room, and none while there was not.
    mine = operator.writes(within=one.namespace)
    assert 1 <= mine.count(f"patch deployments {one.child}") <= 2, mine


def count(one: Any, api: Api) -> int:
    """How often the ReplicaSets' controller was refused."""
    path = f"/apis/events.k8s.io/v1/namespaces/{one.namespace}/events"
    found = api.get(path, fieldSelector="reason=FailedCreate,regarding.kind=ReplicaSet")["items"]
    return sum(each.get("deprecatedCount", 1) for each in found)


def test_a_deployment_that_somebody_paused_is_told_as_paused_and_goes_on_when_resumed(
    hello: Create, api: Api
) -> None:
    one = hello()
    one.settled()
    api.patch(one.deployment_path, {"spec": {"paused": True}})
    api.patch(one.path, {"spec": {"greeting": {"message": "changed"}}})

    found = told(one, "Degraded", "RolloutPaused")
    assert f"kubectl rollout resume deployment {one.child} -n {one.namespace}" in found["message"]
    progressing = one.condition("Progressing")
    assert (progressing["status"], progressing["reason"]) == ("False", "RolloutPaused")
    # What the operator wants is written, and contradicts nothing: the pause stays.
    live = one.deployment()["spec"]
    assert live["paused"] is True
    (container,) = live["template"]["spec"]["containers"]
    assert {"name": "GREETING_MESSAGE", "value": "changed"} in container["env"]
    api.patch(one.deployment_path, {"spec": {"paused": False}})

    told(one, "Degraded", "AsExpected")
    told(one, "Progressing", "RollingOut")
