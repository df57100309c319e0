"""Whatever a bundle's documents hold, the checks answer with findings and never with an error."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.budgets import budget
from tests.mutations import mutants, places

from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging import checks
from kopfkit.packaging.checks import Bundle
from kopfkit.packaging.trials import trials

Documents = dict[str, Any]


@pytest.fixture(scope="module")
def documents(frozen_checkout: Path) -> Documents:
    """The documents of a real bundle by path; examples as the objects that they are."""
    root = frozen_checkout / "bundle"
    paths = [*sorted((root / "manifests").glob("*")), root / "metadata" / "annotations.yaml"]
    return {str(path.relative_to(root)): yamls.read(path) for path in paths}


def write(place: Path, documents: Documents) -> Path:
    for name, document in documents.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document), "utf-8")
    return place


def everything(place: Path) -> tuple[Bundle | None, list[checks.Finding]]:
    bundle, findings = checks.load(place)
    if bundle is not None:
        findings += checks.found_in(bundle)
        json.dumps(trials(bundle))
    return bundle, findings


@given(data=st.data())
@budget(ci=40, soak=20_000)
def test_no_change_of_a_bundles_documents_is_an_error(
    documents: Documents, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(documents)))
    found = data.draw(mutants(documents[name], places(documents[name])))
    place = write(tmp_path_factory.mktemp("bundle"), {**documents, name: found})
    _, findings = everything(place)
    for each in findings:
        assert each.rule in checks.RULES
        assert each.why
        assert each.severity in checks.SEVERITIES


@given(data=st.data())
@budget(ci=12, soak=5_000)
def test_no_change_of_an_example_is_an_error(
    documents: Documents, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = next(name for name in documents if "clusterserviceversion" in name)
    csv = copy.deepcopy(documents[name])
    annotations = csv["metadata"]["annotations"]
    examples = json.loads(annotations["alm-examples"])
    annotations["alm-examples"] = json.dumps(data.draw(mutants(examples, places(examples))))
    everything(write(tmp_path_factory.mktemp("bundle"), {**documents, name: csv}))


def test_nesting_without_end_is_a_finding(documents: Documents, tmp_path: Path) -> None:
    name = next(name for name in documents if "clusterserviceversion" in name)
    csv = copy.deepcopy(documents[name])
    csv["metadata"]["annotations"]["alm-examples"] = "[" * 100_000
    _, findings = everything(write(tmp_path, {**documents, name: csv}))
    assert "examples-json" in {one.rule for one in findings}


def test_a_value_of_the_wrong_type_is_named_with_its_field(
    documents: Documents, tmp_path: Path
) -> None:
    changed = {**documents, "metadata/annotations.yaml": {"annotations": ["a"]}}
    _, findings = everything(write(tmp_path / "bundle", changed))
    told = {(one.file, one.field, one.why) for one in findings if one.rule == "wrong-type"}
    assert told == {("bundle/metadata/annotations.yaml", "annotations", "is a list, not an object")}


def test_a_field_that_is_null_is_absent_as_for_go(documents: Documents, tmp_path: Path) -> None:
    name = next(name for name in documents if "clusterserviceversion" in name)
    csv = copy.deepcopy(documents[name])
    csv["spec"].update(nativeAPIs=None, relatedImages=None)
    csv["spec"]["install"]["spec"]["permissions"] = None
    _, findings = everything(write(tmp_path, {**documents, name: csv}))
    assert {one.rule for one in findings} == {"related-images"}


@pytest.mark.parametrize(
    ("name", "why", "hint"),
    [
        ("package", "is a package with several bundles", "package/1.1.0"),
        ("file", "is a file", "Name its directory"),
        ("me/bundle", "is neither a directory nor", "An image has its registry"),
    ],
)
def test_what_is_no_bundle_directory_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / "package" / version / "manifests").mkdir(parents=True)
    (tmp_path / "file").touch()
    done = CliRunner().invoke(kopfkit, ["bundle", "validate", name])
    assert isinstance(done.exception, KopfkitError)
    assert why in str(done.exception)
    assert hint in str(done.exception)


def test_what_has_to_be_built_first_is_said_before_with_the_way_to_do_without(
    documents: Documents, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    bundle = write(tmp_path / "bundle", documents)
    # No tools, no Go, and nowhere to get one from: the first build fails at once.
    monkeypatch.setenv("PATH", str(home))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(KopfkitError, match=r"^Go: "):
        kopfkit.main(["bundle", "validate", str(bundle)], standalone_mode=False)
    said = capfd.readouterr().err
    assert "operator-sdk and kube-apiserver and etcd must be built first: about ten minutes" in said
    assert "--skip operator-sdk --skip api-server" in said
