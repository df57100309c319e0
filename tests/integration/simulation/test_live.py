"""`kopfkit simulate preflight --live`: the objects of a real API server against CRDs to come."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helloworld_operator.api import HELLOWORLD
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError


@pytest.fixture(scope="module")
def installed(install: Any) -> Any:
    """A CRD that serves v1alpha1 alone, and three objects."""
    found = install(resource=HELLOWORLD, storage="v1alpha1", served=["v1alpha1"])
    for number in range(3):
        found.make("v1alpha1", f"o{number}", spec={"size": number, "message": "hello"}).ok()
    return found


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command sets in its process is taken back here."""
    monkeypatch.setenv("KUBECONFIG", "")


@pytest.fixture
def preflight(control_plane: Any, tmp_path: Path) -> Any:
    """Runs the command with a file of this CRD."""

    def run(crd: Any, *more: str) -> Result:
        path = tmp_path / "crd.yaml"
        path.write_text(yamls.dump(crd), "utf-8")
        arguments = ["simulate", "preflight", str(path), "--live", "--kubeconfig"]
        return CliRunner().invoke(kopfkit, [*arguments, str(control_plane.kubeconfig), *more])

    return run


def changed(installed: Any, change: Any) -> Any:
    crd = copy.deepcopy(installed.crd())
    for each in crd["spec"]["versions"]:
        change(each)
    return crd


def test_objects_of_the_cluster_are_checked_by_the_schema_to_come(
    installed: Any, preflight: Any
) -> None:
    def at_most_one(version: Any) -> None:
        spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
        if version["name"] == "v1alpha1":
            spec["properties"]["size"]["maximum"] = 1

    done = preflight(changed(installed, at_most_one), "--json")
    assert done.exit_code == 3, done.output
    document = json.loads(done.stdout)
    assert document["objects"] == 3
    assert [(each["key"], each["path"], each["who"]) for each in document["findings"]] == [
        ("default/o2", "spec.size", "OLM refuses")
    ]


def test_what_is_there_passes_by_its_own_schema(installed: Any, preflight: Any) -> None:
    done = preflight(installed.crd())
    assert done.exit_code == 0, done.output
    assert "0 errors in 3 objects" in done.stdout


def test_a_version_that_is_stored_may_not_go(installed: Any, preflight: Any) -> None:
    crd = installed.crd()
    crd["spec"]["versions"] = [each for each in crd["spec"]["versions"] if each["name"] == "v1"]
    crd["spec"]["versions"][0].update(served=True, storage=True)
    done = preflight(crd)
    assert done.exit_code == 3
    assert "status.storedVersions names v1alpha1" in done.stdout


def test_a_cluster_that_does_not_answer_is_one_sentence(tmp_path: Path, installed: Any) -> None:
    config = tmp_path / "kubeconfig"
    config.write_text(
        yamls.dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {}}],
            }
        )
    )
    path = tmp_path / "crd.yaml"
    path.write_text(yamls.dump(installed.crd()), "utf-8")
    arguments = ["simulate", "preflight", str(path), "--live", "--kubeconfig", str(config)]
    done = CliRunner().invoke(kopfkit, arguments)
    assert done.exit_code == 1
    assert isinstance(done.exception, KopfkitError)
    assert "127.0.0.1:1" in str(done.exception)
