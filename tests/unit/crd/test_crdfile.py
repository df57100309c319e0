"""An existing CRD file is a resource: taken as it is, or refused with everything that is wrong."""

import copy
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit import yamls
from kopfkit.controller import Controller
from kopfkit.crd import CrdError, CustomResource, crdfile, custom_resource_definition
from kopfkit.crd.structure import problems
from kopfkit.errors import KopfkitError
from kopfkit.packaging import bundle
from kopfkit.packaging.descriptors import descriptors
from kopfkit.packaging.releases import History
from kopfkit.project import Project

FILE = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: kettles.kitchen.example.com
  annotations: {api-approved.kubernetes.io: unapproved}
  labels: {team: kitchen}
  creationTimestamp: null
spec:
  group: kitchen.example.com
  scope: Cluster
  names: {kind: Kettle, plural: kettles, shortNames: [kt], categories: [all]}
  versions:
    - name: v1
      served: true
      storage: true
      additionalPrinterColumns: [{name: Litres, type: integer, jsonPath: .spec.litres}]
      selectableFields: [{jsonPath: .spec.colour}]
      subresources:
        status: {}
        scale: {specReplicasPath: .spec.litres, statusReplicasPath: .status.litres}
      schema:
        openAPIV3Schema:
          type: object
          description: A kettle.
          properties:
            spec:
              type: object
              properties:
                litres: {type: integer, description: How many.}
                colour: {type: string}
            status:
              type: object
              x-kubernetes-preserve-unknown-fields: true
