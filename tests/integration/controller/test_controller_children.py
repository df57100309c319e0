"""The running operator and its children: made, repaired, left alone."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator")

Hello = Any
Create = Callable[..., Any]
MINE = {"fieldManager": "somebody-else"}


def test_a_helloworld_becomes_a_deployment_and_a_service_in_three_writes(
    hello: Create, operator: Any
) -> None:
    one = hello("three-writes", replicas=2, greeting={"message": "你好, $(PORT) $5"})
    one.settled()

    pod = one.deployment()["spec"]["template"]["spec"]
    assert one.deployment()["spec"]["replicas"] == 2
    assert pod["containers"][0]["args"] == ["serve"]
    environment = {item["name"]: item.get("value") for item in pod["containers"][0]["env"]}
    assert environment["GREETING_MESSAGE"] == "你好, $$(PORT) $$5"
    assert one.service()["spec"]["ports"][0]["port"] == 80
    reference = one.deployment()["metadata"]["ownerReferences"][0]
    assert reference["uid"] == one.get()["metadata"]["uid"]
    assert reference["controller"]
    wanted = [
        "create deployments three-writes",
        "create services three-writes",
        "patch helloworlds status three-writes",
    ]
    # The audit log comes after the answer.
    eventually(lambda: [each for each in operator.writes() if "three-writes" in each] == wanted)


def test_in_a_burst_each_is_told_at_once_and_once_more_when_its_pods_are_made(
    hello: Create, operator: Any
) -> None:
    burst = [hello(f"burst-{number:02}") for number in range(60)]
    for one in burst:
        one.settled()

    def told() -> Counter[str]:
        return Counter(each for each in operator.writes() if "burst-" in each)

    # The audit log comes after the answer.
    eventually(lambda: len(told()) == 3 * len(burst))
    counts = {count for write, count in told().items() if " status " in write}
    assert counts <= {1, 2}
    assert 2 in counts
    assert {count for write, count in told().items() if write.startswith("create")} == {1}


def test_a_pod_of_ours_is_admitted_where_the_restricted_profile_is_enforced(
    hello: Create, api: Api, namespace: str
) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})
    one = hello()

    assert one.settled()["status"]["replicas"] == 1


def test_a_deleted_child_comes_back(hello: Create, api: Api) -> None:
    one = hello()
    one.settled()
    old = one.deployment()["metadata"]["uid"], one.service()["metadata"]["uid"]
    api.delete(one.deployment_path)
    api.delete(one.service_path)

    def back() -> bool:
        new = one.deployment()["metadata"]["uid"], one.service()["metadata"]["uid"]
        return new[0] != old[0] and new[1] != old[1]

    assert eventually(back)


def test_an_edited_child_is_repaired(hello: Create, api: Api) -> None:
    one = hello(replicas=1)
    one.settled()
    selector = one.service()["spec"]["selector"]
    api.patch(one.deployment_path, {"spec": {"replicas": 5, "minReadySeconds": 7}}, **MINE)
    api.patch(one.service_path, {"spec": {"selector": {"app": "other"}}}, **MINE)

    eventually(lambda: one.deployment()["spec"]["replicas"] == 1)
    # A selector is one value: what somebody adds to it is undone, too.
    eventually(lambda: one.service()["spec"]["selector"] == selector)
    # A field that is not ours stays as it was set.
    assert one.deployment()["spec"]["minReadySeconds"] == 7


def test_a_child_that_lost_our_label_is_found_and_gets_it_back(hello: Create, api: Api) -> None:
    one = hello()
    one.settled()
    uid = one.deployment()["metadata"]["uid"]
    gone = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
    api.patch(one.deployment_path, gone, **MINE)

    eventually(
        lambda: (
            one.deployment()["metadata"]["labels"].get("app.kubernetes.io/managed-by")
            == "helloworld-operator"
        )
    )
    assert one.deployment()["metadata"]["uid"] == uid


def test_what_others_add_to_a_child_stays(hello: Create, api: Api) -> None:
    one = hello(replicas=1)
    one.settled()
    sidecar = {"name": "sidecar", "image": "example.com/sidecar:1"}
    addition = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": one.child,
            "namespace": one.namespace,
            "annotations": {"example.com/note": "kept"},
        },
        "spec": {"template": {"spec": {"containers": [sidecar]}}},
    }
    api.apply(addition, manager="injector")
    api.patch(one.path, {"spec": {"replicas": 3, "greeting": {"message": "again"}}})
    one.settled()

    now = one.deployment()
    assert now["spec"]["replicas"] == 3
    assert now["metadata"]["annotations"]["example.com/note"] == "kept"
    names = [each["name"] for each in now["spec"]["template"]["spec"]["containers"]]
    assert sorted(names) == ["greeting", "sidecar"]


def test_what_is_no_longer_wanted_leaves_the_child(hello: Create, api: Api) -> None:
    one = hello(resources={"limits": {"cpu": "0.5", "memory": "64Mi"}}, service={"port": 81})
    one.settled()
    api.patch(one.path, {"spec": {"resources": None, "service": {"port": 82}}})
    one.settled()

    def changed() -> bool:
        container = one.deployment()["spec"]["template"]["spec"]["containers"][0]
        ports = [port["port"] for port in one.service()["spec"]["ports"]]
        return "cpu" not in container["resources"]["limits"] and ports == [82]

    assert eventually(changed)
    assert one.get()["status"]["url"].endswith(":82")


def test_it_scales_through_the_scale_subresource(hello: Create, api: Api) -> None:
    one = hello(replicas=1)
    one.settled()
    api.patch(f"{one.path}/scale", {"spec": {"replicas": 4}})

    one.settled()
    assert one.deployment()["spec"]["replicas"] == 4
    scale = api.get(f"{one.path}/scale")
    assert scale["status"] == {
        "replicas": 4,
        "selector": "app.kubernetes.io/instance=x,app.kubernetes.io/name=helloworld",
    }


def test_a_custom_image_runs_by_its_own_entrypoint(hello: Create) -> None:
    one = hello(image="example.com/greeter:1")
    one.settled()

    container = one.deployment()["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "example.com/greeter:1"
    assert "args" not in container
    assert "tcpSocket" in container["readinessProbe"]


@pytest.mark.parametrize("name", ["1.starts.with-a-digit", "x" * 253, "a.b", "0"])
def test_any_name_the_api_server_takes_gets_legal_children(
    hello: Create, api: Api, name: str
) -> None:
    one = hello(name)
    one.settled()
    selector = f"/apis/apps/v1/namespaces/{one.namespace}/deployments"
    (deployment,) = api.get(selector)["items"]
    (service,) = api.get(f"/api/v1/namespaces/{one.namespace}/services")["items"]

    child = deployment["metadata"]["name"]
    assert service["metadata"]["name"] == child
    assert re.fullmatch("[a-z][-a-z0-9]{0,61}[a-z0-9]", child)
    assert one.get()["status"]["url"] == f"http://{child}.{one.namespace}.svc:80"


def named(api_version: str, kind: str, name: str, spec: Any) -> Any:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}


OTHER = {"app": "other"}
POD = {"metadata": {"labels": OTHER}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "other"}
FOREIGN = {
    "Service": named("v1", "Service", "taken", {"ports": [{"port": 9}], "selector": OTHER}),
    "Deployment": named(
        "apps/v1",
        "Deployment",
        "taken",
        {"replicas": 0, "selector": {"matchLabels": OTHER}, "template": POD},
    ),
    "HorizontalPodAutoscaler": named(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "taken",
        {"scaleTargetRef": TARGET, "maxReplicas": 2},
    ),
    "PersistentVolumeClaim": named(
        "v1",
        "PersistentVolumeClaim",
        "taken-data",
        {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_an_object_of_somebody_else_is_left_alone_until_it_goes(
    hello: Create, api: Api, namespace: str, kind: str, operator: Any
) -> None:
    foreign = {**FOREIGN[kind], "metadata": {**FOREIGN[kind]["metadata"], "namespace": namespace}}
    before = api.create(foreign)
    path = api.path_of(before)
    spec: dict[str, Any] = {}
    if kind == "HorizontalPodAutoscaler":
        spec["autoscaling"] = {"maxReplicas": 5}
    if kind == "PersistentVolumeClaim":
        spec["persistence"] = {"size": "16Mi"}
    one = hello("taken", **spec)

    def degraded() -> bool:
        condition = one.condition("Degraded")
        return bool(
            condition["status"] == "True"
            and condition["reason"] == "NameCollision"
            and f"{kind} {namespace}/{foreign['metadata']['name']}" in condition["message"]
        )

    assert eventually(degraded)
    now = api.get(path)
    assert now["metadata"]["uid"] == before["metadata"]["uid"]
    assert now["spec"] == before["spec"]
    assert "ownerReferences" not in now["metadata"]
    api.delete(path)
    eventually(lambda: one.condition("Degraded")["status"] == "False")
    reference = api.get(path)["metadata"]["ownerReferences"][0]
    assert reference["uid"] == one.get()["metadata"]["uid"]


def test_children_go_with_their_helloworld_and_no_finalizer_holds_it(
    hello: Create, api: Api
) -> None:
    one = hello()
    now = one.settled()
    assert "finalizers" not in now["metadata"]
    assert not [key for key in now["metadata"].get("annotations", {}) if "kopf" in key]
    api.delete(one.path)

    eventually(lambda: not api.exists(one.path))
    eventually(lambda: not api.exists(one.deployment_path))
    eventually(lambda: not api.exists(one.service_path))


def test_one_made_again_under_the_same_name_gets_children_of_its_own(
    hello: Create, api: Api
) -> None:
    first = hello("again")
    first.settled()
    api.delete(first.path)
    second = hello("again")
    uid = second.get()["metadata"]["uid"]

    def owned() -> bool:
        return all(
            child["metadata"]["ownerReferences"][0]["uid"] == uid
            for child in (second.deployment(), second.service())
        )

    assert eventually(owned)
    assert eventually(lambda: second.condition("Degraded")["status"] == "False")


def test_a_spec_from_an_older_schema_is_told_and_harms_nobody(hello: Create, api: Api) -> None:
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/helloworlds.test.jiaozi.com"
    original = api.get(crd)["spec"]["versions"]
    loose = [
        {
            **version,
            "schema": {
                "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            },
        }
        for version in original
    ]
    api.patch(crd, {"spec": {"versions": loose}})
    try:
        junk = eventually(lambda: hello("junk", greeting=["not", "an", "object"]))
        eventually(lambda: junk.condition("Degraded")["reason"] == "InvalidSpec")
        assert "spec.greeting" in junk.condition("Degraded")["message"]
        api.delete(junk.path)
    finally:
        api.patch(crd, {"spec": {"versions": original}})
    hello("fine").settled()
