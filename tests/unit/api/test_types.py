"""What the two versions of HelloWorld promise each other."""

from typing import Any

from helloworld_operator.api import HELLOWORLD, v1, v1alpha1
from kopfkit.crd import schema_of

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


def test_v1_is_the_one_that_is_stored() -> None:
    assert [version.name for version in HELLOWORLD.versions if version.storage] == ["v1"]
    assert HELLOWORLD.crd_name == "helloworlds.test.jiaozi.com"