"""


def written(place: Path, text: str) -> Path:
    path = place / "crd.yaml"
    path.write_text(text)
    return path


def test_nothing_but_what_a_release_decides_is_changed(tmp_path: Path) -> None:
    kettle = CustomResource.from_yaml(written(tmp_path, FILE))
    expected = yamls.load(FILE)
    del expected["metadata"]["creationTimestamp"]
    assert custom_resource_definition(kettle) == expected
    crd = custom_resource_definition(kettle, conversion={"strategy": "None"})
    assert crd["spec"].pop("conversion") == {"strategy": "None"}
    assert crd == expected


def test_it_is_described_like_one_of_types(tmp_path: Path) -> None:
    kettle = CustomResource.from_yaml(written(tmp_path, FILE))
    assert (kettle.kind, kettle.singular, kettle.list_kind) == ("Kettle", "kettle", "KettleList")
    assert (kettle.scope, kettle.short_names, kettle.categories) == ("Cluster", ("kt",), ("all",))
    v1 = kettle.version("v1")
    assert v1.description == "A kettle."
    assert v1.scale is not None
    assert v1.scale.spec_path == ".spec.litres"
    assert hash(kettle) == hash(CustomResource.from_yaml(tmp_path / "crd.yaml"))


def test_every_missing_description_is_a_warning_with_its_line(tmp_path: Path) -> None:
    found = crdfile.read(written(tmp_path, FILE))
    fields = [(one.line, one.place.partition(".properties.")[2]) for one in found.warnings]
    assert fields == [(26, "spec"), (30, "spec.properties.colour"), (31, "status")]


def test_a_project_of_files_has_the_manifests_of_one_of_types(
    project: Project, history: History, tmp_path: Path
) -> None:
    resources = []
    for each in project.resources:
        path = tmp_path / f"{each.plural}.yaml"
        path.write_text(yamls.dump(custom_resource_definition(each)))
        resources.append(CustomResource.from_yaml(path))
    filed = replace(project, resources=tuple(resources))
    for release in history.releases:
        expected, found = (
            bundle.manifests(each, release, "quay.io/me/it:v1") for each in (project, filed)
        )
        assert found == expected


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    crd = yamls.load(FILE)
    change(crd)
    return yamls.dump(crd)


def spec(**fields: Any) -> str:
    return changed(lambda crd: crd["spec"].update(fields))


def version(**fields: Any) -> str:
    return changed(lambda crd: crd["spec"]["versions"][0].update(fields))


def schema(**fields: Any) -> str:
    return version(schema={"openAPIV3Schema": {"type": "object", **fields}})


V1BETA1 = FILE.replace("io/v1\n", "io/v1beta1\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has 0 documents, not one"),
        (f"{FILE}---\n{FILE}", "has 2 documents, not one"),
        ("[]", "has no kind, not CustomResourceDefinition"),
        ("kind: Deployment", "crd.yaml:1: kind: is of kind Deployment"),
        ("kind: [", "crd.yaml:2: is not YAML"),
        (V1BETA1, "crd.yaml:1: apiVersion: is apiextensions.k8s.io/v1beta1"),
        (changed(lambda crd: crd.update(status={"storedVersions": ["v1"]})), "status: is in the"),
        (changed(lambda crd: crd["metadata"].update(uid="x")), "metadata.uid: is in the file"),
        (changed(lambda crd: crd["metadata"].update(name="k")), "is k, not kettles.kitchen"),
        (spec(preserveUnknownFields=True), "spec.preserveUnknownFields: is true"),
        (spec(validation={}), "spec.validation: is a field of v1beta1"),
        (spec(scope="Namespace"), "spec.scope: is Namespace"),
        (spec(versions=[]), "spec.versions: is no list of versions"),
        (version(storage=False), "have 0 storage versions"),
        (version(schema=None), "schema.openAPIV3Schema: is missing"),
        (version(additionalPrinterColumns=[{"JSONPath": ".x"}]), "v1beta1 has JSONPath"),
        (schema(properties={"spec": {}}), "properties.spec: has no type"),
        (schema(properties={"spec": {"type": "array"}}), "is a list without items"),
        (schema(properties={"spec": {"type": "dict"}}), "is 'dict', not one of array"),
        (schema(properties={"spec": {"$ref": "#/x", "type": "object"}}), "$ref: is not allowed"),
        (schema(anyOf=[{"properties": {"a": {"type": "string"}}}]), "a.type: must stand outside"),
        (schema(anyOf=[{"description": "x"}]), "must stand outside allOf"),
        (schema(properties={"metadata": {"type": "object", "required": ["x"]}}), "limits metadata"),
        (
            changed(lambda crd: crd["spec"]["versions"].append(crd["spec"]["versions"][0])),
            "have 2 storage versions (v1, v1)",
        ),
    ],
)
def test_what_is_no_crd_is_refused_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CrdError) as refused:
        CustomResource.from_yaml(written(tmp_path, text))
    assert sentence in str(refused.value)


def test_all_that_is_wrong_is_told_at_once_with_its_lines(tmp_path: Path) -> None:
    text = FILE.replace("Cluster", "Planet").replace("served: true", "served: yes please")
    text = text.replace("{type: string}", "{type: text}")
    with pytest.raises(CrdError) as refused:
        CustomResource.from_yaml(written(tmp_path, text))
    for line, place in ((10, "spec.scope"), (14, "spec.versions[0].served"), (30, "spec.versions")):
        assert f"crd.yaml:{line}: {place}" in str(refused.value)
    assert len(refused.value.parts) == 3


def test_a_file_that_cannot_be_had_is_no_traceback(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(CrdError, match="cannot be read"):
            CustomResource.from_yaml(path)
    big = written(tmp_path, "")
    with big.open("ab") as file:
        file.truncate(crdfile.LARGEST + 1)
    with pytest.raises(CrdError, match="larger than 2 MiB"):
        CustomResource.from_yaml(big)


def test_without_pyyaml_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("kopfkit.yamls", "yaml"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "yaml", None)
    import kopfkit

    monkeypatch.delattr(kopfkit, "yamls", raising=False)
    with pytest.raises(CrdError, match="without PyYAML"):
        CustomResource.from_yaml(tmp_path / "crd.yaml")


def test_a_reconcile_wants_types(tmp_path: Path) -> None:
    async def reconcile(*_: Any) -> None: ...

    kettle = CustomResource.from_yaml(written(tmp_path, FILE))
    assert Controller(kettle, kettle.version("v1")).kind == "Kettle"
    with pytest.raises(KopfkitError, match="has no types, which a reconcile needs"):
        Controller(kettle, kettle.version("v1"), reconcile=reconcile)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "not", "required", "enum", "description", "scale"]
)


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """The file's document with something else in one place."""
    document = copy.deepcopy(yamls.load(FILE))
    at: Any = document
    while True:
        key = draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.just(0))
        inner = at[key]
        if not isinstance(inner, dict | list) or not inner or draw(st.booleans()):
            at[key] = draw(ANYTHING | st.dictionaries(KEYS, ANYTHING))
            return document
        at = inner


@budget(ci=50, soak=20_000)
@given(document=spoilt() | ANYTHING)
def test_any_document_is_refused_in_sentences_or_makes_a_crd(
    document: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "any-crd.yaml"
    path.write_text(json.dumps(document))
    found = crdfile.read(path)
    assert all(one.why for one in found.problems)
    if found.problems:
        with pytest.raises(CrdError):
            CustomResource.from_yaml(path)
        return
    filed = CustomResource.from_yaml(path)
    crd = custom_resource_definition(filed)
    for each in filed.versions:
        for part in ("spec", "status"):
            assert all(one["path"] for one in descriptors(crd, each.name, part))


@budget(ci=50, soak=20_000)
@given(st.dictionaries(KEYS, ANYTHING))
def test_any_schema_is_judged(found: Any) -> None:
    assert all(why for _, why in problems(found))
