"""The tutorial in a cluster: its operator as a Deployment, by OLM, and upgraded under load.

It takes some minutes, and so is run by `make test-tutorial`. The chapters that need no pods are
followed in tests/integration/test_tutorial.py.
"""

from collections.abc import Iterator

import pytest
from tests.e2e.test_new_operator import Walk, walk

import walk as tutorial
from kopfkit.toolchain.kubectl import Kubectl

# What the cluster of the test takes the place of, and what other tests run.
CLUSTER = ("export ", "kopfkit cluster ")
MAKE = tuple(f"make {target}" for target in ("lint", "test", "install", "uninstall", "run"))
OUTSIDE = (*CLUSTER, *MAKE, "kubectl ", "^C")
PLACE = "hello-operator-system"
# What a failed chapter may leave and `newcomer` does not remove where the project cannot be loaded.
CLEANING = (
    f"kopfkit unsubscribe --kubeconfig $KUBECONFIG --package hello-operator --namespace {PLACE}"
    " --crds --yes",
    "kubectl delete --ignore-not-found --timeout=2m crd hellos.test.example.org",
    f"kubectl delete --ignore-not-found --timeout=2m namespace {PLACE}",
)
# What a person would look at first, for the report of a failure.
LOOKS = (
    "kubectl get deployments,pods,services,endpointslices --all-namespaces --output=wide",
    "kubectl get hellos --all-namespaces --output=yaml",
    f"kubectl get csv,subscriptions,installplans,catalogsources,events --namespace={PLACE}",
    f"kubectl logs --namespace={PLACE} --selector=app.kubernetes.io/name=hello-operator"
    " --prefix --tail=80",
)

newcomer = pytest.fixture(walk.__wrapped__, name="newcomer")


@pytest.fixture
def reader(newcomer: Walk, kubectl: Kubectl) -> Iterator[tutorial.Walk]:
    """Somebody in the newcomer's folder; nothing of the tutorial is in the cluster afterwards."""
    reader = tutorial.Walk(newcomer.path, newcomer.environment)
    yield reader
    for command in CLEANING:
        reader.run(command)
    assert kubectl.get("crd", "hellos.test.example.org") is None
    assert kubectl.get("namespaces", PLACE) is None


def test_the_tutorials_operator_is_deployed_subscribed_to_and_upgraded_under_load(
    reader: tutorial.Walk,
) -> None:
    try:
        for chapter in ("2-project", "3-reconcile"):
            reader.follow(f"tutorial/{chapter}.md", OUTSIDE)
        for chapter in ("5-cluster", "6-olm"):
            reader.follow(f"tutorial/{chapter}.md", CLUSTER)
        for chapter in ("7-admission", "8-version"):
            reader.follow(f"tutorial/{chapter}.md", OUTSIDE)
        reader.follow("tutorial/9-release.md", CLUSTER)
    except Exception as error:
        for look in LOOKS:
            error.add_note(f"$ {look}\n{reader.run(look).stdout}")
        raise
