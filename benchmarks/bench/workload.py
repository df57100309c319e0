"""Makes the objects that the operators work on, and takes everything away again."""

import contextlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from helloworld_operator.api import GROUP, PLURAL
from kopfkit.testing.client import Api, ApiError

HELLOWORLDS: Final = f"/apis/{GROUP}/v1"
# Requests in flight: enough to keep the API server busy, few enough to leave it to the operator.
_AT_A_TIME: Final = 4
# What is left of an object, in an order in which nothing makes it anew.
_LEFT: Final = (
    f"{HELLOWORLDS}/{{}}/{PLURAL}",
    "/apis/apps/v1/{}/deployments",
    "/apis/apps/v1/{}/replicasets",
    "/api/v1/{}/pods",
    "/apis/discovery.k8s.io/v1/{}/endpointslices",
    "/api/v1/{}/events",
    "/apis/events.k8s.io/v1/{}/events",
)


def make_namespace(api: Api, name: str) -> None:
    """A namespace in which pods can be made."""
    api.post("/api/v1/namespaces", {"metadata": {"name": name}})


def create(api: Api, namespace: str, count: int, prefix: str = "hello") -> list[str]:
    """Create `count` HelloWorlds; returns their names."""
    path = f"{HELLOWORLDS}/namespaces/{namespace}/{PLURAL}"

    def one(name: str) -> str:
        spec = {"replicas": 1, "greeting": {"message": f"Hello from {name}"}}
        body = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "HelloWorld",
            "metadata": {"name": name},
            "spec": spec,
        }
        api.post(path, body, fieldManager="benchmark")
        return name

    return _each(one, (f"{prefix}-{number:05}" for number in range(count)))


def items(api: Api, path: str) -> list[Any]:
    """All objects of a collection."""
    found: list[Any] = []
    more = ""
    while True:
        page = api.get(path, limit=500, **({"continue": more} if more else {}))
        found += page["items"]
        more = page["metadata"].get("continue", "")
        if not more:
            return found


def unfinished(api: Api, namespace: str, names: Iterable[str]) -> list[str]:
    """The HelloWorlds whose children are not both there or whose status is not current."""
    space = f"namespaces/{namespace}"
    current = {
        each["metadata"]["name"]
        for each in items(api, f"{HELLOWORLDS}/{space}/{PLURAL}")
        if each.get("status", {}).get("observedGeneration") == each["metadata"]["generation"]
    }
    for path in (f"/apis/apps/v1/{space}/deployments", f"/api/v1/{space}/services"):
        current &= {each["metadata"]["name"] for each in items(api, path)}
    return sorted(set(names) - current)


def final(api: Api, namespace: str) -> bool:
    """Whether each status tells all of the HelloWorld's pods, so that nothing is left to tell."""
    return all(
        each.get("status", {}).get("replicas") == each["spec"]["replicas"]
        for each in items(api, f"{HELLOWORLDS}/namespaces/{namespace}/{PLURAL}")
    )


def children(api: Api, namespace: str, name: str) -> dict[str, Any]:
    """What an operator made for one HelloWorld, with the API server's defaults and without what
    differs from one object to the next: for telling whether all operators make the same."""
    space = f"namespaces/{namespace}"
    deployment = api.get(f"/apis/apps/v1/{space}/deployments/{name}")
    service = api.get(f"/api/v1/{space}/services/{name}")
    given = ("clusterIP", "clusterIPs")
    status = api.get(f"{HELLOWORLDS}/{space}/{PLURAL}/{name}").get("status", {})
    return {
        "Deployment": deployment["spec"],
        "Deployment's labels": deployment["metadata"]["labels"],
        "Service": {key: value for key, value in service["spec"].items() if key not in given},
        "Service's labels": service["metadata"]["labels"],
        "condition types": sorted(each["type"] for each in status.get("conditions", [])),
    }


def rolled_out(api: Api, namespace: str) -> bool:
    """Whether the controller manager has made every pod and told so."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    return all(
        each.get("status", {}).get("updatedReplicas") == each["spec"]["replicas"]
        for each in items(api, path)
    )


def clear(api: Api, namespace: str) -> None:
    """Delete everything that HelloWorlds have brought into a namespace. No operator may run."""
    space = f"namespaces/{namespace}"
    _strip_finalizers(api, space)
    for template in _LEFT:
        path = template.format(space)
        for _ in range(50):
            api.delete(path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
            if not api.get(path, limit=1)["items"]:
                break
    services = f"/api/v1/{space}/services"
    _each(lambda name: _drop(api, f"{services}/{name}"), _names(api, services))


def _strip_finalizers(api: Api, space: str) -> None:
    held = [
        each["metadata"]["name"]
        for each in items(api, f"{HELLOWORLDS}/{space}/{PLURAL}")
        if each["metadata"].get("finalizers")
    ]
    patch = {"metadata": {"finalizers": None}}
    _each(lambda name: str(api.patch(f"{HELLOWORLDS}/{space}/{PLURAL}/{name}", patch)), held)


def _drop(api: Api, path: str) -> str:
    with contextlib.suppress(ApiError):  # the garbage collector was faster
        api.delete(path)
    return path


def _names(api: Api, path: str) -> list[str]:
    return [each["metadata"]["name"] for each in items(api, path)]


def _each(work: Any, names: Iterable[str]) -> list[str]:
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(work, names))
