"""Operators of another kind than HelloWorld, installed by OLM from catalogs of their own.

`databases` (examples/) owns a StatefulSet and something outside of the cluster, for which it has a
finalizer; it watches one namespace. `harbour` (tests/integration/framework/projects) has two kinds
with two versions each: one webhook converts both. Their images are HelloWorld's with another
module: it has all that they import, and how an operator's own image is made is what
test_new_operator shows.
"""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import hostnames
from kopfkit.host.state import ClusterState
from kopfkit.kind.preload import PAUSE
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .conftest import READY, ROOT, publish
from .examples import Example

PLACES = {
    "databases": ROOT / "examples" / "databases",
    "harbour": ROOT / "tests/integration/framework/projects/harbour",
}
OUTSIDE = "host-names"
MODES = 'install_modes=("OwnNamespace", "SingleNamespace")'


@pytest.fixture(scope="module")
def place(client: Api) -> Iterator[str]:
    """A namespace for objects, and for what is outside."""
    name = f"e2e-examples-{time.time_ns() // 1_000_000:x}"
    metadata = {"name": name}
    client.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    eventually(lambda: client.exists(f"/api/v1/namespaces/{name}/serviceaccounts/default"))
    yield name
    client.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def outside(client: Api, place: str, images: publish.Images) -> str:
    """The path by which the API server leads to the registry of host names."""
    metadata = {"name": OUTSIDE, "namespace": place, "labels": {"app": OUTSIDE}}
    program = Path(hostnames.__file__).read_text("utf-8")
    container = {
        "name": "registry",
        "image": images.operator,
        "command": ["python3", "-c", program],
        "ports": [{"containerPort": hostnames.PORT}],
    }
    ports = [{"port": 80, "targetPort": hostnames.PORT}]
    client.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {"containers": [container]},
        }
    )
    client.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": OUTSIDE}, "ports": ports},
        }
    )
    return f"/api/v1/namespaces/{place}/services/{OUTSIDE}:80/proxy"


@pytest.fixture(scope="module")
def installed(
    kind_cluster: ClusterState,
    images: publish.Images,
    outside: str,
    place: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """Both operators in the cluster; what `kopfkit subscribe` said of each."""
    made = {}
    # A path of its own: a node that has seen a tag does not pull it again.
    base = f"{kind_cluster.registry}/examples-{time.time_ns() // 1_000_000:x}"
    for module, source in PLACES.items():
        path = tmp_path_factory.mktemp("examples") / module
        shutil.copytree(source, path)
        made[module] = Example(module, path, f"{base}/{module}", kind_cluster.kubeconfig)
    # Nothing is fetched from elsewhere, and nothing leaves the cluster.
    databases = made["databases"].path / "databases"
    _edit(databases / "operator.py", "docker.io/library/postgres:17", PAUSE)
    url = f"http://{OUTSIDE}.{place}.svc"
    _edit(databases / "project.py", "https://host-names.example.com", url)
    # It watches the one namespace of these tests, by the Roles that OLM puts there.
    _edit(databases / "operator.py", ".owns(SERVICES)])", f".owns(SERVICES)], {MODES})")
    made["databases"].mode = ("--install-mode", f"SingleNamespace={place}")
    try:
        with ThreadPoolExecutor() as pool:
            said = list(pool.map(lambda one: one.install(images.operator), made.values()))
        yield dict(zip(made, said, strict=True))
    finally:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Example.remove, made.values()))


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{old} in {path}"
    path.write_text(text.replace(old, new), "utf-8")


def test_a_database_is_served_by_its_stateful_set_and_goes_with_its_name_outside(
    installed: dict[str, str], client: Api, place: str, outside: str
) -> None:
    assert "database-operator.v0.1.0 Succeeded" in installed["databases"]
    path = f"/apis/data.example.com/v1/namespaces/{place}/databases"
    body = {"apiVersion": "data.example.com/v1", "kind": "Database", "metadata": {"name": "one"}}
    made = client.post(path, {**body, "spec": {"hostName": "orders"}})

    def served() -> Any:
        found = client.get(f"{path}/one")
        told = {each["type"]: each["status"] for each in found["status"]["conditions"]}
        assert (told["Available"], found["status"]["readyReplicas"]) == ("True", 1), found["status"]
        return found

    found = eventually(served, timeout=READY, interval=0.3)
    pod = client.get(f"/api/v1/namespaces/{place}/pods/one-0")
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet"
    assert client.get(f"{outside}/orders") == {
        "owner": made["metadata"]["uid"],
        "target": f"one.{place}",
    }
    assert found["metadata"]["finalizers"]

    client.delete(f"{path}/one")
    eventually(lambda: not client.exists(f"{path}/one"), timeout=READY, interval=0.3)
    assert client.get(f"{outside}/orders") is None


def test_an_operator_of_one_namespace_has_no_right_in_another(
    installed: dict[str, str], client: Api, place: str
) -> None:
    reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    user = "system:serviceaccount:database-operator-system:database-operator"
    said = {}
    for namespace in (place, "default", ""):
        wanted = {"verb": "list", "group": "data.example.com", "resource": "databases"}
        spec = {"user": user, "resourceAttributes": {**wanted, "namespace": namespace}}
        kind = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        said[namespace] = client.post(reviews, {**kind, "spec": spec})["status"]["allowed"]
    assert said == {place: True, "default": False, "": False}


@pytest.mark.parametrize(
    ("kind", "old", "said", "meant"),
    [
        ("Dock", "v1alpha1", {"length": 20}, {"metres": 20}),
        ("Crane", "v1beta1", {"kilograms": 3000}, {"tons": 3}),
    ],
)
def test_one_webhook_converts_two_kinds_under_olm(
    installed: dict[str, str],
    client: Api,
    place: str,
    kind: str,
    old: str,
    said: dict[str, int],
    meant: dict[str, int],
) -> None:
    assert "harbour-operator.v0.1.0 Succeeded" in installed["harbour"]
    group, plural = "harbour.example.com", f"{kind.lower()}s"
    written = f"/apis/{group}/{old}/namespaces/{place}/{plural}"
    read = f"/apis/{group}/v1/namespaces/{place}/{plural}/one"
    body = {"apiVersion": f"{group}/{old}", "kind": kind, "metadata": {"name": "one"}, "spec": said}

    # OLM writes the CRD's CA more than once, also when the CSV has succeeded.
    eventually(lambda: client.post(written, body), timeout=READY, interval=0.5)
    found = eventually(lambda: client.get(read), timeout=READY, interval=0.5)
    assert meant.items() <= found["spec"].items()
    found = eventually(lambda: client.get(f"{written}/one"), timeout=READY, interval=0.5)
    assert found["spec"] == said
