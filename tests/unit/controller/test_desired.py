"""The children that are wanted."""

from typing import Any

from helloworld_operator.api import v1
from helloworld_operator.controller import autoscaling, desired
from helloworld_operator.controller.desired import Desired
from helloworld_operator.controller.names import MANAGER
from kopfkit.runtime.api.managedfields import take_over

OWNER: dict[str, Any] = {
    "apiVersion": "test.jiaozi.com/v1",
    "metadata": {"name": "x", "namespace": "ns", "uid": "u"},
}


def wish(spec: v1.Spec) -> Desired:
    replicas = autoscaling.replicas(spec, None)
    return Desired("x", spec, spec.image or "default:1", not spec.image, replicas)


def container(spec: v1.Spec) -> dict[str, Any]:
    made = desired.deployment(wish(spec))
    (one,) = made["spec"]["template"]["spec"]["containers"]
    return dict(one)


def environment(spec: v1.Spec) -> dict[str, Any]:
    return {item["name"]: item.get("value") for item in container(spec)["env"]}


def test_the_default_image_serves_and_a_named_one_is_left_to_itself() -> None:
    ours, named = container(v1.Spec()), container(v1.Spec(image="mine:1"))

    assert (ours["image"], ours["args"]) == ("default:1", ["serve"])
    assert named["image"] == "mine:1"
    assert "args" not in named
    assert "httpGet" in ours["readinessProbe"]
    assert "tcpSocket" in named["readinessProbe"]


def test_a_message_is_not_expanded_by_the_kubelet() -> None:
    spec = v1.Spec(greeting=v1.Greeting(message="$(POD_NAME) costs $5 $$"))

    assert environment(spec)["GREETING_MESSAGE"] == "$$(POD_NAME) costs $$5 $$$$"


