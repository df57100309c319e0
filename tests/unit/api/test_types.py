"""What the two versions of HelloWorld promise each other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import helloworld_operator
from helloworld_operator.api import GROUP, HELLOWORLD, snapshot, v1, v1alpha1
from kopfkit.crd import schema_of

API = "helloworld_operator.api"
V1 = schema_of(v1.Spec, "v1")["properties"]
V1ALPHA1 = schema_of(v1alpha1.Spec, "v1alpha1")["properties"]


def test_fields_that_both_versions_have_are_limited_alike() -> None:
    """Or an object that one version takes could never be updated through the other."""
    assert V1ALPHA1["size"] == V1["replicas"]
    assert V1ALPHA1["message"] == V1["greeting"]["properties"]["message"]
    assert V1ALPHA1["image"] == V1["image"]
    assert schema_of(v1alpha1.Status, "x") == schema_of(v1.Status, "x")


def test_what_only_v1_has_is_optional() -> None:
    """Or an object made through v1alpha1 would be no v1 object."""
    assert "required" not in schema_of(v1.Spec, "v1")
    assert "required" not in V1["greeting"]


def test_both_versions_show_the_same_columns() -> None:
    shown: list[Any] = [[column.name for column in one.columns] for one in HELLOWORLD.versions]
    assert shown[0] == shown[1]
    assert [column.name for column in HELLOWORLD.versions[0].columns if not column.priority] == [
        *("Desired", "Ready", "Available", "Progress", "Health", "Age"),
    ]


def _fields(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, each in schema.get("properties", {}).items():
        yield f"{path}.{name}", each
        yield from _fields(each, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield f"{path}[]", schema[key]
            yield from _fields(schema[key], f"{path}[]")


SPECS = [v1.Spec, v1alpha1.Spec, snapshot.Spec]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.__module__)
def test_kubectl_explain_says_defaults_and_what_a_quantity_is(spec: Any) -> None:
    """It prints descriptions, and of the rest the type only: `<Object>` where a field has two."""
    found = [0, 0]
    for path, field in _fields(schema_of(spec, "x"), "spec"):
        if isinstance(default := field.get("default"), int | str):
            assert re.search(rf'Defaults to "?{default}"?\.$', field["description"]), path
            found[0] += 1
        if field.get("x-kubernetes-int-or-string"):
            assert "Integer or string." in field["description"], path
            found[1] += 1
    assert any(found)


def test_v1_is_the_one_that_is_stored() -> None:
    assert [version.name for version in HELLOWORLD.versions if version.storage] == ["v1"]
    assert HELLOWORLD.crd_name == "helloworlds.test.jiaozi.com"


OPERATOR = Path(helloworld_operator.__file__).parent
MODULES = [path for path in OPERATOR.rglob("*.py") if path.parent.name != "api"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(OPERATOR)))
def test_nothing_but_the_api_knows_a_version_by_name(path: Path) -> None:
    """Or another version would have to be named there, too. The hub is `api.hub` elsewhere."""
    versions = {version.name for version in HELLOWORLD.versions}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(API):
            named = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
            assert named.isdisjoint(versions)
        # The core group's "v1" is another matter.
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert node.value not in versions - {"v1"}
            assert not node.value.startswith(tuple(f"{GROUP}/{name}" for name in versions))
