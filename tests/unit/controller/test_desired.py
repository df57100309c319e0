"""The children that are wanted."""

from typing import Any

from helloworld_operator.api import v1
from helloworld_operator.controller import desired
from helloworld_operator.controller.children import own_by_apply

OWNER: dict[str, Any] = {"metadata": {"name": "x", "namespace": "ns", "uid": "u"}}


def container(spec: v1.Spec, image: str | None = "default:1") -> dict[str, Any]:
    made = desired.deployment(OWNER, spec, image)
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
    pod = desired.deployment(OWNER, v1.Spec(), "i")["spec"]["template"]["spec"]

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
    strategy = desired.deployment(OWNER, v1.Spec(), "i")["spec"]["strategy"]

    assert strategy["rollingUpdate"]["maxUnavailable"] == 0


def test_given_resources_replace_ours() -> None:
    spec = v1.Spec(resources=v1.Resources(limits={"cpu": 2, "memory": "64Mi"}))

    assert container(spec)["resources"] == {"limits": {"cpu": "2", "memory": "64Mi"}}
    assert "requests" in container(v1.Spec())["resources"]


def test_the_hash_changes_with_the_wish_and_only_with_it() -> None:
    def digest(spec: v1.Spec) -> str:
        made = desired.deployment(OWNER, spec, "i")
        return str(made["metadata"]["annotations"][desired.HASH])

    assert digest(v1.Spec()) == digest(v1.Spec())
    assert digest(v1.Spec()) != digest(v1.Spec(replicas=2))
    # The pods' template has no hash: it would restart them for every change of the rest.
    template = desired.deployment(OWNER, v1.Spec(), "i")["spec"]["template"]
    assert "annotations" not in template["metadata"]


def test_the_service_and_the_url_follow_the_port_and_type() -> None:
    spec = v1.Spec(service=v1.Service(type="NodePort", port=8000))

    assert desired.service(OWNER, spec)["spec"]["type"] == "NodePort"
    assert desired.service(OWNER, spec)["spec"]["ports"][0]["port"] == 8000
    assert desired.url(OWNER, spec) == "http://x.ns.svc:8000"


def test_fields_owned_by_creating_are_handed_to_applying_once() -> None:
    created = {"manager": "helloworld-operator", "operation": "Update", "fieldsV1": {"f:a": {}}}
    other = {"manager": "someone", "operation": "Update", "fieldsV1": {"f:b": {}}}
    status = {**created, "subresource": "status"}
    metadata = {"resourceVersion": "9", "managedFields": [created, other, status]}

    patch = own_by_apply({"metadata": metadata})
    assert patch is not None
    entries = patch[0]["value"]
    assert entries == [{**created, "operation": "Apply"}, other, status]
    assert patch[1]["value"] == "9"
    assert own_by_apply({"metadata": {"managedFields": entries}}) is None
