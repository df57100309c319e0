"""Each release of the frozen history as a bundle, in front of operator-sdk, opm and API server.

tests/integration/test_manifests.py does the same more closely with what is committed.
"""

import json
import subprocess
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from frozen import HISTORY
from helloworld_operator.api import GROUP, HELLOWORLD
from helloworld_operator.project import PROJECT
from kopfkit.host import process
from kopfkit.packaging import releases
from kopfkit.packaging.bundle import bundle_tree, manifests
from kopfkit.packaging.catalog import bundle_entry
from kopfkit.toolchain import toolchain

if TYPE_CHECKING:
    from kopfkit.testing.client import Api

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
IMAGE = f"quay.io/example/operator@sha256:{'a' * 64}"
BUNDLE = f"quay.io/example/bundle@sha256:{'b' * 64}"


@pytest.fixture(scope="module", params=HISTORY.releases, ids=lambda release: str(release.version))
def release(request: pytest.FixtureRequest) -> releases.Release:
    found: releases.Release = request.param
    return found


@pytest.fixture(scope="module")
def bundle(release: releases.Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bundle")
    tree = bundle_tree(PROJECT, release, IMAGE, release.channels, HISTORY.default_channel)
    for name, text in tree.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


@pytest.mark.parametrize("selector", ["suite=operatorframework", "name=good-practices"])
def test_operator_sdk_finds_neither_error_nor_warning(bundle: Path, selector: str) -> None:
    done = subprocess.run(
        [
            str(toolchain.tool("operator-sdk")),
            *("bundle", "validate", str(bundle)),
            *("--select-optional", selector, "--output", "json-alpha1"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["passed"] is True
    assert not result.get("outputs"), result


def test_the_catalog_says_of_it_what_opm_does(bundle: Path, release: releases.Release) -> None:
    text = process.run(
        [
            str(toolchain.tool("opm")),
            *("render", str(bundle), "--output", "json"),
            *("--alpha-image-ref-template", BUNDLE),
            "--migrate-level=bundle-object-to-csv-metadata",
        ]
    )
    assert json.loads(text) == bundle_entry(PROJECT, release, IMAGE, BUNDLE)


def test_its_objects_are_accepted_without_a_warning(
    api: "Api", namespace: str, release: releases.Release
) -> None:
    group = f"{uuid.uuid4().hex[:8]}.example.com"
    for one in manifests(PROJECT, release, IMAGE).values():
        if one["kind"] == "ClusterServiceVersion":
            continue
        if one["kind"] == "CustomResourceDefinition":
            _move(one, group)
        elif one["kind"] != "ClusterRole":
            one["metadata"]["namespace"] = namespace
        api.apply(one, dryRun="All", fieldValidation="Strict")
    assert api.warnings == []


def _move(crd: dict[str, Any], group: str) -> None:
    """Put a CRD into another group: the real one belongs to other tests."""
    crd["metadata"]["name"] = crd["metadata"]["name"].replace(GROUP, group)
    crd["spec"]["group"] = group
    crd["spec"]["names"].pop("shortNames", None)


def _has(api: "Api", path: str, names: list[str]) -> bool:
    return [one["metadata"]["name"] for one in api.get(path)["items"]] == names


@pytest.fixture
def moved(api: "Api") -> Iterator[str]:
    """An API group for the CRD of one release after the other."""
    group = f"{uuid.uuid4().hex[:8]}.example.com"
    yield group
    path = f"{CRDS}/{HELLOWORLD.plural}.{group}"
    if api.exists(path):
        api.delete(path)


def test_the_first_versions_clients_need_no_webhook_until_the_stored_version_changes(
    api: "Api", namespace: str, moved: str
) -> None:
    from kopfkit.testing.waiting import eventually

    objects = f"/apis/{moved}/v1alpha1/namespaces/{namespace}/{HELLOWORLD.plural}"
    body = {"apiVersion": f"{moved}/v1alpha1", "kind": HELLOWORLD.kind, "spec": {"size": 2}}
    stored = {}
    for number, release in enumerate(HISTORY.releases):
        crd = manifests(PROJECT, release, IMAGE)[f"{GROUP}_{HELLOWORLD.plural}.yaml"]
        _move(crd, moved)
        api.apply(crd)
        found = eventually(lambda: api.get(f"{CRDS}/{HELLOWORLD.plural}.{moved}"))
        stored[release.version] = found["status"].get("storedVersions")
        if number == 0:
            eventually(lambda: api.exists(objects))
        if release.stored == "v1alpha1":
            # Nothing answers that converts, and nothing has to.
            api.post(objects, {**body, "metadata": {"name": f"of-{number}"}})
            names = [f"of-{each}" for each in range(number + 1)]
            # While the API server takes a new schema in, a LIST is told to come again.
            eventually(partial(_has, api, objects, names))
            assert api.warnings == []
    first, later = ["v1alpha1"], ["v1alpha1", "v1"]
    assert stored == {"0.1.0": first, "0.2.0": first, "0.3.0": later, "0.4.0": later}


def test_clients_of_a_deprecated_version_are_warned(api: "Api", namespace: str, moved: str) -> None:
    from kopfkit.testing.waiting import eventually

    crd = manifests(PROJECT, HISTORY.newest, IMAGE)[f"{GROUP}_{HELLOWORLD.plural}.yaml"]
    _move(crd, moved)
    api.apply(crd)
    where = f"namespaces/{namespace}/{HELLOWORLD.plural}"
    eventually(lambda: api.exists(f"/apis/{moved}/v1/{where}"))
    eventually(lambda: api.exists(f"/apis/{moved}/v1alpha1/{where}"))
    api.warnings.clear()
    assert api.get(f"/apis/{moved}/v1/{where}")["items"] == []
    assert api.warnings == []
    assert api.get(f"/apis/{moved}/v1alpha1/{where}")["items"] == []
    (warning,) = api.warnings
    assert "v1alpha1 HelloWorld is deprecated; use test.jiaozi.com/v1 HelloWorld" in warning
