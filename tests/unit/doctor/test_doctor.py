"""`kopfkit doctor`: each thing between a kopf project and OLM has its sentence."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.cli import kopfkit
from kopfkit.doctor import code, diagnose, sources
from kopfkit.errors import KopfkitError

CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kettles.kitchen.example.com}
spec:
  group: kitchen.example.com
  scope: Namespaced
  names: {kind: Kettle, plural: kettles, shortNames: [kt]}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          description: A kettle.
          properties:
            spec: {type: object, description: What., x-kubernetes-preserve-unknown-fields: true}
"""
CODE = """\
import kopf

@kopf.on.create("kitchen.example.com", "v1", "kettles")
def create(patch, **_):
    patch.status["hot"] = True
"""
DOCKERFILE = """\
FROM python:3.11
ENTRYPOINT ["kopf", "run", "--all-namespaces", "--standalone", \\
  "--liveness=http://0.0.0.0:8080/healthz", "/app/kettles.py"]
"""
GOOD = {
    "crd.yaml": CRD,
    "kettles.py": CODE,
    "main.py": "from kopfkit.controller import Operator\nOperator('kettles', '1', [])\n",
    "Dockerfile": DOCKERFILE,
    "requirements.txt": "kopf==1.45.0\n",
    "pyproject.toml": '[tool.kopfkit]\nproject = "x:Y"\n',
    "catalog/releases.yaml": "package: x\n",
}
ROLE = """\
kind: ClusterRole
rules:
  - apiGroups: [kitchen.example.com]
    resources: [kettles]
    verbs: [list, watch, patch]
"""
DEPLOYMENT = """\
kind: Deployment
spec:
  replicas: 2
  template: {spec: {containers: [{args: [run, --peering=x]}]}}
"""
TWICE = CRD.replace("    - name: v1\n", "    - &v1\n      name: v1\n") + (
    "    - {<<: *v1, name: v2, storage: false}\n"
)


def checkout(place: Path, **changed: str) -> Path:
    """The good project with other files; one that is "none" is not there."""
    files = {**GOOD, **changed}
    for name, text in files.items():
        if text != "none":
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return place


def found(place: Path) -> list[tuple[str, str]]:
    return [
        (one.rule, f"{one.severity} {one.file}:{one.line}: {one.why}")
        for one in diagnose(place).findings
    ]


def test_a_project_that_is_ready_has_no_finding(tmp_path: Path) -> None:
    seen = diagnose(checkout(tmp_path))
    assert seen.findings == ()
    assert seen.notes == ("handlers of kettles kitchen.example.com/v1: create",)


def test_an_operator_of_kopfkit_serves_admission_handlers(tmp_path: Path) -> None:
    code = CODE.replace("on.create", "on.validate")
    assert found(checkout(tmp_path, **{"kettles.py": code})) == []


UNPINNED = CODE.replace('"kitchen.example.com", "v1", "kettles"', '"kettles"')


