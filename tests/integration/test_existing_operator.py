"""docs/how-to/existing-operator.md, done as written: an operator with a CRD of its own moves in."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import movein
from kopfkit import yamls
from kopfkit.host import ports
from kopfkit.local.local import READY
from kopfkit.testing.client import Api, ApiError
from kopfkit.testing.waiting import eventually

KETTLE = {
    "apiVersion": "kitchen.example.com/v1",
    "kind": "Kettle",
    "metadata": {"name": "refused"},
    "spec": {"litres": 2, "tea": [{"name": "Assam", "grams": [8, {"more": {}}]}]},
}

# Several, as what takes a finalizer away too early does so now and then.
NAMES = [f"kettle-{number}" for number in range(12)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files, and what its commands made of them, in the page's order."""
    place = tmp_path_factory.mktemp("kettles")
    # The first time, where it is to fail.
    assert movein.follow(place) == ["kopfkit doctor"]
    return place


def manifest(checkout: Path, name: str) -> Any:
    return yamls.read(checkout / "bundle" / "manifests" / name)


def test_the_bundle_has_the_crd_as_it_was_written(checkout: Path) -> None:
    written = yamls.read(checkout / "kettles" / "crd.yaml")
    found = manifest(checkout, "kitchen.example.com_kettles.yaml")
    assert found["metadata"].pop("labels") == {"app.kubernetes.io/name": "kettle-operator"}
    assert found == written


@pytest.fixture
def kettles(checkout: Path, api: Api, namespace: str) -> Iterator[str]:
    """The path of the kettles of a namespace."""
    crd = manifest(checkout, "kitchen.example.com_kettles.yaml")
    api.create(crd)
    path = f"/apis/kitchen.example.com/v1/namespaces/{namespace}/kettles"
    eventually(lambda: api.get(path))
    yield path
    place = api.path_of(crd)
    api.delete(place)
    eventually(lambda: not api.exists(place))


def test_its_rights_follow_from_the_handlers(checkout: Path) -> None:
    csv = manifest(checkout, "kettle-operator.clusterserviceversion.yaml")
    granted = {
        resource: {*rule["verbs"]}
        for one in csv["spec"]["install"]["spec"]["clusterPermissions"]
        if one["serviceAccountName"] == "kettle-operator"
        for rule in one["rules"]
        for resource in rule["resources"]
    }
    assert granted == {
        "kettles": {"get", "list", "patch", "watch"},
        "kettles/status": {"patch"},
        "events": {"create", "patch"},
    }


def test_handlers_finalizer_and_rule_work_as_run_local_starts_them(
    checkout: Path, kettles: str, api: Api, control_plane: Any, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    port = f"--webhook-port={ports.free(1)[0]}"
    argv = [*movein.KOPFKIT, "run", "local", f"--kubeconfig={control_plane.kubeconfig}", port]
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=checkout, stdout=output, stderr=output)
    try:
        eventually(lambda: _ready(process, log))
        with pytest.raises(ApiError, match="a kettle holds at most 5 litres"):
            api.post(kettles, {**KETTLE, "spec": {"litres": 6}})
        for name in NAMES:
            _come_and_go(api, kettles, name)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0, log.read_text()
    said = log.read_text()
    assert [name for name in NAMES if f"Kettle {name} is poured out." not in said] == []


def _come_and_go(api: Api, kettles: str, name: str) -> None:
    """A kettle is created, handled, and deleted at once."""
    api.post(kettles, {**KETTLE, "metadata": {"name": name}})
    path = f"{kettles}/{name}"
    eventually(lambda: "shows" in api.get(path)["status"])
    found = api.get(path)
    assert found["status"]["shows"] == {"celsius": 100, "litres": 2}
    assert found["spec"] == KETTLE["spec"]
    # kopf adds it before it calls a handler, and nothing but on.delete takes it away.
    assert found["metadata"]["finalizers"]
    api.delete(path)
    eventually(lambda: not api.exists(path))


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> bool:
    text = log.read_text()
    if process.poll() is not None:
        raise RuntimeError(text)
    assert READY in text, text
    return True
