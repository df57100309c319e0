"""`kopfkit simulate` as a person runs it."""

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kopfkit import yamls
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
    done = run("upgrade", "0.2.0", "0.3.0", "--all")
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
    done = run("upgrade", "0.3.0", "bundle", "--stored-versions", "v1alpha1,v1", "--all")
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
        (("upgrade", "0.2.0", "nowhere"), "is neither a directory, an image nor a release"),
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


def test_what_is_ok_is_counted_unless_it_is_asked_for(run: Run) -> None:
    done = run("upgrade", "0.2.0", "0.3.0")
    assert done.stdout == (
        "helloworld-operator.v0.2.0 -> helloworld-operator.v0.3.0\n\n"
        "2 CRDs are ok (--all shows why)\n\nverdict: ok\n"
    )
    failing = run("upgrade", "0.1.0", "0.4.0").stdout
    assert "clients of v1alpha1" in failing
    assert " ok: " not in failing
    assert "1 CRD is ok" in failing


@pytest.fixture
def package(frozen_checkout: Path, tmp_path: Path) -> str:
    """A package of a community-operators checkout; 0.4.0 replaces 0.3.0 and it replaces 0.2.0."""
    place = tmp_path / "operators" / "helloworld-operator"
    for below, version in (("0.1.0", "0.2.0"), ("0.2.0", "0.3.0"), ("0.3.0", "0.4.0")):
        shutil.copytree(frozen_checkout / "bundle", place / version)
        (file,) = (place / version / "manifests").glob("*clusterserviceversion.yaml")
        csv = yamls.read(file)
        csv["metadata"]["name"] = f"helloworld-operator.v{version}"
        csv["spec"] |= {"version": version, "replaces": f"helloworld-operator.v{below}"}
        csv["metadata"]["annotations"].pop("olm.skipRange", None)
        file.write_text(yamls.dump(csv), "utf-8")
    return str(place)


def test_two_bundles_of_a_catalog_are_named_by_version_or_name(run: Run, package: str) -> None:
    done = run("upgrade", "--catalog", package, "0.3.0", "helloworld-operator.v0.4.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("helloworld-operator.v0.3.0 -> helloworld-operator.v0.4.0\n")


def test_what_the_catalog_does_not_offer_fails_with_the_way_that_it_has(
    run: Run, package: str
) -> None:
    done = run("upgrade", "--catalog", package, "0.2.0", "0.4.0", "--json")
    assert done.returncode == 3
    (told,) = [one for one in json.loads(done.stdout)["findings"] if one["verdict"] == "fails"]
    assert told["reason"] == (
        "no channel of helloworld-operator offers helloworld-operator.v0.4.0 to users of "
        "helloworld-operator.v0.2.0; the upgrade path is 0.2.0 -> 0.3.0 -> 0.4.0."
    )
    down = run("upgrade", "--catalog", package, "0.4.0", "0.2.0").stdout
    assert "there is no upgrade path" in down


def test_objects_of_a_bundle_are_taken_from_a_catalog_that_has_them(
    run: Run, package: str, tmp_path: Path
) -> None:
    documents = [
        {"schema": "olm.package", "name": "hello", "defaultChannel": "a"},
        {
            "schema": "olm.channel",
            "package": "hello",
            "name": "a",
            "entries": [
                {"name": "helloworld-operator.v0.3.0"},
                {"name": "helloworld-operator.v0.4.0", "replaces": "helloworld-operator.v0.3.0"},
            ],
        },
    ]
    for version in ("0.3.0", "0.4.0"):
        named = {"packageName": "hello", "version": version}
        properties = [{"type": "olm.package", "value": named}]
        for file in sorted(Path(package, version, "manifests").iterdir()):
            data = base64.b64encode(json.dumps(yamls.read(file)).encode()).decode()
            properties.append({"type": "olm.bundle.object", "value": {"data": data}})
        name = f"helloworld-operator.v{version}"
        bundle = {"schema": "olm.bundle", "name": name, "package": "hello", "image": ""}
        documents.append({**bundle, "properties": properties})
    (tmp_path / "catalog.yaml").write_text(yamls.dump(*documents), "utf-8")
    done = run("upgrade", "--catalog", str(tmp_path / "catalog.yaml"), "0.3.0", "0.4.0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 CRDs are ok" in done.stdout


def test_a_bundle_that_a_catalog_does_not_have_is_one_message(run: Run, package: str) -> None:
    done = run("upgrade", "--catalog", package, "0.3.0", "0.9.0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no package with 0.9.0" in done.stderr
