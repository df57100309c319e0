"""`helloworld-operator webhook` as the process that runs in the cluster."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki
from kopfkit.host import ports

COMMAND = [sys.executable, "-c", "from helloworld_operator.cli import main; main()", "webhook"]
REVIEW = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "ConversionReview",
    "request": {
        "uid": "u-1",
        "desiredAPIVersion": "test.jiaozi.com/v1",
        "objects": [
            {
                "apiVersion": "test.jiaozi.com/v1alpha1",
                "kind": "HelloWorld",
                "metadata": {"name": "a", "namespace": "b"},
                "spec": {"size": 2, "message": "Hi"},
            }
        ],
    },
}


@dataclass(frozen=True)
class Process:
    """A running webhook process."""

    popen: subprocess.Popen[bytes]
    cert_dir: Path
    port: int
    health_port: int
    log: Path

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of a probe; 0 while nobody listens."""
        try:
            url = f"http://127.0.0.1:{self.health_port}{path}"
            with opener().open(url, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""


def opener(context: ssl.SSLContext | None = None) -> urllib.request.OpenerDirector:
    """Opens URLs of this machine, past any proxy."""
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Process]:
    port, health_port = ports.free(2)
    cert_dir, log = tmp_path / "certificates", tmp_path / "log"
    cert_dir.mkdir()
    flags = [f"--cert-dir={cert_dir}", f"--port={port}", f"--health-port={health_port}"]
    with log.open("wb") as file, subprocess.Popen([*COMMAND, *flags], stderr=file) as popen:
        yield Process(popen, cert_dir, port, health_port, log)
        popen.kill()


def test_it_waits_for_its_certificate_converts_and_ends_when_told(
    webhook: Process, eventually: Any
) -> None:
    status, text = eventually(lambda: webhook.probe("/readyz"), lambda found: found[0] == 503)
    assert (status, str(webhook.cert_dir / "tls.crt") in text) == (503, True)
    assert webhook.probe("/healthz")[0] == 200
    assert str(webhook.cert_dir / "tls.crt") in webhook.log.read_text()

    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(ca, [], ["127.0.0.1"], now=now)
    (webhook.cert_dir / "tls.crt").write_bytes(pair.certificate)
    (webhook.cert_dir / "tls.key").write_bytes(pair.key)
    eventually(lambda: webhook.probe("/readyz"), lambda found: found[0] == 200)

    context = ssl.create_default_context(cadata=ca.certificate.decode())
    url = f"https://127.0.0.1:{webhook.port}/convert"
    with opener(context).open(url, json.dumps(REVIEW).encode(), timeout=30) as response:
        reply = json.loads(response.read())["response"]
    assert reply["result"] == {"status": "Success"}
    assert reply["convertedObjects"][0]["spec"] == {"replicas": 2, "greeting": {"message": "Hi"}}

    webhook.popen.send_signal(signal.SIGTERM)
    assert webhook.popen.wait(120) == 0
    assert "Traceback" not in webhook.log.read_text()


def test_a_port_in_use_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        sock.listen()
        port = sock.getsockname()[1]
        ended = subprocess.run(
            [*COMMAND, f"--cert-dir={tmp_path}", f"--port={port}", "--health-port=0"],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ,
        )
    assert ended.returncode == 1
    assert f"error: port {port}: is already in use" in ended.stderr
    assert "--port" in ended.stderr
    assert "Traceback" not in ended.stderr
