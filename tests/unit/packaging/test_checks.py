"""Each check of a bundle finds its faults, and says in which file and field they are."""

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.olm import scorecardimages
from kopfkit.packaging import checks
from kopfkit.packaging.checks import __main__ as scorecard

CSV = "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
CRD = "bundle/manifests/test.jiaozi.com_helloworlds.yaml"
ANNOTATIONS = "bundle/metadata/annotations.yaml"
PREFIX = "operators.operatorframework.io.bundle."
Change = Callable[[Any], object]


@pytest.fixture
def bundle(tmp_path: Path, frozen_checkout: Path) -> Path:
    shutil.copytree(frozen_checkout / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


def edit(path: Path, change: Change) -> None:
    data = yamls.read(path)
    change(data)
    path.write_text(yamls.dump(data))


def examples(change: Change) -> Change:
    def apply(csv: Any) -> None:
        found = json.loads(csv["metadata"]["annotations"]["alm-examples"])
        change(found)
        csv["metadata"]["annotations"]["alm-examples"] = json.dumps(found)

    return apply


def owned(csv: Any) -> Any:
    return csv["spec"]["customresourcedefinitions"]["owned"]


DEPLOYMENT = "spec.install.spec.deployments[0].spec.template.spec"
FAULTS: list[tuple[str, Change, str, str]] = [
    (
        CSV,
        examples(lambda found: found.pop(1)),
        "metadata.annotations.alm-examples",
        "has no HelloWorld of test.jiaozi.com/v1alpha1",
    ),
    (
        CSV,
        examples(lambda found: found[0].update(kind="Goodbye")),
        "metadata.annotations.alm-examples[0]",
        "no CRD of the bundle serves",
    ),
    (
        CSV,
        examples(lambda found: found[3].pop("spec")),
        "metadata.annotations.alm-examples[3].spec",
        "is missing",
    ),
    (
        CSV,
        lambda csv: csv["metadata"]["annotations"].update({"alm-examples": "[{"}),
        "metadata.annotations.alm-examples",
        "is not JSON",
    ),
    (
        CSV,
        lambda csv: owned(csv).pop(1),
        "spec.customresourcedefinitions.owned",
        "does not describe v1alpha1 of helloworlds.test.jiaozi.com",
    ),
    (
        CSV,
        lambda csv: owned(csv)[1].update(version="v9"),
        "spec.customresourcedefinitions.owned[1]",
        "describes v9 of helloworlds.test.jiaozi.com",
    ),
    (
        CSV,
        lambda csv: owned(csv)[1]["specDescriptors"].pop(),
        "spec.customresourcedefinitions.owned[1].specDescriptors",
        "has none for spec.size of v1alpha1",
    ),
    (
        CSV,
        lambda csv: owned(csv)[0]["specDescriptors"][3].update(path="greeting.tone"),
        "spec.customresourcedefinitions.owned[0].specDescriptors[3].path",
        "'greeting.tone' is not a field of v1",
    ),
    (
        CSV,
        lambda csv: owned(csv)[2].pop("resources"),
        "spec.customresourcedefinitions.owned[2].resources",
        "is empty",
    ),
    (
        CSV,
        lambda csv: csv["spec"].update(relatedImages=[]),
        f"{DEPLOYMENT}.containers[0].image",
        "is not in spec.relatedImages",
    ),
    (
        CSV,
        lambda csv: csv["spec"]["install"]["spec"]["permissions"][0].update(
            serviceAccountName="nobody"
        ),
        "spec.install.spec.permissions[0].serviceAccountName",
        "'nobody' is used by no Deployment",
    ),
    (
        CSV,
        lambda csv: csv["spec"]["webhookdefinitions"][1].update(deploymentName="gone"),
        "spec.webhookdefinitions[1].deploymentName",
        "'gone' is none of the CSV's Deployments",
    ),
    (
        CSV,
        lambda csv: csv["spec"]["webhookdefinitions"][0]["admissionReviewVersions"].insert(
            0, "v1beta1"
        ),
        "spec.webhookdefinitions[0].admissionReviewVersions",
        'admissionReviewVersions is not ["v1"]',
    ),
    (CSV, lambda csv: csv["spec"].update(version="9.9.9"), "metadata.name", "does not end with"),
    (
        CSV,
        lambda csv: csv["spec"].update(replaces=csv["metadata"]["name"]),
        "spec.replaces",
        "names the release itself",
    ),
    (
        CRD,
        lambda crd: crd["spec"].pop("conversion"),
        "spec.conversion.strategy",
        "None loses fields between its versions",
    ),
    (CRD, lambda crd: crd["metadata"].pop("name"), "metadata.name", "is missing"),
    (
        ANNOTATIONS,
        lambda data: data["annotations"].pop(f"{PREFIX}channels.v1"),
        f"annotations[{PREFIX}channels.v1]",
        "is missing",
    ),
    (
        ANNOTATIONS,
        lambda data: data["annotations"].update({f"{PREFIX}mediatype.v1": "helm"}),
        f"annotations[{PREFIX}mediatype.v1]",
        "not 'registry+v1'",
    ),
]


@pytest.mark.parametrize(("file", "change", "field", "why"), FAULTS)
def test_a_fault_is_found_with_its_file_and_field(
    bundle: Path, file: str, change: Change, field: str, why: str
) -> None:
    edit(bundle.parent / file, change)
    found = checks.check(bundle)
    assert any((one.file, one.field) == (file, field) and why in one.why for one in found), found


def test_every_fault_is_found_at_once(bundle: Path) -> None:
    (bundle / "manifests/test.jiaozi.com_helloworldsnapshots.yaml").write_text("a: [")
    edit(bundle.parent / CRD, lambda crd: crd["spec"].pop("conversion"))
    edit(bundle.parent / CSV, lambda csv: csv["spec"].update(relatedImages=[], version="1.0.0"))
    files = {one.file for one in checks.check(bundle)}
    assert files == {CSV, CRD, "bundle/manifests/test.jiaozi.com_helloworldsnapshots.yaml"}


def test_json_manifests_and_bare_times_are_read_as_olm_reads_them(bundle: Path) -> None:
    csv = bundle.parent / CSV
    csv.write_text(re.sub("createdAt: .*", "createdAt: 2026-08-21 00:19:00", csv.read_text()))
    crd = bundle.parent / CRD
    crd.with_suffix(".json").write_text(json.dumps(yamls.read(crd)))
    crd.unlink()
    found, findings = checks.load(bundle)
    assert findings == []
    assert found is not None
    assert found.csv["metadata"]["annotations"]["createdAt"] == "2026-08-21 00:19:00"
    assert crd.with_suffix(".json").name in {Path(file).name for file, _ in found.crds.values()}


def test_a_repeated_key_is_a_finding_with_its_line(bundle: Path) -> None:
    (bundle.parent / CRD).write_text("kind: A\nkind: B\n")
    whys = {one.why for one in checks.check(bundle) if one.file == CRD}
    assert "the key 'kind' is there twice (first in line 1) (line 2)" in whys


def test_the_dockerfile_of_another_bundle_is_seen(bundle: Path) -> None:
    dockerfile = bundle.parent / "bundle.Dockerfile"
    dockerfile.write_text(f"FROM scratch\nLABEL {PREFIX}package.v1=other\n")
    found = checks.check(bundle, dockerfile=dockerfile)
    assert any(one.field == f"{PREFIX}package.v1" and "do not agree" in one.why for one in found), (
        found
    )


def test_a_check_tells_the_scorecard_what_it_found(bundle: Path) -> None:
    assert {scorecard.result(name, bundle)["state"] for name in checks.CHECKS} == {"pass"}
    edit(bundle.parent / CSV, lambda csv: csv["spec"].update(relatedImages=[]))
    told = scorecard.result("images-are-listed", bundle)
    assert told["state"] == "fail"
    assert any("is not in spec.relatedImages" in error for error in told["errors"])
    assert scorecard.result("nonsense", bundle)["state"] == "error"


def test_the_checks_run_with_what_the_scorecards_image_has(tmp_path: Path, bundle: Path) -> None:
    for path, text in scorecardimages.check_sources().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, "utf-8")
    code = (
        "import pathlib, sys, kopfkit.packaging.checks.__main__\n"
        "print(kopfkit.packaging.checks.check(pathlib.Path(sys.argv[1])))"
    )
    # -S: no site-packages, as in the image.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, bundle],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "[]\n"


