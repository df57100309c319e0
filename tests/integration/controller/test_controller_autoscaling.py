"""The running operator and the HorizontalPodAutoscaler: who sets the number of pods, and when.

There are no metrics here; the autoscaler's own controller still keeps to the least and most number
of pods, so that both sides really write.
"""

from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

Create = Callable[..., Any]
MINE = {"fieldManager": "somebody-else"}


def autoscaler(one: Any) -> str:
    return f"/apis/autoscaling/v2/namespaces/{one.namespace}/horizontalpodautoscalers/{one.child}"


def replicas(one: Any) -> int:
    return int(one.deployment()["spec"]["replicas"])


def managers(one: Any) -> list[str]:
    """Who owns the number of pods."""
    return [
        entry["manager"]
        for entry in one.deployment()["metadata"]["managedFields"]
        if "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
    ]


def test_an_autoscaled_helloworld_gets_an_autoscaler_and_begins_with_the_least_pods(
    hello: Create, api: Api, operator: Any
) -> None:
    one = hello("scaled", autoscaling={"minReplicas": 2, "maxReplicas": 5})
    one.settled()

    spec = api.get(autoscaler(one))["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["scaleTargetRef"]["name"] == one.child
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert replicas(one) == 2
    assert eventually(lambda: one.get()["status"]["desiredReplicas"] == 2)
    assert {
        "create deployments scaled",
        "create horizontalpodautoscalers scaled",
        "create services scaled",
    } <= {*operator.writes()}


def test_a_number_of_pods_set_by_others_stays_under_an_autoscaler(hello: Create, api: Api) -> None:
    one = hello("kept", autoscaling={"minReplicas": 1, "maxReplicas": 9})
    one.settled()
    api.patch(f"{one.deployment_path}/scale", {"spec": {"replicas": 4}}, **MINE)
    # A change that has the Deployment applied leaves the number alone as well.
    api.patch(one.path, {"spec": {"greeting": {"message": "again"}, "replicas": 7}})
    eventually(lambda: one.get()["status"]["observedGeneration"] == 2)

    assert replicas(one) == 4
    assert "again" in str(one.deployment()["spec"]["template"])


def test_the_number_of_pods_is_handed_over_without_a_dip_and_taken_back(
    hello: Create, api: Api
) -> None:
    one = hello("handed", replicas=3)
    one.settled()
    watched = api.get(one.deployment_path)["metadata"]["resourceVersion"]
    api.patch(one.path, {"spec": {"autoscaling": {"minReplicas": 1, "maxReplicas": 9}}})
    eventually(lambda: api.exists(autoscaler(one)))
    eventually(lambda: "helloworld-operator" not in managers(one))

    assert replicas(one) == 3
    states = api.history(one.deployment_path, since=watched)
    assert {state["spec"]["replicas"] for state in states} == {3}
    api.patch(one.path, {"spec": {"autoscaling": None, "replicas": 2}})
    eventually(lambda: not api.exists(autoscaler(one)))
    eventually(lambda: replicas(one) == 2)
    assert "helloworld-operator" in managers(one)


def test_a_deployment_without_pods_is_woken_for_the_autoscaler(hello: Create, api: Api) -> None:
    one = hello("asleep", replicas=0)
    one.settled()
    api.patch(one.path, {"spec": {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}}})

    eventually(lambda: replicas(one) == 2)
    # And then the number is given away.
    eventually(lambda: "helloworld-operator" not in managers(one))
    assert replicas(one) == 2


def test_an_edited_or_deleted_autoscaler_comes_back(hello: Create, api: Api) -> None:
    one = hello("healed", autoscaling={"maxReplicas": 5})
    one.settled()
    api.patch(autoscaler(one), {"spec": {"maxReplicas": 50}}, **MINE)
    eventually(lambda: api.get(autoscaler(one))["spec"]["maxReplicas"] == 5)
    uid = api.get(autoscaler(one))["metadata"]["uid"]
    api.delete(autoscaler(one))
    eventually(lambda: api.get(autoscaler(one))["metadata"]["uid"] != uid)


def foreign(one_name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": one_name, "namespace": namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"},
            "maxReplicas": 2,
        },
    }


def test_an_autoscaler_of_somebody_else_is_neither_changed_nor_deleted(
    hello: Create, api: Api, namespace: str
) -> None:
    before = api.create(foreign("theirs", namespace))
    one = hello("theirs", autoscaling={"maxReplicas": 5})
    eventually(lambda: one.condition("Degraded")["reason"] == "NameCollision")
    assert "HorizontalPodAutoscaler" in one.condition("Degraded")["message"]
    api.patch(one.path, {"spec": {"autoscaling": None}})
    eventually(lambda: one.condition("Degraded")["reason"] == "AsExpected")

    now = api.get(autoscaler(one))
    assert now["metadata"]["uid"] == before["metadata"]["uid"]
    assert now["spec"] == before["spec"]
