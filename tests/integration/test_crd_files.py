"""What is refused in an existing CRD file is what an API server refuses, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.crd import crdfile
from kopfkit.testing.client import Api, ApiError

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FREE = {"x-kubernetes-preserve-unknown-fields": True}
TEXT = {"type": "string"}
EITHER = {"x-kubernetes-int-or-string": True}


def crd(root: Any, **version: Any) -> dict[str, Any]:
    v1 = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "files.moves.example.com"},
        "spec": {
            "group": "moves.example.com",
            "scope": "Namespaced",
            "names": {
                "kind": "File",
                "plural": "files",
                "singular": "file",
                "listKind": "FileList",
            },
            "versions": [{**v1, **version}],
        },
    }


def of(field: Any, **root: Any) -> Any:
    return {"type": "object", "properties": {"spec": field}, **root}


def inside(**field: Any) -> Any:
    return of({"type": "object", "properties": {"a": TEXT}, **field})


SCHEMAS: dict[str, Any] = {
    "free root": {"type": "object", **FREE},
    "empty root": {"type": "object"},
    "root without type": {"properties": {"spec": TEXT}},
    "root is a list": {"type": "array", "items": TEXT},
    "field without type": of({}),
    "field without type but properties": of({"properties": {"a": TEXT}}),
    "free without type": of(FREE),
    "free object": of({"type": "object", **FREE}),
    "free false": of({"type": "object", "x-kubernetes-preserve-unknown-fields": False}),
    "unknown type": of({"type": "text"}),
    "list without items": of({"type": "array"}),
    "free list without items": of({"type": "array", **FREE}),
    "list of items": of({"type": "array", "items": [TEXT]}),
    "list of free": of({"type": "array", "items": FREE}),
    "map": of({"type": "object", "additionalProperties": TEXT}),
    "map of anything": of({"type": "object", "additionalProperties": True}),
    "map of nothing": of({"type": "object", "additionalProperties": False}),
    "map and fields": inside(additionalProperties=TEXT),
    "anything and fields": inside(additionalProperties=True),
    "nothing and fields": inside(additionalProperties=False),
    "ref": of({"type": "object", "$ref": "#/definitions/x"}),
    "definitions": of(TEXT, definitions={"x": TEXT}),
    "unique": of({"type": "array", "items": TEXT, "uniqueItems": True}),
    "set": of({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}),
    "bag": of({"type": "array", "items": TEXT, "x-kubernetes-list-type": "bag"}),
    "map list without keys": of({"type": "array", "items": TEXT, "x-kubernetes-list-type": "map"}),
    "either": of(EITHER),
    "either with type": of({"type": "string", **EITHER}),
    "either in two": of({"anyOf": [{"type": "integer"}, TEXT], **EITHER}),
    "either in two of all": of(
        {"allOf": [{"anyOf": [{"type": "integer"}, TEXT]}, {"pattern": "x"}], **EITHER}
    ),
    "required only": inside(anyOf=[{"required": ["a"]}, {"required": ["b"]}]),
    "new field inside": inside(anyOf=[{"properties": {"b": {"minLength": 1}}}]),
    "known field inside": inside(anyOf=[{"properties": {"a": {"minLength": 1}}}]),
    "type inside": inside(anyOf=[{"properties": {"a": TEXT}}]),
    "description inside": inside(oneOf=[{"description": "x"}]),
    "title inside": inside(oneOf=[{"title": "x"}]),
    "default inside": inside(allOf=[{"properties": {"a": {"default": "x"}}}]),
    "nullable inside": inside(**{"not": {"nullable": True}}),
    "required not": inside(**{"not": {"required": ["a"]}}),
    "any field of a map inside": of(
        {"type": "object", "additionalProperties": TEXT, "anyOf": [{"properties": {"x": {}}}]}
    ),
    "metadata": of(TEXT) | {"properties": {"metadata": {"type": "object"}}},
    "metadata with description": {
        "type": "object",
        "properties": {"metadata": {"type": "object", "description": "x"}},
    },
    "metadata limited": {
        "type": "object",
        "properties": {"metadata": {"type": "object", "required": ["labels"]}},
    },
    "metadata of names": {
        "type": "object",
        "properties": {
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": 9}},
            }
        },
    },
    "metadata of labels": {
        "type": "object",
        "properties": {
            "metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}
        },
    },
    "items inside": inside(anyOf=[{"properties": {"b": {"items": {"minLength": 1}}}}]),
    "type of items inside": of(
        {"type": "array", "items": TEXT, "anyOf": [{"items": {"type": "string"}}]}
    ),
    "nothing allowed inside": inside(anyOf=[{"additionalProperties": TEXT}]),
    "rule inside": inside(anyOf=[{"x-kubernetes-validations": [{"rule": "true"}]}]),
    "list type inside": inside(anyOf=[{"x-kubernetes-list-type": "set"}]),
    "map type inside": inside(anyOf=[{"x-kubernetes-map-type": "atomic"}]),
    "embedded inside": inside(anyOf=[{"x-kubernetes-embedded-resource": True}]),
    "format inside": inside(anyOf=[{"properties": {"a": {"format": "date"}}}]),
    "junctor in a junctor": inside(anyOf=[{"not": {"properties": {"a": {"title": "x"}}}}]),
    "empty fields of a map": of({"type": "object", "properties": {}, "additionalProperties": TEXT}),
    "enum of an object": of({"type": "object", "enum": [{}]}),
    "embedded": of({"type": "object", "x-kubernetes-embedded-resource": True, **FREE}),
    "embedded text": of({"type": "string", "x-kubernetes-embedded-resource": True}),
}
CRDS_WITH: dict[str, dict[str, Any]] = {
    "columns": {"additionalPrinterColumns": [{"name": "A", "type": "string", "jsonPath": ".a"}]},
    "columns of v1beta1": {
        "additionalPrinterColumns": [{"name": "A", "type": "string", "JSONPath": ".a"}]
    },
    "scale": {
        "subresources": {
            "scale": {"specReplicasPath": ".spec.a", "statusReplicasPath": ".status.a"}
        }
    },
    "scale elsewhere": {
        "subresources": {"scale": {"specReplicasPath": ".a", "statusReplicasPath": ".status.a"}}
    },
    "no schema": {"schema": None},
    "odd name": {"name": "stable"},
    "bad name": {"name": "V_1"},
    "not stored": {"storage": False},
    "not served": {"served": False},
    "deprecated": {"deprecated": True},
}
CASES = {
    **{name: crd(schema) for name, schema in SCHEMAS.items()},
    **{name: crd({"type": "object", **FREE}, **more) for name, more in CRDS_WITH.items()},
}


@pytest.mark.parametrize("name", CASES)
def test_a_file_is_refused_if_and_only_if_the_api_server_refuses_it(
    api: Api, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "crd.yaml"
    path.write_text(yamls.dump(CASES[name]))
    ours = [f"{one.place}: {one.why}" for one in crdfile.read(path).problems]
    theirs = ""
    try:
        api.post(CRDS, CASES[name], dryRun="All")
    except ApiError as error:
        theirs = str(error)
    assert bool(ours) == bool(theirs), (ours, theirs)
