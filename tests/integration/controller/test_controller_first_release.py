"""The operator where the API server has the CRD of a first release: v1alpha1, and no snapshots."""

from collections.abc import Iterator
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from kopfkit.crd import custom_resource_definition
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
OLD = "/apis/test.jiaozi.com/v1alpha1"


def _gone(api: Api) -> None:
    for resource in (HELLOWORLD, SNAPSHOT):
        path = f"{CRDS}/{resource.crd_name}"
        if api.exists(path):
            api.delete(path)
        eventually(lambda path=path: not api.exists(path))


@pytest.fixture(scope="module", autouse=True)
def first_release(plane: Any) -> Iterator[None]:
    """The first release's CRD in the place of today's."""
    _gone(plane.api)
    crd: Any = custom_resource_definition(
        HELLOWORLD, conversion=None, served={"v1alpha1"}, storage="v1alpha1"
    )
    crd["spec"]["versions"] = [one for one in crd["spec"]["versions"] if one["served"]]
    plane.api.apply(crd)
    eventually(lambda: plane.api.exists(f"{OLD}/helloworlds"))
    eventually(lambda: not plane.api.exists("/apis/test.jiaozi.com/v1"))
    yield
    _gone(plane.api)
    plane.install_crd()


@pytest.fixture
def one(api: Api, namespace: str) -> Any:
    """A HelloWorld."""
    path = f"{OLD}/namespaces/{namespace}/helloworlds"
    spec = {"size": 2, "message": "early"}
    body = {"apiVersion": "test.jiaozi.com/v1alpha1", "kind": "HelloWorld", "spec": spec}
    api.post(path, {**body, "metadata": {"name": "x"}})
    return f"{path}/x"


def _deployment(api: Api, namespace: str) -> Any:
    return api.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/x")


def _told(api: Api, path: str, **wanted: Any) -> Any:
    def look() -> Any:
        found = api.get(path)
        status = found.get("status", {})
        assert status.get("observedGeneration") == found["metadata"]["generation"], found
        assert {key: status.get(key) for key in wanted} == wanted, found
        return found

    return eventually(look)


def test_it_speaks_v1alpha1(start: Any, api: Api, namespace: str, one: str) -> None:
    operator = start()
    operator.says("Using API version v1alpha1")

    _told(api, one, replicas=2, desiredReplicas=2)

    made = _deployment(api, namespace)
    assert made["spec"]["replicas"] == 2
    (owner,) = made["metadata"]["ownerReferences"]
    # Of a version that the garbage collector can look up.
    assert owner["apiVersion"] == "test.jiaozi.com/v1alpha1"
    environment = made["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "GREETING_MESSAGE", "value": "early"} in environment
    # And it follows a change, by its watch.
    api.patch(one, {"spec": {"size": 3}})
    _told(api, one, desiredReplicas=3)
    assert _deployment(api, namespace)["spec"]["replicas"] == 3


def test_its_restart_writes_nothing(start: Any, api: Api, namespace: str, one: str) -> None:
    first = start()
    _told(api, one, replicas=2)
    first.stop()
    before = api.get(one)["metadata"]["resourceVersion"]

    second = start()

    second.says("Became leader")
    second.says("Caches synced")
    assert second.stop() == 0
    assert second.writes(within=namespace) == []
    assert api.get(one)["metadata"]["resourceVersion"] == before


def test_deleting_takes_the_children_along(start: Any, api: Api, namespace: str, one: str) -> None:
    start()
    _told(api, one, replicas=2)

    api.delete(one)

    gone = f"/apis/apps/v1/namespaces/{namespace}/deployments/x"
    # The garbage collector looks for new kinds every 30 s.
    eventually(lambda: not api.exists(gone))


def test_an_annotation_that_looks_like_v1s_is_not_believed(
    start: Any, api: Api, namespace: str, one: str
) -> None:
    junk = '{"spec":{"replicas":7,"persistence":{"size":"1Gi"}}}'
    api.patch(one, {"metadata": {"annotations": {"test.jiaozi.com/conversion-data": junk}}})

    start()

    _told(api, one, desiredReplicas=2)
    claims = api.get(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")["items"]
    assert claims == []


def test_when_v1_takes_its_place_it_ends_for_a_new_start(
    start: Any, plane: Any, api: Api, one: str
) -> None:
    operator = start()
    operator.says("Using API version v1alpha1")
    _told(api, one, replicas=2)
    _gone(api)
    try:
        crd: Any = custom_resource_definition(HELLOWORLD, conversion=None, served={"v1"})
        crd["spec"]["versions"] = [each for each in crd["spec"]["versions"] if each["served"]]
        api.apply(crd)
        api.apply(custom_resource_definition(SNAPSHOT, conversion=None))

        assert operator.process.wait(120) == 1
        assert "v1alpha1: is no longer served, and v1 is" in operator.logs()
        assert (
            operator.logs()
            .splitlines()[-1]
            .endswith("the controller restarts and uses that version.")
        )
    finally:
        _gone(api)
