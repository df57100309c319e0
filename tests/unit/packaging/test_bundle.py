"""The bundle follows OLM's rules, above all those for conversion webhooks."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helloworld_operator.controller import desired
from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.packaging import bundle, kustomize, webhooks, workloads
from kopfkit.packaging.csv import csv as make_csv
from kopfkit.packaging.descriptors import descriptors, title
from kopfkit.packaging.editions import edition
from kopfkit.packaging.releases import History, Release
from kopfkit.project import FEATURES, KUSTOMIZE, Project

IMAGE = "quay.io/me/helloworld-operator:v0.1.0"


@pytest.fixture(scope="module")
def csv(project: Project, release: Release) -> dict[str, Any]:
    return make_csv(edition(project, release), release, IMAGE)


@pytest.fixture(scope="module")
def crd(project: Project, release: Release) -> dict[str, Any]:
    return bundle.manifests(project, release, IMAGE)["test.jiaozi.com_helloworlds.yaml"]


def test_the_conversion_webhook_is_declared_as_olm_wants_it(csv: dict[str, Any]) -> None:
    hook = csv["spec"]["webhookdefinitions"][0]
    assert hook["type"] == "ConversionWebhook"
    assert hook["admissionReviewVersions"] == ["v1"]
    assert hook["conversionCRDs"] == ["helloworlds.test.jiaozi.com"]
    assert (hook["containerPort"], hook["targetPort"], hook["webhookPath"]) == (
        443,
        9443,
        "/convert",
    )
    deployments = {one["name"]: one for one in csv["spec"]["install"]["spec"]["deployments"]}
    assert hook["deploymentName"] in deployments
    assert "." not in hook["deploymentName"]


def in_group(project: Project, group: str) -> Project:
    kept = project.resources[0]
    samples = tuple(
        {**one, "apiVersion": one["apiVersion"].replace(kept.group, group)}
        for one in project.samples
        if one["kind"] == kept.kind
    )
    resources = (replace(kept, group=group),)
    return replace(project, resources=resources, samples=samples, admission=None)


def test_the_name_of_the_guard_fits_into_a_label_however_long_the_group_is(
    project: Project,
) -> None:
    names = set()
    for letter in "ab":
        group = f"{letter * 50}.example.com"
        conversion, guard = webhooks.definitions(in_group(project, group))
        assert conversion["generateName"] == f"convert.helloworlds.{group}"
        assert len(guard["generateName"]) <= 63
        # The API server wants three labels.
        assert guard["generateName"].count(".") >= 2
        names.add(guard["generateName"])
    assert len(names) == 2


def test_the_guard_is_asked_about_updates_of_our_crd_and_may_be_down(
    csv: dict[str, Any], crd: dict[str, Any]
) -> None:
    conversion, *_, guard = csv["spec"]["webhookdefinitions"]
    assert guard["type"] == "MutatingAdmissionWebhook"
    assert guard["webhookPath"] == "/guard"
    assert (guard["failurePolicy"], guard["timeoutSeconds"]) == ("Ignore", 5)
    for name in ("deploymentName", "containerPort", "targetPort"):
        assert guard[name] == conversion[name]
    assert guard["generateName"] != conversion["generateName"]
    (rule,) = guard["rules"]
    assert (rule["resources"], rule["operations"], rule["scope"]) == (
        ["customresourcedefinitions"],
        ["UPDATE"],
        "Cluster",
    )
    wanted = guard["objectSelector"]["matchLabels"]
    assert wanted == {"test.jiaozi.com/conversion-guard": "helloworld-operator"}
    assert wanted.items() <= crd["metadata"]["labels"].items()


def test_only_all_namespaces_is_supported_because_a_conversion_serves_the_whole_crd(
    csv: dict[str, Any],
) -> None:
    supported = [one["type"] for one in csv["spec"]["installModes"] if one["supported"]]
    assert supported == ["AllNamespaces"]


def test_the_bundles_crd_declares_olms_service_and_no_ca_bundle(crd: dict[str, Any]) -> None:
    conversion = crd["spec"]["conversion"]
    assert conversion["strategy"] == "Webhook"
    client = conversion["webhook"]["clientConfig"]
    assert client["service"]["name"] == "helloworld-operator-webhook-service"
    assert (client["service"]["path"], client["service"]["port"]) == ("/convert", 443)
    assert "caBundle" not in client


def test_olm_mounts_the_certificate_so_the_csv_does_not(csv: dict[str, Any]) -> None:
    for deployment in csv["spec"]["install"]["spec"]["deployments"]:
        for volume in deployment["spec"]["template"]["spec"].get("volumes", []):
            assert "secret" not in volume


def test_what_its_certificate_needs_follows_from_the_declared_conversion(
    project: Project, history: History, csv: dict[str, Any]
) -> None:
    webhook = project.conversion.deployment if project.conversion else ""
    assert all(one.service_account != webhook for one in project.permissions)
    install = csv["spec"]["install"]["spec"]
    rights = [
        (rule["resources"], rule["verbs"])
        for one in install["permissions"] + install["clusterPermissions"]
        if one["serviceAccountName"] == webhook
        for rule in one["rules"]
    ]
    assert rights == [
        (["secrets"], ["delete", "get", "patch", "watch"]),
        (["deployments"], ["get"]),
        (["customresourcedefinitions"], ["watch"]),
    ]
    (pod,) = (
        one["spec"]["template"]["spec"] for one in install["deployments"] if one["name"] == webhook
    )
    assert pod["automountServiceAccountToken"] is True
    assert {"name": "WEBHOOK_DEPLOYMENT", "value": webhook} in pod["containers"][0]["env"]
    # Where nothing converts yet, nothing follows.
    first = edition(project, history.release("0.1.0"))
    assert not [one for one in first.permissions if one.converting]


def test_the_rotators_rights_and_its_switch_are_not_in_the_bundle(
    project: Project, release: Release, csv: dict[str, Any]
) -> None:
    assert any(one.modes == {KUSTOMIZE} for one in edition(project, release).permissions)
    install = csv["spec"]["install"]["spec"]
    assert "manage-certificates" not in json.dumps(install)
    # The storage migration reaches the one CRD and its status, the webhook sees whom it trusts. Who
    # makes a policy whose parameter is a CRD must be able to read all of them.
    definitions = [
        (rule["resources"], rule.get("resourceNames"), rule["verbs"])
        for one in install["permissions"] + install["clusterPermissions"]
        for rule in one["rules"]
        if "apiextensions.k8s.io" in rule["apiGroups"]
    ]
    crd = ["helloworlds.test.jiaozi.com"]
    assert definitions == [
        (["customresourcedefinitions"], crd, ["get", "update"]),
        (["customresourcedefinitions/status"], crd, ["patch"]),
        (["customresourcedefinitions"], None, ["get"]),
        (["customresourcedefinitions"], crd, ["watch"]),
    ]
    # The webhook owns its certificate's Secret under OLM, and reaches no other.
    reaching = [
        (one["serviceAccountName"], rule["resourceNames"], rule["verbs"])
        for one in install["permissions"] + install["clusterPermissions"]
        for rule in one["rules"]
        if "secrets" in rule["resources"]
    ]
    assert reaching == [
        (
            "helloworld-operator-webhook",
            ["helloworld-operator-webhook-service-cert"],
            ["delete", "get", "patch", "watch"],
        )
    ]


def test_only_under_olm_the_webhook_has_a_token_and_the_right_to_its_secret(
    project: Project, release: Release, csv: dict[str, Any]
) -> None:
    _, webhook = csv["spec"]["install"]["spec"]["deployments"]
    pod = webhook["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True
    (container,) = pod["containers"]
    assert not [one for one in container["env"] if one["name"].startswith("RELATED_IMAGE_")]
    own = workloads.deployment_object(project, project.deployments[1], IMAGE)
    assert own["spec"]["template"]["spec"]["automountServiceAccountToken"] is False
    tree = kustomize.config_tree(project, release, IMAGE)
    assert "certificate-owner" not in "".join(tree.values())


def test_every_service_account_has_a_permission_or_olm_would_not_make_it(
    project: Project, csv: dict[str, Any]
) -> None:
    install = csv["spec"]["install"]["spec"]
    granted = {
        one["serviceAccountName"] for one in install["permissions"] + install["clusterPermissions"]
    }
    assert granted == {deployment.name for deployment in project.deployments}


def test_pods_meet_the_restricted_standard(csv: dict[str, Any]) -> None:
    for deployment in csv["spec"]["install"]["spec"]["deployments"]:
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }


def test_the_webhook_never_has_fewer_pods_than_before_a_rollout(csv: dict[str, Any]) -> None:
    webhook = csv["spec"]["install"]["spec"]["deployments"][1]
    assert webhook["name"] == "helloworld-operator-webhook"
    assert webhook["spec"]["replicas"] == 2
    assert webhook["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (container,) = webhook["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 5


def test_the_operands_image_is_told_and_listed(csv: dict[str, Any]) -> None:
    controller = csv["spec"]["install"]["spec"]["deployments"][0]
    env = controller["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "RELATED_IMAGE_HELLOWORLD", "value": IMAGE} in env
    assert {"name": "helloworld", "image": IMAGE} in csv["spec"]["relatedImages"]


def test_created_at_is_the_releases_day(csv: dict[str, Any], release: Release) -> None:
    assert csv["metadata"]["annotations"]["createdAt"] == f"{release.date}T00:00:00Z"


def test_examples_are_the_samples_one_for_each_version(csv: dict[str, Any]) -> None:
    examples = json.loads(csv["metadata"]["annotations"]["alm-examples"])
    assert {one["apiVersion"] for one in examples} == {
        "test.jiaozi.com/v1",
        "test.jiaozi.com/v1alpha1",
    }


def test_the_catalog_is_told_platforms_and_openshifts_features(
    project: Project, release: Release
) -> None:
    both = replace(project, architectures=("amd64", "arm64"), features=frozenset({"proxy-aware"}))
    metadata = make_csv(both, release, IMAGE)["metadata"]
    assert metadata["labels"] == {
        "operatorframework.io/arch.amd64": "supported",
        "operatorframework.io/arch.arm64": "supported",
        "operatorframework.io/os.linux": "supported",
    }
    told = {
        name.partition("/")[2]: value
        for name, value in metadata["annotations"].items()
        if name.startswith("features.operators.openshift.io/")
    }
    assert told == {name: "true" if name == "proxy-aware" else "false" for name in FEATURES}


def test_the_icon_is_an_svg(csv: dict[str, Any]) -> None:
    (icon,) = csv["spec"]["icon"]
    assert icon["mediatype"] == "image/svg+xml"
    assert base64.b64decode(icon["base64data"]).startswith(b"<svg ")


def test_every_field_of_every_version_has_a_descriptor_with_a_description(
    csv: dict[str, Any],
) -> None:
    owned = {
        (one["kind"], one["version"]): one
        for one in csv["spec"]["customresourcedefinitions"]["owned"]
    }
    assert set(owned) == {
        ("HelloWorld", "v1"),
        ("HelloWorld", "v1alpha1"),
        ("HelloWorldSnapshot", "v1"),
    }
    paths = {one["path"] for one in owned["HelloWorld", "v1"]["specDescriptors"]}
    assert {"replicas", "greeting.message", "persistence.size", "image"} <= paths
    assert {one["path"] for one in owned["HelloWorld", "v1alpha1"]["specDescriptors"]} == {
        "size",
        "message",
        "image",
    }
    for version in owned.values():
        for one in version["specDescriptors"] + version["statusDescriptors"]:
            assert one["description"]
            assert one["x-descriptors"]


def test_each_kind_names_the_objects_that_are_made_for_it(csv: dict[str, Any]) -> None:
    made = {
        one["kind"]: {child["kind"] for child in one["resources"]}
        for one in csv["spec"]["customresourcedefinitions"]["owned"]
    }
    assert made == {
        "HelloWorld": {
            "Deployment",
            "PersistentVolumeClaim",
            "Job",
            "Event",
            *(each.kind.kind for each in desired.CHILDREN),
        },
        "HelloWorldSnapshot": {"PersistentVolumeClaim", "Job", "Event"},
    }


def test_a_kind_with_one_version_needs_no_conversion(
    project: Project, release: Release, csv: dict[str, Any]
) -> None:
    objects = bundle.manifests(project, release, IMAGE)
    crd = objects["test.jiaozi.com_helloworldsnapshots.yaml"]
    assert "conversion" not in crd["spec"]
    assert "test.jiaozi.com/conversion-guard" not in crd["metadata"]["labels"]
    hook = csv["spec"]["webhookdefinitions"][0]
    assert hook["conversionCRDs"] == ["helloworlds.test.jiaozi.com"]


def test_a_kind_that_came_later_is_not_in_an_earlier_release(
    project: Project, release: Release, history: History
) -> None:
    early = history.release("0.1.0")
    assert not [name for name in bundle.manifests(project, early, IMAGE) if "snapshot" in name]
    # While both versions are served, a kind without the stored one stores its own.
    between = replace(release, stored="v1alpha1")
    crd = bundle.manifests(project, between, IMAGE)["test.jiaozi.com_helloworldsnapshots.yaml"]
    assert [(one["name"], one["storage"]) for one in crd["spec"]["versions"]] == [("v1", True)]


def test_a_version_without_a_status_has_no_status_descriptors() -> None:
    crd = {
        "spec": {
            "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": {}}}}],
        }
    }
    assert descriptors(crd, "v1", "status") == []


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("observedGeneration", "Observed Generation"),
        ("url", "URL"),
        ("size", "Size"),
        ("targetCPUUtilizationPercentage", "Target CPU Utilization Percentage"),
    ],
)
def test_a_field_is_named_for_people(name: str, shown: str) -> None:
    assert title(name) == shown


def test_labels_and_annotations_of_the_bundle_agree(project: Project, release: Release) -> None:
    tree = bundle.bundle_tree(project, release, IMAGE, ["stable", "candidate"], "stable")
    annotations = yamls.load(tree["metadata/annotations.yaml"])["annotations"]
    dockerfile = bundle.bundle_dockerfile(project, ["stable", "candidate"], "stable")
    labels = dict(
        line.removeprefix("LABEL ").split("=", 1)
        for line in dockerfile.splitlines()
        if line.startswith("LABEL ")
    )
    assert labels == annotations
    assert labels["operators.operatorframework.io.bundle.channels.v1"] == "stable,candidate"


def test_a_release_serves_and_stores_what_its_entry_says(
    project: Project, release: Release
) -> None:
    # v1 was served before, and objects may be stored in it.
    back = replace(release, served=("v1alpha1",), stored="v1alpha1", deprecated_versions=())
    objects = bundle.manifests(project, back, IMAGE)
    versions = objects["test.jiaozi.com_helloworlds.yaml"]["spec"]["versions"]
    assert [(one["name"], one["served"], one["storage"]) for one in versions] == [
        ("v1", False, False),
        ("v1alpha1", True, True),
    ]
    csv = objects["helloworld-operator.clusterserviceversion.yaml"]
    owned = csv["spec"]["customresourcedefinitions"]["owned"]
    assert [one["version"] for one in owned] == ["v1alpha1"]


def test_a_first_release_has_neither_a_webhook_nor_what_only_a_webhook_needs(
    project: Project, history: History
) -> None:
    objects = bundle.manifests(project, history.release("0.1.0"), IMAGE)

    crd = objects["test.jiaozi.com_helloworlds.yaml"]
    assert [(one["name"], one["storage"]) for one in crd["spec"]["versions"]] == [
        ("v1alpha1", True)
    ]
    assert "conversion" not in crd["spec"]
    csv = objects["helloworld-operator.clusterserviceversion.yaml"]
    assert "webhookdefinitions" not in csv["spec"]
    install = csv["spec"]["install"]["spec"]
    assert [one["name"] for one in install["deployments"]] == ["helloworld-operator"]
    granted = [*install["clusterPermissions"], *install["permissions"]]
    assert {one["serviceAccountName"] for one in granted} == {"helloworld-operator"}
    rules = [rule for one in granted for rule in one["rules"]]
    assert not [name for rule in rules for name in rule["resources"] if "snapshot" in name]
    assert not [rule for rule in rules if "secrets" in rule["resources"]]
    samples = json.loads(csv["metadata"]["annotations"]["alm-examples"])
    assert {one["apiVersion"] for one in samples} == {"test.jiaozi.com/v1alpha1"}
    alerts = str(objects["helloworld-operator-monitoring_v1_configmap.yaml"])
    assert "HelloWorldDegraded" in alerts
    assert "HelloWorldConversion" not in alerts


def test_a_deprecated_version_warns_its_clients(project: Project, history: History) -> None:
    def warning(version: str) -> object:
        objects = bundle.manifests(project, history.release(version), IMAGE)
        for one in objects["test.jiaozi.com_helloworlds.yaml"]["spec"]["versions"]:
            if one["name"] == "v1alpha1":
                return one.get("deprecated"), one.get("deprecationWarning")
        raise LookupError(version)

    assert warning("0.2.0") == (None, None)
    text = "test.jiaozi.com/v1alpha1 HelloWorld is deprecated; use test.jiaozi.com/v1 HelloWorld"
    assert warning("0.3.0") == (True, text)


def test_an_upgrade_edge_is_in_the_csv(project: Project, release: Release) -> None:
    later = replace(
        release, version="0.2.0", replaces="0.1.0", skips=("0.1.1",), skip_range=">=0.1.0 <0.2.0"
    )
    csv = make_csv(project, later, IMAGE)
    assert csv["metadata"]["name"] == "helloworld-operator.v0.2.0"
    assert csv["spec"]["replaces"] == "helloworld-operator.v0.1.0"
    assert csv["spec"]["skips"] == ["helloworld-operator.v0.1.1"]
    assert csv["metadata"]["annotations"]["olm.skipRange"] == ">=0.1.0 <0.2.0"


def test_every_invalid_input_is_named_at_once(history: History) -> None:
    with pytest.raises(KopfkitError) as caught:
        bundle.check_inputs(history, "v1", "no image", ["Stable"], "nightly")
    for place in ("--version", "--img", "--channels", "--default-channel"):
        assert place in str(caught.value)


def test_a_version_that_is_in_no_release_is_refused_with_the_known_ones(history: History) -> None:
    with pytest.raises(KopfkitError, match=r"version 9\.9\.9: is not in .* \(it has 0\.1\.0, "):
        bundle.check_inputs(history, "9.9.9", IMAGE, ["stable"], "stable")


@given(
    st.text(max_size=20), st.text(max_size=40), st.lists(st.text(max_size=10)), st.text(max_size=10)
)
def test_any_input_is_either_taken_whole_or_refused(
    history: History, version: str, image: str, channels: list[str], default: str
) -> None:
    try:
        release = bundle.check_inputs(history, version, image, channels, default)
    except KopfkitError:
        return
    assert release.version == version
    assert set(channels) <= set(history.channels)
