"""`kopfkit simulate` as a person runs it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kopfkit.cli import main

OBJECT = """\
apiVersion: test.jiaozi.com/v1
kind: HelloWorld
metadata: {{name: one, namespace: default, creationTimestamp: 2026-11-24T10:00:00Z}}
spec: {{replicas: {replicas}, greeting: {{message: hello}}}}
"""


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(
    frozen_checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.chdir(frozen_checkout)

    def call(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["simulate", *arguments])
        told = capsys.readouterr()
        code = ended.value.code
        return Done(code if isinstance(code, int) else 0, told.out, told.err)

    return call


def write(place: Path, replicas: int) -> str:
    place.mkdir(exist_ok=True)
    (place / "one.yaml").write_text(OBJECT.format(replicas=replicas), "utf-8")
    return str(place)


def test_two_releases_give_a_table_and_an_exit_code(run: Run) -> None:
    done = run("upgrade", "0.2.0", "0.3.0")
    assert done.returncode == 0, done.stderr
    assert "clients of v1alpha1" in done.stdout
    assert done.stdout.endswith("verdict: ok\n")
    assert run("upgrade", "v0.1.0", "0.4.0").returncode == 3
    refused = run("upgrade", "0.2.0", "0.3.0", "--no-guard", "--json")
    assert refused.returncode == 3
    document = json.loads(refused.stdout)
    assert document["verdict"] == "fails"
    assert {each["step"] for each in document["findings"] if each["verdict"] == "fails"} == {
        "CRD overwritten",
        "webhook rolled out",
        "CRD overwritten again",
    }


def test_a_bundle_directory_is_as_good_as_a_release(run: Run) -> None:
    done = run("upgrade", "0.3.0", "bundle", "--stored-versions", "v1alpha1,v1")
    assert done.returncode == 0, done.stderr
    assert "every stored version (v1alpha1, v1)" in done.stdout


def test_preflight_names_each_object_that_does_not_fit(run: Run, tmp_path: Path) -> None:
    converter = ("--converter", "helloworld_operator.api.conversion:CONVERTER")
    done = run("preflight", "0.4.0", "--objects", write(tmp_path / "good", 1), *converter)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0 errors in 2 objects, read in every served version.\n"
    done = run("preflight", "0.4.0", "--objects", write(tmp_path / "bad", -1), "--json")
    assert done.returncode == 3
    fault = json.loads(done.stdout)["findings"][0]
    assert (fault["key"], fault["path"], fault["who"]) == (
        "default/one",
        "spec.replicas",
        "OLM warns",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("upgrade", "0.2.0", "nowhere"), "is neither a directory nor a release"),
        (("upgrade", "0.2.0", "9.9.9"), "is not in catalog/releases.yaml"),
        (("upgrade", "config/crd", "0.3.0"), "has 0 ClusterServiceVersions"),
        (("upgrade", "0.2.0", "0.3.0", "--stored-versions", "v7"), "no CRD has v7"),
        (("preflight", "0.3.0", "--objects", "config/crd"), "holds no object of"),
        (
            ("preflight", "0.3.0", "--objects", "config/samples", "--converter", "no.such:THING"),
            "cannot be had",
        ),
    ],
)
def test_wrong_input_is_one_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_what_excludes_each_other_is_refused(run: Run) -> None:
    assert run("upgrade", "0.2.0", "0.3.0", "--live", "--objects", "config").returncode == 2
    assert run("preflight", "0.3.0").returncode == 2


def test_a_converter_that_raises_is_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "brokenconverter.py").write_text(
        "class Broken:\n"
        "    def convert(self, obj, version):\n"
        "        raise ValueError('no')\n\n\n"
        "IT = Broken()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    objects = ("--objects", write(tmp_path / "good", 1))
    done = run("preflight", "0.4.0", *objects, "--converter", "brokenconverter:IT")
    assert done.returncode == 1
    assert "does not convert default/one" in done.stderr
    assert "ValueError: no" in done.stderr
    assert "Traceback" not in done.stderr
