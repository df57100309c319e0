"""`kopfkit bundle validate` asks everybody who has an opinion, and reports every fault at once."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError

ROOT = Path(__file__).parents[2]
CSV = "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
CRD = "bundle/manifests/test.jiaozi.com_helloworlds.yaml"
SNAPSHOT = "bundle/manifests/test.jiaozi.com_helloworldsnapshots.yaml"


def run(*words: str) -> Result:
    return CliRunner().invoke(kopfkit, ["bundle", "validate", *words])


def edit(path: Path, change: Callable[[Any], object]) -> None:
    data = yamls.read(path)
    change(data)
    path.write_text(yamls.dump(data))


def spoil(csv: Any) -> None:
    csv["spec"].update(maintainers=[{"name": "x", "email": "nobody"}], surprise=1)
    csv["spec"]["webhookdefinitions"][0]["admissionReviewVersions"] = ["v1alpha1"]
    csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["progressDeadlineSeconds"] = -1
    annotations = csv["metadata"]["annotations"]
    annotations["capabilities"] = "Everything"
    examples = json.loads(annotations["alm-examples"])
    examples[0]["spec"]["replicas"] = 1000
    examples[1]["spec"]["sise"] = 1
    annotations["alm-examples"] = json.dumps(examples)


def test_the_committed_bundle_is_valid_for_everybody() -> None:
    done = run("--output=json", str(ROOT / "bundle"))
    told = json.loads(done.stdout)
    assert told["faults"] == []
    assert [who.split(" v")[0] for who in told["asked"]] == [
        "kopfkit's checks",
        "operator-sdk",
        "an API server",
        *told["asked"][3:],
    ]
    assert done.exit_code == 0


def test_every_fault_is_reported_at_once_with_file_and_field(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "bundle", tmp_path / "bundle")
    edit(tmp_path / CSV, spoil)
    edit(tmp_path / SNAPSHOT, lambda crd: crd["spec"]["names"].update(shortNames=["No Name"]))
    done = run("--output=json", str(tmp_path / "bundle"))
    faults = json.loads(done.stdout)["faults"]
    found = {(one["by"], one["file"], one["field"]) for one in faults}
    deployment = "spec.install.spec.deployments[0]"
    assert found >= {
        ("kopfkit", CSV, "spec.webhookdefinitions[0].admissionReviewVersions"),
        ("API server", CSV, "spec.surprise"),
        ("API server", CSV, f"{deployment}.spec.progressDeadlineSeconds"),
        ("API server", CSV, "metadata.annotations.alm-examples[0].spec.replicas"),
        ("API server", CSV, "metadata.annotations.alm-examples[1].spec.sise"),
        ("API server", SNAPSHOT, "spec.names.shortNames[0]"),
    }, found
    said = [one["why"] for one in faults if one["by"] == "operator-sdk"]
    assert any("capabilities" in why.lower() for why in said), said
    assert any("nobody" in why for why in said), said
    assert done.exit_code == 1


def test_a_directory_that_is_no_bundle_says_so(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert isinstance(done.exception, KopfkitError)
    assert "holds no manifests" in str(done.exception)
    assert done.exit_code == 1


@pytest.mark.parametrize("missing", ["metadata/annotations.yaml"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    shutil.copytree(ROOT / "bundle", tmp_path / "bundle")
    (tmp_path / "bundle" / missing).unlink()
    done = run("--no-api-server", str(tmp_path / "bundle"))
    assert f"bundle/{missing}: cannot be read" in str(done.exception)