def hook(csv: Any, number: int) -> Any:
    return csv["spec"]["webhookdefinitions"][number]


def group(name: str, resources: list[str]) -> Change:
    return lambda csv: hook(csv, 1)["rules"][0].update(apiGroups=[name], resources=resources)


def legacy(crd: Any) -> None:
    """The CRD as apiextensions.k8s.io/v1beta1 has it, with one version and one schema."""
    crd["apiVersion"] = "apiextensions.k8s.io/v1beta1"
    spec = crd["spec"]
    spec.update(version="v1", validation=spec.pop("versions")[0]["schema"])


ACCOUNT = "helloworld-operator"
# What OLM, opm or the API server refuse, and the severity of the rule.
REFUSED: list[tuple[str, Change, str, str]] = [
    (CSV, lambda csv: hook(csv, 1).update(generateName="g" * 64), "webhook-name-label", "error"),
    (CSV, lambda csv: hook(csv, 1).update(generateName="-g"), "webhook-name-label", "error"),
    (CSV, lambda csv: hook(csv, 1).update(generateName="g.io"), "webhook-name-domain", "error"),
    (CSV, lambda csv: hook(csv, 1).update(generateName="G.b.io"), "webhook-name-domain", "error"),
    (CSV, lambda csv: hook(csv, 1).update(sideEffects="Some"), "webhook-side-effects", "error"),
    (CSV, lambda csv: hook(csv, 1).pop("sideEffects"), "webhook-side-effects", "error"),
    (CSV, group("*", ["pods"]), "webhook-rules", "error"),
    (CSV, group("operators.coreos.com", ["subscriptions"]), "webhook-rules", "error"),
    (CSV, group("admissionregistration.k8s.io", ["*"]), "webhook-rules", "error"),
    (
        CSV,
        lambda csv: hook(csv, 0).update(admissionReviewVersions=["v1alpha1"]),
        "review-versions",
        "error",
    ),
    (
        CSV,
        lambda csv: hook(csv, 0).update(admissionReviewVersions=["v1alpha1", "v1beta1"]),
        "review-versions-v1",
        "house rule",
    ),
    (CSV, lambda csv: hook(csv, 0).update(conversionCRDs=[]), "conversion-crds", "error"),
    (CSV, lambda csv: hook(csv, 0).update(conversionCRDs=["a.b.c"]), "conversion-crds", "error"),
    (
        CSV,
        lambda csv: csv["spec"]["installModes"][0].update(supported=True),
        "conversion-modes",
        "error",
    ),
    (CSV, lambda csv: hook(csv, 0).pop("deploymentName"), "webhook-deployment", "error"),
    (CSV, lambda csv: csv["spec"].update(version="1.2"), "csv-version", "error"),
    (CSV, lambda csv: csv["spec"].update(version=1.2), "wrong-type", "error"),
    (
        CRD,
        lambda crd: crd["spec"].update(preserveUnknownFields=True),
        "conversion-preserves",
        "error",
    ),
    (CRD, legacy, "crd-v1beta1", "error"),
    (CRD, lambda crd: crd.update(kind="Deployment"), "unsupported-kind", "error"),
    (
        CRD,
        lambda crd: crd.update(kind="ServiceAccount", metadata={"name": ACCOUNT}),
        "service-account-twice",
        "error",
    ),
    (
        CSV,
        examples(lambda found: found[0]["metadata"].update(labels={"a": 1})),
        "examples-types",
        "warning",
    ),
    (
        CRD,
        lambda crd: crd["metadata"].update(annotations={"a": "x" * (257 << 10)}),
        "annotations-size",
        "error",
    ),
    (CRD, lambda crd: crd["spec"].update(text="x" * (3 << 19)), "object-size", "error"),
]


