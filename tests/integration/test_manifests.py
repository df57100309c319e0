"""What is generated, in front of a real API server and the real operator-sdk, opm and kustomize.

The API server's strict dry run is the judge of manifests; a warning counts as a fault.
"""

import copy
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit import yamls
from kopfkit.host import process
from kopfkit.packaging.catalog import bundle_entry
from kopfkit.packaging.releases import History
from kopfkit.toolchain import toolchain

if TYPE_CHECKING:
    from kopfkit.controlplane.controlplane import ControlPlane
    from kopfkit.testing.client import Api

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
Object = dict[str, Any]
# kinds that are in no namespace
CLUSTER_KINDS = {"Namespace", "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}
CLUSTER_KINDS |= {"ValidatingWebhookConfiguration"}


@pytest.fixture(scope="session")
def kubectl() -> str:
    return str(toolchain.tool("kubectl"))


def build(kubectl: str, directory: Path) -> list[Object]:
    """The objects of a kustomization."""
    text = process.run([kubectl, "kustomize", str(directory)])
    return yamls.load_all(text)


def overlay(kubectl: str, directory: Path, base: Path, **fields: Any) -> list[Object]:
    """The objects of a kustomization that a person puts on top of `base`."""
    directory.mkdir(exist_ok=True)
    content = {"resources": [os.path.relpath(base, directory.resolve())], **fields}
    (directory / "kustomization.yaml").write_text(json.dumps(content))
    return build(kubectl, directory)


def find(objects: list[Object], kind: str, name: str) -> Object:
    """The one object of that kind and name."""
    (found,) = [one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name)]
    return found


def container(objects: list[Object], name: str) -> Object:
    """The container of a Deployment."""
    pod = find(objects, "Deployment", name)["spec"]["template"]["spec"]
    found: Object = pod["containers"][0]
    return found


def env(one: Object, name: str) -> str:
    """The value of a container's variable."""
    (value,) = [entry["value"] for entry in one["env"] if entry["name"] == name]
    return str(value)


def dry_run(api: "Api", one: Object) -> None:
    """Apply without persisting, refusing unknown fields."""
    api.apply(one, dryRun="All", fieldValidation="Strict")


@pytest.fixture
def guarded(api: "Api", kubectl: str) -> Iterator[str]:
    """A namespace with the Pod Security labels of config/default's own."""
    labels = find(build(kubectl, CONFIG / "default"), "Namespace", PROJECT.namespace)["metadata"][
        "labels"
    ]
    name = f"manifests-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": labels}
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    api.delete(f"/api/v1/namespaces/{name}")


def test_everything_under_config_default_is_accepted_without_a_warning(
    api: "Api", kubectl: str, guarded: str, tmp_path: Path
) -> None:
    objects = overlay(kubectl, tmp_path, CONFIG / "default", namespace=guarded)
    assert {"Deployment", "Service", "PodDisruptionBudget", "Role", "ClusterRole"} <= {
        one["kind"] for one in objects
    }
    for one in objects:
        dry_run(api, one)
    assert api.warnings == []


def test_the_pod_security_labels_would_have_warned_of_a_laxer_pod(
    api: "Api", kubectl: str, guarded: str, tmp_path: Path
) -> None:
    objects = overlay(kubectl, tmp_path, CONFIG / "default", namespace=guarded)
    del container(objects, "helloworld-operator")["securityContext"]
    dry_run(api, find(objects, "Deployment", "helloworld-operator"))
    assert any("restricted" in warning for warning in api.warnings)


def test_another_namespace_reaches_every_place_that_names_one(kubectl: str, tmp_path: Path) -> None:
    objects = overlay(kubectl, tmp_path, CONFIG / "default", namespace="elsewhere")
    assert PROJECT.namespace not in json.dumps(objects)
    for one in objects:
        if one["kind"] not in CLUSTER_KINDS:
            assert one["metadata"]["namespace"] == "elsewhere"


def test_the_image_is_set_in_one_place_and_reaches_the_operands_variable(
    kubectl: str, tmp_path: Path
) -> None:
    # What `kustomize edit set image controller=...` does in config/default.
    text = (CONFIG / "default/kustomization.yaml").read_text()
    kustomization = yamls.load(text)
    kustomization["images"] = [
        {"name": "controller", "newName": "quay.io/me/op", "newTag": "dev"},
    ]
    kustomization["resources"] = [
        os.path.relpath(CONFIG / "default" / one, tmp_path.resolve())
        for one in kustomization["resources"]
        if one.startswith("..")
    ]
    (tmp_path / "kustomization.yaml").write_text(json.dumps(kustomization))
    objects = build(kubectl, tmp_path)
    for name in ("helloworld-operator", "helloworld-operator-webhook"):
        assert container(objects, name)["image"] == "quay.io/me/op:dev"
    operator = container(objects, "helloworld-operator")
    assert env(operator, "RELATED_IMAGE_HELLOWORLD") == "quay.io/me/op:dev"


