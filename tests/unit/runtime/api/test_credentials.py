"""Where the API server is found."""

import base64
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.runtime.api import credentials


def write(path: Path, user: dict[str, Any], cluster: dict[str, Any] | None = None) -> None:
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "mine"}}],
        "clusters": [{"name": "k", "cluster": {"server": "https://h:1/", **(cluster or {})}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(yamls.dump(config))


def put(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return path


async def test_a_token_and_the_contexts_namespace_are_read(kubeconfig: Path) -> None:
    write(kubeconfig, {"token": "t"})
    found = await credentials.load()

    assert (found.server, found.namespace) == ("https://h:1", "mine")
    assert found.authorization == "Bearer t"


async def test_files_are_found_beside_the_kubeconfig(kubeconfig: Path) -> None:
    (kubeconfig.parent / "token").write_text("from-file\n")
    (kubeconfig.parent / "ca.pem").write_text("PEM")
    write(kubeconfig, {"tokenFile": "token"}, {"certificate-authority": "ca.pem"})
    found = await credentials.load()

    assert (found.authorization, found.ca) == ("Bearer from-file", "PEM")


async def test_inline_certificates_and_passwords_are_read(kubeconfig: Path) -> None:
    data = base64.b64encode(b"PEM").decode()
    user = {"client-certificate-data": data, "client-key-data": data}
    write(kubeconfig, {**user, "username": "me", "password": "pw"})
    found = await credentials.load()

    assert (found.certificate, found.key) == ("PEM", "PEM")
    assert found.authorization == "Basic " + base64.b64encode(b"me:pw").decode()
    assert "PEM" not in repr(found)


async def test_an_exec_plugin_is_run(kubeconfig: Path) -> None:
    credential = '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
    credential += '"status":{"token":"from-plugin"}}'
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "echo",
        "args": [credential],
        "interactiveMode": "Never",
    }
    write(kubeconfig, {"exec": plugin})
    found = await credentials.load()

    assert found.authorization == "Bearer from-plugin"


@pytest.mark.parametrize(
    ("cluster", "user", "said"),
    [
        ({"tls-server-name": "other"}, {"token": "t"}, r"tls-server-name \(other\)"),
        ({}, {"token": "t", "as": "admin"}, r"impersonates \(as\)"),
        ({}, {"token": "t", "as": "a", "as-groups": ["g"]}, r"impersonates \(as, as-groups\)"),
        ({}, {"exec": {"command": "false"}, "as-uid": "1"}, r"impersonates \(as-uid\)"),
        ({}, {"token": "t", "as-user-extra": {"k": ["v"]}}, r"impersonates \(as-user-extra\)"),
    ],
)
async def test_what_would_be_left_out_of_requests_is_refused(
    kubeconfig: Path, cluster: dict[str, Any], user: dict[str, Any], said: str
) -> None:
    write(kubeconfig, user, cluster)
    with pytest.raises(KopfkitError, match=said):
        await credentials.load()


@pytest.mark.parametrize("text", ["", "[1", "current-context: nothing\n", "users: 3\n"])
async def test_a_broken_kubeconfig_is_named(kubeconfig: Path, text: str) -> None:
    put(kubeconfig, text)
    with pytest.raises(KopfkitError, match=str(kubeconfig)):
        await credentials.load()


async def test_nothing_anywhere_says_what_to_do(kubeconfig: Path) -> None:
    with pytest.raises(KopfkitError, match="set KUBECONFIG"):
        await credentials.load()


async def test_in_a_pod_the_service_account_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("token", "pod-token\n"), ("ca.crt", "PEM"), ("namespace", "ns")):
        put(tmp_path / name, text)
    monkeypatch.setattr(credentials, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    found = await credentials.load()

    assert (found.server, found.namespace) == ("https://[fd00::1]:6443", "ns")
    assert found.authorization == "Bearer pod-token"
