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
from kopfkit.cluster import dryrun
from kopfkit.host.progress import Progress

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
    done = run("--strict", "--output=json", str(ROOT / "bundle"))
    told = json.loads(done.stdout)
    assert told["findings"] == []
    assert told["notes"] == []
    assert [who.split(" v")[0] for who in told["asked"]] == [
        "kopfkit's checks",
        "operator-sdk",
        "an API server",
        *told["asked"][3:],
    ]
    assert done.exit_code == 0


def add(path: Path, **document: Any) -> None:
    document.setdefault("metadata", {"name": path.stem})
    path.write_text(yamls.dump(document))


def test_every_finding_is_reported_at_once_with_file_and_field(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "bundle", tmp_path / "bundle")
    edit(tmp_path / CSV, spoil)
    edit(tmp_path / SNAPSHOT, lambda crd: crd["spec"]["names"].update(shortNames=["No Name"]))
    manifests = tmp_path / "bundle" / "manifests"
    monitoring = {"apiVersion": "monitoring.coreos.com/v1", "spec": {"endpoints": 1}}
    add(manifests / "monitor.yaml", kind="ServiceMonitor", **monitoring)
    add(manifests / "rule.yaml", kind="PrometheusRule", **monitoring)
    names = {"kind": "ServiceMonitor", "plural": "servicemonitors"}
    endpoints = {
        "type": "object",
        "properties": {"endpoints": {"type": "array", "items": {"type": "object"}}},
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": endpoints}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    add(
        tmp_path / "crds.yaml",
        apiVersion="apiextensions.k8s.io/v1",
        kind="CustomResourceDefinition",
        metadata={
            "name": "servicemonitors.monitoring.coreos.com",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a test"},
        },
        spec={
            "group": "monitoring.coreos.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    )
    crds = f"--crds={tmp_path / 'crds.yaml'}"
    done = run("--strict", crds, "--output=json", str(tmp_path / "bundle"))
    told = json.loads(done.stdout)
    faults = told["findings"]
    found = {(one["by"], one["severity"], one["file"], one["field"]) for one in faults}
    deployment = "spec.install.spec.deployments[0]"
    assert found >= {
        ("kopfkit", "error", CSV, "spec.webhookdefinitions[0].admissionReviewVersions"),
        ("API server", "warning", CSV, "spec.surprise"),
        ("API server", "error", CSV, f"{deployment}.spec.progressDeadlineSeconds"),
        # Nobody creates an example, so what is wrong with one refuses no bundle.
        ("API server", "warning", CSV, "metadata.annotations.alm-examples[0].spec.replicas"),
        ("API server", "warning", CSV, "metadata.annotations.alm-examples[1].spec.sise"),
        ("API server", "error", SNAPSHOT, "spec.names.shortNames[0]"),
        ("API server", "error", "bundle/manifests/monitor.yaml", "spec.endpoints"),
    }, found
    said = [one["why"] for one in faults if one["by"] == "operator-sdk"]
    assert any("capabilities" in why.lower() for why in said), said
    assert any("nobody" in why for why in said), said
    assert [note.partition(" was")[0] for note in told["notes"]] == [
        "monitoring.coreos.com/v1 PrometheusRule"
    ]
    assert done.exit_code == 1
    # The same findings again, all of them known.
    (tmp_path / "known.json").write_text(done.stdout)
    known = f"--baseline={tmp_path / 'known.json'}"
    done = run("--strict", crds, known, str(tmp_path / "bundle"))
    assert done.exit_code == 0
    assert f"bundle: valid, {len(faults)} in the baseline (" in done.stdout


def test_a_list_of_400_objects_is_asked_about_one_after_the_other() -> None:
    roles = [
        ("roles.yaml", f"[{number}]", role(number, ["pods"] if number % 100 else 3))
        for number in range(400)
    ]
    answers = dryrun.ask(roles, Progress())
    assert [(one.field.partition("]")[0], one.refused) for one in answers.refusals] == [
        (f"[{number}", True) for number in (0, 100, 200, 300)
    ]
    assert answers.skipped == []


def role(number: int, resources: Any) -> dict[str, Any]:
    rule = {"apiGroups": [""], "resources": resources, "verbs": ["get"]}
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    return {**kind, "metadata": {"name": f"r{number}"}, "rules": [rule]}


def test_a_directory_that_is_no_bundle_says_so(tmp_path: Path) -> None:
    done = run(str(tmp_path))
    assert "error: manifests: holds no manifests [kopfkit: no-manifests]" in done.stdout.replace(
        f"{tmp_path.name}/", ""
    )
    assert done.exit_code == 1


@pytest.mark.parametrize("missing", ["metadata/annotations.yaml"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    shutil.copytree(ROOT / "bundle", tmp_path / "bundle")
    (tmp_path / "bundle" / missing).unlink()
    done = run("--no-api-server", str(tmp_path / "bundle"))
    assert f"error: bundle/{missing}: cannot be read" in done.stdout
