"""The Helm chart in front of the real Helm and a real API server.

With default values it is config/default, which e2e tests deploy. What changes a release of it runs
on a control plane of its own: the CRDs are the cluster's, and other tests have installed them.
"""

import base64
import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helloworld_operator.project import PROJECT
from kopfkit import yamls
from kopfkit.controlplane.controlplane import ControlPlane
from kopfkit.host import process
from kopfkit.testing.client import Api
from kopfkit.testing.waiting import eventually
from kopfkit.toolchain import toolchain

ROOT = Path(__file__).parents[2]
CHART = ROOT / "chart"
NAME = PROJECT.name
NAMESPACE = PROJECT.namespace
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/helloworlds.test.jiaozi.com"
HOOK = (
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/"
    "helloworld-operator-webhook-validating"
)
Object = dict[str, Any]
Key = tuple[str, str]


class Helm:
    """Helm with directories of its own.

    Args:
        home: for its cache and configuration.
        kubeconfig: of the cluster; "" for what needs none.
    """

    def __init__(self, home: Path, kubeconfig: str = "") -> None:
        self._program = str(toolchain.tool("helm"))
        self._environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "KUBECONFIG": kubeconfig}

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run it to its end."""
        return subprocess.run(
            [self._program, *words], env=self._environment, capture_output=True, text=True
        )

    def do(self, *words: str) -> str:
        """Run what has to succeed."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def template(self, *words: str) -> dict[Key, Object]:
        """The objects of the chart by kind and name."""
        where = (NAME, str(CHART), f"--namespace={NAMESPACE}")
        objects = yamls.load_all(self.do("template", *where, *words))
        found = {(one["kind"], one["metadata"]["name"]): one for one in objects if one}
        assert len(found) == len([one for one in objects if one])
        return found


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(tmp_path_factory.mktemp("helm"))


def changed(before: dict[Key, Object], after: dict[Key, Object]) -> set[Key]:
    """The objects that are not the same."""
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


def container(objects: dict[Key, Object], name: str) -> Object:
    """The container of a Deployment."""
    found: Object = pod(objects, name)["containers"][0]
    return found


def pod(objects: dict[Key, Object], name: str) -> Object:
    """The pods of a Deployment."""
    found: Object = objects["Deployment", name]["spec"]["template"]["spec"]
    return found


def test_helm_lint_has_nothing_to_say(helm: Helm) -> None:
    said = helm.do("lint", "--strict", str(CHART))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert not [line for line in said.split("\n") if line.startswith("[")], said


def test_the_default_values_give_what_kustomize_gives(helm: Helm) -> None:
    kubectl = str(toolchain.tool("kubectl"))
    text = process.run([kubectl, "kustomize", str(ROOT / "config/default")])
    wanted = {(one["kind"], one["metadata"]["name"]): one for one in yamls.load_all(text)}
    # Helm makes the namespace itself (--create-namespace).
    del wanted["Namespace", NAMESPACE]
    found = helm.template()
    for (kind, _), one in found.items():
        if kind == "CustomResourceDefinition":
            # kustomize has no word for it; it is there for Helm alone.
            assert one["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    for objects in (wanted, found):
        data = objects["ConfigMap", f"{NAME}-monitoring"]["data"]
        data.update({name: json.loads(text) for name, text in data.items()})
    assert sorted(found) == sorted(wanted)
    assert {key: found[key] for key in found if found[key] != wanted[key]} == {}


def test_another_namespace_reaches_every_place_that_names_one(helm: Helm) -> None:
    found = yamls.load_all(helm.do("template", NAME, str(CHART), "--namespace=1234"))
    assert NAMESPACE not in json.dumps(found)
    named = [one["metadata"]["namespace"] for one in found if "namespace" in one["metadata"]]
    assert {*named} == {"1234"}


def test_the_image_reaches_both_deployments_and_the_operands(helm: Helm) -> None:
    digest = "sha256:" + "c" * 64
    values = (f"image.digest={digest}", "image.repository=quay.io/me/op", "image.pullPolicy=Always")
    found = helm.template(*(f"--set={one}" for one in values))
    image = f"quay.io/me/op@{digest}"
    for deployment in PROJECT.deployments:
        one = container(found, deployment.name)
        assert (one["image"], one["imagePullPolicy"]) == (image, "Always")
    env = {one["name"]: one.get("value") for one in container(found, NAME)["env"]}
    assert env["RELATED_IMAGE_HELLOWORLD"] == image
    other = helm.template("--set=relatedImages.RELATED_IMAGE_HELLOWORLD=mirror/greeting:v9")
    env = {one["name"]: one.get("value") for one in container(other, NAME)["env"]}
    assert env["RELATED_IMAGE_HELLOWORLD"] == "mirror/greeting:v9"
    assert container(other, NAME)["image"] == container(helm.template(), NAME)["image"]


def test_each_value_of_a_deployment_reaches_its_place_and_no_other(
    helm: Helm, tmp_path: Path
) -> None:
    toleration = {"key": "spot", "operator": "Exists"}
    own = {
        "replicas": 3,
        "resources": {"requests": {"cpu": "1"}, "limits": None},
        "nodeSelector": {"zone": "12"},
        "tolerations": [toleration],
        "affinity": {"podAntiAffinity": None, "nodeAffinity": {"x": "y"}},
        "podLabels": {"team": "a"},
        "podAnnotations": {"note": "yes"},
        "env": {"VERBOSE": "1"},
        "extraArgs": ["--resync=5"],
    }
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps({"controller": own}))
    before, after = helm.template(), helm.template(f"--values={values}")

    assert changed(before, after) == {("Deployment", NAME)}
    wanted = copy.deepcopy(before["Deployment", NAME])
    wanted["spec"]["replicas"] = 3
    template = wanted["spec"]["template"]
    template["metadata"]["labels"]["team"] = "a"
    template["metadata"]["annotations"]["note"] = "yes"
    template["spec"] |= {
        "nodeSelector": {"zone": "12"},
        "tolerations": [toleration],
        "affinity": {"nodeAffinity": {"x": "y"}},
    }
    (one,) = template["spec"]["containers"]
    one["resources"] = {"requests": {"cpu": "1", "memory": "64Mi"}}
    one["env"].append({"name": "VERBOSE", "value": "1"})
    one["args"].append("--resync=5")
    assert after["Deployment", NAME] == wanted


