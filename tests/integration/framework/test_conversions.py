"""Two kinds with two versions each, converted by one webhook with one certificate."""

import base64
import signal
import subprocess
from pathlib import Path
from typing import Any

from kopfkit import pki
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .conftest import HARBOUR_GROUP as GROUP
from .conftest import HARBOUR_SYSTEM as SYSTEM
from .conftest import KOPFKIT

CRDS = [
    f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.{GROUP}"
    for plural in ("docks", "cranes")
]
SECRET = f"/api/v1/namespaces/{SYSTEM}/secrets/harbour-operator-webhook-service-cert"


def test_both_kinds_are_converted_for_clients_and_for_their_controllers(
    run_local: Any, api: Api, namespace: str, tmp_path: Path
) -> None:
    running = run_local()

    def path(version: str, plural: str, name: str) -> str:
        return f"/apis/{GROUP}/{version}/namespaces/{namespace}/{plural}/{name}"

    def create(version: str, kind: str, name: str, **spec: Any) -> Any:
        body = {"apiVersion": f"{GROUP}/{version}", "kind": kind, "spec": spec}
        return api.create({**body, "metadata": {"name": name, "namespace": namespace}})

    def data(name: str) -> Any:
        return api.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")["data"]

    def configs() -> list[Any]:
        assert running.poll() is None, (tmp_path / "log").read_text()
        return [api.get(crd)["spec"]["conversion"]["webhook"]["clientConfig"] for crd in CRDS]

    eventually(lambda: all("url" in each for each in configs()))
    one, other = configs()
    assert one == other

    eventually(lambda: create("v1alpha1", "Dock", "dock", length=7))
    eventually(lambda: create("v1beta1", "Crane", "crane", kilograms=3000))
    assert api.get(path("v1", "docks", "dock"))["spec"] == {"metres": 7, "roofed": False}
    assert api.get(path("v1", "cranes", "crane"))["spec"] == {"tons": 3, "dock": ""}
    eventually(lambda: data("dock") == {"metres": "7"})
    eventually(lambda: data("crane") == {"tons": "3"})

    # What an old version has no field for is kept while it is edited.
    api.patch(path("v1", "docks", "dock"), {"spec": {"roofed": True}})
    api.patch(path("v1alpha1", "docks", "dock"), {"spec": {"length": 8}})
    api.patch(path("v1", "cranes", "crane"), {"spec": {"dock": "dock"}})
    api.patch(path("v1beta1", "cranes", "crane"), {"spec": {"kilograms": 5000}})
    assert api.get(path("v1", "docks", "dock"))["spec"] == {"metres": 8, "roofed": True}
    assert api.get(path("v1", "cranes", "crane"))["spec"] == {"tons": 5, "dock": "dock"}
    eventually(lambda: data("dock") == {"metres": "8"})
    eventually(lambda: data("crane") == {"tons": "5"})
    listed = api.get(f"/apis/{GROUP}/v1beta1/namespaces/{namespace}/cranes")["items"]
    assert [each["spec"] for each in listed] == [{"kilograms": 5000}]

    running.send_signal(signal.SIGINT)
    running.wait(120)
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_the_objects_of_every_crd_are_migrated_to_its_storage_version(
    harbour: Path, run_local: Any, api: Api, namespace: str
) -> None:
    def store(crd: str, number: int) -> Any:
        """Have a CRD store its version of this number, as an earlier release did."""
        versions = api.get(crd)["spec"]["versions"]
        for at, each in enumerate(versions):
            each["storage"] = at == number
        api.patch(crd, {"spec": {"versions": versions}})
        return api.get(crd)["status"]["storedVersions"]

    old = {CRDS[0]: ("Dock", "v1alpha1"), CRDS[1]: ("Crane", "v1beta1")}
    for crd, (kind, version) in old.items():
        eventually(lambda crd=crd, version=version: version in store(crd, 1))
        body = {"apiVersion": f"{GROUP}/{version}", "kind": kind}
        body["metadata"] = {"name": "old", "namespace": namespace}
        eventually(lambda body=body: api.create(body))
        eventually(lambda crd=crd: "v1" in store(crd, 0))
    run_local()
    for crd in CRDS:
        eventually(lambda crd=crd: api.get(crd)["status"]["storedVersions"] == ["v1"])


def test_one_certificate_is_trusted_by_every_crd_and_rotated_for_all_at_once(
    harbour: Path, start: Any, api: Api
) -> None:
    process = start("--manage-certificates", project=harbour)

    def bundle(crd: str) -> bytes:
        client = api.get(crd)["spec"]["conversion"]["webhook"]["clientConfig"]
        return base64.b64decode(client.get("caBundle", ""))

    def secret() -> dict[str, bytes]:
        data = api.get(SECRET)["data"]
        return {name: base64.b64decode(text) for name, text in data.items()}

    def trusted() -> bytes:
        """The bundle that all CRDs trust, by which the Secret's certificate is good."""
        found, held = [bundle(crd) for crd in CRDS], secret()
        assert found == [held["ca.crt"]] * len(CRDS)
        authorities = held["ca.crt"].split(b"-----END CERTIFICATE-----\n")[:-1]
        first = authorities[0] + b"-----END CERTIFICATE-----\n"
        assert pki.issued_by(held["tls.crt"], first)
        return found[0]

    before = eventually(trusted)
    client = {"conversion": {"webhook": {"clientConfig": {"caBundle": None}}}}
    api.patch(CRDS[1], {"spec": client})
    eventually(lambda: bundle(CRDS[1]) == before)

    api.delete(SECRET)

    def rotated() -> bytes:
        found = trusted()
        assert found != before
        return found

    assert eventually(rotated).endswith(before)  # pods serve with the old one for a while
    assert process.stop() == 0, process.logs()
    assert process.faults() == []


def test_its_bundle_is_valid_for_everybody(harbour_project: Path) -> None:
    done = subprocess.run(
        [*KOPFKIT, "bundle", "validate", "--strict"],
        cwd=harbour_project,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