@pytest.mark.parametrize(
    ("changed", "rule", "sentence"),
    [
        (
            {"kettles.py": UNPINNED},
            "unpinned-version",
            "kettles.py:3: a handler of kettles names no",
        ),
        (
            {"kettles.py": f"{UNPINNED}{UNPINNED}"},
            "unpinned-version",
            "warning kettles.py:3: 2 handlers of kettles name no version",
        ),
        ({"crd.yaml": "none"}, "no-crd", "error kettles.py:3: on.create is about kettles.kitchen"),
        (
            {"crd.yaml": CRD.replace("{type: object", "{type: text")},
            "crd",
            "crd.yaml:18",
        ),
        (
            {"crd.yaml": CRD.replace(" description: What.,", "")},
            "crd-description",
            "warning crd.yaml:18: no description: spec",
        ),
        (
            {"kettles.py": CODE.replace('"v1"', '"v2"')},
            "crd-version",
            "error kettles.py:3: on.create is about v2; the CRD has v1",
        ),
        (
            {"crd.yaml": TWICE},
            "no-conversion",
            "error crd.yaml:1: has the versions v1, v2",
        ),
        (
            {"kettles.py": CODE.replace("on.create", "on.validate"), "main.py": "none"},
            "admission",
            "error kettles.py:3: on.validate needs kopf's admission server",
        ),
        (
            {"kettles.py": f"{CODE}\nsettings.admission.server = kopf.WebhookServer()\n"},
            "admission",
            "error kettles.py:7: settings.admission.server needs",
        ),
        (
            {"kettles.py": f"{CODE}\nsettings.peering.mandatory = True\n"},
            "peering",
            "warning kettles.py:7: settings.peering.mandatory",
        ),
        (
            {"role.yaml": ROLE},
            "rbac-missing",
            "error role.yaml:1: no role grants patch on",
        ),
        (
            {"role.yaml": ROLE.replace("[list, watch, patch]", "['*']")},
            "rbac-wide",
            "error role.yaml:1: grants '*' in verbs",
        ),
        ({"main.py": "none"}, "no-leader-election", "warning :0: no leader election"),
        (
            {"main.py": "none", "deployment.yaml": DEPLOYMENT},
            "no-leader-election",
            "error deployment.yaml:1: 2 replicas and no leader election",
        ),
        (
            {"deployment.yaml": DEPLOYMENT},
            "peering",
            "warning deployment.yaml:1: uses kopf",
        ),
        ({"requirements.txt": "kopf\n"}, "no-lock", "warning :0: has no lock"),
        (
            {"Dockerfile": 'FROM a\nENTRYPOINT ["x"]\nFROM b\nCMD ["kopf"]'},
            "entry-point",
            "error Dockerfile:4: has no ENTRYPOINT",
        ),
        (
            {"Dockerfile": "FROM a\nENTRYPOINT kopf run x.py"},
            "entry-point",
            "error Dockerfile:2: starts a shell",
        ),
        (
            {"Dockerfile": DOCKERFILE.replace("--all-namespaces", "--namespace=x")},
            "namespace",
            "warning Dockerfile:2: limits the operator to namespaces",
        ),
        (
            {"Dockerfile": DOCKERFILE.replace("0.0.0.0", "127.0.0.1")},
            "probes",
            "error Dockerfile:2: serves its liveness on http://127.0.0.1:8080/healthz",
        ),
        (
            {"main.py": "none", "Dockerfile": 'FROM a\nENTRYPOINT ["kopf", "run", "x.py"]'},
            "probes",
            "error Dockerfile:2: answers no probe",
        ),
        (
            {"Dockerfile": "none", "main.py": "none"},
            "no-dockerfile",
            "warning :0: has no",
        ),
        ({"kettles.py": "x = (\n"}, "syntax", "error kettles.py:1: is no Python"),
        ({"kettles.py": "none"}, "no-handlers", "error :0: has no handler"),
        ({"pyproject.toml": "none"}, "no-description", "error :0: has no description"),
        ({"pyproject.toml": "["}, "pyproject", "error pyproject.toml:0: is no TOML"),
        ({"catalog/releases.yaml": "none"}, "no-history", "error :0: has no release history"),
    ],
)
def test_each_thing_between_a_project_and_olm_is_told_where_it_is(
    tmp_path: Path, changed: dict[str, str], rule: str, sentence: str
) -> None:
    told = [text for name, text in found(checkout(tmp_path, **changed)) if name == rule]
    assert len(told) == 1, found(tmp_path)
    assert sentence in told[0]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('"kitchen.example.com", "v1", "kettles"', "kettles kitchen.example.com/v1"),
        ('"kitchen.example.com/v1", "kettles"', "kettles kitchen.example.com/v1"),
        ('"kettles.v1.kitchen.example.com"', "kettles kitchen.example.com/v1"),
        ('group=GROUP, version="v1", plural="kettles"', "kettles kitchen.example.com/v1"),
        ("*KETTLES", "kettles kitchen.example.com/v1"),
        ('kind="Kettle"', "Kettle"),
        ("f()", "an unknown resource"),
        ("*f()", "an unknown resource"),
        ("", "an unknown resource"),
        ('"a", "b", "c", "d"', "an unknown resource"),
    ],
)
@pytest.mark.parametrize("decorator", ["kopf.on.update", "on.update", "kopf.timer", "k.daemon"])
def test_a_handlers_resource_is_read_as_kopf_reads_it(
    tmp_path: Path, words: str, expected: str, decorator: str
) -> None:
    comma = ", " if words and "timer" in decorator else ""
    more = f"{comma}interval=1" if "timer" in decorator else ""
    text = (
        'GROUP = "kitchen.example.com"\nKETTLES = (GROUP, "v1", "kettles")\n'
        f"@{decorator}({words}{more})\nasync def do(**_): ...\n"
    )
    notes = diagnose(checkout(tmp_path, **{"kettles.py": text})).notes
    assert notes[0].startswith(f"handlers of {expected}: {decorator.rpartition('.')[2]}")


