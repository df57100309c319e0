"""The guard as a program of its own: what it changes of a CRD, and what it leaves."""

import base64
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.admission import guard
from kopfkit.host import ports
from kopfkit.testing.waiting import eventually

COMMAND = [sys.executable, "-m", guard.MODULE]
NOW = datetime.now(UTC)


def authority(name: str) -> str:
    return base64.b64encode(pki.make_ca(name, now=NOW).certificate).decode()


FIRST, SECOND = authority("first"), authority("second")


def crd(bundle: str | None = FIRST, strategy: str = "Webhook") -> dict[str, Any]:
    client: dict[str, Any] = {"service": {"name": "a", "namespace": "b"}}
    if bundle:
        client["caBundle"] = bundle
    versions = [
        {"name": "v1alpha1", "served": True, "storage": False},
        {"name": "v1", "served": True, "storage": True},
    ]
    conversion = {"strategy": strategy, "webhook": {"clientConfig": client}}
    status = {"storedVersions": ["v1"]}
    return {"spec": {"conversion": conversion, "versions": versions}, "status": status}


def review(old: Any, new: Any) -> bytes:
    request = {"uid": "u", "name": "things.example.com", "oldObject": old, "object": new}
    return json.dumps({"kind": "AdmissionReview", "request": request}).encode()


async def changed(old: Any, new: Any) -> Any:
    response = json.loads(await guard.review(review(old, new), ""))["response"]
    assert response["allowed"] is True
    return json.loads(base64.b64decode(response["patch"])) if "patch" in response else None


def probe(port: int, path: str) -> int:
    """Status of a probe; 0 while nobody listens."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


async def test_a_conversion_that_trusts_nobody_is_replaced_by_the_one_before() -> None:
    (patch,) = await changed(crd(), crd(None))
    assert patch == {
        "op": "add",
        "path": "/spec/conversion",
        "value": crd()["spec"]["conversion"],
    }


async def test_a_new_authority_is_taken_alone_since_olm_compares_its_hash() -> None:
    assert await changed(crd(FIRST), crd(SECOND)) is None


async def test_at_an_uninstall_every_version_goes_on_being_served() -> None:
    assert await changed(crd(), crd(strategy="None")) is None


async def test_what_is_no_review_is_allowed_and_told(caplog: pytest.LogCaptureFixture) -> None:
    assert json.loads(await guard.review(b"{", ""))["response"]["allowed"] is True
    assert "not JSON" in caplog.text
    caplog.clear()
    reply = await guard.review(b'{"request":{"uid":"u-7"', "the body is cut off")
    assert json.loads(reply)["response"] == {"uid": "u-7", "allowed": True}
    assert "the body is cut off" in caplog.text


def test_the_program_serves_where_olm_mounts_its_certificate_and_ends_when_told(
    tmp_path: Path,
) -> None:
    ca = pki.make_ca("test", now=NOW)
    pair = pki.make_serving_cert(ca, [], ["127.0.0.1"], now=NOW)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    port, health_port = ports.free(2)
    argv = [*COMMAND, "--deployment=a", f"--cert-dir={tmp_path}", f"--port={port}"]
    log = tmp_path / "log"
    with (
        log.open("wb") as file,
        subprocess.Popen([*argv, f"--health-port={health_port}"], stderr=file) as process,
    ):
        try:
            direct = urllib.request.ProxyHandler({})
            context = ssl.create_default_context(cadata=ca.certificate.decode())
            secure = urllib.request.HTTPSHandler(context=context)
            opener = urllib.request.build_opener(direct, secure)
            eventually(lambda: probe(health_port, "/readyz") == 200)
            url = f"https://127.0.0.1:{port}{guard.PATH}"
            with opener.open(url, review(crd(), crd(None)), timeout=30) as response:
                assert b'"patch"' in response.read()
            # Until the Service names it no more, it answers.
            process.send_signal(signal.SIGTERM)
            with opener.open(url, review(crd(), crd(None)), timeout=30) as response:
                assert b'"patch"' in response.read()
            assert process.wait(120) == 0
        finally:
            process.kill()
    told = log.read_text()
    assert "things.example.com keeps its conversion" in told
    assert "Traceback" not in told


def test_ctrl_c_ends_it_while_it_waits_for_a_certificate(tmp_path: Path) -> None:
    port, health_port = ports.free(2)
    argv = [*COMMAND, f"--cert-dir={tmp_path}", f"--port={port}", f"--health-port={health_port}"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: probe(health_port, "/readyz") == 503)
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 0
    assert f"waiting for {tmp_path / 'tls.crt'}" in told
    assert "Traceback" not in told


def test_credentials_that_come_late_are_found_without_a_restart(tmp_path: Path) -> None:
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    port, health_port = ports.free(2)
    argv = [*COMMAND, "--deployment=web", f"--cert-dir={tmp_path}", f"--port={port}"]
    kubeconfig, log = tmp_path / "kubeconfig", tmp_path / "log"
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "OPERATOR_CONDITION_NAME": "op.v1",
        "WEBHOOK_DEPLOYMENT": "web-guard",
        "POD_NAMESPACE": "operators",
    }
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server,
        log.open("wb") as file,
        subprocess.Popen(
            [*argv, f"--health-port={health_port}"], stderr=file, env=environment
        ) as process,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            eventually(lambda: "trying to keep the certificates again" in log.read_text())
            assert "no kubeconfig" in log.read_text()
            config = {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [
                    {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
                ],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
            (tmp_path / "new").write_text(json.dumps(config))
            (tmp_path / "new").rename(kubeconfig)
            for name in ("web", "web-guard"):
                path = f"/api/v1/namespaces/operators/secrets/{name}-service-cert"
                eventually(lambda: [one for one in asked if one.startswith(path)])  # noqa: B023
        finally:
            process.kill()
            server.shutdown()
    assert "Traceback" not in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--port=x"], 2, "invalid int value"),
        (["--no"], 2, "unrecognized arguments"),
        ([], 1, "is already in use"),
    ],
)
def test_wrong_input_is_a_sentence(
    tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        argv = [*COMMAND, f"--cert-dir={tmp_path}", f"--port={taken.getsockname()[1]}", *arguments]
        argv.append("--health-port=0")
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=60, env=os.environ, check=False
        )
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_it_needs_nothing_that_the_controllers_extra_brings() -> None:
    code = (
        "import sys, asyncio, pathlib\n"
        f"import {guard.MODULE}\n"
        "import kopfkit.runtime.api.client, kopfkit.runtime.olm.ownership\n"
        "import kopfkit.runtime.olm.renewal, kopfkit.runtime.telemetry.logs\n"
        "print(sorted({'kopf', 'click', 'yaml', 'kubernetes', 'cryptography'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
