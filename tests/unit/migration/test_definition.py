"""What a CRD says about its storage."""

from typing import Any

import pytest

from kopfkit.errors import KopfkitError
from kopfkit.migration import definition, objects


def crd(**spec: Any) -> dict[str, Any]:
    """A CRD that stores v1 and has stored v1alpha1."""

    def version(name: str, field: str) -> dict[str, Any]:
        schema = {"openAPIV3Schema": {"properties": {field: {"type": "string"}}}}
        return {"name": name, "served": True, "storage": name == "v1", "schema": schema}

    return {
        "metadata": {
            "name": "things.example.com",
            "uid": "u",
            "generation": 3,
            "resourceVersion": "17",
        },
        "spec": {
            "group": "example.com",
            "names": {"plural": "things", "kind": "Thing"},
            "conversion": {"strategy": "Webhook"},
            "versions": [version("v1alpha1", "old"), version("v1", "new")],
            **spec,
        },
        "status": {"storedVersions": ["v1alpha1", "v1"]},
    }


def test_it_is_migrated_when_the_stored_version_is_the_only_one_remembered() -> None:
    found = crd()
    assert not definition.read(found).migrated
    found["status"]["storedVersions"] = ["v1alpha1"]
    assert not definition.read(found).migrated
    found["status"]["storedVersions"] = ["v1"]
    assert definition.read(found).migrated


def test_objects_go_through_the_stored_version_or_one_that_is_served() -> None:
    found = crd()
    assert definition.read(found).through.version == "v1"
    found["spec"]["versions"][1]["served"] = False
    assert definition.read(found).through.version == "v1alpha1"
    found["spec"]["versions"][0]["served"] = False
    with pytest.raises(KopfkitError, match="serves no version"):
        definition.read(found)


def test_without_a_webhook_versions_that_differ_are_refused() -> None:
    with pytest.raises(KopfkitError, match="stored in v1alpha1 would lose"):
        definition.read(crd(conversion={"strategy": "None"}))
    with pytest.raises(KopfkitError, match="hint: Install the operator"):
        definition.read(crd(conversion=None))


def test_without_a_webhook_versions_that_are_alike_are_taken() -> None:
    found = crd(conversion={"strategy": "None"})
    found["spec"]["versions"][0]["schema"] = found["spec"]["versions"][1]["schema"]
    assert not definition.read(found).migrated


def test_a_crd_that_has_nothing_to_migrate_needs_no_webhook() -> None:
    found = crd(conversion={"strategy": "None"})
    found["status"]["storedVersions"] = ["v1"]
    assert definition.read(found).migrated


def test_another_version_than_the_one_that_is_stored_is_refused() -> None:
    assert definition.read(crd(), "v1").storage == "v1"
    with pytest.raises(KopfkitError, match="stores v1, not v1alpha1"):
        definition.read(crd(), "v1alpha1")
    with pytest.raises(KopfkitError, match="has no version v2"):
        definition.read(crd(), "v2")


def test_a_patch_holds_for_one_state_of_an_object_and_changes_nothing() -> None:
    obj = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "a", "resourceVersion": "5", "uid": "x", "labels": {"a": "b"}},
        "spec": {"a": 1},
        "odd/na~me": None,
    }
    operations = objects.unchanged(obj)
    assert {one["op"] for one in operations} == {"test"}
    assert {one["path"]: one["value"] for one in operations} == {
        "/metadata/resourceVersion": "5",
        "/metadata/uid": "x",
        "/metadata/labels": {"a": "b"},
        "/metadata/annotations": None,
        "/metadata/finalizers": None,
        "/metadata/ownerReferences": None,
        "/spec": {"a": 1},
        "/odd~1na~0me": None,
    }


def test_a_list_with_a_null_is_compared_item_by_item() -> None:
    obj = {"metadata": {"resourceVersion": "5"}, "spec": {"a/b": [{"c": [1, None]}, 2], "d": None}}
    tests = {one["path"]: one["value"] for one in objects.unchanged(obj)}
    assert {path: value for path, value in tests.items() if path.startswith("/spec")} == {
        "/spec/a~1b/0/c/0": 1,
        "/spec/a~1b/0/c/1": None,
        "/spec/a~1b/1": 2,
        "/spec/d": None,
    }
