"""The guard of an operator that somebody else wrote, on a real API server: the program with the
rights that `kopfkit guard inject` gives it, and what OLM does at an upgrade, done by hand.

The operator's webhook is the one of the other tests here; a ClusterServiceVersion is a CRD of the
same name, because OLM itself is not here.
"""

import base64
import copy
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import gobundles
from gobundles import CRD_FILE, CSV_FILE, GUARD, WEBHOOK
from kopfkit import pki, yamls
from kopfkit.host import ports
from kopfkit.packaging import guards
from kopfkit.packaging.writer import write as write_outputs
from kopfkit.testing.access import may
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually

from .test_guard import CRDS, GUARDS, write
from .test_ownership import CSV_CRD, CSVS, make_csv, make_deployment, make_secret, owned_by

GROUP = "rbac.authorization.k8s.io"
SECRETS = (f"{WEBHOOK}-service-cert", f"{GUARD}-service-cert")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's bundle with the guard."""
    place = tmp_path_factory.mktemp("bundles") / "bundle"
    for name, text in gobundles.texts(gobundles.bundle()).items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_outputs(
        guards.outputs(guards.inject(place, "example.com/guard:v1").files), overwrite=True
    )
    return place


@pytest.fixture(scope="module")
def spec(bundle: Path) -> dict[str, Any]:
    """spec of its ClusterServiceVersion."""
    found: dict[str, Any] = yamls.read(bundle / CSV_FILE)["spec"]
    return found


@pytest.fixture
def kubeconfig(
    api: Api, namespace: str, spec: dict[str, Any], control_plane: Any, tmp_path: Path
) -> Path:
    """The guard's service account with the bundle's rights, as OLM makes it, and no others."""
    (rules,) = [
        one["rules"]
        for one in spec["install"]["spec"]["permissions"]
        if one["serviceAccountName"] == GUARD
    ]
    metadata = {"name": GUARD, "namespace": namespace}
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    role = {"apiVersion": f"{GROUP}/v1", "kind": "Role", "metadata": metadata}
    api.create({**role, "rules": rules})
    subject = {"kind": "ServiceAccount", "name": GUARD, "namespace": namespace}
    reference = {"apiGroup": GROUP, "kind": "Role", "name": GUARD}
    api.create({**role, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]})
    account = f"{namespace}/{GUARD}"
    for secret in SECRETS:
        which = {"resource": "secrets", "name": secret, "namespace": namespace}
        eventually(lambda: may(api, account, "patch", **which))  # noqa: B023
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{GUARD}/token"
    config = yamls.read(control_plane.kubeconfig)
    user = {"token": api.post(path, {"spec": {}})["status"]["token"]}
    config["users"] = [{"name": config["users"][0]["name"], "user": user}]
    file = tmp_path / "kubeconfig"
    file.write_text(yamls.dump(config))
    return file


@pytest.fixture
def csvs(raw_api: Any, crds_gone: Callable[[str], None]) -> Iterator[None]:
    """The API server knows ClusterServiceVersions."""
    crds_gone(CSV_CRD["spec"]["group"])
    raw_api("POST", CRDS, CSV_CRD).ok()
    yield
    raw_api("DELETE", f"{CRDS}/{CSV_CRD['metadata']['name']}").ok()


class Guard:
    """The program, as OLM v0 runs it."""

    def __init__(self, directory: Path, spec: dict[str, Any]) -> None:
        self.ca = pki.make_ca("guard", now=datetime.now(UTC))
        pair = pki.make_serving_cert(self.ca, ["localhost"], ["127.0.0.1"], now=datetime.now(UTC))
        (directory / "tls.crt").write_bytes(pair.certificate)
        (directory / "tls.key").write_bytes(pair.key)
        self.directory, self.log = directory, directory / "log"
        self.port, self.health = ports.free(2)
        made = spec["install"]["spec"]["deployments"][-1]
        (self.container,) = made["spec"]["template"]["spec"]["containers"]

    @contextmanager
    def running(self, kubeconfig: Path, namespace: str) -> Iterator[None]:
        argv = [sys.executable, *self.container["command"][1:], *self.container["args"]]
        argv += [f"--cert-dir={self.directory}", f"--port={self.port}"]
        own = {one["name"]: one["value"] for one in self.container["env"] if "value" in one}
        own |= {
            "KUBECONFIG": str(kubeconfig),
            "POD_NAMESPACE": namespace,
            "OPERATOR_CONDITION_NAME": "hello-go.v0.1.0",
        }
        with (
            self.log.open("wb") as file,
            subprocess.Popen(
                [*argv, f"--health-port={self.health}"], stderr=file, env={**os.environ, **own}
            ) as process,
        ):
            try:
                yield
            finally:
                process.terminate()
                assert process.wait(120) == 0, self.log.read_text()
        assert "Traceback" not in self.log.read_text()


@pytest.fixture
def program(tmp_path: Path, spec: dict[str, Any]) -> Guard:
    """The guard's program with a certificate."""
    directory = tmp_path / "certificates"
    directory.mkdir()
    return Guard(directory, spec)


def configuration(program: Guard, definition: dict[str, Any]) -> dict[str, Any]:
    """What OLM makes of the bundle's webhook definition, but for the URL."""
    client = {
        "url": f"https://localhost:{program.port}{definition['webhookPath']}",
        "caBundle": base64.b64encode(program.ca.certificate).decode(),
    }
    kept = ("admissionReviewVersions", "failurePolicy", "objectSelector", "rules", "sideEffects")
    hook = {key: definition[key] for key in kept}
    hook |= {"name": definition["generateName"], "clientConfig": client, "timeoutSeconds": 30}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": definition["generateName"]},
        "webhooks": [hook],
    }


