"""Charts rendered by the Go program: a small one with everything that is understood, and OLM's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kopfkit import yamls
from kopfkit.errors import KopfkitError
from kopfkit.host.progress import Progress
from kopfkit.olm import charts, olm
from kopfkit.toolchain import toolchain

TEMPLATES = {
    "_names.tpl": '{{ define "name" }}{{ default .Chart.Name .Values.other | trunc 4 }}{{ end }}',
    "b.yaml": """
name: {{ include "name" . }}
release: {{ .Release.Name }}-{{ .Chart.Version }}
port: {{ .Values.port }}
large: {{ .Values.large | quote }}
quoted: {{ .Values.port | quote }}
unset: [{{ .Values.nothing }}]
zero: {{ default "fallback" .Values.zero }}
text: {{ default "fallback" .Values.text | trimSuffix "!" }}
tail: {{ trunc -2 "abcdef" }}
block:
{{ toYaml .Values.block | indent 2 }}
list:
  - beside: true
    {{- .Values.block | toYaml | nindent 4 | trimSuffix "\\n" }}
{{- if eq .Values.flag true }}
flag: true
{{- end }}
""",
    "a.yaml": "{{ if .Values.port }}first: true{{ end }}",
    "c.yaml": "{{ if .Values.nothing }}never: true{{ end }}",
}
VALUES = {
    "port": 8080,
    "large": 12345678,
    "zero": 0,
    "text": "hey!",
    "flag": True,
    "block": {"ports": [{"port": 53, "name": 'd"n<s'}, []], "empty": {}, "deep": {"x": [[1]]}},
}  # fmt: skip


def _chart(directory: Path, templates: Mapping[str, str]) -> Path:
    (directory / "templates").mkdir()
    (directory / "Chart.yaml").write_text("apiVersion: v2\nname: small\nversion: 1.2.3\n")
    (directory / "values.yaml").write_text(yamls.dump(VALUES))
    for name, text in templates.items():
        (directory / "templates" / name).write_text(text)
    return directory


def _objects(text: str) -> list[dict[str, Any]]:
    return yamls.load_all(text)


def test_a_chart_is_rendered_as_helm_does(tmp_path: Path) -> None:
    chart = _chart(tmp_path, TEMPLATES)
    found = _objects(charts.render(chart, "mine", [{"port": 1}, {"port": 9090}], Progress()))
    # What `helm template mine DIRECTORY --set port=9090` (v3.19) makes of it.
    assert found == [
        {"first": True},
        {
            "name": "smal",
            "release": "mine-1.2.3",
            "port": 9090,
            "large": "1.2345678e+07",  # every number is a float
            "quoted": "9090",
            "unset": [],
            "zero": "fallback",
            "text": "hey",
            "tail": "ef",
            "block": VALUES["block"],
            "list": [{"beside": True, **VALUES["block"]}],  # type: ignore[dict-item]
            "flag": True,
        },
    ]


@pytest.mark.parametrize("text", ["{{ lookup }}", "{{ if }}", '{{ include "nothing" . }}'])
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    chart = _chart(tmp_path, {"bad.yaml": text})
    with pytest.raises(KopfkitError, match=r"cannot be rendered\n.*bad\.yaml"):
        charts.render(chart, "mine", [], Progress())


def test_olms_chart_is_understood() -> None:
    deploy = toolchain.module_dir(olm.MODULE) / "deploy"
    values = olm.values({"olm": "registry/olm:1", "opm": "registry/opm:1"})
    found = _objects(olm.render(deploy, values, Progress()))
    assert found[0]["kind"] == "Namespace"  # what the others are in comes first
    deployments = {o["metadata"]["name"]: o for o in found if o["kind"] == "Deployment"}
    assert sorted(deployments) == ["catalog-operator", "olm-operator"]
    (container,) = deployments["catalog-operator"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry/olm:1"
    assert "--opmImage=registry/opm:1" in container["args"]
    assert "OLMConfig" in {o["kind"] for o in found}
    assert "CatalogSource" not in {o["kind"] for o in found}
