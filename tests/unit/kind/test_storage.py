"""The storage that our node image brings: what kind applies, and that it fits together."""

import json
from typing import Any

from kopfkit import yamls
from kopfkit.kind import preload, storage


def _one(kind: str) -> Any:
    [found] = [obj for obj in storage.objects() if obj["kind"] == kind]
    return found


def test_the_manifest_is_what_the_objects_are() -> None:
    assert yamls.load_all(storage.manifest()) == storage.objects()


def test_a_claim_without_a_class_waits_for_its_first_pod() -> None:
    found = _one("StorageClass")
    assert found["metadata"]["name"] == "standard", "the name on every kind cluster"
    assert found["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert found["volumeBindingMode"] == "WaitForFirstConsumer"


def test_the_provisioner_finds_its_configuration_and_its_account() -> None:
    spec = _one("Deployment")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    account, configuration = _one("ServiceAccount"), _one("ConfigMap")
    assert spec["serviceAccountName"] == account["metadata"]["name"]
    told = dict(zip(container["args"][1::2], container["args"][2::2], strict=True))
    assert told["--configmap-name"] == configuration["metadata"]["name"]
    assert told["--helper-image"] == storage.HELPER
    assert told["--config"].removeprefix("/etc/config/") in configuration["data"]
    assert json.loads(configuration["data"]["config.json"])["nodePathMap"]


def test_the_images_are_built_with_the_nodes_other_images_and_never_pulled() -> None:
    assert storage.TOOL in preload.TOOLS
    assert storage.HELPER in preload.recipe()
    for image in (storage.image(), storage.HELPER):
        assert image.startswith("localhost/")