def run(*words: str) -> Any:
    return CliRunner().invoke(kopfkit, ["doctor", *words])


def test_the_exit_code_is_about_errors_and_usage(tmp_path: Path) -> None:
    assert run(str(checkout(tmp_path))).exit_code == 0
    (tmp_path / "requirements.txt").unlink()
    assert run(str(tmp_path)).exit_code == 0
    (tmp_path / "crd.yaml").write_text("kind: CustomResourceDefinition")
    done = run(str(tmp_path))
    assert done.exit_code == 1
    assert f"error: {tmp_path}/crd.yaml:1: apiVersion: is None" in done.output
    assert run(str(tmp_path / "none")).exit_code == 2
    assert run(str(tmp_path / "Dockerfile")).exit_code == 2
    with pytest.raises(KopfkitError, match="is no directory"):
        diagnose(tmp_path / "none")


def test_programs_get_the_same_findings(tmp_path: Path) -> None:
    place = str(checkout(tmp_path, Dockerfile="FROM a\nENTRYPOINT x"))
    (finding,) = json.loads(run(place, "-o", "json").output)["findings"]
    assert (finding["by"], finding["severity"]) == ("entry-point", "error")
    (result,) = json.loads(run(place, "-o", "sarif").output)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["region"] == {"startLine": 2}
    assert result["ruleId"] == "entry-point"


def test_what_cannot_be_read_is_a_note_and_no_traceback(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
    )
    deep = "x = " + "(" * 3000 + ")" * 3000
    checkout(tmp_path, **{"bomb.yaml": bomb, "deep.py": deep})
    (tmp_path / "binary.py").write_bytes(b"\0\1")
    (tmp_path / "latin.py").write_bytes(b"# \xe9")
    for name in ("huge.py", "huge.yaml"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(sources.LARGEST + 1)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.py").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe.py")
    for skipped in (".venv", "node_modules", "env2"):
        (tmp_path / skipped).mkdir()
        (tmp_path / skipped / "bad.py").write_text("(")
    (tmp_path / "env2" / "pyvenv.cfg").touch()
    seen = diagnose(tmp_path)
    assert {one.rule for one in seen.findings} == {"syntax"}
    assert {one.file for one in seen.findings} == {"deep.py"}
    told = " ".join(seen.notes)
    for name in ("bomb.yaml", "binary.py", "latin.py", "huge.py", "huge.yaml"):
        assert f"{name} was not read" in told


def test_a_path_that_is_too_long_is_passed_over(tmp_path: Path) -> None:
    checkout(tmp_path)
    with contextlib.chdir(tmp_path):
        for _ in range(20):  # 4096 bytes are the limit of a path
            Path("d" * 240).mkdir()
            os.chdir("d" * 240)
        Path("deep.py").write_text("(")
    assert diagnose(tmp_path).findings == ()


PARTS = st.sampled_from(
    ["@kopf.on.create(", "'v1'", ",", "*X", ")", "\n", "def f(**_): ...", "settings.admission.",
     "x", " = ", "group=", "CustomResource(", "Operator(", "f'{x}'", "lambda: 0", "@k.timer(",
     "X = ('a',"]
)  # fmt: skip


@budget(ci=100, soak=20_000)
@given(st.lists(PARTS, max_size=20).map("".join) | st.text(max_size=30))
def test_any_text_is_read_as_python_or_noted_as_broken(text: str) -> None:
    said = code.Code()
    code.read(said, Path("x.py"), text)
    for handler in said.handlers:
        assert isinstance(handler.name, str)


@budget(ci=40, soak=5_000)
@given(files=st.dictionaries(st.sampled_from(sorted(GOOD)), st.binary(max_size=60), max_size=4))
def test_any_files_are_judged(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = checkout(tmp_path_factory.getbasetemp() / "any")
    for name, content in files.items():
        (place / name).write_bytes(content)
    assert all(one.why and one.hint for one in diagnose(place).findings)