def test_pods_satisfy_the_restricted_profile_without_a_service_account_token() -> None:
    pod = desired.deployment(wish(v1.Spec()))["spec"]["template"]["spec"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def test_a_rollout_takes_no_pod_away_before_a_new_one_is_ready() -> None:
    strategy = desired.deployment(wish(v1.Spec()))["spec"]["strategy"]

    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_given_resources_replace_ours() -> None:
    spec = v1.Spec(resources=v1.Resources(limits={"cpu": 2, "memory": "64Mi"}))

    assert container(spec)["resources"] == {"limits": {"cpu": "2", "memory": "64Mi"}}
    assert "requests" in container(v1.Spec())["resources"]


def test_no_note_restarts_the_pods() -> None:
    # The pods' template has no hash: it would restart them for every change of the rest.
    template = desired.deployment(wish(v1.Spec()))["spec"]["template"]
    assert "annotations" not in template["metadata"]


def test_the_service_and_the_url_follow_the_port_and_type() -> None:
    spec = v1.Spec(service=v1.Service(type="NodePort", port=8000))

    assert desired.service(wish(spec))["spec"]["type"] == "NodePort"
    assert desired.service(wish(spec))["spec"]["ports"][0]["port"] == 8000
    assert desired.url(OWNER, spec) == "http://x.ns.svc:8000"


def test_fields_owned_by_creating_are_handed_to_applying_once() -> None:
    created = {"manager": "helloworld-operator", "operation": "Update", "fieldsV1": {"f:a": {}}}
    other = {"manager": "someone", "operation": "Update", "fieldsV1": {"f:b": {}}}
    status = {**created, "subresource": "status"}
    metadata = {"resourceVersion": "9", "managedFields": [created, other, status]}

    patch = take_over({"metadata": metadata}, MANAGER)
    assert patch is not None
    entries = patch[0]["value"]
    assert entries == [{**created, "operation": "Apply"}, other, status]
    assert patch[1]["value"] == "9"
    assert take_over({"metadata": {"managedFields": entries}}, MANAGER) is None


GIVEN = (("f:spec", "f:replicas"),)


def test_a_field_given_away_is_taken_from_what_we_own_and_from_nobody_else() -> None:
    fields = {"f:spec": {"f:replicas": {}, "f:template": {}}}
    ours = {"manager": "helloworld-operator", "operation": "Apply", "fieldsV1": fields}
    other = {**ours, "manager": "someone"}
    live = {"metadata": {"resourceVersion": "9", "managedFields": [ours, other]}}

    patch = take_over(live, MANAGER, given_away=GIVEN)
    assert patch is not None
    kept, untouched = patch[0]["value"]
    assert kept["fieldsV1"] == {"f:spec": {"f:template": {}}}
    assert untouched == other
    # Nothing is left to give away: no further write.
    assert (
        take_over({"metadata": {"managedFields": [kept, other]}}, MANAGER, given_away=GIVEN) is None
    )


def asleep(replicas: int) -> dict[str, Any]:
    return {"spec": {"replicas": replicas}}


def test_with_an_autoscaler_the_number_of_pods_is_not_ours() -> None:
    spec = v1.Spec(replicas=7, autoscaling=v1.Autoscaling(max_replicas=5, min_replicas=2))

    assert "replicas" not in desired.deployment(wish(spec))["spec"]
    # It begins with the least, and is woken where it could not begin.
    assert autoscaling.at_first(spec) == {"replicas": 2}
    assert autoscaling.at_first(v1.Spec(replicas=7)) == {}
    assert autoscaling.replicas(spec, asleep(0)) == 2
    assert autoscaling.replicas(spec, asleep(4)) is None
    assert autoscaling.replicas(v1.Spec(replicas=7), asleep(4)) == 7


def test_the_autoscaler_speaks_of_the_deployment_and_of_nothing_where_none_is_wanted() -> None:
    spec = v1.Spec(autoscaling=v1.Autoscaling(max_replicas=5))
    made = desired.autoscaler(wish(spec))

    assert made is not None
    assert made["spec"]["scaleTargetRef"]["name"] == "x"
    assert (made["spec"]["minReplicas"], made["spec"]["maxReplicas"]) == (1, 5)
    assert made["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert desired.autoscaler(wish(v1.Spec())) is None


def test_with_a_volume_one_pod_at_a_time_runs_whatever_is_stored() -> None:
    scaled = v1.Autoscaling(max_replicas=5)
    for spec in (
        v1.Spec(replicas=3, persistence=v1.Persistence()),
        v1.Spec(autoscaling=scaled, persistence=v1.Persistence()),
    ):
        made = desired.deployment(wish(spec))["spec"]
        assert made["replicas"] == 1
        assert made["strategy"] == {"type": "Recreate"}
        assert desired.autoscaler(wish(spec)) is None
        problem = autoscaling.excess(spec)
        assert problem is not None
        assert problem.reason == "TooManyReplicas"
    assert autoscaling.excess(v1.Spec(replicas=3)) is None
    assert autoscaling.replicas(v1.Spec(replicas=0, persistence=v1.Persistence()), None) == 0


def test_a_volume_is_added_to_the_pods() -> None:
    pod = desired.deployment(wish(v1.Spec(persistence=v1.Persistence())))["spec"]["template"][
        "spec"
    ]

    claimed = {"name": "data", "persistentVolumeClaim": {"claimName": "x-data"}}
    assert pod["volumes"] == [claimed, {"name": "tmp", "emptyDir": {}}]
    mounts = [each["mountPath"] for each in pod["containers"][0]["volumeMounts"]]
    assert mounts == ["/data", "/tmp"]
    assert {"name": "DATA_DIR", "value": "/data"} in pod["containers"][0]["env"]
    assert pod["securityContext"]["fsGroup"] == 65532
    assert pod["securityContext"]["runAsNonRoot"] is True
    plain = desired.deployment(wish(v1.Spec()))["spec"]["template"]["spec"]
    assert "volumes" not in plain
    assert "volumeMounts" not in plain["containers"][0]
