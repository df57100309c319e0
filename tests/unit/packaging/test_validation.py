"""kopfkit's own checks find each fault in a bundle and a catalog on the disk."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.packaging.releases import History
from kopfkit.packaging.validation import bundle_findings, catalog_faults
from kopfkit.project import Project

CSV = "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
CRD = "bundle/manifests/test.jiaozi.com_helloworlds.yaml"


@pytest.fixture
def checkout(tmp_path: Path, frozen_checkout: Path) -> Path:
    for name in ("bundle", "catalog"):
        shutil.copytree(frozen_checkout / name, tmp_path / name)
    shutil.copy(frozen_checkout / "bundle.Dockerfile", tmp_path)
    return tmp_path


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change the only document of a YAML file."""
    data = yamls.read(path)
    change(data)
    path.write_text(yamls.dump(data))


def test_the_committed_bundle_and_catalog_have_no_fault(
    project: Project, live: History, root: Path
) -> None:
    assert bundle_findings(project, root)[1] == []
    assert catalog_faults(project, live, root).found == []


@pytest.mark.parametrize(
    ("path", "change", "why"),
    [
        (
            CSV,
            lambda csv: csv["spec"]["installModes"][0].update(supported=True),
            "a conversion webhook allows AllNamespaces only",
        ),
        (
            CSV,
            lambda csv: csv["spec"]["webhookdefinitions"][0].update(
                admissionReviewVersions=["v1", "v1alpha1"]
            ),
            "admissionReviewVersions",
        ),
        (
            CSV,
            lambda csv: csv["spec"]["webhookdefinitions"][0].update(conversionCRDs=["other.io"]),
            "is not owned",
        ),
        (CSV, lambda csv: csv["spec"].pop("webhookdefinitions"), "has no conversion webhook"),
        (
            CSV,
            lambda csv: csv["spec"]["webhookdefinitions"].append(
                csv["spec"]["webhookdefinitions"][0]
            ),
            "share a generateName",
        ),
        (
            CRD,
            lambda crd: crd["metadata"]["labels"].pop("test.jiaozi.com/conversion-guard"),
            "lacks the labels by which guard.helloworlds.test.jiaozi.com is asked about it",
        ),
        (CRD, lambda crd: crd["spec"].pop("conversion"), "loses fields between its versions"),
        (
            CRD,
            lambda crd: crd["spec"]["conversion"]["webhook"]["clientConfig"].update(
                caBundle="QQ=="
            ),
            "which is OLM's to write",
        ),
        (
            "bundle/metadata/annotations.yaml",
            lambda data: data["annotations"].update(
                {"operators.operatorframework.io.bundle.channels.v1": "fast"}
            ),
            "do not agree",
        ),
    ],
)
def test_a_fault_in_the_bundle_is_found(
    project: Project, checkout: Path, path: str, change: Callable[[Any], object], why: str
) -> None:
    edit(checkout / path, change)
    _, found = bundle_findings(project, checkout)
    assert any(why in f"{one.place}: {one.why}" for one in found), found


def test_a_check_that_is_left_out_finds_nothing(project: Project, checkout: Path) -> None:
    edit(checkout / CSV, lambda csv: csv["spec"].update(relatedImages=[]))
    assert bundle_findings(project, checkout)[1]
    assert bundle_findings(project, checkout, ["images-are-listed"])[1] == []


def test_an_empty_bundle_says_what_to_run(project: Project, tmp_path: Path) -> None:
    _, (found,) = bundle_findings(project, tmp_path)
    assert "make bundle" in found.why


def test_a_broken_file_is_a_fault_with_its_path(project: Project, checkout: Path) -> None:
    (checkout / CRD).write_text("a: [")
    assert CRD in {one.place for one in bundle_findings(project, checkout)[1]}


def test_a_catalog_without_a_release_or_with_bundle_objects_is_refused(
    project: Project, history: History, checkout: Path
) -> None:
    path = checkout / "catalog/helloworld-operator/catalog.yaml"
    documents = yamls.read_all(path)
    documents[-1]["name"] = "helloworld-operator.v0.0.1"
    documents[-1]["properties"].append({"type": "olm.bundle.object", "value": {"data": ""}})
    path.write_text(yamls.dump(*documents))
    text = str(catalog_faults(project, history, checkout).found)
    assert "lacks helloworld-operator.v0.4.0" in text
    assert "olm.bundle.object" in text


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"schema": "olm.bundle", "name": []}, "name is a list, not a string"),
        ({"schema": {}}, "schema is an object, not a string"),
        ({"schema": "olm.bundle", "properties": {"a": 1}}, "properties is an object, not a list"),
        ({"schema": "olm.bundle", "properties": [1]}, "properties[0] is an integer, not an object"),
        ([], "is a list, not an object"),
    ],
)
def test_a_catalog_with_a_value_of_another_type_is_a_fault(
    project: Project, history: History, checkout: Path, document: Any, said: str
) -> None:
    path = checkout / "catalog" / project.name / "catalog.yaml"
    path.write_text(f"{path.read_text()}\n---\n{json.dumps(document)}\n")
    found = catalog_faults(project, history, checkout).found
    assert any(said in f"{place} {why}" for place, why in found), found
