"""The control plane is a real Kubernetes API: it starts, its controllers act, it survives kills,
and it leaves nothing behind."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kopfkit.controlplane.controlplane import TOOLS, ControlPlane
from kopfkit.errors import KopfkitError
from kopfkit.host import daemon
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually


def deployment(namespace: str, name: str = "web") -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "web:1"}]},
            },
        },
    }


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ControlPlane]:
    """A control plane that a test may hurt."""
    plane = ControlPlane(tmp_path / "plane", tied=True)
    yield plane.start()
    plane.stop()


def test_a_deployment_gets_a_replica_set_and_a_pod(api: Api, namespace: str) -> None:
    api.apply(deployment(namespace))
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    (replica_set,) = eventually(lambda: api.get(path)["items"])
    assert replica_set["metadata"]["ownerReferences"][0]["name"] == "web"
    (pod,) = eventually(lambda: api.get(f"/api/v1/namespaces/{namespace}/pods")["items"])
    assert "nodeName" not in pod["spec"]


def test_children_of_a_deleted_owner_are_collected(api: Api, namespace: str) -> None:
    api.apply(deployment(namespace))
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    eventually(lambda: api.get(path)["items"])
    api.delete(api.path_of(deployment(namespace)))
    eventually(lambda: not api.get(path)["items"])


def test_a_deleted_namespace_goes(api: Api) -> None:
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "short-lived"}})
    api.delete("/api/v1/namespaces/short-lived")
    eventually(lambda: not api.exists("/api/v1/namespaces/short-lived"))


def test_rbac_refuses_whom_no_role_allows(api: Api) -> None:
    with api.acting_as("nobody") as stranger, pytest.raises(ApiError) as refusal:
        stranger.get("/api/v1/namespaces")
    assert refusal.value.status == 403


def test_without_a_client_certificate_nothing_is_served(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    import json

    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {}
    bare = tmp_path / "kubeconfig"
    bare.write_text(json.dumps(config))
    with Api(bare) as anonymous:
        assert anonymous.request("GET", "/api/v1/secrets").status == 403


def test_a_service_account_token_is_accepted(api: Api, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = api.post(path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"})
    headers = {"Authorization": f"Bearer {token['status']['token']}"}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    # The bearer token loses against the client certificate of the same connection, so the
    # certificate has to be left out.
    answer = api.post(
        "/apis/authentication.k8s.io/v1/tokenreviews",
        {**review, "kind": "TokenReview", "spec": {"token": headers["Authorization"][7:]}},
    )
    assert answer["status"]["user"]["username"] == f"system:serviceaccount:{namespace}:default"


def test_the_kubeconfig_is_private(control_plane: ControlPlane) -> None:
    assert control_plane.kubeconfig.stat().st_mode & 0o077 == 0
    assert (control_plane.certificates / "ca.key").stat().st_mode & 0o077 == 0


def test_a_second_start_leaves_what_runs_alone(own: ControlPlane) -> None:
    before = {name: process.pid() for name, process in own.daemons().items()}
    ControlPlane(own.directory, tied=True).start()
    assert {name: process.pid() for name, process in own.daemons().items()} == before


@pytest.mark.parametrize("victim", TOOLS)
def test_a_start_after_a_kill_brings_everything_back(own: ControlPlane, victim: str) -> None:
    url = own.url
    with Api(own.kubeconfig) as api:
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kept"}})
    pid = own.daemons()[victim].pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not own.daemons()[victim].alive())
    assert not own.ready()
    own.start()
    assert own.ready()
    assert own.url == url
    with Api(own.kubeconfig) as api:
        assert api.exists("/api/v1/namespaces/kept")


def test_stop_leaves_neither_process_nor_file(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane", tied=True).start()
    pids = [process.pid() for process in plane.daemons().values()]
    assert all(pids)
    plane.stop()
    assert not any(daemon.started_at(pid) for pid in pids if pid)
    assert not plane.directory.exists()


def test_stop_finds_processes_whose_pid_files_are_lost(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane", tied=True).start()
    pids = [process.pid() for process in plane.daemons().values()]
    for file in (plane.directory / "run").glob("*.pid"):
        file.unlink()
    ControlPlane(tmp_path / "plane").stop()
    assert not any(daemon.started_at(pid) for pid in pids if pid)


def test_a_taken_port_is_named(own: ControlPlane, tmp_path: Path) -> None:
    port = int(own.url.rpartition(":")[2])
    with pytest.raises(KopfkitError, match=rf"port {port} .*in use"):
        ControlPlane(tmp_path / "other", port=port).start()
    assert list(daemon.owned(tmp_path / "other")) == []


def test_a_process_that_dies_at_the_start_shows_its_log(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path / "plane", tied=True, api_server_args=["--no-such-flag"])
    with pytest.raises(KopfkitError, match="unknown flag: --no-such-flag"):
        plane.start()
    assert list(daemon.owned(plane.directory)) == []
