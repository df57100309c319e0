"""What in a live object contradicts the wanted one: list keys, union members, what is reserved."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.budgets import budget

from kopfkit.runtime.api.contradictions import contradictions, written
from kopfkit.runtime.api.schemas import DEPLOYMENT, SERVICE, kinds, reserve, schema_of

POD = "spec.template.spec"


def service(**port: Any) -> dict[str, Any]:
    first = {"name": "http", "port": 80, "protocol": "TCP", **port}
    return {"spec": {"type": "ClusterIP", "ports": [first]}}


def deployment(*, pod: Any = None, **fields: Any) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": "main:1",
        "args": ["serve"],
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": "A", "value": "1"}],
        "readinessProbe": {"httpGet": {"port": 1}},
        **fields,
    }
    spec = {
        "containers": [container],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}],
        **(pod or {}),
    }
    return {"spec": {"strategy": {"type": "Recreate"}, "template": {"spec": spec}}}


CLAIMED = reserve(
    DEPLOYMENT,
    {
        POD: frozenset({"hostNetwork", "priority"}),
        f"{POD}.initContainers": True,
        f"{POD}.containers[].env": True,
        f"{POD}.containers[].securityContext": True,
    },
    unless={f"{POD}.initContainers": {"restartPolicy": "Always"}},
)


def found(wanted: Any, live: Any, schema: Any) -> list[str]:
    return [written(each.path) for each in contradictions(wanted, live, schema)]


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (service(), []),
        (service(port=8888), ["spec.ports[8888,TCP]"]),
        (service(protocol="UDP"), ["spec.ports[80,UDP]"]),
        (service(name="", port=81), ["spec.ports[81,TCP]"]),
        (service(name="metrics", port=9090), []),
        # Its name is a difference; the entry itself is ours.
        (service(name="web"), []),
        ({"spec": {"type": "ExternalName", "externalName": "x"}}, ["spec.externalName"]),
        ({"spec": {"type": "LoadBalancer", "loadBalancerIP": "1.2.3.4"}}, ["spec.loadBalancerIP"]),
    ],
)
def test_of_a_service(live: Any, expected: list[str]) -> None:
    assert found(service(), live, SERVICE) == expected


def native(**fields: Any) -> Any:
    one = {"name": "i", "restartPolicy": "Always", **fields}
    return deployment(pod={"initContainers": [one]})


NATIVE = [f"{POD}.initContainers[i]"]
SECRET = {"secretKeyRef": {"name": "s", "key": "k"}}
CONTAINER = f"{POD}.containers[main]"


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (deployment(), []),
        (deployment(name="renamed"), [f"{POD}.containers[renamed]"]),
        # Without its ports it is known by what it runs.
        (deployment(name="renamed", ports=None), [f"{POD}.containers[renamed]"]),
        (
            deployment(name="renamed", ports=None, command=[], args=["serve"]),
            [f"{POD}.containers[renamed]"],
        ),
        (deployment(name="sidecar", ports=[{"containerPort": 1}], args=["proxy"]), []),
        (deployment(name="sidecar", ports=[{"containerPort": 1}], image="proxy:1"), []),
        (deployment(name="sidecar", ports=None, command=["sh"]), []),
        (deployment(env=[{"name": "A", "valueFrom": SECRET}]), [f"{CONTAINER}.env[A].valueFrom"]),
        (deployment(env=[{"name": "B", "value": "1"}]), [f"{CONTAINER}.env[B]"]),
        (deployment(env=[{"name": "A"}, {"name": "A"}]), [f"{CONTAINER}.env[A]"]),
        (
            deployment(readinessProbe={"exec": {}, "periodSeconds": 3}),
            [f"{CONTAINER}.readinessProbe.exec"],
        ),
        (
            deployment(ports=[{"name": "http", "containerPort": 1}]),
            [f"{CONTAINER}.ports[1,TCP]"],
        ),
        (
            deployment(securityContext={"privileged": True, "runAsNonRoot": False}),
            [f"{CONTAINER}.securityContext.privileged"],
        ),
        # A number is something: 0 equals False in Python, and is root here.
        (
            deployment(securityContext={"runAsUser": 0}),
            [f"{CONTAINER}.securityContext.runAsUser"],
        ),
        (deployment(pod={"priority": 0}), [f"{POD}.priority"]),
        (
            deployment(pod={"volumes": [{"name": "data", "emptyDir": {}}]}),
            [f"{POD}.volumes[data].emptyDir"],
        ),
        (deployment(pod={"volumes": [{"name": "other", "emptyDir": {}}]}), []),
        (deployment(pod={"hostNetwork": True}), [f"{POD}.hostNetwork"]),
        (deployment(pod={"hostNetwork": False, "nodeName": "n"}), []),
        (deployment(pod={"initContainers": [{"name": "i"}]}), [f"{POD}.initContainers[i]"]),
        (native(), []),
        (native(image="i:1", ports=[{"containerPort": 1}]), []),
        # It runs beside ours, and has its port, its name, or is it.
        (native(ports=[{"containerPort": 8080}]), NATIVE),
        (native(ports=[{"name": "http", "containerPort": 1}]), NATIVE),
        (native(image="main:1", args=["serve"]), NATIVE),
        ({"spec": {"strategy": {"rollingUpdate": {}}}}, ["spec.strategy.rollingUpdate"]),
    ],
)
def test_of_a_deployment(live: Any, expected: list[str]) -> None:
    wanted = deployment(securityContext={"runAsNonRoot": True})
    assert found(wanted, live, CLAIMED) == expected


def test_an_init_container_that_ends_leaves_its_port_to_others() -> None:
    live = deployment(pod={"initContainers": [{"name": "i", "ports": [{"containerPort": 8080}]}]})
    assert found(deployment(), live, DEPLOYMENT) == []


def test_an_atomic_list_may_have_nothing_more() -> None:
    schema = schema_of({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"})
    wanted = {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu"}}]}}
    live = copy.deepcopy(wanted)
    assert found(wanted, live, schema) == []
    live["spec"]["metrics"][0]["resource"]["container"] = "x"
    assert found(wanted, live, schema) == ["spec.metrics"]


def test_a_kind_that_is_not_known_has_no_contradictions() -> None:
    assert schema_of({"apiVersion": "v1", "kind": "ConfigMap"}) == {}
    assert all(
        schema_of({"apiVersion": f"{group}/v1" if group else "v1", "kind": kind})
        for group, kind in kinds()
    )


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "template", "containers", "env", "name", "image", "args", "value"]
            ),
            below,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@budget(ci=60, soak=20_000)
@given(JUNK)
def test_whatever_is_stored_is_read_without_an_error(junk: Any) -> None:
    for live in ({"spec": junk}, {"spec": {"template": {"spec": junk}}}):
        contradictions(deployment(), live, CLAIMED)
        contradictions(service(), live, SERVICE)


@budget(ci=30, soak=2000)
@given(st.permutations(list(range(4))), st.booleans())
def test_what_is_wanted_never_contradicts_itself(order: list[int], more: bool) -> None:
    wanted = deployment(env=[{"name": f"E{number}", "value": "1"} for number in order])
    live = copy.deepcopy(wanted)
    live["spec"]["template"]["spec"]["containers"][0]["env"].reverse()
    if more:
        live["spec"]["template"]["spec"]["containers"].insert(0, {"name": "sidecar"})
    assert contradictions(wanted, live, CLAIMED) == []
