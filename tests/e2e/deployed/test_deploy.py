"""Run mode 2: what `make deploy` brings, with certificates made in the cluster."""

from collections.abc import Callable
from typing import Any

from helloworld_operator.api import HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .conftest import wait_until_ready

CRDS = "customresourcedefinitions.apiextensions.k8s.io"
Make = Callable[[str], str]


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
        """Those that stay: a pod that a test before has deleted may still be going."""
        found = [pod["metadata"] for pod in kubectl.list("pods", PROJECT.namespace)]
        return {pod["uid"] for pod in found if "deletionTimestamp" not in pod}

    wait_until_ready(kubectl)
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
