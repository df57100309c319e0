"""Defaults and validation as a real API server asks for them, through both versions of a kind."""

import base64
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kopfkit import pki, yamls
from kopfkit.admission import registration
from kopfkit.host import ports
from kopfkit.host.process import CommandFailed
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain.kubectl import Kubectl

from .conftest import HARBOUR_GROUP as GROUP
from .conftest import HARBOUR_SYSTEM as SYSTEM
from .conftest import OPERATORS, Plane

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
LOCAL = [
    f"{ADMISSION}/{kind}webhookconfigurations/harbour-operator-webhook-{kind}-local"
    for kind in ("mutating", "validating")
]
TOO_HEAVY = "spec.tons: must be 50 at most: use two cranes"


def crane(namespace: str, name: str, version: str = "v1", **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    api = f"{GROUP}/{version}"
    return {"apiVersion": api, "kind": "Crane", "metadata": metadata, "spec": spec}


def path(namespace: str, name: str = "", version: str = "v1") -> str:
    return f"/apis/{GROUP}/{version}/namespaces/{namespace}/cranes/{name}".rstrip("/")


def refused(attempt: Any, *arguments: Any, **more: Any) -> str:
    """What the API server says when it refuses."""
    try:
        attempt(*arguments, **more)
    except ApiError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def test_defaults_are_stored_and_faults_are_told_through_both_versions(
    plane: Plane, harbour: Path, run_local: Any, api: Api, namespace: str, tmp_path: Path
) -> None:
    kubectl = Kubectl.at(plane.control.kubeconfig)
    # Stored before anybody validates.
    eventually(lambda: api.create(crane(namespace, "heavy", tons=60)))
    running = run_local()

    def asked() -> bool:
        assert running.poll() is None, (tmp_path / "log").read_text()
        for each in LOCAL:
            api.get(each)
        # The API server takes a moment to know of a new webhook.
        assert TOO_HEAVY in refused(api.create, crane(namespace, "x", tons=51), dryRun="All")
        made = api.create(crane(namespace, "x", tons=20), dryRun="All")
        assert made["spec"] == {"tons": 20, "dock": "main"}
        return True

    eventually(asked)
    assert not api.exists(path(namespace, "x"))

    api.create(crane(namespace, "new", tons=20))
    assert api.get(path(namespace, "new"))["spec"] == {"tons": 20, "dock": "main"}
    eventually(lambda: api.create(crane(namespace, "old", "v1beta1", kilograms=12000)))
    assert api.get(path(namespace, "old"))["spec"] == {"tons": 12, "dock": "main"}

    said = refused(api.create, crane(namespace, "x", "v1beta1", kilograms=99000))
    assert TOO_HEAVY in said
    body = json.dumps(crane(namespace, "x", tons=99, dock="closed"))
    with pytest.raises(CommandFailed) as caught:
        kubectl.run("apply", "--filename=-", input=body)
    assert 'The Crane "x" is invalid:' in caught.value.output
    assert f"* {TOO_HEAVY}" in caught.value.output
    assert "* spec.dock: is closed: name another" in caught.value.output
    said = refused(api.patch, path(namespace, "new"), {"spec": {"tons": 19}})
    assert "must not shrink: it is 20" in said

    # What was bad before can be edited, but for the field that is bad.
    api.warnings.clear()
    api.patch(path(namespace, "heavy"), {"spec": {"dock": "main"}})
    assert TOO_HEAVY in " ".join(map(str, api.warnings))
    assert TOO_HEAVY in refused(api.patch, path(namespace, "heavy"), {"spec": {"tons": 61}})

    said = refused(api.create, crane(namespace, "x", dock="cursed"))
    assert "cannot validate this Crane: the operator's function failed (RuntimeError)" in said
    assert "Traceback" not in said
    assert "mistake" not in said

    # With its process, the registration goes: nobody is refused for want of an answer.
    running.send_signal(signal.SIGINT)
    running.wait(120)
    assert not [each for each in LOCAL if api.exists(each)]
    eventually(lambda: api.create(crane(namespace, "x", tons=70)))


def test_where_nobody_answers_the_failure_policy_decides(
    harbour: Path, harbour_project: Path, api: Api, namespace: str
) -> None:
    registered = [*yamls.read_all(harbour_project / "config" / "webhook" / "admission.yaml")]
    created = eventually(lambda: api.create(crane(namespace, "first", tons=1)))
    assert created
    try:
        for policy in ("Fail", "Ignore"):
            for each in registered:
                for hook in each["webhooks"]:
                    hook["failurePolicy"], hook["timeoutSeconds"] = policy, 1
                api.apply(each)

            def attempt(policy: str = policy) -> bool:
                body = {"metadata": {"labels": {"tried": policy}}}
                if policy == "Ignore":
                    api.patch(path(namespace, "first"), body)
                else:
                    said = refused(api.patch, path(namespace, "first"), body)
                    assert "failed calling webhook" in said
                return True

            eventually(attempt)
            # What is being deleted can go in any case.
            if policy == "Fail":
                api.delete(path(namespace, "first"))
                eventually(lambda: not api.exists(path(namespace, "first")))
                for each in registered:
                    api.delete(api.path_of(each))
                eventually(lambda: api.create(crane(namespace, "first", tons=1)))
    finally:
        for each in registered:
            if api.exists(api.path_of(each)):
                api.delete(api.path_of(each))


def test_the_controller_has_the_webhooks_trust_its_certificate(
    harbour: Path, harbour_project: Path, start: Any, api: Api
) -> None:
    registered = [*yamls.read_all(harbour_project / "config" / "webhook" / "admission.yaml")]
    for each in registered:
        api.apply(each)
    try:
        process = start("--manage-certificates", project=harbour)
        secret = f"/api/v1/namespaces/{SYSTEM}/secrets/harbour-operator-webhook-service-cert"

        def trusted() -> bool:
            authority = api.get(secret)["data"]["ca.crt"]
            assert base64.b64decode(authority)
            for each in registered:
                (hook,) = api.get(api.path_of(each))["webhooks"]
                assert hook["clientConfig"]["caBundle"] == authority
            return True

        eventually(trusted)
        # What is applied again keeps it, and what was taken away comes back.
        for each in registered:
            api.apply(each)
        trusted()
        (first, _) = registered
        change = [{"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"}]
        api.patch(api.path_of(first), change, "json")
        eventually(trusted)
        assert process.stop() == 0, process.logs()
        assert process.faults() == []
    finally:
        for each in registered:
            api.delete(api.path_of(each))


def test_kopfs_own_handlers_are_asked_too(
    plane: Plane, api: Api, namespace: str, tmp_path: Path
) -> None:
    (admission,) = plane.install("jars").OPERATOR.admission
    now = datetime.now(UTC)
    ca = pki.make_ca("test", now=now)
    pair = pki.make_serving_cert(ca, [], ["127.0.0.1"], now=now)
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    port, health = ports.free(2)
    flags = [f"--cert-dir={tmp_path}", f"--port={port}", f"--health-port={health}"]
    bundle = base64.b64encode(ca.certificate).decode()
    registered = registration.configurations(
        "jars-webhook",
        admission.hooks,
        lambda hook: {"url": f"https://127.0.0.1:{port}{hook.path}", "caBundle": bundle},
    )
    jar = {"apiVersion": "tests.example.com/v1", "kind": "Jar", "spec": {"content": "nails"}}
    body = {**jar, "metadata": {"name": "x", "namespace": namespace}}
    argv = [sys.executable, str(OPERATORS / "jars.py"), "webhook", *flags]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(argv, stderr=log) as process:
        try:
            for each in registered:
                api.apply(each)

            def asked() -> bool:
                assert process.poll() is None, (tmp_path / "log").read_text()
                assert "a jar holds no nails" in refused(api.create, body, dryRun="All")
                return True

            eventually(asked)
            assert api.create({**body, "spec": {"content": "jam"}})
        finally:
            for each in registered:
                api.delete(api.path_of(each))
            process.terminate()
