"""OLM v1's own code about our bundles, about broken ones, and about upgrades that lose something.

The tool `olm-v1` is built for this: some minutes, once on a machine.
"""

import base64
import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from helloworld_operator.project import PROJECT
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.cli._olmv1 import refusals
from kopfkit.host.progress import Progress
from kopfkit.olm.olmv1 import OlmV1
from kopfkit.packaging import checks
from kopfkit.packaging.bundle import manifests
from kopfkit.packaging.releases import History
from kopfkit.packaging.routes import steps_v1

ROOT = Path(__file__).parents[2]
CSV = "helloworld-operator.clusterserviceversion.yaml"
CRD = "test.jiaozi.com_helloworlds.yaml"
NAME = "helloworlds.test.jiaozi.com"
PROVIDERS = {"cert-manager", "service-ca"}
Object = dict[str, Any]
Edit = Callable[[Any], object]


@pytest.fixture(scope="module")
def asked() -> Iterator[OlmV1]:
    with OlmV1(Progress()) as running:
        yield running


@pytest.fixture
def bundle(tmp_path: Path, frozen_checkout: Path) -> Path:
    """A bundle of one's own, to be broken."""
    return Path(shutil.copytree(frozen_checkout / "bundle", tmp_path / "bundle"))


def edit(path: Path, change: Edit) -> None:
    data = yamls.read(path)
    change(data)
    path.write_text(yamls.dump(data))


def run(*words: str) -> Result:
    return CliRunner().invoke(kopfkit, words)


def said(asked: OlmV1, bundle: Path) -> dict[str, str]:
    """What is refused, by who refuses it: OLM v1's functions and our rules."""
    read, _ = checks.load(bundle)
    found = refusals(read, bundle, asked.bundle(bundle))
    return {one.rule or one.by.removeprefix("OLM v1: "): one.why for one in found}


def test_our_bundle_is_rendered_with_both_providers(asked: OlmV1, root: Path) -> None:
    judged = asked.bundle(root / "bundle")
    assert judged.refusals == ()
    assert judged.rendered.keys() == PROVIDERS
    for provider, objects in judged.rendered.items():
        crds = {one["metadata"]["name"]: one for one in objects if "spec" in one and "versions"
                in one["spec"]}  # fmt: skip
        conversion = crds[NAME]["spec"]["conversion"]
        assert conversion["strategy"] == "Webhook"
        service = conversion["webhook"]["clientConfig"]["service"]
        assert service["name"] in {
            one["metadata"]["name"] for one in objects if one["kind"] == "Service"
        }
        notes = crds[NAME]["metadata"]["annotations"]
        assert any(provider.split("-")[0] in key for key in notes), notes


