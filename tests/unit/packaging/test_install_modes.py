"""Install modes: what an operator and its project may support, and what follows in each form of
installation."""

import datetime
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Struct

from kopfkit import yamls
from kopfkit.controller import Controller, Operator
from kopfkit.controller.kinds import NODES, STATEFUL_SETS
from kopfkit.crd import ConditionedStatus, CustomResource, Version
from kopfkit.environment import INSTALL_MODES
from kopfkit.errors import KopfkitError
from kopfkit.packaging import injection
from kopfkit.packaging.csv import csv
from kopfkit.packaging.helm.chart import chart_tree
from kopfkit.packaging.kustomize import config_tree
from kopfkit.packaging.releases import Release
from kopfkit.project import Icon, Maintainer, Project, Provider, derived

IMAGE = "registry.example.com/tried:v1"


class Spec(Struct):
    """What is wanted."""


class Status(ConditionedStatus):
    """What is."""


async def reconcile(_: Any, __: Any) -> None:
    """Bring one object to its desired state."""


V1 = Version("v1", Spec, Status, "A thing.", storage=True)


def operator(scope: str = "Namespaced", **given: Any) -> Operator:
    resource = CustomResource("things.example.com", "Thing", "things", [V1], scope=scope)
    controller = Controller(resource, V1, reconcile=reconcile).owns(STATEFUL_SETS)
    return Operator("tried-operator", "0.1.0", [controller.reads(NODES)], **given)


