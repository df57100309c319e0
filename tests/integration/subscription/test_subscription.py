"""`kopfkit subscribe` and `unsubscribe` against a real API server that has OLM's CRDs, but no OLM:
what they write, what they refuse, and what they say when nothing happens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.olm import unsubscription
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .subscribing import CRDS, GROUP, THINGS, names, subscribe, thing, unsubscribe


def test_without_olm_subscribing_says_how_to_get_it(kubectl: Kubectl, namespace: str) -> None:
    # Tests before may have had OLM's CRDs, whose end takes its time.
    eventually(lambda: not kubectl.serves(f"subscriptions.{GROUP}"))
    with pytest.raises(KopfkitError, match="OLM: is not installed") as refused:
        subscribe(kubectl, namespace)
    assert "kopfkit olm install" in refused.value.hint
    assert unsubscribe(kubectl, namespace) == []


def test_a_cluster_that_does_not_answer_is_named(control_plane: Any, tmp_path: Path) -> None:
    # Port 9 (discard) is closed where nobody has opened it on purpose.
    closed = tmp_path / "kubeconfig"
    kubeconfig = Path(control_plane.kubeconfig).read_text()
    assert control_plane.url in kubeconfig
    closed.write_text(kubeconfig.replace(control_plane.url, "https://127.0.0.1:9"))
    with pytest.raises(KopfkitError, match=f"the cluster of {closed}"):
        subscribe(Kubectl.at(closed), "default")


@pytest.mark.usefixtures("olm_crds")
def test_what_does_not_install_in_time_says_what_olm_is_at(
    kubectl: Kubectl, namespace: str
) -> None:
    with pytest.raises(KopfkitError, match=r"within 0 s; OLM is at: waiting for the catalog's pod"):
        subscribe(kubectl, namespace)
    written = names(kubectl, namespace)
    assert written["subscriptions"] == written["operatorgroups"] == ["hello"]
    (source,) = kubectl.list(f"catalogsources.{GROUP}", namespace)
    assert source["spec"]["image"] == "registry.invalid/catalog:v1"
    (found,) = kubectl.list(f"subscriptions.{GROUP}", namespace)
    assert found["spec"]["source"] == source["metadata"]["name"]
    labels = (kubectl.get("namespaces", namespace) or {})["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.fixture
def half_removed(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    """The name of a CSV of a Subscription that is gone, deleted and held by a finalizer; before it
    in the namespace is the copy of another one, in the same state, which concerns nobody here."""
    copied, name = "hello.v0.9.0", "hello.v1.0.0"
    where = (f"clusterserviceversions.{GROUP}", copied, name, f"--namespace={namespace}")
    for each, labels in ((copied, {"olm.copiedFrom": "elsewhere"}), (name, {})):
        kubectl.apply(
            {
                "apiVersion": f"{GROUP}/v1alpha1",
                "kind": "ClusterServiceVersion",
                "metadata": {
                    "name": each,
                    "namespace": namespace,
                    "labels": {f"{GROUP}/hello.{namespace}": "", **labels},
                    "finalizers": ["example.com/cleanup"],
                },
                "spec": {
                    "displayName": "Hello",
                    "install": {"strategy": "deployment", "spec": {"deployments": []}},
                },
            }
        )
    kubectl.run("delete", *where, "--wait=false")
    yield name
    kubectl.run("patch", *where, "--type=merge", '--patch={"metadata": {"finalizers": null}}')


@pytest.mark.usefixtures("olm_crds")
def test_a_csv_that_is_half_removed_is_named_with_what_holds_it(
    kubectl: Kubectl, namespace: str, half_removed: str
) -> None:
    with pytest.raises(KopfkitError, match="was not installed") as refused:
        subscribe(kubectl, namespace)
    assert f"OLM is at: waiting until {half_removed} is deleted" in refused.value.why
    assert "finalizers: example.com/cleanup" in refused.value.why


@pytest.mark.usefixtures("olm_crds")
def test_subscribing_twice_writes_the_same_objects(kubectl: Kubectl, namespace: str) -> None:
    for _ in range(2):
        with pytest.raises(KopfkitError, match="was not installed"):
            subscribe(kubectl, namespace)
    assert [len(found) for found in names(kubectl, namespace).values()] == [1, 1, 1, 0]
    unsubscribe(kubectl, namespace)
    assert [len(found) for found in names(kubectl, namespace).values()] == [0, 0, 0, 0]
    unsubscribe(kubectl, namespace)


@pytest.mark.usefixtures("olm_crds")
@pytest.mark.parametrize("targets", [[], ["default"]], ids=["for all", "for one namespace"])
def test_an_operator_group_that_is_there_is_used_or_named(
    kubectl: Kubectl, namespace: str, targets: list[str]
) -> None:
    theirs = {
        "apiVersion": f"{GROUP}/v1",
        "kind": "OperatorGroup",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {"targetNamespaces": targets} if targets else {},
    }
    kubectl.apply(theirs)
    expected = "OperatorGroup theirs .* selects namespaces" if targets else "was not installed"
    with pytest.raises(KopfkitError, match=expected):
        subscribe(kubectl, namespace)
    unsubscribe(kubectl, namespace)
    assert names(kubectl, namespace)["operatorgroups"] == ["theirs"]


@pytest.mark.usefixtures("olm_crds")
def test_deleting_crds_asks_first_and_says_how_many_objects_go(
    kubectl: Kubectl, namespace: str
) -> None:
    kubectl.apply(thing(f"{GROUP}/hello.{namespace}"))
    kubectl.established(f"{CRDS}/{THINGS}")
    kubectl.apply(
        *(
            {
                "apiVersion": "example.com/v2",
                "kind": "Thing",
                "metadata": {"name": name, "namespace": namespace},
            }
            for name in ("one", "two")
        )
    )
    asked = []

    def refuse(definitions: Any) -> bool:
        asked.extend((d.name, d.objects, d.versions) for d in definitions)
        return False

    try:
        with pytest.raises(KopfkitError, match="nothing was deleted"):
            unsubscribe(kubectl, namespace, crds=True, confirm=refuse)
        assert asked == [(THINGS, 2, ("v2", "v1"))]
        assert kubectl.get(CRDS, THINGS) is not None
        (kept,) = unsubscribe(kubectl, namespace)
        # Nothing converts between its versions: only the stored one is served from now on.
        assert (kept.objects, kept.versions) == (2, ("v2",))
        assert kubectl.get(CRDS, THINGS) is not None
        unsubscribe(kubectl, namespace, crds=True)
        assert kubectl.get(CRDS, THINGS) is None
    finally:
        kubectl.delete(CRDS, THINGS)


@pytest.fixture
def held(kubectl: Kubectl, namespace: str) -> Iterator[str]:
    """The namespace, with an operator's CSV and an object that has a finalizer of the operator."""
    mark = f"{GROUP}/hello.{namespace}"
    kubectl.apply(thing(mark))
    kubectl.established(f"{CRDS}/{THINGS}")
    kubectl.apply(
        {
            "apiVersion": "example.com/v2",
            "kind": "Thing",
            "metadata": {"name": "one", "namespace": namespace, "finalizers": ["example.com/kopf"]},
        },
        {
            "apiVersion": f"{GROUP}/v1alpha1",
            "kind": "ClusterServiceVersion",
            "metadata": {"name": "hello.v1.0.0", "namespace": namespace, "labels": {mark: ""}},
            "spec": {
                "displayName": "Hello",
                "install": {"strategy": "deployment", "spec": {"deployments": []}},
            },
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": f"{namespace}-viewer", "labels": {mark: ""}},
            "rules": [],
        },
    )
    yield namespace
    if kubectl.get(CRDS, THINGS) is not None:
        release(kubectl, namespace)
        kubectl.delete(CRDS, THINGS)
    kubectl.delete("clusterroles", f"{namespace}-viewer")


