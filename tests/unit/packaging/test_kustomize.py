"""The kustomize tree: what is switched on where, and that its parts fit together."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.packaging.headers import is_generated
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project

IMAGE = "quay.io/me/op:v1"
Tree = dict[str, str]


@pytest.fixture(scope="module")
def tree(project: Project, release: Release) -> Tree:
    return config_tree(project, release, IMAGE)


def one(tree: Tree, path: str) -> dict[str, Any]:
    found: dict[str, Any] = yamls.load(tree[path])
    return found


def test_every_file_says_that_it_is_generated(tree: Tree) -> None:
    assert all(is_generated(text) for text in tree.values())


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0", "0.3.0", "0.4.0"])
def test_every_resource_of_a_kustomization_exists_and_every_file_is_used(
    project: Project, history: History, version: str
) -> None:
    tree = config_tree(project, history.release(version), IMAGE)
    used: set[str] = set()
    for path in [path for path in tree if path.endswith("kustomization.yaml")]:
        base = PurePosixPath(path).parent
        for resource in one(tree, path)["resources"]:
            if resource.startswith("../"):
                assert f"{resource[3:]}/kustomization.yaml" in tree
            else:
                assert f"{base}/{resource}" in tree
                used.add(f"{base}/{resource}")
    objects = {path for path in tree if not path.endswith(("kustomization.yaml", ".md"))}
    assert used == objects


def test_where_nothing_converts_there_is_no_webhook_and_nobody_makes_certificates(
    project: Project, history: History
) -> None:
    tree = config_tree(project, history.release("0.1.0"), IMAGE)
    assert not {path.partition("/")[0] for path in tree} & {"webhook", "certificates"}
    default = one(tree, "default/kustomization.yaml")
    assert default["resources"] == ["namespace.yaml", "../crd", "../rbac", "../manager"]
    assert "patches" not in default
    assert "conversion" not in one(tree, "crd/bases/test.jiaozi.com_helloworlds.yaml")["spec"]
    assert "secrets" not in "".join(text for path, text in tree.items() if path.startswith("rbac/"))


def test_the_crd_base_alone_never_loses_data_silently(tree: Tree) -> None:
    crd = one(tree, "crd/bases/test.jiaozi.com_helloworlds.yaml")
    assert crd["spec"]["conversion"]["strategy"] == "Webhook"


def test_the_certificate_rotator_is_switched_on_in_default_only(tree: Tree) -> None:
    mentions = {path for path, text in tree.items() if "manage-certificates" in text}
    assert mentions == {"default/kustomization.yaml"}
    assert "../certificates" in one(tree, "default/kustomization.yaml")["resources"]
    assert "../certificates" not in one(tree, "manifests/kustomization.yaml")["resources"]


def test_secrets_are_reached_and_crds_are_written_by_name_only(tree: Tree) -> None:
    for path, text in tree.items():
        if not path.endswith("_role.yaml"):
            continue
        for rule in yamls.load(text)["rules"]:
            reached = set(rule["resources"])
            if "secrets" in reached:
                assert path.startswith("certificates/")
                assert rule["verbs"] == ["create"] or rule["resourceNames"]
            if {"customresourcedefinitions", "customresourcedefinitions/status"} & reached:
                names = rule.get("resourceNames")
                assert names == ["helloworlds.test.jiaozi.com"] or rule["verbs"] == ["get"]


def test_the_namespace_enforces_the_restricted_standard(tree: Tree) -> None:
    labels = one(tree, "default/namespace.yaml")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_digest_is_set_as_a_digest(project: Project, release: Release) -> None:
    digest = "sha256:" + "b" * 64
    tree = config_tree(project, release, f"quay.io/me/op@{digest}")
    (image,) = one(tree, "default/kustomization.yaml")["images"]
    assert image == {"name": "controller", "newName": "quay.io/me/op", "digest": digest}


@pytest.mark.parametrize(
    ("place", "ports"), [("manager/manager", {8080}), ("webhook/webhook", {8080, 9443})]
)
def test_metrics_are_for_scrapers_and_what_the_api_server_and_kubelets_ask_is_for_all(
    tree: Tree, place: str, ports: set[int]
) -> None:
    policy = one(tree, f"{place}_network_policy.yaml")["spec"]
    pod = one(tree, f"{place}.yaml")["spec"]["template"]
    everybody, scrapers = policy["ingress"]

    assert policy["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert "from" not in everybody
    assert {each["port"] for each in everybody["ports"]} == ports
    assert [each["port"] for each in scrapers["ports"]] == [8081]
    assert {tuple(each) for each in scrapers["from"]} == {("podSelector",), ("namespaceSelector",)}
    # No selector is empty: an empty one is every namespace.
    assert all(each.get("namespaceSelector") != {} for each in scrapers["from"])
    # Every port that the container has is named in one of the two.
    container = pod["spec"]["containers"][0]
    assert {each["containerPort"] for each in container["ports"]} == ports | {8081}


def test_the_webhooks_service_selects_its_pods_and_the_budget_lets_one_go(tree: Tree) -> None:
    service = one(tree, "webhook/service.yaml")
    deployment = one(tree, "webhook/webhook.yaml")
    budget = one(tree, "webhook/webhook_disruption_budget.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
    controller = one(tree, "manager/manager.yaml")["spec"]["template"]["metadata"]["labels"]
    assert not service["spec"]["selector"].items() <= controller.items()
    assert service["metadata"]["name"] == "helloworld-operator-webhook-service"
    secret = deployment["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"]
    assert secret == "helloworld-operator-webhook-service-cert"