def test_the_crd_of_a_bundle_goes_on_converting_when_olm_overwrites_it(
    flippable: Callable[..., Any],
    bundle: Path,
    spec: dict[str, Any],
    program: Guard,
    kubeconfig: Path,
    namespace: str,
) -> None:
    marked = yamls.read(bundle / CRD_FILE)

    def label(crd: Any) -> None:
        crd["metadata"].setdefault("labels", {}).update(marked["metadata"]["labels"])

    hello = flippable(change=label)
    hello.fill(3)
    before = hello.installed.crd()["spec"]["conversion"]
    stripped = copy.deepcopy(marked["spec"]["conversion"])
    hook = configuration(program, spec["webhookdefinitions"][-1])
    api, path = hello.installed.api, f"{GUARDS}/{hook['metadata']['name']}"
    with program.running(kubeconfig, namespace):
        api("POST", GUARDS, hook).ok()
        try:
            hello.eventually(
                lambda: write(hello, stripped, "?dryRun=All"), lambda found: found == before
            )
            for _ in range(3):
                assert write(hello, stripped) == before
                assert len(hello.installed.get("v1", "")["items"]) == 3
            # Its end is taken, and every version stays served.
            assert write(hello, {"strategy": "None"}) == {"strategy": "None"}
            assert all(one["served"] for one in hello.installed.crd()["spec"]["versions"])
        finally:
            api("DELETE", path).ok()
    assert f"{hello.name} keeps its conversion" in program.log.read_text()
    # Without it, what docs/how-to/guard.md begins with.
    nobody = copy.deepcopy(before)
    del nobody["webhook"]["clientConfig"]["caBundle"]
    for conversion, why in (
        (
            nobody,
            "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        ),
        (stripped, 'service "webhook-service" not found'),
    ):
        write(hello, conversion)
        told = hello.eventually(
            lambda: api("GET", hello.installed.path("v1", "hello-0000")),
            lambda answer, why=why: why in answer.message,
        )
        begins = f"conversion webhook for {hello.group}/v1alpha1, Kind=HelloWorld failed: Post "
        assert told.message.startswith(begins)


def test_both_certificates_stay_when_the_old_release_goes_and_go_with_the_deployments(
    api: Api, namespace: str, csvs: None, program: Guard, kubeconfig: Path
) -> None:
    eventually(lambda: api.exists(f"{CSVS}/clusterserviceversions"))
    old = make_csv(api, namespace, "hello-go.v0.1.0")
    for name in (WEBHOOK, GUARD):
        make_deployment(api, namespace, name, owner=old)
    before = {name: make_secret(api, namespace, name, old) for name in SECRETS}
    make_secret(api, namespace, "olms-own", old)
    secrets = f"/api/v1/namespaces/{namespace}/secrets"
    listed = f"{CSVS}/namespaces/{namespace}/clusterserviceversions"

    def owned(csv: str) -> bool:
        for name in SECRETS:
            found = api.get(f"{secrets}/{name}")["metadata"]
            kinds = {(one["kind"], one["name"]) for one in found["ownerReferences"]}
            deployment = name.removesuffix("-service-cert")
            if kinds != {("ClusterServiceVersion", csv), ("Deployment", deployment)}:
                return False
        return True

    with program.running(kubeconfig, namespace):
        eventually(lambda: owned("hello-go.v0.1.0"))
        new = make_csv(api, namespace, "hello-go.v0.2.0")
        for name in (WEBHOOK, GUARD):
            path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
            api.patch(path, {"metadata": {"ownerReferences": owned_by(new)}})
        api.delete(f"{listed}/hello-go.v0.1.0")
        eventually(lambda: not api.exists(f"{secrets}/olms-own"), timeout=120)
        eventually(lambda: owned("hello-go.v0.2.0"))
        for name in SECRETS:
            after = api.get(f"{secrets}/{name}")["metadata"]
            assert after["uid"] == before[name]["metadata"]["uid"]
            assert "deletionTimestamp" not in after
    api.delete(f"{listed}/hello-go.v0.2.0")
    for name in SECRETS:
        eventually(lambda: not api.exists(f"{secrets}/{name}"), timeout=120)  # noqa: B023


def test_a_new_certificate_of_the_guards_own_is_served_before_the_files_have_it(
    api: Api, namespace: str, program: Guard, kubeconfig: Path
) -> None:
    def encoded(data: bytes) -> str:
        return base64.b64encode(data).decode()

    made = pki.make_ca("the next", now=datetime.now(UTC))
    pair = pki.make_serving_cert(made, ["localhost"], ["127.0.0.1"], now=datetime.now(UTC))
    with program.running(kubeconfig, namespace):
        api.create(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": SECRETS[1], "namespace": namespace},
                "data": {
                    "tls.crt": encoded(pair.certificate),
                    "tls.key": encoded(pair.key),
                    "olmCAKey": encoded(made.certificate),
                },
            }
        )

        def served() -> bool:
            try:
                found = ssl.get_server_certificate(("127.0.0.1", program.port), timeout=10)
            except OSError:
                return False
            return found.strip() in pair.certificate.decode()

        eventually(served)


def test_the_rights_reach_no_other_secret_and_nothing_that_has_no_namespace(
    api: Api, namespace: str, kubeconfig: Path
) -> None:
    account = f"{namespace}/{GUARD}"
    for verb in ("get", "patch", "delete"):
        assert not may(api, account, verb, resource="secrets", name="other", namespace=namespace)
    assert not may(api, account, "list", resource="secrets", namespace=namespace)
    crds = {"resource": "customresourcedefinitions", "group": "apiextensions.k8s.io"}
    assert not may(api, account, "get", name="a.b", namespace="", **crds)
