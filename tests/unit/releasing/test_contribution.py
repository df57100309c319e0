"""`kopfkit catalog contribute`: a release in a checkout of a community-operators repository."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import frozen
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.packaging.catalogs.judging import judged
from kopfkit.packaging.catalogs.sources import load

NAME = "helloworld-operator"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    place = tmp_path / "checkout"
    frozen.write_sources(place)
    return place


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The repository with another operator in it."""
    place = tmp_path / "community-operators"
    other = place / "operators" / "other-operator" / "1.0.0" / "manifests"
    other.mkdir(parents=True)
    (other / "other-operator.clusterserviceversion.yaml").write_text("kind: Anything\n")
    return place


def contribute(checkout: Path, repository: Path, version: str, *words: str) -> str:
    """Generate the bundle of a release, and contribute it; what is said."""
    with contextlib.chdir(checkout):
        for command in (
            ["bundle", "generate", "--version", version, "--img", f"quay.io/me/op:v{version}"],
            ["catalog", "contribute", str(repository), *words],
        ):
            done = CliRunner().invoke(kopfkit, command)
            if done.exception and not isinstance(done.exception, SystemExit):
                raise done.exception
            assert done.exit_code == 0, done.output
    return str(done.output)


def tree(place: Path) -> dict[str, bytes]:
    files = [path for path in place.rglob("*") if path.is_file()]
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


def read(repository: Path, path: str) -> Any:
    return yamls.read(repository / "operators" / NAME / path)


def test_releases_in_order_give_the_graph_of_the_history(checkout: Path, repository: Path) -> None:
    before = tree(repository)
    for release in frozen.HISTORY.releases:
        contribute(checkout, repository, release.version, "--reviewer", "somebody")
    now = tree(repository)
    assert before.items() <= now.items()
    new = {path.removeprefix(f"operators/{NAME}/") for path in now.keys() - before.keys()}
    assert {path.split("/")[0] for path in new} == {
        "ci.yaml",
        *(one.version for one in frozen.HISTORY.releases),
    }
    assert read(repository, "ci.yaml") == {
        "updateGraph": "replaces-mode",
        "reviewers": ["somebody"],
    }
    for path, text in tree(checkout / "bundle").items():
        assert now[f"operators/{NAME}/{frozen.HISTORY.newest.version}/{path}"] == text
    found, findings = load(repository / "operators" / NAME)
    assert not findings
    package = found[NAME]
    assert {*package.history.by_version} == {*frozen.HISTORY.by_version}
    assert not [one for one in judged(package) if one.severity == "error"]


def test_a_release_without_what_it_replaces_is_refused(checkout: Path, repository: Path) -> None:
    contribute(checkout, repository, "0.1.0")
    before = tree(repository)
    with pytest.raises(KopfkitError, match="would not hold with this release") as caught:
        contribute(checkout, repository, "0.3.0")
    assert "channel stable: has 2 heads (0.1.0, 0.3.0)" in caught.value.why
    assert tree(repository) == before


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_version_that_is_there_is_refused(
    checkout: Path, repository: Path, dry_run: bool
) -> None:
    contribute(checkout, repository, "0.1.0")
    before = tree(repository)
    with pytest.raises(KopfkitError, match=r"0\.1\.0: is there already"):
        contribute(checkout, repository, "0.1.0", *["--dry-run"] * dry_run)
    assert tree(repository) == before


def test_the_directory_of_another_package_is_refused(checkout: Path, repository: Path) -> None:
    metadata = repository / "operators" / NAME / "9.0.0" / "metadata"
    metadata.mkdir(parents=True)
    (metadata.parent / "manifests").mkdir()
    (metadata / "annotations.yaml").write_text(
        "annotations: {operators.operatorframework.io.bundle.package.v1: somebody-elses}\n"
    )
    with pytest.raises(KopfkitError, match="is of package somebody-elses"):
        contribute(checkout, repository, "0.1.0")


