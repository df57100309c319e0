"""Run mode 3: the operator as OLM installs it from a catalog, and the API as its users see it."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD, SNAPSHOT
from helloworld_operator.project import PROJECT
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import subscription, unsubscription
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

V1, V1ALPHA1 = (f"{HELLOWORLD.plural}.{v}.{HELLOWORLD.group}" for v in ("v1", "v1alpha1"))
CSVS = "clusterserviceversions.operators.coreos.com"


@dataclass
class Olm:
    """The operator's package in the cluster's OLM."""

    kubeconfig: Path
    catalog: str

    def subscribe(self, **changes: Any) -> subscription.Installation:
        arguments: dict[str, Any] = {
            "package": PROJECT.name,
            "channel": "stable",
            "catalog_image": self.catalog,
            "namespace": PROJECT.namespace,
            "catalog_namespace": PROJECT.namespace,
            "progress": Progress(),
        }
        return subscription.subscribe(self.kubeconfig, **{**arguments, **changes})

    def unsubscribe(self, **changes: Any) -> list[unsubscription.Definition]:
        arguments: dict[str, Any] = {
            "package": PROJECT.name,
            "namespace": PROJECT.namespace,
            "catalog_namespace": PROJECT.namespace,
            "progress": Progress(),
        }
        return unsubscription.unsubscribe(self.kubeconfig, **{**arguments, **changes})


@pytest.fixture(scope="module", autouse=True)
def olm(
    kind_cluster: Any, images: Any, clean_cluster: None, converts: Callable[[], None]
) -> Iterator[Olm]:
    """The operator, installed by Subscription for this module and removed afterwards."""
    package = Olm(Path(kind_cluster.kubeconfig), images.catalog)
    package.subscribe()
    converts()
    yield package
    package.unsubscribe(crds=True)


def test_the_csv_is_succeeded_and_runs_the_image_by_digest(
    olm: Olm, images: Any, kubectl: Kubectl
) -> None:
    found = subscription.find(olm.kubeconfig, package=PROJECT.name, namespace=PROJECT.namespace)
    assert found is not None
    assert (found.phase, found.catalog_image) == ("Succeeded", images.catalog)
    for deployment in PROJECT.deployments:
        running = kubectl.get("deployments.apps", deployment.name, PROJECT.namespace)
        assert running is not None
        containers = running["spec"]["template"]["spec"]["containers"]
        assert [container["image"] for container in containers] == [images.operator]
        assert running["status"]["readyReplicas"] == deployment.replicas


def test_olm_connects_the_crd_to_the_conversion_webhook(kubectl: Kubectl) -> None:
    def conversion() -> Any:
        crd = kubectl.get("customresourcedefinitions.apiextensions.k8s.io", HELLOWORLD.crd_name)
        assert crd is not None
        found = crd["spec"]["conversion"]
        assert found["strategy"] == "Webhook"
        return found["webhook"] if "caBundle" in found["webhook"]["clientConfig"] else None

    webhook = eventually(conversion)
    assert PROJECT.conversion is not None
    assert webhook["clientConfig"]["service"]["name"] == PROJECT.conversion.service
    assert b"CERTIFICATE" in base64.b64decode(webhook["clientConfig"]["caBundle"])


def test_its_monitors_appear_where_the_prometheus_operator_is(
    kubectl: Kubectl, client: Api, monitoring_crds: list[dict[str, Any]]
) -> None:
    # This cluster has not had the API until now, and the bundle was installed all the same.
    apis = "/apis/monitoring.coreos.com/v1"
    assert not client.exists(apis)
    for crd in monitoring_crds:
        client.apply(crd)
    try:
        for plural in ("servicemonitors", "prometheusrules"):
            path = f"{apis}/namespaces/{PROJECT.namespace}/{plural}/{PROJECT.name}"
            found = eventually(lambda path=path: client.get(path))
            (owner,) = found["metadata"]["ownerReferences"]
            assert owner["kind"] == "ConfigMap"
    finally:
        for crd in monitoring_crds:
            name = crd["metadata"]["name"]
            client.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")


def test_every_pod_of_the_operator_has_metrics_behind_one_service(client: Api) -> None:
    space = f"/api/v1/namespaces/{PROJECT.namespace}"
    slices = client.get(
        f"/apis/discovery.k8s.io/v1/namespaces/{PROJECT.namespace}/endpointslices"
        f"?labelSelector=kubernetes.io/service-name={PROJECT.name}-metrics"
    )["items"]
    pods = [each["targetRef"]["name"] for one in slices for each in one["endpoints"]]
    assert len(pods) == sum(deployment.replicas for deployment in PROJECT.deployments)
    texts = [client.get(f"{space}/pods/{pod}:8081/proxy/metrics") for pod in pods]
    assert all("helloworld_operator_build_info{" in text for text in texts)
    leading = [text for text in texts if "\nhelloworld_operator_leader 1.0" in text]
    assert len(leading) == 1
    assert sum("helloworld_operator_conversion_reviews_total{" in text for text in texts) == 2


def test_subscribing_again_changes_nothing(olm: Olm, kubectl: Kubectl) -> None:
    before = subscription.find(olm.kubeconfig, package=PROJECT.name, namespace=PROJECT.namespace)
    assert before is not None
    uid = (kubectl.get(CSVS, before.csv, PROJECT.namespace) or {})["metadata"]["uid"]
    assert olm.subscribe() == before
    assert (kubectl.get(CSVS, before.csv, PROJECT.namespace) or {})["metadata"]["uid"] == uid


def test_a_helloworld_written_as_v1alpha1_becomes_a_deployment_with_ready_pods(world: Any) -> None:
    world.create("hello", {"size": 2, "message": "Hi"}, "v1alpha1")
    world.ready("hello", 2)
    deployment = world.child("deployments.apps", "hello")
    assert deployment["status"]["readyReplicas"] == 2
    assert deployment["metadata"]["ownerReferences"][0]["kind"] == "HelloWorld"
    pods = json.loads(world.run("get", "pods", "--output=json"))["items"]
    assert [pod["status"]["phase"] for pod in pods] == ["Running", "Running"]


def test_the_same_object_reads_back_as_v1_with_the_same_content(world: Any) -> None:
    world.create("hello", {"size": 0, "message": "Hi"}, "v1alpha1")
    v1 = world.read("hello", "v1")
    assert v1["apiVersion"] == "test.jiaozi.com/v1"
    assert v1["spec"] == {"replicas": 0, "greeting": {"message": "Hi"}}
    v1alpha1 = world.read("hello", "v1alpha1")
    assert v1alpha1["spec"] == {"size": 0, "message": "Hi"}
    assert v1["metadata"]["uid"] == v1alpha1["metadata"]["uid"]


def test_a_change_through_v1alpha1_keeps_what_only_v1_has(world: Any, client: Api) -> None:
    greeting = {"message": "Hallo", "language": "de"}
    world.create("hello", {"replicas": 0, "greeting": greeting, "service": {"port": 8081}})
    client.patch(world.path("hello", "v1alpha1"), {"spec": {"message": "Servus"}})
    assert world.read("hello")["spec"] == {
        "replicas": 0,
        "greeting": {"message": "Servus", "language": "de"},
        "service": {"type": "ClusterIP", "port": 8081},
    }


def test_the_greeting_answers_over_http_with_every_character_intact(world: Any) -> None:
    message = "Grüß Gott, 世界 🌍 — $(HOME) $$ \"quoted\" 'single' \\ back\nnext line"
    world.create("hello", {"replicas": 1, "greeting": {"message": message, "language": "de"}})
    world.ready("hello", 1)
    answer = world.greeting("hello")
    assert answer["message"] == message
    assert answer["language"] == "de"
    assert answer["servedBy"].startswith("hello-")


@pytest.mark.parametrize("resource", [V1, V1ALPHA1])
def test_kubectl_wait_sees_it_become_available(world: Any, resource: str) -> None:
    world.create("hello", {"replicas": 1})
    world.run("wait", f"{resource}/hello", "--for=condition=Available", "--timeout=180s")
    assert world.read("hello")["status"]["url"] == f"http://hello.{world.namespace}.svc:80"


def test_kubectl_scales_it_through_either_version(world: Any) -> None:
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    world.run("scale", f"{V1ALPHA1}/hello", "--replicas=2")
    world.ready("hello", 2)
    assert world.read("hello", "v1alpha1")["spec"]["size"] == 2
    world.run("scale", f"{V1}/hello", "--replicas=0")
    world.ready("hello", 0)
    assert world.read("hello", "v1alpha1")["spec"]["size"] == 0


@pytest.mark.parametrize("resource", ["deployments.apps", "services"])
def test_a_deleted_child_comes_back(world: Any, resource: str) -> None:
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    gone = world.child(resource, "hello")["metadata"]["uid"]
    world.run("delete", resource, "hello", "--wait=false")
    eventually(lambda: world.child(resource, "hello")["metadata"]["uid"] != gone)
    world.ready("hello", 1)


EDITS = {
    "replicas": ("deployment", {"replicas": 3}),
    "environment": (
        "deployment",
        {
            "template": {
                "spec": {
                    "containers": [
                        {"name": "greeting", "env": [{"name": "GREETING_MESSAGE", "value": "Boo"}]}
                    ]
                }
            }
        },
    ),
    "port": ("service", {"ports": [{"port": 80, "targetPort": 9999}]}),
    "selector": ("service", {"selector": {"app.kubernetes.io/name": "other"}}),
    "a selector that is narrower": ("service", {"selector": {"app": "other"}}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_child_is_repaired(world: Any, edit: str) -> None:
    resource, spec = EDITS[edit]
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    before = world.child(resource, "hello")["spec"]
    world.run("patch", resource, "hello", f"--patch={json.dumps({'spec': spec})}")
    eventually(lambda: world.child(resource, "hello")["spec"] == before, timeout=180, interval=0.3)
    world.ready("hello", 1)
    assert world.greeting("hello")["message"] == "Hello, World!"


REFUSED = [
    ("v1", {"replicas": 101}, r"spec\.replicas.*100"),
    ("v1", {"replicas": -1}, r"spec\.replicas.*0"),
    ("v1", {"greeting": {"message": ""}}, r"spec\.greeting\.message.*1"),
    ("v1", {"greeting": {"language": "not a tag"}}, r"spec\.greeting\.language.*en or zh-Hans"),
    ("v1", {"image": "https://example.com/x"}, r"spec\.image.*no scheme like https://"),
    ("v1alpha1", {"size": 101}, r"spec\.size.*100"),
    ("v1alpha1", {"message": "x" * 1025}, r"spec\.message.*1024"),
]


@pytest.mark.parametrize(("version", "spec", "sentence"), REFUSED)
def test_an_invalid_helloworld_is_refused_naming_field_and_limit(
    world: Any, version: str, spec: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ApiError) as refused:
        world.create("hello", spec, version)
    assert refused.value.status == 422
    assert re.search(sentence, str(refused.value)), str(refused.value)


@pytest.mark.parametrize("resource", ["hw", V1, V1ALPHA1])
def test_kubectl_get_shows_the_columns(world: Any, resource: str) -> None:
    world.create("hello", {"replicas": 0})
    world.ready("hello", 0)
    header, row = world.run("get", resource).splitlines()
    columns = ["NAME", "DESIRED", "READY", "AVAILABLE", "PROGRESS", "HEALTH", "AGE"]
    assert header.split() == columns
    assert row.split()[:4] == ["hello", "0", "0", "False"]


def test_deleting_it_removes_the_children(world: Any) -> None:
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    world.run("delete", "hw", "hello")
    children = "deployments,replicasets,pods,services"
    eventually(
        lambda: world.run("get", children, "--output=name").strip() == "", timeout=180, interval=0.5
    )


def test_killing_one_webhook_pod_fails_no_read(world: Any, kubectl: Kubectl) -> None:
    world.create("hello", {"replicas": 0})
    assert PROJECT.conversion is not None
    name = PROJECT.conversion.deployment
    labels = "app.kubernetes.io/component=webhook"
    pods = kubectl.list("pods", PROJECT.namespace, labels)
    assert len(pods) == 2
    victim = pods[0]["metadata"]["name"]
    kubectl.run("delete", "pod", victim, f"--namespace={PROJECT.namespace}", "--wait=false")
    reads = 0

    def replaced() -> bool:
        nonlocal reads
        # Both ways need a conversion, and a failed one raises ApiError with status 500.
        for _ in range(20):
            answer = world.api.request("GET", world.path("hello", "v1alpha1"))
            assert answer.status == 200, answer.body
            answer = world.api.request("GET", world.path(version="v1alpha1"))
            assert answer.status == 200, answer.body
            reads += 2
        names = {p["metadata"]["name"] for p in kubectl.list("pods", PROJECT.namespace, labels)}
        found = kubectl.get("deployments.apps", name, PROJECT.namespace) or {}
        return victim not in names and found["status"].get("readyReplicas") == 2

    while not replaced():
        assert reads < 20_000, "the webhook's pod was not replaced"


def test_a_channel_that_the_catalog_does_not_have_is_named(olm: Olm, world: Any) -> None:
    with pytest.raises(KopfkitError, match=r"channel nightly .* has: candidate, stable"):
        olm.subscribe(
            channel="nightly", namespace=world.namespace, catalog_namespace=world.namespace
        )


def test_a_catalog_image_that_is_not_there_is_named(olm: Olm, images: Any, world: Any) -> None:
    missing = images.catalog.partition("@")[0] + ":never-pushed"
    with pytest.raises(KopfkitError, match=rf"image {re.escape(missing)}: cannot be pulled"):
        olm.subscribe(
            catalog_image=missing, namespace=world.namespace, catalog_namespace=world.namespace
        )


def test_removing_the_operator_leaves_the_objects_and_a_new_one_takes_them_over(
    olm: Olm, world: Any, kubectl: Kubectl, converts: Callable[[], None]
) -> None:
    world.create("hello", {"size": 1, "message": "still here"}, "v1alpha1")
    world.ready("hello", 1)
    left = {one.name: one for one in olm.unsubscribe()}
    assert set(left) == {HELLOWORLD.crd_name, SNAPSHOT.crd_name}
    hello = left[HELLOWORLD.crd_name]
    # Nobody converts any more, so only what is stored is served: nothing reads back emptied.
    assert (hello.objects, hello.versions) == (1, ("v1",))
    # The API server goes by a CRD a moment after it was written.
    gone = world.path("hello", "v1alpha1")
    eventually(lambda: world.api.request("GET", gone).status == 404)
    assert world.read("hello", "v1")["spec"]["greeting"]["message"] == "still here"
    assert kubectl.list(CSVS, PROJECT.namespace) == []
    eventually(lambda: kubectl.list("pods", PROJECT.namespace) == [], timeout=180, interval=0.5)
    assert world.greeting("hello")["message"] == "still here"
    olm.unsubscribe()  # nothing is left to remove, and nothing is wrong with that

    olm.subscribe()
    converts()
    taken_over = {"size": 1, "message": "still here"}
    eventually(lambda: world.read("hello", "v1alpha1")["spec"] == taken_over)
    world.run("scale", f"{V1ALPHA1}/hello", "--replicas=2")
    world.ready("hello", 2)
