"""The certificate's Secret outlives the ClusterServiceVersion, and goes with the Deployment.

The garbage collector is kube-controller-manager's; the ClusterServiceVersion is a CRD of the same
name, because OLM itself is not here.
"""

import copy
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.project import WEBHOOK
from kopfkit import pki, yamls
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.host import ports
from kopfkit.runtime.api import credentials
from kopfkit.runtime.api.client import Client
from kopfkit.runtime.api.errors import Conflict, Forbidden
from kopfkit.runtime.olm.ownership import Owned, once
from kopfkit.simulation.live import look
from kopfkit.testing.access import may
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

ROOT = Path(__file__).parents[3]
SECRET = f"{WEBHOOK}-service-cert"
# Seconds: the garbage collector looks for new kinds every 30 s.
COLLECTED = 120.0
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CSVS = "/apis/operators.coreos.com/v1alpha1"
CSV_CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "clusterserviceversions.operators.coreos.com"},
    "spec": {
        "group": "operators.coreos.com",
        "names": {"plural": "clusterserviceversions", "kind": "ClusterServiceVersion"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }
        ],
    },
}


@pytest.fixture(scope="module")
def csvs(raw_api: Any, crds_gone: Callable[[str], None]) -> Iterator[None]:
    """The API server knows ClusterServiceVersions."""
    crds_gone(CSV_CRD["spec"]["group"])
    raw_api("POST", CRDS, CSV_CRD).ok()
    yield
    raw_api("DELETE", f"{CRDS}/clusterserviceversions.operators.coreos.com").ok()


@pytest.fixture
def csv(api: Api, namespace: str, csvs: None) -> Any:
    """An old ClusterServiceVersion in the test's namespace."""
    eventually(lambda: api.exists(f"{CSVS}/clusterserviceversions"))
    return make_csv(api, namespace, "operator.v1")


def make_csv(api: Api, namespace: str, name: str) -> Any:
    return api.post(
        f"{CSVS}/namespaces/{namespace}/clusterserviceversions",
        {
            "apiVersion": "operators.coreos.com/v1alpha1",
            "kind": "ClusterServiceVersion",
            "metadata": {"name": name},
        },
    )


def owned_by(obj: Any) -> list[dict[str, Any]]:
    entry = {"name": obj["metadata"]["name"], "uid": obj["metadata"]["uid"]}
    return [{"apiVersion": obj["apiVersion"], "kind": obj["kind"], **entry}]


def make_secret(api: Api, namespace: str, name: str, owner: Any) -> Any:
    metadata = {"name": name, "namespace": namespace, "ownerReferences": owned_by(owner)}
    return api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})


def make_deployment(api: Api, namespace: str, name: str = WEBHOOK, owner: Any = None) -> Any:
    labels = {"app": "webhook"}
    containers = [{"name": "webhook", "image": "webhook"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return api.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "ownerReferences": owned_by(owner) if owner else [],
            },
            "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template},
        }
    )


@pytest.fixture
def kubeconfig(api: Api, namespace: str, control_plane: Any, tmp_path: Path) -> Path:
    """Of the webhook, in the namespace of the test."""
    return make_kubeconfig(api, namespace, control_plane, tmp_path)


def make_kubeconfig(api: Api, namespace: str, control_plane: Any, directory: Path) -> Path:
    """The webhook's service account with the rights that the bundle gives it, and no others."""
    bundle = ROOT / "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
    spec = yamls.read(bundle)["spec"]["install"]["spec"]
    (rules,) = [one["rules"] for one in spec["permissions"] if one["serviceAccountName"] == WEBHOOK]
    group = "rbac.authorization.k8s.io"
    metadata = {"name": WEBHOOK, "namespace": namespace}
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata}
    api.create({**role, "rules": rules})
    api.create(
        {
            **role,
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": group, "kind": "Role", "name": WEBHOOK},
            "subjects": [{"kind": "ServiceAccount", "name": WEBHOOK, "namespace": namespace}],
        }
    )
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{WEBHOOK}/token"
    config = yamls.read(control_plane.kubeconfig)
    user = {"token": api.post(path, {"spec": {}})["status"]["token"]}
    config["users"] = [{"name": config["users"][0]["name"], "user": user}]
    file = directory / "kubeconfig"
    file.write_text(yamls.dump(config))
    for which in (
        {"resource": "secrets", "name": SECRET},
        {"resource": "deployments", "group": "apps", "name": WEBHOOK},
    ):
        account = f"{namespace}/{WEBHOOK}"
        eventually(lambda: may(api, account, "get", namespace=namespace, **which))  # noqa: B023
    return file


@pytest.fixture
async def webhooks_client(
    kubeconfig: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Client]:
    """The run-time client with the webhook's rights."""
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    client = Client(credentials.load, manager=WEBHOOK)
    await client.open()
    yield client
    await client.close()