@pytest.mark.parametrize(("file", "change", "rule", "severity"), REFUSED)
def test_what_olm_opm_or_the_api_server_refuse_is_an_error(
    bundle: Path, file: str, change: Change, rule: str, severity: str
) -> None:
    edit(bundle.parent / file, change)
    found = {one.rule: one.severity for one in checks.check(bundle)}
    assert found.get(rule) == severity, found


def test_a_boolean_in_the_annotations_is_the_text_that_opm_reads(bundle: Path) -> None:
    edit(bundle.parent / ANNOTATIONS, lambda data: data["annotations"].update(backport=True))
    loaded, findings = checks.load(bundle)
    assert findings == []
    assert loaded is not None
    assert loaded.annotations["backport"] == "true"


def test_what_olm_takes_is_no_error(bundle: Path) -> None:
    def legal(csv: Any) -> None:
        hook(csv, 0).update(admissionReviewVersions=["v1alpha1", "v1beta1"])
        # Only the name of an admission webhook becomes a label.
        hook(csv, 0).update(generateName="c" * 64)
        hook(csv, 1).update(generateName="g" * 56 + ".box.io")
        hook(csv, 1)["rules"].append(
            {"apiGroups": ["admissionregistration.k8s.io"], "resources": ["validatingwebhooks"]}
        )

    edit(bundle.parent / CSV, legal)
    assert checks.check(bundle, house=False) == []


def test_a_bundle_that_does_not_fit_into_a_config_map_is_an_error(bundle: Path) -> None:
    noise = random.Random(4711).randbytes(700_000).hex()
    (bundle / "manifests" / "noise_v1_configmap.yaml").write_text(
        json.dumps({"kind": "ConfigMap", "metadata": {"name": "noise"}, "data": {"a": noise}})
    )
    assert {one.rule for one in checks.check(bundle)} == {"bundle-size"}


def test_a_second_document_of_a_file_is_told_because_nobody_reads_it(bundle: Path) -> None:
    path = bundle.parent / CRD
    path.write_text(f"{path.read_text()}\n---\nkind: Service\nmetadata: {{name: a}}\n")
    assert [one.rule for one in checks.check(bundle)] == ["second-document"]