def test_what_is_no_such_repository_is_refused(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(KopfkitError, match="it has no operators/"):
        contribute(checkout, tmp_path / "empty", "0.1.0")


def test_a_new_package_of_file_based_catalogs_says_where_it_goes(
    checkout: Path, repository: Path
) -> None:
    contribute(checkout, repository, "0.3.0", "--catalog", "v4.18", "--catalog", "v4.19")
    mapping = {
        "template_name": "basic.yaml",
        "catalog_names": ["v4.18", "v4.19"],
        "type": "olm.template.basic",
    }
    assert read(repository, "ci.yaml") == {"fbc": {"enabled": True, "catalog_mapping": [mapping]}}
    release = frozen.HISTORY.release("0.3.0")
    config = read(repository, "0.3.0/release-config.yaml")
    # One item for all channels with the same edges.
    assert config["defaultChannel"] == "stable"
    assert config["catalog_templates"] == [
        {
            "template_name": "basic.yaml",
            "channels": list(release.channels),
            "replaces": f"{NAME}.v{release.replaces}",
        }
    ]
    makefile = (repository / "operators" / NAME / "Makefile").read_text()
    assert "MAPPING := basic.yaml:basic:v4.18 basic.yaml:basic:v4.19\n" in makefile


def test_settings_that_are_there_stay_and_decide(checkout: Path, repository: Path) -> None:
    place = repository / "operators" / NAME
    place.mkdir()
    (place / "Makefile").write_text("theirs:\n")
    settings = """\
reviewers: [somebody]
fbc:
  enabled: true
  catalog_mapping:
    - {template_name: new.yaml, catalog_names: [v4.19], type: olm.semver}
    - {template_name: old.yaml, catalog_names: [v4.14], type: olm.template.basic}
"""
    (place / "ci.yaml").write_text(settings)
    said = contribute(checkout, repository, "0.4.0", "--reviewer", "another")
    assert "ci.yaml stays as it is" in said
    assert (place / "ci.yaml").read_text() == settings
    assert (place / "Makefile").read_text() == "theirs:\n"
    templates = read(repository, "0.4.0/release-config.yaml")["catalog_templates"]
    assert templates[0] == {"template_name": "new.yaml", "channels": ["Candidate", "Stable"]}
    assert {one["template_name"] for one in templates[1:]} == {"old.yaml"}


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ("fbc: true\n", "fbc is a boolean, not an object"),
        ("fbc: {enabled: true, catalog_mapping: [{type: olm.semver}]}\n", "is missing"),
        ("fbc: {enabled: true}\n", "maps no catalog template"),
        ("- a list\n", "is a list, not an object"),
        (
            "fbc: {enabled: true, catalog_mapping: [{type: olm.semver, catalog_names: [v4.19], "
            "template_name: $(shell touch /tmp/theirs)}]}\n",
            "is no name of a template",
        ),
        (
            "fbc: {enabled: true, catalog_mapping: [{type: olm.semver, catalog_names: [../..], "
            "template_name: basic.yaml}]}\n",
            "is no name of a template",
        ),
        ("reviewers: [", "ci.yaml"),
    ],
)
def test_settings_that_are_wrong_are_named(
    checkout: Path, repository: Path, settings: str, why: str
) -> None:
    place = repository / "operators" / NAME
    place.mkdir()
    (place / "ci.yaml").write_text(settings)
    with pytest.raises(KopfkitError, match=why):
        contribute(checkout, repository, "0.1.0")
    assert tree(place) == {"ci.yaml": settings.encode()}


def test_the_basic_template_names_every_bundle_by_its_image(checkout: Path) -> None:
    with contextlib.chdir(checkout):
        done = CliRunner().invoke(kopfkit, ["catalog", "template"])
        assert done.exit_code == 0, done.output
        frozen.generate(checkout)
    template = yamls.load(done.output)
    assert template["schema"] == "olm.template.basic"
    catalog = yamls.read_all(checkout / "catalog" / NAME / "catalog.yaml")
    images = [one["image"] for one in catalog if one["schema"] == "olm.bundle"]
    expected = [one for one in catalog if one["schema"] != "olm.bundle"]
    expected += [{"schema": "olm.bundle", "image": image} for image in images]
    assert template["entries"] == expected


@pytest.mark.parametrize("command", ["render", "validate", "graph"])
def test_a_template_that_opm_does_not_know_is_refused(tmp_path: Path, command: str) -> None:
    file = tmp_path / "template.yaml"
    file.write_text("schema: olm.template.substitutes\nentries: []\nsubstitutions: []\n")
    done = CliRunner().invoke(kopfkit, ["catalog", command, str(file)])
    assert "is a substitutes template, which opm v1.61.0 does not know" in str(done.exception)


@pytest.mark.parametrize("name", ["", "ci.yaml", "0.1.0"])
def test_a_link_does_not_lead_out_of_the_checkout(
    checkout: Path, repository: Path, tmp_path: Path, name: str
) -> None:
    place = repository / "operators" / NAME
    if name:
        place.mkdir()
    (place / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KopfkitError, match="symbolic link"):
        contribute(checkout, repository, "0.1.0")
    assert not (tmp_path / "elsewhere").exists()


def test_what_else_is_in_the_package_is_neither_copied_nor_followed(
    checkout: Path, repository: Path
) -> None:
    contribute(checkout, repository, "0.1.0")
    place = repository / "operators" / NAME
    (place / "nowhere").symlink_to("/does/not/exist")
    (place / "everything").symlink_to("/proc")
    contribute(checkout, repository, "0.2.0")
    assert (place / "0.2.0" / "manifests").is_dir()


@pytest.mark.parametrize("annotations", ["annotations: text\n", "annotations:\n", "[]\n", "text\n"])
def test_annotations_of_another_type_are_no_traceback(
    checkout: Path, repository: Path, annotations: str
) -> None:
    metadata = repository / "operators" / NAME / "9.0.0" / "metadata"
    metadata.mkdir(parents=True)
    (metadata.parent / "manifests").mkdir()
    (metadata / "annotations.yaml").write_text(annotations)
    with pytest.raises(KopfkitError, match="would not hold with this release"):
        contribute(checkout, repository, "0.1.0")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"kind: ClusterServiceVersion\n", "has no spec.version"),
        (b"kind: ClusterServiceVersion\nspec: {version: 1}\n", "spec.version is an integer"),
        (b"[]\n", "is no ClusterServiceVersion"),
        (b": [\n", "is not YAML"),
        (b"\xff\xfe\xfd", "cannot be read"),
    ],
)
def test_a_bundle_that_is_none_is_named(
    checkout: Path, repository: Path, tmp_path: Path, data: bytes, why: str
) -> None:
    csv = tmp_path / "bundle/manifests" / f"{NAME}.clusterserviceversion.yaml"
    csv.parent.mkdir(parents=True)
    csv.write_bytes(data)
    with contextlib.chdir(checkout):
        words = ["catalog", "contribute", str(repository), "--bundle", str(tmp_path / "bundle")]
        done = CliRunner().invoke(kopfkit, words)
    assert isinstance(done.exception, KopfkitError), done.exception
    assert f"{csv}" in str(done.exception)
    assert why in str(done.exception)
