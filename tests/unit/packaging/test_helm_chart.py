"""The Helm chart as texts; what Helm itself says of it is in tests/integration/test_helm.py."""

import contextlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

import frozen
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging.headers import is_generated
from kopfkit.packaging.helm.chart import archive, chart_tree
from kopfkit.packaging.helm.templating import expression, optional, template
from kopfkit.packaging.releases import History, Release
from kopfkit.project import Project

IMAGE = "quay.io/me/op:v1"
ROOT = Path(__file__).parents[3]
Tree = dict[str, str]


@pytest.fixture(scope="module")
def tree(project: Project, release: Release) -> Tree:
    return chart_tree(project, release, IMAGE)


def refusals(tree: Tree, **values: Any) -> list[str]:
    """Where the schema refuses these values, laid over the chart's own."""
    schema = json.loads(tree["values.schema.json"])
    whole = yamls.load(tree["values.yaml"])
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = {**whole[key], **value} if both else value
    found = jsonschema.Draft7Validator(schema).iter_errors(whole)
    return sorted(error.json_path for error in found)


def test_every_file_says_that_it_is_generated(tree: Tree) -> None:
    assert [path for path, text in tree.items() if not is_generated(text)] == []


def test_the_committed_chart_has_every_file_of_it(tree: Tree) -> None:
    committed = {
        str(path.relative_to(ROOT / "chart"))
        for path in (ROOT / "chart").rglob("*")
        if path.is_file()
    }
    assert committed == {*tree}


def test_the_schema_takes_the_default_values(tree: Tree) -> None:
    assert refusals(tree) == []


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"nonsense": 1}, "$"),
        ({"image": {"tagg": "v2"}}, "$.image"),
        ({"image": {"digest": "sha256:123"}}, "$.image.digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "$.image.pullPolicy"),
        ({"imagePullSecrets": ["registry"]}, "$.imagePullSecrets[0]"),
        ({"controller": {"replicas": -1}}, "$.controller.replicas"),
        ({"controller": {"env": {"VERBOSE": True}}}, "$.controller.env.VERBOSE"),
        ({"log": {"level": "loud"}}, "$.log.level"),
        # The pods would have two of the name, or a Service would no longer find them.
        ({"controller": {"env": {"LOG_LEVEL": "debug"}}}, "$.controller.env"),
        ({"webhook": {"env": {"WEBHOOK_DEPLOYMENT": "x"}}}, "$.webhook.env"),
        ({"commonLabels": {"app.kubernetes.io/name": "mine"}}, "$.commonLabels"),
        ({"webhook": {"podLabels": {"app.kubernetes.io/component": "x"}}}, "$.webhook.podLabels"),
    ],
)
def test_the_schema_refuses_what_the_templates_cannot_use(
    tree: Tree, values: dict[str, Any], place: str
) -> None:
    assert refusals(tree, **values) == [place]


def test_the_readme_has_a_row_for_every_value(tree: Tree) -> None:
    schema = json.loads(tree["values.schema.json"])

    def paths(node: dict[str, Any], above: str = "") -> list[str]:
        found = []
        for key, one in node["properties"].items():
            inner = one.get("properties")
            found += paths(one, f"{above}{key}.") if inner else [f"{above}{key}"]
        return found

    rows = [line.split("`")[1] for line in tree["README.md"].split("\n") if line.startswith("| `")]
    assert rows == [path for path in paths(schema) if path != "global"]


def test_where_nothing_converts_there_is_no_webhook_and_nobody_makes_certificates(
    project: Project, history: History
) -> None:
    tree = chart_tree(project, history.release("0.1.0"), IMAGE)
    names = {path.removeprefix("templates/") for path in tree if path.startswith("templates/")}
    assert not names & {"deployment-webhook.yaml", "admission.yaml", "certificates.yaml"}
    assert "webhook" not in yamls.load(tree["values.yaml"])
    assert "manage-certificates" not in tree["templates/deployment-controller.yaml"]
    assert "certificate" not in tree["README.md"]


def test_a_digest_is_a_value_of_its_own(project: Project, release: Release) -> None:
    digest = "sha256:" + "b" * 64
    tree = chart_tree(project, release, f"quay.io/me/op@{digest}")
    image = yamls.load(tree["values.yaml"])["image"]
    assert (image["repository"], image["tag"], image["digest"]) == ("quay.io/me/op", "", digest)


@pytest.mark.parametrize(
    ("component", "why"),
    [
        ("image", "component 'image' is 'image' in the chart's values"),
        ("global", "component 'global' is 'global' in the chart's values"),
        ("2nd", "component '2nd' cannot name values of a chart"),
    ],
)
def test_a_component_that_cannot_name_values_is_refused(
    project: Project, release: Release, component: str, why: str
) -> None:
    webhook = project.webhook
    assert webhook is not None
    deployments = tuple(
        replace(each, component=component) if each.name == webhook.deployment else each
        for each in project.deployments
    )
    with pytest.raises(KopfkitError, match=why):
        chart_tree(replace(project, deployments=deployments), release, IMAGE)


def test_braces_of_the_description_are_no_template() -> None:
    one = {"metadata": {"name": expression(".Values.x"), "text": "fires for {{ $labels.pod }}"}}
    assert template(one) == (
        '---\nmetadata:\n  name: {{ .Values.x }}\n  text: fires for {{ "{{" }} $labels.pod }}\n'
    )


def test_an_optional_key_is_as_deep_as_its_neighbours() -> None:
    text = template({"spec": {"a": 1, **optional("b", ".Values.b")}})
    assert text.split("\n")[2:] == [
        "  a: 1",
        "  {{- with .Values.b }}",
        "  b:",
        "    {{- toYaml . | nindent 4 }}",
        "  {{- end }}",
        "",
    ]


def test_the_archive_has_the_same_bytes_each_time_and_chart_yaml_first(tree: Tree) -> None:
    data = archive("op", tree)
    assert data == archive("op", dict(reversed(tree.items())))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
        assert names[0] == "op/Chart.yaml"
        assert sorted(names) == sorted(f"op/{path}" for path in tree)
        assert {(each.mtime, each.uid, each.mode) for each in tar} == {(0, 0, 0o644)}


def test_the_header_of_the_archive_is_that_of_every_python(tree: Tree) -> None:
    # No name, no time, no operating system; best compression.
    assert archive("op", tree)[:10] == bytes.fromhex("1f8b08000000000002ff")


def test_a_new_archive_takes_the_place_of_the_old_one_in_one_step(tmp_path: Path) -> None:
    frozen.write_sources(tmp_path)
    old = tmp_path / "dist" / f"helloworld-operator-{frozen.HISTORY.newest.version}.tgz"
    old.parent.mkdir()
    old.write_bytes(b"old")
    # Whoever reads the old one meanwhile reads it to its end.
    with old.open("rb") as reader, contextlib.chdir(tmp_path):
        done = CliRunner().invoke(kopfkit, ["chart", "package"], catch_exceptions=False)
        assert reader.read() == b"old"
    assert done.output.strip() == str(old)
    assert tarfile.is_tarfile(old)
    assert old.stat().st_mode & 0o777 == 0o644
    assert [*old.parent.iterdir()] == [old]
