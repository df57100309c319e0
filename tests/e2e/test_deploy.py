"""Run mode 2: `make deploy` and `make undeploy`, with certificates made in the cluster."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.cluster.kubectl import Kubectl
from kopfkit.testing.waiting import eventually

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
# Everything that config/default makes outside its namespace.
CLUSTER_WIDE = f"{CRDS},clusterroles,clusterrolebindings,namespaces"
Make = Callable[[str], str]
Wait = Callable[[], None]


@pytest.fixture(scope="module", autouse=True)
def deployed(clean_cluster: None, make: Make, kubectl: Kubectl, converts: Wait) -> Iterator[str]:
    """The operator, deployed with kustomize and ready; its value is what was there before."""
    before = kubectl.run("get", CLUSTER_WIDE, "--output=name")
    make("deploy")
    wait_until_ready(kubectl)
    converts()
    yield before
    if kubectl.get("namespaces", PROJECT.namespace) is not None:
        make("undeploy")


def wait_until_ready(kubectl: Kubectl) -> None:
    """Wait for both Deployments."""
    for deployment in PROJECT.deployments:
        kubectl.run(
            "rollout",
            "status",
            f"deployment/{deployment.name}",
            f"--namespace={PROJECT.namespace}",
            "--timeout=180s",
            timeout=200,
        )


def conversion(kubectl: Kubectl) -> Any:
    """How the API server reaches the conversion webhook."""
    crd = kubectl.get(CRDS, HELLOWORLD.crd_name)
    assert crd is not None
    return crd["spec"]["conversion"]["webhook"]["clientConfig"]


def test_a_helloworld_is_served_and_converted_with_certificates_made_in_the_cluster(
    world: Any,
) -> None:
    world.create("hello", {"size": 1, "message": "Servus"}, "v1alpha1")
    world.ready("hello", 1)
    assert world.read("hello")["spec"] == {"replicas": 1, "greeting": {"message": "Servus"}}
    assert world.greeting("hello")["message"] == "Servus"


def test_deploying_again_keeps_pods_and_conversion(
    world: Any, make: Make, kubectl: Kubectl
) -> None:
    def pods() -> set[str]:
        return {pod["metadata"]["uid"] for pod in kubectl.list("pods", PROJECT.namespace)}

    world.create("hello", {"replicas": 0, "greeting": {"message": "Hi"}})
    before, bundle = pods(), conversion(kubectl)["caBundle"]
    make("deploy")
    assert world.read("hello", "v1alpha1")["spec"] == {"size": 0, "message": "Hi"}
    wait_until_ready(kubectl)
    assert pods() == before
    assert conversion(kubectl)["caBundle"] == bundle


def test_a_lost_certificate_is_made_anew_and_conversion_goes_on(
    world: Any, kubectl: Kubectl
) -> None:
    assert PROJECT.conversion is not None
    world.create("hello", {"replicas": 0, "greeting": {"message": "Hi"}})
    secret = PROJECT.conversion.secret
    kubectl.delete("secrets", secret, namespace=PROJECT.namespace)
    eventually(
        lambda: kubectl.get("secrets", secret, PROJECT.namespace) is not None,
        timeout=60,
        interval=0.5,
    )
    eventually(
        lambda: world.read("hello", "v1alpha1")["spec"] == {"size": 0, "message": "Hi"},
        # The kubelet mounts a changed Secret within its sync period, a minute or so.
        timeout=180,
        interval=1,
    )


def test_undeploying_removes_all_that_was_deployed_and_the_greetings_with_it(
    deployed: str, world: Any, make: Make, kubectl: Kubectl
) -> None:
    world.create("hello", {"replicas": 1})
    world.ready("hello", 1)
    make("undeploy")
    # The test's own namespace came later, and leaves later.
    now = set(kubectl.run("get", CLUSTER_WIDE, "--output=name").split())
    assert now - set(deployed.split()) <= {f"namespace/{world.namespace}", *leaving(kubectl)}
    assert set(deployed.split()) - now == set()

    def gone() -> bool:
        found = kubectl.list("deployments,pods,services", world.namespace)
        left = [{"kind": each["kind"], **each["metadata"]} for each in found]
        assert left == []
        return True

    eventually(gone, timeout=180, interval=0.5)


def leaving(kubectl: Kubectl) -> set[str]:
    """Namespaces of earlier tests that are being deleted."""
    return {
        f"namespace/{found['metadata']['name']}"
        for found in kubectl.list("namespaces")
        if found["metadata"].get("deletionTimestamp")
    }
