"""The pytest plugin's control plane ends with its session, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kopfkit.host import daemon
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually

WAITING = """
import time
from pathlib import Path

def test_waits(control_plane, api, namespace):
    Path("ready").touch()
    time.sleep(1000)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_ended_pytest_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_waits.py").write_text(WAITING)
    words = [sys.executable, "-m", "pytest", "-q", "--basetemp", str(tmp_path / "base")]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.DEVNULL, env={**os.environ, "CI": ""}
    ) as run:
        eventually((tmp_path / "ready").exists)
        assert len(list(daemon.owned(tmp_path))) == 3
        run.send_signal(number)
    eventually(lambda: not list(daemon.owned(tmp_path)))


def test_warnings_of_the_api_server_are_readable(api: Api, namespace: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": namespace},
        "spec": {
            "containers": [{"name": "x", "image": "x", "env": [{"name": "A"}, {"name": "A"}]}]
        },
    }
    api.create(pod, fieldValidation="Warn", dryRun="All")
    assert any("hides previous definition" in text for text in api.warnings)


def test_each_patch_type_is_understood(api: Api, namespace: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "m", "namespace": namespace},
        "data": {"a": "1"},
    }
    path = api.path_of(body)
    api.apply(body)
    api.patch(path, {"data": {"b": "2"}})
    api.patch(path, [{"op": "add", "path": "/data/c", "value": "3"}], "json")
    api.patch(path, {"data": {"d": "4"}}, "strategic")
    assert api.get(path)["data"] == {"a": "1", "b": "2", "c": "3", "d": "4"}
    with pytest.raises(ApiError, match="conflict") as refusal:
        api.apply({**body, "data": {"a": "9"}}, manager="another")
    assert (refusal.value.status, refusal.value.reason) == (409, "Conflict")
    api.apply({**body, "data": {"a": "9"}}, manager="another", force=True)
    api.delete(path)
    assert not api.exists(path)


def test_a_kind_that_the_server_does_not_know_is_named(api: Api) -> None:
    with pytest.raises(LookupError, match="Nonsense"):
        api.apply({"apiVersion": "v1", "kind": "Nonsense", "metadata": {"name": "x"}})


def test_history_has_every_state_of_one_object_however_short(api: Api, namespace: str) -> None:
    paths = {}
    for name in ("m", "other"):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"n": "0"}}
        made = api.create({**body, "metadata": {"name": name, "namespace": namespace}})
        paths[name] = api.path_of(made)
    since = made["metadata"]["resourceVersion"]
    for number in "123":
        for path in paths.values():
            api.patch(path, {"data": {"n": number}})
    api.delete(paths["m"])
    newest = api.create({**body, "metadata": {"name": "m", "namespace": namespace}})

    states = api.history(paths["m"], since=since)
    assert [state["data"]["n"] for state in states] == ["1", "2", "3", "0"]
    assert states[-1] == newest
    assert api.history(paths["m"], since=newest["metadata"]["resourceVersion"]) == []
    # The connection of a watch that was left serves no other request.
    assert api.get(paths["other"])["data"] == {"n": "3"}


def test_a_history_that_the_server_no_longer_has_is_an_error(
    api: Api, install: Callable[..., Any]
) -> None:
    installed = install()  # the API server knows nothing of a kind from before it had it
    made = installed.make("v1", "m").ok()
    path = installed.path("v1", "m")

    with pytest.raises(ApiError, match="too old resource version") as refusal:
        api.history(path, since="1")
    assert (refusal.value.status, refusal.value.reason) == (410, "Expired")
    installed.put("v1", {**made, "spec": {"replicas": 3}})
    states = api.history(path, since=made["metadata"]["resourceVersion"])
    assert [state["spec"]["replicas"] for state in states] == [3]
    with pytest.raises(ApiError, match="not found"):
        api.history(f"{path}-2", since="1")