def test_one_replica_needs_no_disruption_budget(helm: Helm) -> None:
    found = changed(helm.template(), helm.template("--set=webhook.replicas=1"))
    webhook = f"{NAME}-webhook"
    assert found == {("Deployment", webhook), ("PodDisruptionBudget", webhook)}


@pytest.mark.parametrize(
    ("value", "gone"),
    [
        ("crds.install=false", {"CustomResourceDefinition"}),
        ("networkPolicy.enabled=false", {"NetworkPolicy"}),
        ("monitoring.enabled=false", {"ConfigMap"}),
    ],
)
def test_a_part_can_be_left_out(helm: Helm, value: str, gone: set[str]) -> None:
    before, after = helm.template(), helm.template(f"--set={value}")
    assert {kind for kind, _ in changed(before, after)} == gone
    assert not {kind for kind, _ in after} & gone


def test_common_labels_and_annotations_are_on_every_object(helm: Helm) -> None:
    words = ("commonLabels.team=greeters", "commonAnnotations.contact=me")
    before = helm.template()
    for key, one in helm.template(*(f"--set={word}" for word in words)).items():
        assert one["metadata"]["labels"].pop("team") == "greeters"
        assert one["metadata"]["annotations"].pop("contact") == "me"
        if not one["metadata"]["annotations"]:
            del one["metadata"]["annotations"]
        assert one == before[key]


def test_what_an_object_has_itself_wins_over_values_of_the_same_key(
    helm: Helm, tmp_path: Path
) -> None:
    before = helm.template()
    pods = {each.component: each.name for each in PROJECT.deployments}
    metas = [one["metadata"] for one in before.values()]
    metas += [before["Deployment", name]["spec"]["template"]["metadata"] for name in pods.values()]
    taken = {
        part: dict.fromkeys((key for meta in metas for key in meta.get(part, {})), "mine")
        for part in ("labels", "annotations")
    }
    values = {"commonLabels": taken["labels"], "commonAnnotations": taken["annotations"]}
    own = {"podLabels": taken["labels"], "podAnnotations": taken["annotations"]}
    path = tmp_path / "values.yaml"
    path.write_text(yamls.dump({**values, **dict.fromkeys(pods, own)}))
    # The schema refuses those of the selectors; what it does not see has to be right all the same.
    found = helm.template(f"--values={path}", "--skip-schema-validation")
    for key, one in before.items():
        both = [(one["metadata"], found[key]["metadata"])]
        if key[0] == "Deployment":
            both.append(
                (one["spec"]["template"]["metadata"], found[key]["spec"]["template"]["metadata"])
            )
        for old, new in both:
            for part, keys in taken.items():
                assert new[part] == {**keys, **old.get(part, {})}, key