def release(kubectl: Kubectl, namespace: str) -> None:
    """What the operator does once an object is deleted."""
    if kubectl.get(THINGS, "one", namespace) is not None:
        patch = '{"metadata": {"finalizers": null}}'
        kubectl.run("patch", THINGS, "one", f"--namespace={namespace}", "--type=merge", "-p", patch)


@pytest.mark.usefixtures("olm_crds")
def test_an_object_that_the_operator_holds_stops_the_removal_before_the_operator_goes(
    kubectl: Kubectl, held: str
) -> None:
    with pytest.raises(KopfkitError) as refused:
        unsubscribe(kubectl, held, crds=True, patience=2.0)
    assert f"objects of {THINGS}: are not gone after 2 s: {held}/one" in str(refused.value)
    assert "finalizers: example.com/kopf" in str(refused.value)
    # The operator that has to remove the finalizer is still there, and so is the way to find it.
    assert names(kubectl, held)["clusterserviceversions"] == ["hello.v1.0.0"]
    assert kubectl.get(CRDS, THINGS) is not None
    # Namespaces of tests before may take a while to go.
    assert held in unsubscription.namespaces(kubectl, "hello")
    release(kubectl, held)
    (gone,) = unsubscribe(kubectl, held, crds=True)
    assert (gone.name, gone.objects) == (THINGS, 0)
    assert kubectl.get(CRDS, THINGS) is None
    assert names(kubectl, held)["clusterserviceversions"] == []
    assert held not in unsubscription.namespaces(kubectl, "hello")
    left = unsubscription.left(kubectl.kubeconfig, package="hello", namespace=held)
    assert left == [f"namespace/{held}", f"clusterrole/{held}-viewer"]


@pytest.mark.usefixtures("olm_crds")
def test_an_operator_of_some_namespaces_gets_an_operator_group_of_them(
    kubectl: Kubectl, namespace: str
) -> None:
    with pytest.raises(
        KopfkitError, match="namespace nowhere: is to be watched and does not exist"
    ):
        subscribe(kubectl, namespace, targets=["default", "nowhere"])
    assert [len(found) for found in names(kubectl, namespace).values()] == [0, 0, 0, 0]

    with pytest.raises(KopfkitError, match="was not installed"):
        subscribe(kubectl, namespace, targets=[namespace, "default"])
    (group,) = kubectl.list(f"operatorgroups.{GROUP}", namespace)
    assert group["spec"]["targetNamespaces"] == sorted([namespace, "default"])
    # What is there is for other namespaces than another installation is to watch.
    with pytest.raises(KopfkitError, match=r"OperatorGroup hello .* selects other namespaces"):
        subscribe(kubectl, namespace, targets=["default"])
    unsubscribe(kubectl, namespace)
    assert names(kubectl, namespace)["operatorgroups"] == []