def test_default_runs_the_rotator_and_manifests_does_not(kubectl: str) -> None:
    for directory, expected in (("default", True), ("manifests", False)):
        args = container(build(kubectl, CONFIG / directory), "helloworld-operator")["args"]
        assert ("--manage-certificates" in args) is expected


@pytest.fixture(scope="module")
def served(control_plane: "ControlPlane") -> Iterator[tuple["Api", str]]:
    """Copies of the CRDs under another group and without conversion: the samples can be judged by
    their schemas while the group itself belongs to other tests."""
    from kopfkit.testing.client import Api
    from kopfkit.testing.waiting import eventually

    group = f"samples-{uuid.uuid4().hex[:8]}.example.com"
    crds = [yamls.read(path) for path in (CONFIG / "crd/bases").glob("*.yaml")]
    with Api(control_plane.kubeconfig) as api:
        for crd in crds:
            plural = crd["spec"]["names"]["plural"]
            crd["metadata"]["name"] = f"{plural}.{group}"
            crd["spec"]["group"] = group
            crd["spec"]["names"].pop("shortNames")
            crd["spec"].pop("conversion", None)
            api.create(crd)
            for version in crd["spec"]["versions"]:
                path = f"/apis/{group}/{version['name']}/{plural}"
                eventually(lambda path=path: api.exists(path))
        yield api, group
        for crd in crds:
            api.delete(api.path_of(crd))


@pytest.mark.parametrize(
    "path", sorted((CONFIG / "samples").glob("test_*.yaml")), ids=lambda p: p.stem
)
def test_a_sample_is_valid_in_its_version(
    served: tuple["Api", str], namespace: str, path: Path
) -> None:
    api, group = served
    sample = yamls.read(path)
    version = sample["apiVersion"].partition("/")[2]
    sample["apiVersion"] = f"{group}/{version}"
    sample["metadata"]["namespace"] = namespace
    api.warnings.clear()
    api.create(sample, fieldValidation="Strict", dryRun="All")
    (crd,) = yamls.read_all(CONFIG / "crd/bases/test.jiaozi.com_helloworlds.yaml")
    warnings = {one["name"]: one.get("deprecationWarning") for one in crd["spec"]["versions"]}
    assert api.warnings == [text for text in [warnings.get(version)] if text]
    broken = copy.deepcopy(sample)
    broken["spec"]["nonsense"] = 1
    with pytest.raises(Exception, match=r'unknown field \S*"spec\.nonsense'):
        api.create(broken, fieldValidation="Strict", dryRun="All")


def test_everything_in_the_bundle_that_is_no_csv_is_accepted_without_a_warning(
    api: "Api", namespace: str
) -> None:
    kinds = set()
    for path in sorted((ROOT / "bundle/manifests").glob("*.yaml")):
        for one in yamls.read_all(path):
            if one["kind"] == "ClusterServiceVersion":
                continue
            if one["kind"] not in CLUSTER_KINDS:
                one["metadata"]["namespace"] = namespace
            dry_run(api, one)
            kinds.add(one["kind"])
    assert kinds == {
        "ClusterRole",
        "ConfigMap",
        "CustomResourceDefinition",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
    }
    assert api.warnings == []


def test_the_deployments_of_the_csv_are_accepted_without_a_warning(
    api: "Api", guarded: str
) -> None:
    csv = yamls.load(
        (ROOT / "bundle/manifests/helloworld-operator.clusterserviceversion.yaml").read_text()
    )
    for deployment in csv["spec"]["install"]["spec"]["deployments"]:
        metadata = {"name": deployment["name"], "namespace": guarded}
        kind = {"apiVersion": "apps/v1", "kind": "Deployment"}
        dry_run(api, {**kind, "metadata": metadata, "spec": deployment["spec"]})
    assert api.warnings == []


@pytest.mark.parametrize(
    "selector", ["suite=operatorframework", "name=good-practices", "name=community"]
)
def test_operator_sdk_finds_neither_error_nor_warning_in_the_bundle(selector: str) -> None:
    done = subprocess.run(
        [
            str(toolchain.tool("operator-sdk")),
            *("bundle", "validate", str(ROOT / "bundle")),
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


def test_opm_finds_the_catalog_valid() -> None:
    process.run([str(toolchain.tool("opm")), "validate", str(ROOT / "catalog")])


def test_the_catalogs_bundle_is_what_opm_renders_from_the_bundle(live: History) -> None:
    release = live.newest
    # What the bundle was generated with: what was published, if the release was.
    image = release.images.get("operator", f"{PROJECT.image_base}:v{release.version}")
    bundle_image = f"{PROJECT.image_base}-bundle:v{release.version}"
    text = process.run(
        [
            str(toolchain.tool("opm")),
            *("render", str(ROOT / "bundle"), "--output", "json"),
            *("--alpha-image-ref-template", bundle_image),
            "--migrate-level=bundle-object-to-csv-metadata",
        ]
    )
    assert json.loads(text) == bundle_entry(PROJECT, release, image, bundle_image)
