"""What the tests subscribe to, and how."""

from typing import Any

from kopfkit.host.progress import Progress
from kopfkit.olm import subscription, unsubscription
from kopfkit.toolchain.kubectl import Kubectl

GROUP = "operators.coreos.com"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
THINGS = "things.example.com"
KINDS = ("subscriptions", "catalogsources", "operatorgroups", "clusterserviceversions")


def thing(mark: str) -> dict[str, Any]:
    """A CRD in two versions, with the label that OLM marks the parts of an operator with."""
    schema = {"openAPIV3Schema": {"type": "object"}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": THINGS, "labels": {mark: ""}},
        "spec": {
            "group": "example.com",
            "names": {"kind": "Thing", "plural": "things"},
            "scope": "Namespaced",
            "versions": [
                {"name": "v1", "served": True, "storage": False, "schema": schema},
                {"name": "v2", "served": True, "storage": True, "schema": schema},
            ],
        },
    }


def subscribe(kubectl: Kubectl, namespace: str, **changes: Any) -> subscription.Installation:
    arguments: dict[str, Any] = {
        "package": "hello",
        "channel": "stable",
        "catalog_image": "registry.invalid/catalog:v1",
        "namespace": namespace,
        "catalog_namespace": namespace,
        "progress": Progress(),
        "timeout": 0,
    }
    return subscription.subscribe(kubectl.kubeconfig, **{**arguments, **changes})


def unsubscribe(kubectl: Kubectl, namespace: str, **changes: Any) -> Any:
    return unsubscription.unsubscribe(
        kubectl.kubeconfig,
        package="hello",
        namespace=namespace,
        catalog_namespace=namespace,
        progress=Progress(),
        **changes,
    )


def names(kubectl: Kubectl, namespace: str) -> dict[str, list[str]]:
    found = {kind: kubectl.list(f"{kind}.{GROUP}", namespace) for kind in KINDS}
    return {kind: [o["metadata"]["name"] for o in objects] for kind, objects in found.items()}
