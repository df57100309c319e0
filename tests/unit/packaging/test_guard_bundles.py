"""`kopfkit guard inject|remove` on the bundle of an operator in Go."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import gobundles
from gobundles import CRD_FILE, CSV_FILE, GUARD, WEBHOOK
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging import checks

IMAGE = "quay.io/me/kopfkit-guard:v1"
Change = Callable[[dict[str, Any]], Any]


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(kopfkit, ["guard", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, KopfkitError | SystemExit)
    return result


def write(place: Path, change: Change = lambda _: None) -> Path:
    """A bundle as the tool writes it, after a change of its documents."""
    documents = gobundles.bundle()
    change(documents)
    for name, text in gobundles.texts(documents).items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return place


def contents(place: Path) -> dict[str, bytes]:
    files = [path for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(place)): path.read_bytes() for path in files}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle")


def spec(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = yamls.read(place / CSV_FILE)["spec"]
    return found


def test_the_guard_is_a_deployment_of_its_own_with_a_webhook_behind_the_operators(
    bundle: Path,
) -> None:
    before = spec(bundle)
    result = run("inject", bundle, "--image", IMAGE)
    assert result.exit_code == 0, result.output
    after = spec(bundle)
    old, made = after["install"]["spec"]["deployments"]
    assert old == before["install"]["spec"]["deployments"][0]
    assert made["name"] == GUARD
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == IMAGE
    assert container["args"] == [f"--deployment={WEBHOOK}"]
    first, guard = after["webhookdefinitions"]
    assert first == before["webhookdefinitions"][0]
    assert (guard["type"], guard["deploymentName"], guard["failurePolicy"]) == (
        "MutatingAdmissionWebhook",
        GUARD,
        "Ignore",
    )
    ports = [one["containerPort"] for one in container["ports"] if one["name"] == "webhook"]
    assert ports == [guard["targetPort"]]
    # By this label the API server asks the guard about the CRD.
    wanted = guard["objectSelector"]["matchLabels"].items()
    assert wanted <= yamls.read(bundle / CRD_FILE)["metadata"]["labels"].items()


PLACEMENT = {
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"node-role.kubernetes.io/infra": ""},
    "priorityClassName": "system-cluster-critical",
    "tolerations": [{"key": "node-role.kubernetes.io/infra", "operator": "Exists"}],
}
NODES = {
    "requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": [
            {
                "matchExpressions": [
                    {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}
                ]
            }
        ]
    }
}


def pod_of(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def test_its_pods_run_where_those_of_the_webhook_may_and_pull_with_their_secrets(
    tmp_path: Path,
) -> None:
    def change(documents: dict[str, Any]) -> None:
        (one,) = documents[CSV_FILE]["spec"]["install"]["spec"]["deployments"]
        pod_of(one).update(copy.deepcopy(PLACEMENT), affinity={"nodeAffinity": NODES})

    bundle, plain = write(tmp_path / "bundle", change), write(tmp_path / "plain" / "bundle")
    before = contents(bundle)
    for place in (bundle, plain):
        assert run("inject", place, "--image", IMAGE).exit_code == 0
    injected = contents(bundle)
    found, without = (
        pod_of(spec(place)["install"]["spec"]["deployments"][1]) for place in (bundle, plain)
    )
    assert {key: found.get(key) for key in PLACEMENT} == PLACEMENT
    assert not {*PLACEMENT} & {*without}
    assert found["affinity"] == {**without["affinity"], "nodeAffinity": NODES}
    assert run("inject", bundle).exit_code == 0
    assert contents(bundle) == injected
    assert run("remove", bundle).exit_code == 0
    assert contents(bundle) == before


def test_the_rights_are_by_name_and_in_the_namespace(bundle: Path) -> None:
    run("inject", bundle, "--image", IMAGE)
    install = spec(bundle)["install"]["spec"]
    assert "clusterPermissions" not in install
    (mine,) = [one for one in install["permissions"] if one["serviceAccountName"] == GUARD]
    granted = {
        (resource, name, verb)
        for rule in mine["rules"]
        for resource in rule["resources"]
        for name in rule["resourceNames"]
        for verb in rule["verbs"]
    }
    secrets = (f"{GUARD}-service-cert", f"{WEBHOOK}-service-cert")
    assert granted == {
        *(("secrets", name, verb) for name in secrets for verb in ("delete", "get", "patch")),
        ("secrets", secrets[0], "watch"),
        ("deployments", GUARD, "get"),
        ("deployments", WEBHOOK, "get"),
    }


def test_a_bundle_with_the_guard_has_no_finding_that_it_had_not_without(bundle: Path) -> None:
    def found() -> set[tuple[str, str]]:
        return {(each.rule, each.why) for each in checks.check(bundle, house=False)}

    before = found()
    run("inject", bundle, "--image", IMAGE)
    assert found() <= before
    house = [each for each in checks.check(bundle) if GUARD in f"{each.field} {each.why}"]
    assert house == []


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_second_run_changes_nothing_and_remove_gives_the_bytes_back(
    tmp_path: Path, ending: str
) -> None:
    bundle = write(tmp_path / "bundle")
    path = bundle / CSV_FILE
    text = f"# Written by hand, mostly.\n{path.read_text()}".replace("\n", ending)
    path.write_text(text.removesuffix(ending), newline="")
    before = contents(bundle)
    assert run("inject", bundle, "--image", IMAGE).exit_code == 0
    injected = contents(bundle)
    assert injected != before
    assert run("inject", bundle, "--image", IMAGE).exit_code == 0
    # Without an image, that which is there stays.
    result = run("inject", bundle)
    assert result.output.splitlines()[0] == f"{bundle}: unchanged"
    assert contents(bundle) == injected
    assert run("remove", bundle).exit_code == 0
    assert contents(bundle) == before
    assert run("remove", bundle).output == f"{bundle}: unchanged\n"


def test_another_image_replaces_the_one_before(bundle: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other" / "bundle")
    run("inject", bundle, "--image", IMAGE)
    run("inject", bundle, "--image", "quay.io/me/kopfkit-guard:v2")
    run("inject", other, "--image", "quay.io/me/kopfkit-guard:v2")
    assert contents(bundle) == contents(other)


def test_the_modes_of_the_files_stay(bundle: Path) -> None:
    (bundle / CSV_FILE).chmod(0o640)
    (bundle / CRD_FILE).chmod(0o444)
    run("inject", bundle, "--image", IMAGE)
    modes = [(bundle / name).stat().st_mode & 0o777 for name in (CSV_FILE, CRD_FILE)]
    assert modes == [0o640, 0o444]


@pytest.mark.parametrize("command", ["inject", "remove"])
def test_a_bundle_whose_guard_was_cut_off_keeps_all_its_bytes(bundle: Path, command: str) -> None:
    run("inject", bundle, "--image", IMAGE)
    path = bundle / CSV_FILE
    path.write_text(path.read_text().replace("# kopfkit guard: end\n", "", 1))
    before = contents(bundle)
    result = run(command, bundle)
    assert result.exit_code == 1
    assert f"{path}:" in str(result.exception)
    assert "are not in pairs" in str(result.exception)
    assert contents(bundle) == before


@pytest.mark.parametrize("command", ["inject", "remove"])
def test_a_file_that_a_link_in_the_bundle_leads_to_elsewhere_is_not_written(
    bundle: Path, tmp_path: Path, command: str
) -> None:
    if command == "remove":
        run("inject", bundle, "--image", IMAGE)
    elsewhere = (bundle / CSV_FILE).rename(tmp_path / "elsewhere.yaml")
    (bundle / CSV_FILE).symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    result = run(command, bundle, *(["--image", IMAGE] if command == "inject" else []))
    assert result.exit_code == 1
    assert f"is a link to {elsewhere}" in str(result.exception)
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize("command", ["inject", "remove"])
def test_a_dry_run_shows_the_differences_and_writes_nothing(bundle: Path, command: str) -> None:
    if command == "remove":
        run("inject", bundle, "--image", IMAGE)
    before = contents(bundle)
    arguments = ["--image", IMAGE] if command == "inject" else []
    result = run(command, bundle, "--dry-run", *arguments)
    sign = "+" if command == "inject" else "-"
    assert f"{sign}# kopfkit guard: begin" in result.output.splitlines()
    assert result.output.startswith("diff --git ") or result.output.startswith("--- ")
    assert contents(bundle) == before


@pytest.mark.parametrize(
    "conversion",
    [
        None,
        {"strategy": "None"},
        # kubebuilder's placeholder of old, which OLM would take for an authority.
        {
            "strategy": "Webhook",
            "webhook": {
                "clientConfig": {
                    "caBundle": "Cg==",
                    "service": {"name": "webhook-service", "namespace": "system"},
                },
                "conversionReviewVersions": ["v1"],
            },
        },
    ],
)
def test_a_crd_gets_a_conversion_that_trusts_nobody(tmp_path: Path, conversion: Any) -> None:
    def change(documents: dict[str, Any]) -> None:
        documents[CRD_FILE]["spec"].pop("conversion")
        if conversion is not None:
            documents[CRD_FILE]["spec"]["conversion"] = conversion

    bundle = write(tmp_path / "bundle", change)
    before = contents(bundle)
    assert run("inject", bundle, "--image", IMAGE).exit_code == 0
    found = yamls.read(bundle / CRD_FILE)["spec"]["conversion"]
    assert found["strategy"] == "Webhook"
    client = found["webhook"]["clientConfig"]
    assert "caBundle" not in client
    assert client["service"]["name"] == f"{WEBHOOK}-service"
    run("remove", bundle)
    assert contents(bundle) == before


def test_a_conversion_that_is_declared_already_stays_as_it_is(bundle: Path) -> None:
    run("inject", bundle, "--image", IMAGE)
    assert yamls.read(bundle / CRD_FILE)["spec"]["conversion"] == gobundles.DECLARED


def test_the_list_of_images_for_mirrors_has_the_guards(tmp_path: Path) -> None:
    listed = [{"name": "manager", "image": gobundles.IMAGE}]

    def change(documents: dict[str, Any]) -> None:
        documents[CSV_FILE]["spec"]["relatedImages"] = copy.deepcopy(listed)

    bundle = write(tmp_path / "bundle", change)
    run("inject", bundle, "--image", IMAGE)
    assert spec(bundle)["relatedImages"] == [*listed, {"name": GUARD, "image": IMAGE}]


def test_a_long_name_is_shortened_to_what_a_service_may_have(tmp_path: Path) -> None:
    name = "an.operator-" + 48 * "x"

    def change(documents: dict[str, Any]) -> None:
        found = documents[CSV_FILE]["spec"]
        found["install"]["spec"]["deployments"][0]["name"] = name
        found["webhookdefinitions"][0]["deploymentName"] = name

    bundle = write(tmp_path / "bundle", change)
    assert run("inject", bundle, "--image", IMAGE).exit_code == 0
    made = spec(bundle)["install"]["spec"]["deployments"][1]["name"]
    assert len(f"{made}-service") <= 63
    assert made.startswith("an-operator-")


def two(documents: dict[str, Any]) -> None:
    documents["manifests/second.yaml"] = copy.deepcopy(documents[CSV_FILE])


def modes(documents: dict[str, Any]) -> None:
    for mode in documents[CSV_FILE]["spec"]["installModes"]:
        mode["supported"] = True


def guarded(documents: dict[str, Any]) -> None:
    hook = {
        "type": "MutatingAdmissionWebhook",
        "generateName": "guard.own.example.com",
        "deploymentName": WEBHOOK,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "objectSelector": {"matchLabels": {"test.jiaozi.com/conversion-guard": "own"}},
    }
    documents[CSV_FILE]["spec"]["webhookdefinitions"].append(hook)


def twice(documents: dict[str, Any]) -> None:
    hooks = documents[CSV_FILE]["spec"]["webhookdefinitions"]
    hooks.append({**hooks[0], "generateName": "second.kb.io"})
    documents[CRD_FILE]["spec"]["conversion"] = {"strategy": "None"}


def named(documents: dict[str, Any]) -> None:
    hook = {
        "type": "ValidatingAdmissionWebhook",
        "generateName": "guard.helloworlds.test.jiaozi.com",
        "deploymentName": WEBHOOK,
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
    }
    documents[CSV_FILE]["spec"]["webhookdefinitions"].append(hook)


def set_of(path: str, value: Any) -> Change:
    def change(documents: dict[str, Any]) -> None:
        place: Any = documents[CSV_FILE]["spec"]
        *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
        for step in steps:
            place = place[step]
        place[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (set_of("webhookdefinitions", []), "has no conversion webhook"),
        (two, "holds 2 ClusterServiceVersions"),
        (lambda found: found.pop(CSV_FILE), "holds 0 ClusterServiceVersions"),
        (modes, "a conversion webhook allows AllNamespaces only"),
        (set_of("customresourcedefinitions.owned", []), "is not owned"),
        (lambda found: found.pop(CRD_FILE), "has no manifest of helloworlds.test.jiaozi.com"),
        (set_of("webhookdefinitions.0.deploymentName", "no"), "has no Deployment no"),
        (set_of("webhookdefinitions.0.conversionCRDs", []), "names no CRD"),
        (set_of("webhookdefinitions", "x"), "spec.webhookdefinitions"),
        (guarded, "has a guard already: guard.own.example.com"),
        (twice, "has two conversion webhooks for helloworlds.test.jiaozi.com"),
        (named, "has a webhook guard.helloworlds.test.jiaozi.com, as the guard's is called"),
        (set_of("install.spec.deployments.0.name", GUARD), f"has no Deployment {WEBHOOK}"),
        (lambda found: found[CRD_FILE]["spec"].update(preserveUnknownFields=True), "is true"),
        (lambda found: found[CRD_FILE].update(apiVersion="apiextensions.k8s.io/v1beta1"),
         "is apiextensions.k8s.io/v1beta1"),
    ],
)  # fmt: skip
def test_what_cannot_have_a_guard_is_refused_before_anything_is_written(
    tmp_path: Path, change: Change, why: str
) -> None:
    bundle = write(tmp_path / "bundle", change)
    before = contents(bundle)
    result = run("inject", bundle, "--image", IMAGE)
    assert result.exit_code == 1
    assert str(bundle) in str(result.exception)
    assert why in str(result.exception)
    assert contents(bundle) == before


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff\xfea", "is not UTF-8"),
        (b"kind: [", "is not YAML"),
        (b"{}", "holds 0 ClusterServiceVersions"),
        (b"", "holds 0 ClusterServiceVersions"),
        (b"kind: ClusterServiceVersion\nkind: Secret\n", "is there twice"),
    ],
)
def test_a_csv_that_is_no_yaml_is_told_with_its_file(bundle: Path, data: bytes, why: str) -> None:
    (bundle / CSV_FILE).write_bytes(data)
    before = contents(bundle)
    result = run("inject", bundle, "--image", IMAGE)
    assert result.exit_code == 1
    assert why in str(result.exception)
    assert contents(bundle) == before


def test_a_file_that_is_too_large_to_be_read_is_told(bundle: Path) -> None:
    with (bundle / "manifests" / "other.yaml").open("wb") as file:
        file.truncate(yamls.LARGEST + 1)
    result = run("inject", bundle, "--image", IMAGE)
    assert "other.yaml: is larger than 256 MiB" in str(result.exception)


def test_a_second_document_in_the_file_is_refused(bundle: Path) -> None:
    path = bundle / CSV_FILE
    path.write_text(f"{path.read_text()}---\nkind: Other\nmetadata: {{name: x}}\n")
    result = run("inject", bundle, "--image", IMAGE)
    assert result.exit_code == 1
    assert "a second document begins here" in str(result.exception)


def test_a_csv_in_json_is_refused_with_the_way_out(bundle: Path) -> None:
    import json

    path = bundle / CSV_FILE
    path.write_text(json.dumps(yamls.read(path)))
    result = run("inject", bundle, "--image", IMAGE)
    assert "Write it as YAML with one key a line" in str(result.exception)


@pytest.mark.parametrize("image", ["", "Not an image", "quay.io/me/guard"])
def test_an_image_is_asked_for_and_has_a_tag(bundle: Path, image: str) -> None:
    result = run("inject", bundle, "--image", image)
    assert result.exit_code == 1
    assert "--image" in str(result.exception)


def test_a_directory_without_manifests_is_no_bundle(tmp_path: Path) -> None:
    for command in ("inject", "remove"):
        result = run(command, tmp_path)
        assert result.exit_code == 1
        assert "it has no directory manifests" in str(result.exception)


def test_the_bundle_of_an_operator_on_kopfkit_has_a_guard_of_its_own(root: Path) -> None:
    result = run("inject", root / "bundle", "--image", IMAGE, "--dry-run")
    assert "has a guard already" in str(result.exception)
