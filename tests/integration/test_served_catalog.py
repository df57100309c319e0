"""What `kopfkit run bundle` writes, on a real API server that has OLM's CRDs, but no OLM."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import bundlerun, olm, olmobjects, servedcatalog
from kopfkit.olm.olmobjects import CATALOGS, GROUPS, SUBSCRIPTIONS
from kopfkit.packaging import injection
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain
from kopfkit.toolchain.kubectl import Kubectl

SPACE = "bundle-run"


def bundle(version: str) -> dict[str, Any]:
    modes = [{"type": "OwnNamespace", "supported": True}]
    return {
        "schema": "olm.bundle",
        "package": "hello",
        "name": f"hello.v{version}",
        "image": f"registry.invalid/hello:v{version}",
        "properties": [
            {"type": "olm.package", "value": {"packageName": "hello", "version": version}},
            {"type": "olm.csv.metadata", "value": {"installModes": modes}},
        ],
    }


def install(kubectl: Kubectl, blobs: list[dict[str, Any]], **changes: Any) -> None:
    """Write everything; without an OLM nothing comes of it."""
    arguments: dict[str, Any] = {
        "package": "hello",
        "channel": injection.CHANNEL,
        "catalog": blobs,
        "namespace": SPACE,
        "targets": [SPACE],
        "progress": Progress(),
        "timeout": 0,
    }
    with pytest.raises(KopfkitError, match="was not installed within 0 s"):
        bundlerun.install(kubectl.kubeconfig, **{**arguments, **changes})


@pytest.fixture(scope="module")
def kubectl(control_plane: Any, crds_gone: Callable[[str], None]) -> Iterator[Kubectl]:
    found = Kubectl.at(Path(control_plane.kubeconfig))
    crds_gone("operators.coreos.com")
    files = str(toolchain.module_dir(olm.MODULE) / "deploy" / "chart" / "crds")
    found.run("apply", "--server-side", "--filename", files)
    found.established("--filename", files)
    yield found
    found.run("delete", "namespace", SPACE, "--ignore-not-found", "--wait=false")
    found.run("delete", "--wait=false", "--filename", files)


def names(kubectl: Kubectl, kind: str) -> set[str]:
    return {one["metadata"]["name"] for one in kubectl.list(kind, SPACE)}


def test_a_catalog_is_served_by_objects_that_go_with_it(kubectl: Kubectl) -> None:
    blobs = injection.first(bundle("1.0.0"))
    install(kubectl, blobs, secrets=("pull",), opm_image="registry.invalid/opm:v1")
    (source,) = kubectl.list(CATALOGS, SPACE)
    name = source["metadata"]["name"]
    assert source["spec"]["address"] == f"{name}.{SPACE}.svc:50051"
    assert source["spec"]["secrets"] == ["pull"]
    assert servedcatalog.content(kubectl, source) == blobs
    deployment = kubectl.get("deployments.apps", name, SPACE) or {}
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.invalid/opm:v1"
    assert kubectl.get("services", name, SPACE) is not None
    (group,) = kubectl.list(GROUPS, SPACE)
    assert group["spec"]["targetNamespaces"] == [SPACE]
    (subscribed,) = kubectl.list(SUBSCRIPTIONS, SPACE)
    assert subscribed["spec"]["source"] == name

    kubectl.delete(CATALOGS, name, namespace=SPACE)
    kinds = ("deployments.apps", "services", "configmaps")
    eventually(lambda: all(name not in names(kubectl, kind) for kind in kinds))
    assert servedcatalog.content(kubectl, source) is None


def test_another_content_is_another_catalog(kubectl: Kubectl) -> None:
    first = injection.first(bundle("1.0.0"))
    install(kubectl, first)
    install(kubectl, first)
    assert len(kubectl.list(CATALOGS, SPACE)) == 1
    more = injection.above(first, injection.CHANNEL, "hello.v1.0.0", bundle("1.1.0"))
    install(kubectl, more)
    (subscribed,) = kubectl.list(SUBSCRIPTIONS, SPACE)
    source = kubectl.get(CATALOGS, subscribed["spec"]["source"], SPACE) or {}
    assert servedcatalog.content(kubectl, source) == more


def test_an_operator_group_for_other_namespaces_is_named(kubectl: Kubectl) -> None:
    install(kubectl, injection.first(bundle("1.0.0")))
    with pytest.raises(KopfkitError, match="selects other namespaces than the operator is to"):
        bundlerun.install(
            kubectl.kubeconfig,
            package="hello",
            channel=injection.CHANNEL,
            catalog=injection.first(bundle("1.0.0")),
            namespace=SPACE,
            targets=["default"],
            progress=Progress(),
            timeout=0,
        )


def test_what_is_installed_by_nobody_cannot_be_upgraded(kubectl: Kubectl) -> None:
    with pytest.raises(KopfkitError, match="package other: is not installed"):
        bundlerun.installed(kubectl.kubeconfig, "other", None)
    assert bundlerun.namespace_of(kubectl.kubeconfig, "other", None) is None
    # Subscribed to, and no OLM has installed anything.
    with pytest.raises(KopfkitError, match="nothing is installed yet"):
        bundlerun.installed(kubectl.kubeconfig, "hello", None)
    assert bundlerun.namespace_of(kubectl.kubeconfig, "hello", None) == SPACE
    with pytest.raises(KopfkitError, match=f"is already installed in {SPACE}"):
        bundlerun.refuse_second(kubectl.kubeconfig, "hello", "hello.v2.0.0")


def test_the_image_that_serves_is_the_one_of_the_clusters_olm(kubectl: Kubectl) -> None:
    assert servedcatalog.opm_image(kubectl, "default") == "default"
    pod = {
        "containers": [
            {"name": "x", "image": "x", "args": ["--a", "--opmImage=registry.invalid/opm:v9"]}
        ]
    }
    labels = {"app": "catalog-operator"}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": olm.NAMESPACE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "catalog-operator", "namespace": olm.NAMESPACE},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    )
    assert servedcatalog.opm_image(kubectl, "default") == "registry.invalid/opm:v9"
    kubectl.run("delete", "namespace", olm.NAMESPACE, "--wait=false")


def test_the_pod_that_serves_meets_the_restricted_standard(kubectl: Kubectl) -> None:
    space = olmobjects.namespace("restricted-catalog")
    kubectl.apply(space)
    text = servedcatalog.text(injection.first(bundle("1.0.0")))
    source = servedcatalog.catalog_source("hello", "restricted-catalog", text)
    kubectl.apply(source)
    written = kubectl.get(CATALOGS, source["metadata"]["name"], "restricted-catalog") or {}
    servedcatalog.serve(kubectl, written, text, "registry.invalid/opm:v1")
    eventually(lambda: kubectl.list("pods", "restricted-catalog"))
    kubectl.run("delete", "namespace", "restricted-catalog", "--wait=false")
