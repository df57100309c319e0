"""The file-based catalog says what opm would make of the bundle, and the graph of the releases."""

from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging import catalog
from kopfkit.packaging.releases import History
from kopfkit.project import Project

IMAGE = "quay.io/me/op:v0.1.0"
BUNDLE = "quay.io/me/op-bundle:v0.1.0"


def documents(project: Project, history: History) -> dict[str, list[dict[str, Any]]]:
    images = {release.version: (IMAGE, BUNDLE) for release in history.releases}
    tree = catalog.catalog_tree(project, history, images)
    found: dict[str, list[dict[str, Any]]] = {}
    for one in yamls.load_all(tree["catalog.yaml"]):
        found.setdefault(one["schema"], []).append(one)
    return found


def test_the_package_has_icon_description_and_default_channel(
    project: Project, history: History
) -> None:
    (package,) = documents(project, history)["olm.package"]
    assert package["name"] == "helloworld-operator"
    assert package["defaultChannel"] == "stable"
    assert package["description"] == project.description
    assert package["icon"]["mediatype"] == "image/svg+xml"


def test_the_bundle_has_both_api_versions_and_the_metadata_of_its_csv(
    project: Project, history: History
) -> None:
    *_, bundle = documents(project, history)["olm.bundle"]
    assert bundle["image"] == BUNDLE
    types = [one["type"] for one in bundle["properties"]]
    assert types == ["olm.gvk", "olm.gvk", "olm.gvk", "olm.package", "olm.csv.metadata"]
    served = [(one["value"]["kind"], one["value"]["version"]) for one in bundle["properties"][:3]]
    assert served == [
        ("HelloWorld", "v1"),
        ("HelloWorld", "v1alpha1"),
        ("HelloWorldSnapshot", "v1"),
    ]
    assert {one["image"] for one in bundle["relatedImages"]} == {IMAGE, BUNDLE}


def test_channel_entries_are_the_graph_of_the_releases(project: Project, history: History) -> None:
    candidate, stable = documents(project, history)["olm.channel"]
    assert (candidate["name"], stable["name"]) == ("candidate", "stable")
    assert stable["entries"] == [
        {"name": "helloworld-operator.v0.1.0"},
        {"name": "helloworld-operator.v0.2.0", "replaces": "helloworld-operator.v0.1.0"},
        {"name": "helloworld-operator.v0.3.0", "replaces": "helloworld-operator.v0.2.0"},
        {
            "name": "helloworld-operator.v0.4.0",
            "replaces": "helloworld-operator.v0.3.0",
            "skipRange": ">=0.2.0 <0.4.0",
        },
    ]


def test_a_bundle_has_the_api_versions_of_its_release(project: Project, history: History) -> None:
    first, *_ = documents(project, history)["olm.bundle"]
    served = [one["value"] for one in first["properties"] if one["type"] == "olm.gvk"]
    assert served == [{"group": "test.jiaozi.com", "kind": "HelloWorld", "version": "v1alpha1"}]


def test_the_catalog_image_carries_its_cache(project: Project) -> None:
    text = catalog.catalog_dockerfile(project, "quay.io/me/opm:v1")
    assert "ARG OPM_IMAGE=quay.io/me/opm:v1\nFROM ${OPM_IMAGE}\n" in text
    assert '"--cache-dir=/tmp/cache", "--cache-only"' in text
    assert "LABEL operators.operatorframework.io.index.configs.v1=/configs\n" in text


def test_every_invalid_image_is_named_at_once() -> None:
    with pytest.raises(KopfkitError, match="3 errors"):
        catalog.check_inputs("a b", "", "untagged")
