"""operator-sdk's scorecard on the cluster: its six tests pass, for each version of the API alone,
and so do kopfkit's own; and what they should see they see."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helloworld_operator.api import HELLOWORLD
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.host.state import ClusterState
from kopfkit.packaging.checks import CHECKS
from kopfkit.packaging.scorecard import TESTS
from kopfkit.toolchain.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
CSV = "manifests/helloworld-operator.clusterserviceversion.yaml"
SIX = {test for _, test in TESTS}


@pytest.fixture
def scorecard(kind_cluster: ClusterState) -> Callable[..., Result]:
    def run(bundle: Path, *words: str) -> Result:
        arguments = ["scorecard", str(bundle), f"--name={kind_cluster.name}", *words]
        return CliRunner().invoke(kopfkit, arguments)

    return run


def states(done: Result) -> dict[str, str]:
    """Test -> state, of a run's table."""
    rows = [line.split() for line in done.stdout.splitlines()]
    suites = ("basic", "olm", "kopfkit")
    return {row[1]: row[2] for row in rows if len(row) == 3 and row[0] in suites}


def filled(schema: dict[str, Any]) -> Any:
    """A value for every field of a schema: what the tests look for is the names."""
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(one) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema["items"])]
    return {"integer": 1, "number": 1.0, "boolean": True}.get(str(kind), "x")


def only(bundle: Path, version: str, change: Callable[[Any], object] = lambda csv: None) -> None:
    """Leave one example in the bundle: a HelloWorld of one version with all of its fields."""
    crd_file = bundle / f"manifests/{HELLOWORLD.group}_{HELLOWORLD.plural}.yaml"
    crd = yamls.read(crd_file)
    (found,) = [one for one in crd["spec"]["versions"] if one["name"] == version]
    fields = found["schema"]["openAPIV3Schema"]["properties"]
    example = {
        "apiVersion": f"{HELLOWORLD.group}/{version}",
        "kind": HELLOWORLD.kind,
        "metadata": {"name": "all"},
        **{part: filled(fields[part]) for part in ("spec", "status")},
    }
    csv = yamls.read(bundle / CSV)
    csv["metadata"]["annotations"]["alm-examples"] = json.dumps([example])
    change(csv)
    (bundle / CSV).write_text(yamls.dump(csv))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


def test_the_six_tests_and_our_own_pass_for_the_bundle(
    scorecard: Callable[..., Result], kubectl: Kubectl
) -> None:
    done = scorecard(ROOT / "bundle")
    assert done.exit_code == 0, done.output
    assert states(done) == dict.fromkeys([*SIX, *CHECKS], "pass")
    assert f"{len(SIX) + len(CHECKS)} of {len(SIX) + len(CHECKS)} tests pass" in done.stdout
    left = [
        one
        for one in kubectl.list("namespaces")
        if one["metadata"]["name"].startswith("kopfkit-scorecard-")
        and one["status"]["phase"] == "Active"
    ]
    assert left == []


@pytest.mark.parametrize("version", [one.name for one in HELLOWORLD.versions])
def test_six_of_six_for_each_version_alone_with_every_field_of_it(
    scorecard: Callable[..., Result], bundle: Path, version: str
) -> None:
    only(bundle, version)
    done = scorecard(bundle, "--selector=suite in (basic,olm)")
    assert states(done) == dict.fromkeys(SIX, "pass"), done.output
    assert done.exit_code == 0


def test_what_is_missing_in_one_version_fails_and_is_told(
    scorecard: Callable[..., Result], bundle: Path
) -> None:
    def forget(csv: Any) -> None:
        for one in csv["spec"]["customresourcedefinitions"]["owned"]:
            if one["version"] == "v1alpha1":
                one["specDescriptors"].pop()
                one.pop("statusDescriptors")

    only(bundle, "v1alpha1", forget)
    done = scorecard(bundle)
    found = states(done)
    failed = {test for test, state in found.items() if state != "pass"}
    assert failed == {
        "olm-spec-descriptors",
        "olm-status-descriptors",
        "descriptors-of-every-field",
        "examples-of-every-version",
    }, done.output
    assert "size does not have a spec descriptor" in done.stdout
    assert done.exit_code == 1


def test_a_selector_that_selects_nothing_says_so(
    scorecard: Callable[..., Result], bundle: Path
) -> None:
    done = scorecard(bundle, "--selector=suite=nonsense")
    assert done.exit_code == 1
    assert "no test is selected by 'suite=nonsense'" in str(done.exception)