def owners(api: Api, namespace: str) -> list[tuple[str, str]]:
    found = api.get(f"/api/v1/namespaces/{namespace}/secrets/{SECRET}")["metadata"]
    return [(one["kind"], one["name"]) for one in found.get("ownerReferences", [])]


async def test_a_secret_of_olm_becomes_the_deployments_with_the_bundles_rights(
    api: Api, namespace: str, csv: Any, webhooks_client: Client
) -> None:
    owned = Owned(namespace, SECRET, WEBHOOK)
    assert not await once(webhooks_client, owned)  # neither is there yet
    make_secret(api, namespace, SECRET, csv)
    assert not await once(webhooks_client, owned)  # no Deployment
    assert owners(api, namespace) == [("ClusterServiceVersion", "operator.v1")]
    make_deployment(api, namespace)
    assert await once(webhooks_client, owned)
    assert owners(api, namespace) == [("Deployment", WEBHOOK)]
    assert not await once(webhooks_client, owned)


@pytest.mark.parametrize(
    ("kinds", "told"),
    [("csv", "csv"), ("deployment", "deployment"), ("csv deployment", "deployment")],
)
async def test_the_simulation_is_told_whether_the_secret_stays_through_an_upgrade(
    api: Api, namespace: str, csv: Any, control_plane: Any, kinds: str, told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    objects = {"csv": csv, "deployment": make_deployment(api, namespace)}
    metadata = {
        "name": SECRET,
        "namespace": namespace,
        "ownerReferences": [one for kind in kinds.split() for one in owned_by(objects[kind])],
    }
    api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    crd = copy.deepcopy(CSV_CRD)
    plural, group = f"hooked-{namespace}", "owners.example.com"
    crd["metadata"]["name"] = f"{plural}.{group}"
    crd["spec"] |= {"group": group, "names": {"plural": plural, "kind": "Hooked"}}
    service = {"namespace": namespace, "name": SECRET.removesuffix("-cert")}
    webhook = {"clientConfig": {"service": service}, "conversionReviewVersions": ["v1"]}
    crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    api.post(CRDS, crd)
    monkeypatch.setenv("KUBECONFIG", str(control_plane.kubeconfig))
    client = Client(credentials.load, manager="simulation")
    await client.open()
    try:
        eventually(lambda: api.exists(f"/apis/{group}/v1alpha1/{plural}"))
        found = await look(client, {crd["metadata"]["name"]: crd})
    finally:
        await client.close()
        api.delete(f"{CRDS}/{crd['metadata']['name']}")
    assert found.secret_owner == told


async def test_a_secret_that_olm_does_not_own_is_left_alone(
    api: Api, namespace: str, webhooks_client: Client
) -> None:
    make_deployment(api, namespace)
    metadata = {"name": SECRET, "namespace": namespace}
    api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    assert not await once(webhooks_client, Owned(namespace, SECRET, WEBHOOK))
    assert owners(api, namespace) == []


async def test_a_secret_that_olm_wrote_anew_without_an_owner_becomes_the_deployments_again(
    api: Api, namespace: str, webhooks_client: Client
) -> None:
    make_deployment(api, namespace)
    metadata = {"name": SECRET, "namespace": namespace, "labels": {"olm.managed": "true"}}
    api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
    assert await once(webhooks_client, Owned(namespace, SECRET, WEBHOOK))
    assert owners(api, namespace) == [("Deployment", WEBHOOK)]


async def test_the_bundles_rights_are_enough_where_owners_are_guarded_as_in_openshift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # "cannot set an ownerRef on a resource you can't delete", it says to others.
    guard = "--enable-admission-plugins=OwnerReferencesPermissionEnforcement"
    plane = ControlPlane(tmp_path / "plane", tied=True, api_server_args=(guard,))
    try:
        plane.start()
        with Api(plane.kubeconfig) as api:
            make_deployment(api, "default")
            labels = {"olm.managed": "true"}
            metadata = {"name": SECRET, "namespace": "default", "labels": labels}
            api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
            kubeconfig = make_kubeconfig(api, "default", plane, tmp_path)
            monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
            client = Client(credentials.load, manager=WEBHOOK)
            await client.open()
            try:
                assert await once(client, Owned("default", SECRET, WEBHOOK))
            finally:
                await client.close()
            assert owners(api, "default") == [("Deployment", WEBHOOK)]
    finally:
        plane.stop()


async def test_another_secret_is_out_of_its_reach(
    api: Api, namespace: str, csv: Any, webhooks_client: Client
) -> None:
    make_deployment(api, namespace)
    make_secret(api, namespace, "other", csv)
    with pytest.raises(Forbidden):
        await once(webhooks_client, Owned(namespace, "other", WEBHOOK))


async def test_an_owner_that_somebody_adds_meanwhile_is_kept(
    api: Api, namespace: str, csv: Any, webhooks_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_deployment(api, namespace)
    make_secret(api, namespace, SECRET, csv)
    merge, conflicts = webhooks_client.merge, 0
    # One that exists: the garbage collector takes references to others away.
    (other,) = owned_by(make_deployment(api, namespace, "other"))

    async def late(*args: Any, **more: Any) -> Any:
        nonlocal conflicts
        if not conflicts:
            body = {"metadata": {"ownerReferences": [*owned_by(csv), other]}}
            api.patch(f"/api/v1/namespaces/{namespace}/secrets/{SECRET}", body)
        try:
            return await merge(*args, **more)
        except Conflict:
            conflicts += 1
            raise

    monkeypatch.setattr(webhooks_client, "merge", late)
    assert await once(webhooks_client, Owned(namespace, SECRET, WEBHOOK))
    assert conflicts == 1
    assert owners(api, namespace) == [("Deployment", "other"), ("Deployment", WEBHOOK)]


@contextmanager
def webhook_process(
    kubeconfig: Path, namespace: str, directory: Path, **environment: str
) -> Iterator[Callable[[], str]]:
    """`helloworld-operator webhook` as OLM runs it; yields what reads its log."""
    ca = pki.make_ca("test", now=datetime.now(UTC))
    pair = pki.make_serving_cert(ca, [], ["127.0.0.1"], now=datetime.now(UTC))
    (directory / "tls.crt").write_bytes(pair.certificate)
    (directory / "tls.key").write_bytes(pair.key)
    port, health_port = ports.free(2)
    argv = [sys.executable, "-c", "from helloworld_operator.cli import main; main()", "webhook"]
    argv += [f"--cert-dir={directory}", f"--port={port}", f"--health-port={health_port}"]
    own = {
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": namespace,
        "WEBHOOK_DEPLOYMENT": WEBHOOK,
        **environment,
    }
    log = directory / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen(argv, stderr=file, env={**os.environ, **own}) as process,
    ):
        try:
            yield log.read_text
        finally:
            process.terminate()
            assert process.wait(120) == 0, log.read_text()


def test_the_webhook_keeps_its_secret_through_an_upgrade_and_gives_it_up_at_the_uninstall(
    api: Api, namespace: str, csv: Any, kubeconfig: Path, tmp_path: Path
) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    csvs = f"{CSVS}/namespaces/{namespace}/clusterserviceversions"
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/{WEBHOOK}"
    make_deployment(api, namespace, owner=csv)
    before = make_secret(api, namespace, SECRET, csv)
    make_secret(api, namespace, "olms-own", csv)

    def belongs_to(csv: str) -> bool:
        # OLM notices what becomes of a Secret by the ClusterServiceVersion among its owners.
        wanted = [("ClusterServiceVersion", csv), ("Deployment", WEBHOOK)]
        return sorted(owners(api, namespace)) == wanted

    with webhook_process(
        kubeconfig, namespace, tmp_path, OPERATOR_CONDITION_NAME="operator.v1"
    ) as log:
        eventually(lambda: belongs_to("operator.v1"))
        # An upgrade: the new ClusterServiceVersion takes the Deployment, the old one is deleted.
        new = make_csv(api, namespace, "operator.v2")
        api.patch(deployment, {"metadata": {"ownerReferences": owned_by(new)}})
        api.delete(f"{csvs}/operator.v1")
        eventually(lambda: not api.exists(f"{path}/olms-own"), timeout=COLLECTED)
        eventually(lambda: belongs_to("operator.v2"))
        after = api.get(f"{path}/{SECRET}")
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert "deletionTimestamp" not in after["metadata"]
        assert "Traceback" not in log()
    api.delete(f"{csvs}/operator.v2")
    eventually(lambda: not api.exists(deployment), timeout=COLLECTED)
    eventually(lambda: not api.exists(f"{path}/{SECRET}"), timeout=COLLECTED)


def test_without_olm_the_webhook_asks_the_api_server_nothing(
    api: Api, namespace: str, csv: Any, kubeconfig: Path, tmp_path: Path
) -> None:
    make_deployment(api, namespace)
    make_secret(api, namespace, SECRET, csv)
    with webhook_process(kubeconfig, namespace, tmp_path) as log:
        eventually(lambda: "Serving conversions" in log())
    assert owners(api, namespace) == [("ClusterServiceVersion", "operator.v1")]


def test_a_webhook_that_may_not_touch_the_secret_says_so_and_serves(
    api: Api, namespace: str, csv: Any, kubeconfig: Path, tmp_path: Path
) -> None:
    api.delete(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/{WEBHOOK}")
    secret = f"/api/v1/namespaces/{namespace}/secrets/{SECRET}"
    with Api(kubeconfig) as webhooks:
        # Until the authorizer has noticed.
        eventually(lambda: webhooks.request("GET", secret).status == 403)
    with webhook_process(
        kubeconfig, namespace, tmp_path, OPERATOR_CONDITION_NAME="operator.v1"
    ) as log:
        eventually(lambda: "through upgrades" in log())
        eventually(lambda: "Serving conversions" in log())
        assert "forbidden" in log()