def test_labels_for_prometheus_do_not_replace_those_of_the_operator(helm: Helm) -> None:
    found = helm.template("--set=monitoring.labels.release=prometheus")
    (config,) = [one for (kind, _), one in found.items() if kind == "ConfigMap"]
    for text in config["data"].values():
        labels = json.loads(text)["metadata"]["labels"]
        assert labels == {"app.kubernetes.io/name": NAME, "release": "prometheus"}


def test_logs_secrets_and_what_the_schema_refuses(helm: Helm) -> None:
    words = ("log.level=debug", "log.format=text", "imagePullSecrets[0].name=registry")
    found = helm.template(*(f"--set={word}" for word in words))
    for deployment in PROJECT.deployments:
        env = {one["name"]: one.get("value") for one in container(found, deployment.name)["env"]}
        assert (env["LOG_LEVEL"], env["LOG_FORMAT"]) == ("debug", "text")
        assert pod(found, deployment.name)["imagePullSecrets"] == [{"name": "registry"}]
    done = helm.run("template", NAME, str(CHART), "--set=image.tag=,webhok.replicas=3")
    assert done.returncode == 1
    assert "webhok" in done.stderr
    done = helm.run("template", NAME, str(CHART), "--set=image.tag=,image.digest=")
    assert "image.tag or image.digest is needed" in done.stderr


def test_the_archive_is_the_chart(helm: Helm, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from kopfkit.cli import kopfkit

    done = CliRunner().invoke(
        kopfkit, ["chart", "package", f"--output={tmp_path}"], catch_exceptions=False
    )
    archive = Path(done.output.strip())
    said = helm.do("template", NAME, str(archive), f"--namespace={NAMESPACE}")
    assert said == helm.do("template", NAME, str(CHART), f"--namespace={NAMESPACE}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ControlPlane]:
    plane = ControlPlane(tmp_path / "plane", tied=True)
    try:
        yield plane.start()
    finally:
        plane.stop()


def test_a_release_is_installed_upgraded_rolled_back_and_removed(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    helm = Helm(tmp_path, str(cluster.kubeconfig))
    where = (f"--namespace={NAMESPACE}",)
    crds = "/apis/test.jiaozi.com/v1/namespaces/default/helloworlds"
    # Nothing serves the conversion here.
    hello = {
        "apiVersion": "test.jiaozi.com/v1",
        "kind": "HelloWorld",
        "metadata": {"name": "hello"},
        "spec": {"greeting": {"message": "Hi"}},
    }
    with Api(cluster.kubeconfig) as api:
        said = helm.do("install", NAME, str(CHART), *where, "--create-namespace")
        assert f"deployment/{NAME}-webhook" in said
        eventually(lambda: api.exists(crds))
        api.post(crds, hello)
        # A second release of it is refused before anything is changed.
        refused = helm.run("install", "second", str(CHART), "--namespace=default")
        assert refused.returncode == 1
        assert "cannot be imported into the current release" in refused.stderr

        # What the operator writes at run time.
        authority = (cluster.certificates / "ca.crt").read_bytes()
        trusted = base64.b64encode(authority).decode()
        conversion = {"webhook": {"clientConfig": {"caBundle": trusted}}}
        api.patch(CRD, {"spec": {"conversion": conversion}})
        bundle = {"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": trusted}
        api.patch(HOOK, [bundle], "json")

        def authorities() -> list[str]:
            crd, hook = api.get(CRD), api.get(HOOK)
            client = crd["spec"]["conversion"]["webhook"]["clientConfig"]
            return [client["caBundle"], hook["webhooks"][0]["clientConfig"]["caBundle"]]

        deployment = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"
        wider = ("--set=controller.replicas=3", "--set=commonLabels.team=greeters")
        helm.do("upgrade", NAME, str(CHART), *where, *wider)
        assert api.get(deployment)["spec"]["replicas"] == 3
        assert api.get(CRD)["metadata"]["labels"]["team"] == "greeters"
        assert authorities() == [trusted, trusted]
        helm.do("rollback", NAME, "1", *where)
        assert api.get(deployment)["spec"]["replicas"] == 2
        assert "team" not in api.get(CRD)["metadata"]["labels"]
        assert authorities() == [trusted, trusted]

        said = helm.do("uninstall", NAME, *where)
        assert "[CustomResourceDefinition] helloworlds.test.jiaozi.com" in said
        assert not api.exists(deployment)
        assert not api.exists(HOOK)
        assert api.get(f"{crds}/hello")["spec"]["greeting"]["message"] == "Hi"
        # The next release takes the CRDs over.
        helm.do("install", NAME, str(CHART), *where)
        assert api.get(f"{crds}/hello")["spec"]["greeting"]["message"] == "Hi"
