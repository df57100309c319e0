"""docs/how-to/your-own-operator.md, done as written: another operator comes out of kopfkit."""

import base64
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki, yamls
from kopfkit.host import ports
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "your-own-operator.md"
FILE = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ kopfkit (.*)$", re.MULTILINE)
KOPFKIT = [sys.executable, "-c", "from kopfkit.cli import main; main()"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, and what its commands made of them."""
    place = tmp_path_factory.mktemp("teapots")
    text = PAGE.read_text("utf-8")
    for name, content in FILE.findall(text):
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    commands = COMMAND.findall(text)
    assert len(commands) == 6
    for command in commands:
        kopfkit(place, *shlex.split(command))
    return place


def kopfkit(place: Path, *words: str) -> str:
    done = subprocess.run([*KOPFKIT, *words], cwd=place, capture_output=True, text=True)
    assert done.returncode == 0, f"kopfkit {' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


def manifest(checkout: Path, name: str) -> Any:
    return yamls.read(checkout / "bundle" / "manifests" / name)


def test_the_bundle_has_the_webhook_its_guard_and_its_rights(checkout: Path) -> None:
    csv = manifest(checkout, "teapot-operator.clusterserviceversion.yaml")
    hooks = [each["type"] for each in csv["spec"]["webhookdefinitions"]]
    assert hooks == ["ConversionWebhook", "MutatingAdmissionWebhook"]
    install = csv["spec"]["install"]["spec"]
    granted = {
        (one["serviceAccountName"], resource)
        for one in install["permissions"] + install["clusterPermissions"]
        for rule in one["rules"]
        for resource in rule["resources"]
    }
    assert granted == {
        ("teapot-operator", "teapots"),
        ("teapot-operator", "teapots/status"),
        ("teapot-operator", "events"),
        ("teapot-webhook", "secrets"),
        ("teapot-webhook", "deployments"),
        ("teapot-webhook", "customresourcedefinitions"),
    }
    assert "HelloWorld" not in str(csv)
    assert "helloworld" not in str(csv)


def test_an_upgrade_that_loses_nothing_is_told_so(checkout: Path) -> None:
    assert "verdict: ok" in kopfkit(checkout, "simulate", "upgrade", "0.1.0", "0.2.0")


@pytest.fixture
def webhook(checkout: Path, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """`python -m teapots webhook`; yields the clientConfig that reaches it."""
    ca = pki.make_ca("kitchen", now=datetime.now(UTC))
    pair = pki.make_serving_cert(ca, [], ["127.0.0.1"], now=datetime.now(UTC))
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    (port,) = ports.free(1)
    argv = [sys.executable, "-m", "teapots", "webhook", str(tmp_path), str(port), "0"]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    with subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE) as process:
        yield {
            "url": f"https://127.0.0.1:{port}/convert",
            "caBundle": base64.b64encode(ca.certificate).decode(),
        }
        process.terminate()
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(120) == 0, said


@pytest.fixture
def teapots(
    checkout: Path, webhook: dict[str, Any], api: Api, namespace: str
) -> Iterator[Callable[[str], str]]:
    """The CRD, converted by the webhook; yields what makes the paths of a version's objects."""
    crd = manifest(checkout, "kitchen.example.com_teapots.yaml")
    crd["spec"]["conversion"]["webhook"]["clientConfig"] = webhook
    api.create(crd)
    place = api.path_of(crd)
    teapot = {
        "apiVersion": "kitchen.example.com/v1",
        "kind": "Teapot",
        "metadata": {"name": "mine"},
        "spec": {"content": {"cups": 6, "tea": "Darjeeling"}},
    }

    def paths(version: str) -> str:
        return f"/apis/kitchen.example.com/{version}/namespaces/{namespace}/teapots"

    # The CRD is served, and the webhook is up.
    eventually(lambda: api.post(paths("v1"), teapot))
    yield paths
    api.delete(f"{paths('v1')}/mine")
    api.delete(place)
    eventually(lambda: not api.exists(place))


def test_a_real_api_server_converts_its_objects_and_loses_nothing(
    teapots: Callable[[str], str], api: Api
) -> None:
    old, new = f"{teapots('v1alpha1')}/mine", f"{teapots('v1')}/mine"
    read = api.get(old)
    assert read["spec"] == {"cups": 6}
    read["spec"]["cups"] = 7
    api.put(old, read)
    assert api.get(new)["spec"] == {"content": {"cups": 7, "tea": "Darjeeling"}}
    with pytest.raises(ApiError, match="less than or equal to 20"):
        api.patch(new, {"spec": {"content": {"cups": 21}}})


def test_it_boils_with_the_rights_that_the_bundle_gives_it(
    checkout: Path,
    teapots: Callable[[str], str],
    api: Api,
    namespace: str,
    control_plane: Any,
    tmp_path: Path,
) -> None:
    csv = manifest(checkout, "teapot-operator.clusterserviceversion.yaml")
    install = csv["spec"]["install"]["spec"]
    (given,) = (
        one for one in install["clusterPermissions"] if one["serviceAccountName"] == csv_name(csv)
    )
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    name = f"teapot-{namespace}"
    user = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": name}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
    binding = {"kind": "ClusterRoleBinding", "metadata": {"name": name}}
    objects = [
        {**rbac, "kind": "ClusterRole", "metadata": {"name": name}, "rules": given["rules"]},
        {**rbac, **binding, "roleRef": role, "subjects": [user]},
    ]
    for one in objects:
        api.create(one)
    config = yamls.read(control_plane.kubeconfig)
    config["users"][0]["user"]["as"] = name
    (tmp_path / "kubeconfig").write_text(yamls.dump(config))
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
    }
    argv = [sys.executable, "-m", "teapots", "run", "0"]
    try:
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(argv, env=environment, stdout=log, stderr=log)
        try:
            path = f"{teapots('v1')}/mine"
            eventually(lambda: api.get(path).get("status", {}).get("temperature") == 96)
        finally:
            process.terminate()
            assert process.wait(120) == 0
        said = (tmp_path / "log").read_text()
        assert "orbidden" not in said, said
    finally:
        for one in objects:
            api.delete(api.path_of(one))


def csv_name(csv: Any) -> str:
    """The account of the operator's own Deployment."""
    return str(csv["metadata"]["name"]).partition(".v")[0]