def tried(*modes: str) -> Project:
    return derived.project(
        operator(install_modes=modes),
        display_name="Tried",
        summary="Tried",
        description="Tried.",
        provider=Provider("Tests"),
        icon=Icon(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        links=(),
        maintainers=(Maintainer("Tests", "tests@example.com"),),
        keywords=("tests",),
        categories=("Database",),
        capabilities="Basic Install",
        maturity="alpha",
        min_kube_version="1.30.0",
        repository="https://example.com/tried",
        image_base="registry.example.com/tried",
        samples=(
            {"apiVersion": "things.example.com/v1", "kind": "Thing", "metadata": {"name": "one"}},
        ),
    )


RELEASE = Release("0.1.0", datetime.date(2027, 1, 1), ("stable",), ("v1",), "v1", known=("v1",))
NARROW = ("OwnNamespace", "SingleNamespace", "MultiNamespace")


def granted(rules: list[dict[str, Any]]) -> set[str]:
    return {resource for rule in rules for resource in rule["resources"]}


def documents(tree: dict[str, str]) -> list[dict[str, Any]]:
    """All objects of a kustomize tree."""
    texts = [text for path, text in tree.items() if path.endswith(".yaml")]
    return [one for text in texts for one in yamls.load_all(text)]


def test_without_a_word_an_operator_is_for_all_namespaces_by_cluster_roles() -> None:
    made = csv(tried("AllNamespaces"), RELEASE, IMAGE)["spec"]
    assert [one["type"] for one in made["installModes"] if one["supported"]] == ["AllNamespaces"]
    (rights,) = made["install"]["spec"]["clusterPermissions"]
    assert {"things", "statefulsets", "nodes"} <= granted(rights["rules"])
    assert "WATCH_NAMESPACE" not in yamls.dump(made["install"])


def test_a_csv_has_roles_for_what_is_watched_and_cluster_roles_for_what_is_in_no_namespace() -> (
    None
):
    made = csv(tried(*INSTALL_MODES), RELEASE, IMAGE)["spec"]
    assert [(one["type"], one["supported"]) for one in made["installModes"]] == [
        (mode, True) for mode in INSTALL_MODES
    ]
    strategy = made["install"]["spec"]
    (cluster,) = strategy["clusterPermissions"]
    assert granted(cluster["rules"]) == {"nodes"}
    (own,) = strategy["permissions"]
    assert {"things", "things/status", "statefulsets", "leases"} <= granted(own["rules"])
    assert "nodes" not in granted(own["rules"])


def test_under_olm_a_pod_watches_what_the_operator_group_names() -> None:
    made = csv(tried("OwnNamespace"), RELEASE, IMAGE)["spec"]
    (deployment,) = made["install"]["spec"]["deployments"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    (named,) = [one for one in container["env"] if one["name"] == "WATCH_NAMESPACE"]
    path = "metadata.annotations['olm.targetNamespaces']"
    assert named["valueFrom"] == {"fieldRef": {"fieldPath": path}}


@pytest.mark.parametrize(
    ("modes", "asked", "own"),
    [
        (INSTALL_MODES, "", False),
        (INSTALL_MODES, "OwnNamespace", True),
        (NARROW, "", True),
        (("AllNamespaces",), "", False),
    ],
)
def test_kustomize_installs_for_all_namespaces_or_with_roles_for_its_own(
    modes: tuple[str, ...], asked: str, own: bool
) -> None:
    tree = config_tree(tried(*modes), RELEASE, IMAGE, asked)
    objects = documents(tree)
    (main,) = [
        one
        for one in objects
        if one["kind"] in ("Role", "ClusterRole")
        and {"things", "statefulsets"} <= granted(one["rules"])
    ]
    assert main["kind"] == ("Role" if own else "ClusterRole")
    (binding,) = [
        one
        for one in objects
        if one["kind"] == f"{main['kind']}Binding"
        and one["roleRef"]["name"] == main["metadata"]["name"]
    ]
    assert ("namespace" in binding["metadata"]) is own
    (deployment,) = [one for one in objects if one["kind"] == "Deployment"]
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    names = {one["name"]: one.get("value") for one in env}
    assert names.get("WATCH_NAMESPACE") == ("$(POD_NAMESPACE)" if own else None)
    if own:
        # The kubelet replaces what an earlier variable names.
        assert [*names].index("POD_NAMESPACE") < [*names].index("WATCH_NAMESPACE")


@pytest.mark.parametrize(
    ("modes", "asked", "supported"),
    [
        (("AllNamespaces",), "OwnNamespace", "AllNamespaces"),
        (NARROW, "AllNamespaces", "OwnNamespace, SingleNamespace, MultiNamespace"),
    ],
)
def test_an_install_mode_that_is_not_supported_is_refused(
    modes: tuple[str, ...], asked: str, supported: str
) -> None:
    with pytest.raises(KopfkitError, match=f"does not support install mode {asked}") as refused:
        config_tree(tried(*modes), RELEASE, IMAGE, asked)
    assert refused.value.hint == f"It supports: {supported}."


@pytest.mark.parametrize("given", [(), ("EveryNamespace",)])
def test_an_operator_names_install_modes_of_olm(given: tuple[str, ...]) -> None:
    with pytest.raises(KopfkitError, match="is no install mode"):
        operator(install_modes=given)


def test_who_converts_or_has_a_cluster_scoped_kind_is_for_all_namespaces_only(
    project: Project,
) -> None:
    with pytest.raises(KopfkitError, match="Thing is cluster-scoped, so it needs all namespaces"):
        operator(scope="Cluster", install_modes=INSTALL_MODES)
    with pytest.raises(KopfkitError, match="a conversion webhook serves all namespaces"):
        replace(project, install_modes=INSTALL_MODES)
    with pytest.raises(KopfkitError, match="has neither AllNamespaces nor OwnNamespace"):
        replace(project, install_modes=("MultiNamespace",))


def test_an_operator_that_converts_is_refused_before_a_project_is_made_of_it() -> None:
    from helloworld_operator.controller import operator as hello

    made = hello.operator(None)
    with pytest.raises(KopfkitError, match="a CRD has one conversion for the objects of all"):
        Operator(
            made.name,
            "1",
            made.controllers,
            conversion=list(made.converters.values()),
            install_modes=("OwnNamespace",),
        )


def test_the_chart_has_a_value_for_the_namespaces_where_they_can_be_chosen() -> None:
    texts = [
        chart_tree(tried(*modes), RELEASE, IMAGE)["values.yaml"]
        for modes in (("AllNamespaces",), INSTALL_MODES, ("OwnNamespace",))
    ]
    assert ["watchNamespaces: []" in text for text in texts] == [False, True, True]
    assert "if empty, all of them" in texts[1]
    assert "if empty, its own" in texts[2]


def catalog() -> list[dict[str, Any]]:
    entries = [{"name": "op.v2", "replaces": "op.v1"}, {"name": "op.v1"}]
    bundles = [{"schema": "olm.bundle", "package": "op", "name": f"op.v{n}"} for n in (1, 2, 3)]
    channel = {"schema": "olm.channel", "package": "op", "name": "stable", "entries": entries}
    return [{"schema": "olm.package", "name": "op"}, channel, *bundles]


def test_the_bundle_that_is_asked_about_install_modes_is_the_one_olm_begins_with() -> None:
    assert injection.entry(catalog(), "op", "stable")["name"] == "op.v2"
    assert injection.entry(catalog(), "op", "stable", "op.v1")["name"] == "op.v1"
    for package, channel, name, said in (
        ("op", "beta", "", "It has: stable."),
        ("other", "stable", "", "It does not have the package."),
        ("op", "stable", "op.v3", ""),
        ("op", "stable", "op.v9", ""),
    ):
        with pytest.raises(KopfkitError, match="is not in the c") as refused:
            injection.entry(catalog(), package, channel, name)
        assert refused.value.hint == said