def test_our_bundle_passes_the_command_with_an_api_server(root: Path) -> None:
    done = run(
        "bundle", "validate", str(root / "bundle"), "--olm-v1", "--output=json",
        "--skip=operator-sdk",
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert told["findings"] == []
    assert any(who.startswith("OLM v1's code v1.") for who in told["asked"])
    assert done.exit_code == 0


def test_what_the_api_server_says_of_rendered_objects_has_its_place(bundle: Path) -> None:
    name = "a-" * 25 + "x"

    def rename(csv: Any) -> None:
        hooks, strategy = csv["spec"]["webhookdefinitions"], csv["spec"]["install"]["spec"]
        (deployment,) = {one["deploymentName"] for one in hooks}
        for one in hooks:
            one["deploymentName"] = name
        for one in strategy["deployments"]:
            if one["name"] == deployment:
                one["name"] = name
                one["label"] = {"a label": "of the Deployment"}

    edit(bundle / "manifests" / CSV, rename)
    done = run(
        "bundle", "validate", str(bundle), "--olm-v1", "--output=json", "--skip=operator-sdk"
    )
    found = [one for one in json.loads(done.stdout)["findings"] if one["by"].startswith("API")]
    assert {one["by"] for one in found} == {"API server"}, found
    assert done.exit_code == 1


def dependency(what: str, **value: str) -> Callable[[Path], None]:
    def write(bundle: Path) -> None:
        document = {"dependencies": [{"type": what, "value": value}]}
        (bundle / "metadata" / "dependencies.yaml").write_text(yamls.dump(document))

    return write


def in_csv(change: Edit) -> Callable[[Path], None]:
    return lambda bundle: edit(bundle / "manifests" / CSV, change)


def in_crd(change: Edit) -> Callable[[Path], None]:
    return lambda bundle: edit(bundle / "manifests" / CRD, change)


def modes(csv: Any, *supported: str) -> None:
    for one in csv["spec"]["installModes"]:
        one["supported"] = one["type"] in supported


def hooks(csv: Any, kind: str = "ConversionWebhook") -> list[Any]:
    return [one for one in csv["spec"]["webhookdefinitions"] if one["type"] == kind]


def service(bundle: Path) -> None:
    csv = yamls.read(bundle / "manifests" / CSV)
    name = f"{hooks(csv)[0]['deploymentName']}-service"
    metadata = {"name": name}
    document = {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
                "spec": {"ports": [{"port": 443}]}}  # fmt: skip
    (bundle / "manifests" / "service.yaml").write_text(yamls.dump(document))


def twice(csv: Any) -> None:
    csv["spec"]["webhookdefinitions"] += copy.deepcopy(hooks(csv, "MutatingAdmissionWebhook"))


def required(csv: Any) -> None:
    one = {"name": "others.example.com", "version": "v1", "kind": "Other"}
    csv["spec"]["customresourcedefinitions"]["required"] = [one]


def other(bundle: Path, name: str, **document: Any) -> None:
    document.setdefault("metadata", {"name": "x"})
    (bundle / "manifests" / name).write_text(yamls.dump(document))


def no_package(bundle: Path) -> None:
    edit(
        bundle / "metadata" / "annotations.yaml",
        lambda one: one["annotations"].pop("operators.operatorframework.io.bundle.package.v1"),
    )


def account(bundle: Path) -> None:
    strategy = yamls.read(bundle / "manifests" / CSV)["spec"]["install"]["spec"]
    name = strategy["clusterPermissions"][0]["serviceAccountName"]
    metadata = {"name": name, "labels": {"a": "b"}}
    other(bundle, "x.yaml", apiVersion="v1", kind="ServiceAccount", metadata=metadata)


def second(bundle: Path) -> None:
    document = yamls.read(bundle / "manifests" / CSV)
    document["metadata"]["name"] = "second.v1"
    (bundle / "manifests" / "z.yaml").write_text(yamls.dump(document))


APPLIER = "applier.(*RegistryV1ManifestProvider).Get"
DEPENDENCY = "resolve.NoDependencyValidation"
# What is broken -> who of OLM v1 refuses it, and which of our errors say so of OLM v0.
BROKEN: Mapping[str, tuple[Callable[[Path], object], set[str], set[str]]] = {
    # Dependencies are OLM v0's: its resolver installs them.
    "a package that is required": (
        dependency("olm.package", packageName="x", version=">1.0.0"), {DEPENDENCY}, set(),
    ),
    "a kind that is required": (
        dependency("olm.gvk", group="x.io", kind="X", version="v1"), {DEPENDENCY}, set(),
    ),
    "a constraint": (
        dependency("olm.constraint", failureMessage="x"), {DEPENDENCY}, set(),
    ),
    "a CRD that the CSV requires": (in_csv(required), {DEPENDENCY}, set()),
    # Both.
    "a conversion webhook with OwnNamespace only": (
        in_csv(lambda csv: modes(csv, "OwnNamespace")),
        {"validators.CheckConversionWebhookSupport", APPLIER}, {"conversion-modes"},
    ),
    "a conversion webhook with OwnNamespace, too": (
        in_csv(lambda csv: modes(csv, "OwnNamespace", "AllNamespaces")),
        {"validators.CheckConversionWebhookSupport"}, {"conversion-modes"},
    ),
    "a conversion webhook for a CRD that is not owned": (
        in_csv(lambda csv: hooks(csv)[0].update(conversionCRDs=["x.example.com"])),
        {"validators.CheckConversionWebhooksReferenceOwnedCRDs"}, {"conversion-crds"},
    ),
    "preserveUnknownFields": (
        in_crd(lambda crd: crd["spec"].update(preserveUnknownFields=True)),
        {APPLIER}, {"conversion-preserves"},
    ),
    "a webhook of no Deployment": (
        in_csv(lambda csv: hooks(csv)[0].update(deploymentName="x")),
        {"validators.CheckWebhookDeploymentReferentialIntegrity"}, {"webhook-deployment"},
    ),
    "a webhook twice": (
        in_csv(twice), {"validators.CheckWebhookNameUniqueness"}, {"webhook-name-twice"},
    ),
    "a webhook on every group": (
        in_csv(lambda csv: hooks(csv, "MutatingAdmissionWebhook")[0]["rules"][0].update(
            apiGroups=["*"])),
        {"validators.CheckWebhookRules"}, {"webhook-rules"},
    ),
    "a kind that is not installed": (
        lambda bundle: other(bundle, "x.yaml", apiVersion="v1", kind="Pod"),
        {"validators.CheckObjectSupport"}, {"unsupported-kind"},
    ),
    "an owned CRD that is not there": (
        lambda bundle: (bundle / "manifests" / CRD).unlink(),
        {"validators.CheckOwnedCRDExistence"}, {"owned-not-there"},
    ),
    "no package": (no_package, {"validators.CheckPackageNameNotEmpty"}, {"annotations"}),
    "a CRD twice": (
        lambda bundle: shutil.copy(bundle / "manifests" / CRD, bundle / "manifests" / "y.yaml"),
        {"validators.CheckCRDResourceUniqueness"}, {"name-twice"},
    ),
    "no manifests": (
        lambda bundle: shutil.rmtree(bundle / "manifests"), {"source.FromFS"}, {"no-manifests"},
    ),
    # OLM v1 alone: it makes the names of objects of these, where OLM v0 has a suffix of its own.
    "a webhook whose name is no DNS name": (
        in_csv(lambda csv: hooks(csv)[0].update(generateName="Not_DNS")),
        {"validators.CheckWebhookNameIsDNS1123SubDomain"}, set(),
    ),
    "the Service of a webhook in the bundle": (service, {"olm-v1-rendered-twice"}, set()),
    "one namespace only, without a conversion": (
        in_csv(lambda csv: (modes(csv, "OwnNamespace"), csv["spec"].update(
            webhookdefinitions=hooks(csv, "MutatingAdmissionWebhook")))),
        {APPLIER}, set(),
    ),
    "an API service": (
        in_csv(lambda csv: csv["spec"].update(apiservicedefinitions={"owned": [
            {"name": "x", "group": "x.io", "version": "v1", "kind": "X", "deploymentName": "x"}]})),
        {APPLIER}, set(),
    ),
    # OLM v0 alone: its name of the webhook becomes a label, and its API group is another.
    "a webhook on OLM v0's group": (
        in_csv(lambda csv: hooks(csv, "MutatingAdmissionWebhook")[0]["rules"][0].update(
            apiGroups=["operators.coreos.com"])),
        set(), {"webhook-rules"},
    ),
    "a webhook with a long name": (
        in_csv(lambda csv: hooks(csv, "MutatingAdmissionWebhook")[0].update(
            generateName="a" * 60 + ".example.com")),
        set(), {"webhook-name-label"},
    ),
    # Both make the accounts that rights are given to.
    "an account in the bundle": (account, {"olm-v1-rendered-twice"}, {"service-account-twice"}),
    # OLM v1 reads these without a word: the last ClusterServiceVersion, one of two equal keys, and
    # v1beta1 as v1, which the API server refuses then.
    "two ClusterServiceVersions": (second, set(), {"one-csv"}),
    "a key twice": (
        lambda bundle: (bundle / "manifests" / "x.yaml").write_text(
            "apiVersion: v1\nkind: ConfigMap\nkind: ConfigMap\nmetadata: {name: x}\n"),
        set(), {"unreadable"},
    ),
    "a CRD of v1beta1": (
        in_crd(lambda crd: crd.update(apiVersion="apiextensions.k8s.io/v1beta1")),
        set(), {"crd-v1beta1"},
    ),
    "a conversion webhook for nothing": (
        in_csv(lambda csv: hooks(csv)[0].update(conversionCRDs=[])), set(), {"conversion-crds"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_olm_v1_and_our_checks_about_a_broken_bundle(asked: OlmV1, bundle: Path, what: str) -> None:
    change, theirs, ours = BROKEN[what]
    change(bundle)
    assert set(said(asked, bundle)) == theirs
    errors = {one.rule for one in checks.check(bundle) if one.severity == checks.ERROR}
    assert ours <= errors
    if not ours:
        assert errors == set()


def test_the_command_reports_a_broken_bundle(bundle: Path) -> None:
    BROKEN["a package that is required"][0](bundle)
    done = run(
        "bundle", "validate", str(bundle), "--olm-v1", "--skip=operator-sdk", "--no-api-server"
    )
    assert done.exit_code == 1
    assert 'error: bundle/metadata: bundle "helloworld-operator.v0.4.0" has a dependency' in (
        done.stdout
    )
    assert "[OLM v1: resolve.NoDependencyValidation]" in done.stdout


def parts(objects: Mapping[str, Any]) -> list[Object]:
    """What is asked about of a release: its ClusterServiceVersion and its CRDs."""
    kinds = ("ClusterServiceVersion", "CustomResourceDefinition")
    return [one for one in objects.values() if one["kind"] in kinds]


@pytest.fixture(scope="module")
def releases(live: History) -> dict[str, list[Object]]:
    """Our own releases, by version."""
    return {
        one.version: parts(manifests(PROJECT, one, f"quay.io/me/op:v{one.version}"))
        for one in live.releases
    }


def test_the_safety_check_lets_every_upgrade_of_ours_through(
    asked: OlmV1, live: History, releases: dict[str, list[Object]]
) -> None:
    edges = steps_v1(live)
    assert edges
    for old, new in edges.items():
        told = asked.upgrade(releases[old], releases[new])
        assert told.refused == ""
        assert told.unsafe == {name: [] for name in told.new}, f"{old} -> {new}"


def version(objects: list[Object], name: str) -> Any:
    crd = next(one for one in objects if one["metadata"]["name"] == NAME)
    return next(one for one in crd["spec"]["versions"] if one["name"] == name)


def spec(objects: list[Object]) -> Any:
    return version(objects, "v1")["schema"]["openAPIV3Schema"]["properties"]["spec"]


def drop_version(objects: list[Object]) -> None:
    crd = next(one for one in objects if one["metadata"]["name"] == NAME)
    crd["spec"]["versions"] = [one for one in crd["spec"]["versions"] if one["name"] == "v1"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda new: spec(new)["properties"].pop("greeting"), "existingFieldRemoval"),
        (lambda new: spec(new)["properties"]["replicas"].update(default=7), "default"),
        (lambda new: spec(new)["properties"]["replicas"].update(maximum=1), "maximum"),
        (lambda new: spec(new).setdefault("required", []).append("snapshots"), "required"),
        (lambda new: spec(new)["properties"]["replicas"].update(type="string"), "type"),
        (drop_version, "storedVersionRemoval"),
    ],
    ids=["a field goes", "a default changes", "a limit comes", "a field becomes required",
         "a type changes", "a stored version goes"],
)  # fmt: skip
def test_the_safety_check_refuses_what_would_break_objects(
    asked: OlmV1, releases: dict[str, list[Object]], live: History, change: Edit, expected: str
) -> None:
    old = releases[live.newest.version]
    new = copy.deepcopy(old)
    change(new)
    told = asked.upgrade(old, new, stored={NAME: ["v1alpha1", "v1"]})
    assert any(expected in reason for reason in told.unsafe[NAME]), told.unsafe


def test_simulate_says_what_the_safety_check_refuses(bundle: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(bundle, tmp_path / "new"))

    def narrow(crd: Any) -> None:
        for one in crd["spec"]["versions"]:
            if one["name"] == "v1":
                schema = one["schema"]["openAPIV3Schema"]["properties"]["spec"]
                schema["properties"]["replicas"]["default"] = 7

    edit(other / "manifests" / CRD, narrow)
    done = run("simulate", "upgrade", str(bundle), str(other), "--olm-v1")
    assert done.exit_code == 3, done.output
    assert "the CRD upgrade safety check refuses it: v1: ^.spec.replicas: default:" in done.output
    fine = run("simulate", "upgrade", str(bundle), str(bundle), "--olm-v1")
    assert (fine.exit_code, fine.output.endswith("verdict: ok\n")) == (0, True), fine.output


def test_simulate_goes_every_step_of_olm_v1s_resolver(
    frozen_checkout: Path, history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(frozen_checkout)
    package = tmp_path / "helloworld-operator"
    for one in history.releases:
        place = package / one.version
        shutil.copytree(frozen_checkout / "bundle" / "metadata", place / "metadata")
        (place / "manifests").mkdir()
        for name, text in manifests(PROJECT, one, f"quay.io/me/op:v{one.version}").items():
            (place / "manifests" / name).write_text(yamls.dump(text))
    done = run("simulate", "upgrade", "0.1.0", "0.4.0", "--olm-v1", "--json",
               "--catalog", str(package))  # fmt: skip
    document = json.loads(done.stdout)
    steps = steps_v1(history)
    walked, at = [], "0.1.0"
    while at != "0.4.0":
        walked.append((f"helloworld-operator.v{at}", f"helloworld-operator.v{steps[at]}"))
        at = steps[at]
    assert [(one["old"], one["new"]) for one in document["edges"]] == walked
    back = run("simulate", "upgrade", "0.4.0", "0.1.0", "--olm-v1", "--catalog", str(package))
    assert back.exit_code == 3
    assert "OLM v1's resolver leads nowhere from helloworld-operator.v0.4.0" in back.output


def test_a_release_with_dependencies_is_not_reached(
    releases: dict[str, list[Object]], live: History, tmp_path: Path
) -> None:
    old, new = [one.version for one in live.releases][-2:]
    package = live.package

    def blob(version: str, *more: Object) -> Object:
        objects = [base64.b64encode(json.dumps(one).encode()) for one in releases[version]]
        own = {"type": "olm.package", "value": {"packageName": package, "version": version}}
        data = [{"type": "olm.bundle.object", "value": {"data": x.decode()}} for x in objects]
        name = f"{package}.v{version}"
        bundle = {"schema": "olm.bundle", "name": name, "package": package, "image": "x.io/x:1"}
        return {**bundle, "properties": [own, *data, *more]}

    needs = {"packageName": "cert-manager", "versionRange": ">=1.0.0"}
    entries = [{"name": f"{package}.v{old}"},
               {"name": f"{package}.v{new}", "replaces": f"{package}.v{old}"}]  # fmt: skip
    blobs = [
        {"schema": "olm.package", "name": package, "defaultChannel": "stable"},
        {"schema": "olm.channel", "name": "stable", "package": package, "entries": entries},
        blob(old),
        blob(new, {"type": "olm.package.required", "value": needs}),
    ]
    (tmp_path / "catalog.json").write_text("\n".join(map(json.dumps, blobs)))
    done = run("simulate", "upgrade", old, new, "--olm-v1", "--json", "--catalog", str(tmp_path))
    (edge,) = json.loads(done.stdout)["edges"]
    (why,) = [one["reason"] for one in edge["findings"] if one["subject"] == "upgrade"]
    assert why.startswith(f"OLM v1's resolver leads nowhere from {package}.v{old}")
    assert 'declared via property "olm.package.required"' in why
    assert done.exit_code == 3


def test_catalogd_unpacks_our_catalog_and_not_a_broken_one(root: Path, tmp_path: Path) -> None:
    catalog = str(root / "catalog" / "helloworld-operator")
    done = run("catalog", "validate", catalog, "--olm-v1", "--no-opm")
    assert done.exit_code == 0, done.output
    assert "OLM v1's catalogd v1." in done.output
    (tmp_path / "catalog.json").write_text('{"schema": "olm.package", "name": "x"}{"schema": ')
    done = run("catalog", "validate", str(tmp_path), "--olm-v1", "--no-opm", "--output=json")
    told = json.loads(done.stdout)["findings"]
    assert "OLM v1: catalogd" in {one["by"] for one in told}, told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bundle", "validate", "nowhere", "--olm-v1"), "is neither a directory"),
        (("simulate", "upgrade", "nowhere", "0.4.0", "--olm-v1"), "is neither a directory"),
        (("simulate", "upgrade", "bundle", "bundle", "--olm-v1", "--no-guard"), "about OLM v0"),
        (
            ("simulate", "upgrade", "localhost:1/no/image:v1", "bundle", "--olm-v1"),
            "cannot be read",
        ),
    ],
)
def test_bad_input_is_one_sentence(
    frozen_checkout: Path, words: tuple[str, ...], said: str
) -> None:
    done = kopfkit_in(frozen_checkout, *words)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_network_to_build_the_tool_a_hint_is_given(
    frozen_checkout: Path, tmp_path: Path
) -> None:
    done = kopfkit_in(
        frozen_checkout, "bundle", "validate", "bundle", "--olm-v1", "--skip=operator-sdk",
        "--no-api-server",
        KOPFKIT_CACHE_DIR=str(tmp_path / "cache"), GOMODCACHE=str(tmp_path / "modules"),
        GOPROXY="http://127.0.0.1:1", GOFLAGS="-modcacherw",
    )  # fmt: skip
    assert done.returncode == 1
    assert "a Go module cannot be downloaded" in done.stderr
    assert "hint: Check the network" in done.stderr
    assert "Traceback" not in done.stderr


def kopfkit_in(place: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(Path(sys.executable).with_name("kopfkit")), *words],
        cwd=place, capture_output=True, text=True, timeout=300,
        env={**os.environ, **environment},
    )  # fmt: skip
