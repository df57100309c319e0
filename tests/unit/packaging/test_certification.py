"""What OpenShift's certification says of bundles and images, judged without a cluster."""

import contextlib
import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import frozen
from kopfkit import yamls
from kopfkit.cli import kopfkit
from kopfkit.errors import KopfkitError
from kopfkit.image import certification as images
from kopfkit.image import operatorfile
from kopfkit.oci.assembly import Base, assemble, platform
from kopfkit.oci.dockerfile import Recipe, read
from kopfkit.oci.layout import Layout
from kopfkit.packaging import checks
from kopfkit.packaging.bundle import openshift_versions
from kopfkit.packaging.checks import certification

DIGEST = "quay.io/me/op@sha256:" + "ab" * 32
CSV = "manifests/helloworld-operator.clusterserviceversion.yaml"
ANNOTATIONS = "metadata/annotations.yaml"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The operator's bundle as a release has it: with images by digest."""
    frozen.write_sources(tmp_path / "checkout")
    with contextlib.chdir(tmp_path / "checkout"):
        done = CliRunner().invoke(kopfkit, ["bundle", "generate", "--img", DIGEST])
        assert done.exit_code == 0, done.output
    return tmp_path / "checkout" / "bundle"


def judged(directory: Path) -> list[tuple[str, str]]:
    found, findings = checks.load(directory)
    assert found is not None, findings
    return [
        (one.rule.removeprefix("certification-"), one.place) for one in certification.check(found)
    ]


def test_the_operators_bundle_passes(bundle: Path) -> None:
    assert judged(bundle) == []
    assert yamls.read(bundle / ANNOTATIONS)["annotations"][certification.VERSIONS] == "v4.17"


def test_images_by_tag_do_not_suit_a_restricted_network(frozen_checkout: Path) -> None:
    assert {rule for rule, _ in judged(frozen_checkout / "bundle")} == {"restricted-network"}


Change = Callable[[dict[str, Any]], object]


def feature(name: str, value: str | None) -> Change:
    def change(csv: dict[str, Any]) -> None:
        annotations = csv["metadata"]["annotations"]
        annotations.pop(f"features.operators.openshift.io/{name}", None)
        if value is not None:
            annotations[f"features.operators.openshift.io/{name}"] = value

    return change


def without_variable(csv: dict[str, Any]) -> None:
    for deployment in csv["spec"]["install"]["spec"]["deployments"]:
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            container["env"] = []


def versions(value: str) -> Change:
    return lambda found: found["annotations"].update({certification.VERSIONS: value})


@pytest.mark.parametrize(
    ("file", "change", "rule", "place"),
    [
        (CSV, feature("proxy-aware", None), "annotations", "proxy-aware]"),
        (CSV, feature("tls-profiles", "yes"), "annotations", "tls-profiles]"),
        (CSV, feature("csi", "True"), "annotations", "csi]"),
        (CSV, lambda csv: csv["spec"]["relatedImages"].clear(), "related-images", ".image"),
        (CSV, without_variable, "restricted-network", "deployments"),
        (
            ANNOTATIONS,
            lambda found: found["annotations"].pop(certification.VERSIONS),
            "versions-absent",
            ANNOTATIONS,
        ),
        (ANNOTATIONS, versions("4.17"), "versions", "versions]"),
        (ANNOTATIONS, versions("=v4.14-v4.16"), "versions", "versions]"),
    ],
)
def test_what_is_wrong_with_a_bundle_is_named(
    bundle: Path, file: str, change: Change, rule: str, place: str
) -> None:
    document = yamls.read(bundle / file)
    change(document)
    (bundle / file).write_text(yamls.dump(document))
    assert any(one == rule and place in where for one, where in judged(bundle))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        (CSV, feature("cnf", None)),
        (ANNOTATIONS, versions("=v4.14")),
        (ANNOTATIONS, versions("v4.14-v4.18")),
        (CSV, feature("disconnected", "false")),
    ],
)
def test_what_is_right_is_not(bundle: Path, file: str, change: Change) -> None:
    document = yamls.read(bundle / file)
    change(document)
    (bundle / file).write_text(yamls.dump(document))
    assert judged(bundle) == []


@pytest.mark.parametrize(
    ("kubernetes", "openshift"),
    [("1.30.0", "v4.17"), ("1.25.3", "v4.12"), ("1.13.0", ""), ("", ""), ("2.0.0", "")],
)
def test_openshifts_version_follows_from_that_of_kubernetes(
    kubernetes: str, openshift: str
) -> None:
    assert openshift_versions(kubernetes) == openshift


# --- images ---------------------------------------------------------------------------------


@pytest.fixture
def context(tmp_path: Path, root: Path) -> Path:
    """What the operator's Dockerfile copies, with little in it."""
    place = tmp_path / "context"
    (place / "build/image/pkg").mkdir(parents=True)
    (place / "build/image/pkg/one.py").write_text("ONE = 1\n")
    (place / "LICENSE").write_bytes((root / "LICENSE").read_bytes())
    return place


def built(
    tmp_path: Path, context: Path, recipe: Recipe, files: dict[str, bytes] | None = None
) -> Path:
    """The layout of an image whose base has these files."""
    base = tmp_path / "base"
    (base / "usr").mkdir(parents=True)
    for path, content in (files or {}).items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_bytes(content)
    layout = Layout(tmp_path / "layout")
    layout.begin()
    on = platform("linux/amd64")
    made = assemble(
        recipe, layout, context=context, on=on, epoch=0, base=Base("base", root=base, settings={})
    )
    layout.finish([made], {})
    return layout.directory


def recipe_of(root: Path) -> Recipe:
    return read("Dockerfile", (root / "Dockerfile").read_text(), {"VERSION": "0.4.0"})


def rules(directory: Path, image: str = "") -> set[tuple[str, str]]:
    found = images.judge(directory, image).findings
    return {(place, rule.removeprefix("certification-")) for place, _, rule in found}


def test_the_operators_image_passes(tmp_path: Path, context: Path, root: Path) -> None:
    directory = built(tmp_path, context, recipe_of(root))
    assert rules(directory, "quay.io/me/helloworld-operator:v0.4.0") == set()


@pytest.mark.parametrize("license", [True, False])
def test_the_image_of_a_project_without_a_dockerfile_has_the_labels(
    tmp_path: Path, context: Path, license: bool
) -> None:
    checkout = tmp_path / "checkout"
    frozen.write_sources(checkout)
    if license:
        (checkout / "LICENSE").write_text("All rights reserved.\n")
    text = operatorfile.generated(checkout)
    directory = built(tmp_path, context, read("Dockerfile", text, {"VERSION": "0.4.0"}))
    assert rules(directory) == (set() if license else {("/licenses", "licenses")})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda one: one.labels.pop("vendor"), ("Labels[vendor]", "labels")),
        (lambda one: one.labels.update(summary=""), ("Labels[summary]", "labels")),
        (lambda one: one.labels.update(name="Red Hat's own"), ("Labels[name]", "trademark")),
        (lambda one: setattr(one, "user", ""), ("User", "user")),
        (lambda one: setattr(one, "user", "root"), ("User", "user")),
        (lambda one: setattr(one, "user", "0:0"), ("User", "user")),
        (lambda one: one.copies.pop(0), ("/licenses", "licenses")),
        (lambda one: one.copies.extend([("LICENSE", f"/{at}") for at in range(40)]),
         ("layers", "layers")),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_image_is_named(
    tmp_path: Path,
    context: Path,
    root: Path,
    change: Callable[[Recipe], object],
    expected: tuple[str, str],
) -> None:
    recipe = recipe_of(root)
    change(recipe)
    assert rules(built(tmp_path, context, recipe)) == {expected}


def test_an_empty_license_and_one_that_a_layer_removes_do_not_count(
    tmp_path: Path, context: Path, root: Path
) -> None:
    recipe = recipe_of(root)
    (context / "LICENSE").write_text("")
    directory = built(tmp_path, context, recipe, {"licenses/base": b"of the base"})
    assert rules(directory) == set()
    # As an engine writes that a directory below is hidden.
    (context / "LICENSE").rename(context / ".wh.licenses")
    recipe.copies[0] = (".wh.licenses", "/.wh.licenses")
    (tmp_path / "second").mkdir()
    directory = built(tmp_path / "second", context, recipe, {"licenses/base": b"of the base"})
    assert rules(directory) == {("/licenses", "licenses")}


def test_packages_of_rhel_are_found_in_rpms_database(
    tmp_path: Path, context: Path, root: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "rpmdb.sqlite")) as database, database:
        database.execute("CREATE TABLE Name (key TEXT, hnum INTEGER, idxnum INTEGER)")
        names = [("bash",), ("kernel-core",), ("kernel-headers",), ("kpatch-dnf",)]
        database.executemany("INSERT INTO Name VALUES (?, 1, 0)", names)
    data = (tmp_path / "rpmdb.sqlite").read_bytes()
    directory = built(tmp_path, context, recipe_of(root), {"var/lib/rpm/rpmdb.sqlite": data})
    found = images.judge(directory).findings
    assert {why.split()[0] for _, why, _ in found} == {"kernel-core", "kpatch-dnf"}


@pytest.mark.parametrize(
    ("text", "infringes"),
    [
        ("HelloWorld", False),
        ("Operator for Red Hat OpenShift", False),
        ("Red Hat Operator", True),
        ("red-hat-op", True),
        ("My redhat", True),
        ("Red Hat for Red Hat", True),
    ],
)
def test_the_name_of_red_hat_is_a_trademark(text: str, infringes: bool) -> None:
    assert images.infringes(text) is infringes


def test_a_tag_that_moves_is_named(tmp_path: Path, context: Path, root: Path) -> None:
    directory = built(tmp_path, context, recipe_of(root))
    for image in ("quay.io/me/op", "quay.io/me/op:latest"):
        assert rules(directory, image) == {("tag", "tag")}
    assert rules(directory, "localhost:5001/op@sha256:" + "0" * 64) == set()


def test_the_command_says_who_asks_and_what_was_not_asked(
    tmp_path: Path, context: Path, root: Path
) -> None:
    recipe = recipe_of(root)
    recipe.labels.pop("vendor")
    directory = built(tmp_path, context, recipe)
    done = CliRunner().invoke(kopfkit, ["image", "validate", str(directory)])
    assert done.exit_code == 1
    assert "Labels[vendor]: is missing or empty [kopfkit: certification-labels]" in done.output
    assert "note: not judged: whether the base image is one of Red Hat's" in done.output
    done = CliRunner().invoke(kopfkit, ["image", "validate", str(directory), "-o", "yaml"])
    (finding,) = yamls.load(done.stdout)["findings"]
    assert finding["source"].endswith("container/has_required_labels.go")
    (tmp_path / "none").mkdir()
    done = CliRunner().invoke(kopfkit, ["image", "validate", str(tmp_path / "none")])
    assert "is no OCI image layout" in str(done.exception)


@pytest.mark.parametrize(
    "sql", ["", "CREATE VIEW Name AS WITH RECURSIVE n(key) AS (SELECT 1 UNION ALL SELECT 1 FROM n) "
    "SELECT key FROM n"],
)  # fmt: skip
def test_a_database_that_cannot_be_read_is_said_to_be_not_judged(
    tmp_path: Path, context: Path, root: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_STEPS", 100_000)
    with contextlib.closing(sqlite3.connect(tmp_path / "rpmdb.sqlite")) as database, database:
        database.execute(sql or "CREATE TABLE Other (key TEXT)")
    data = (tmp_path / "rpmdb.sqlite").read_bytes()
    directory = built(tmp_path, context, recipe_of(root), {"var/lib/rpm/rpmdb.sqlite": data})
    notes = images.judge(directory).notes
    assert "not judged: RPM packages, in a database that cannot be read" in notes


@pytest.mark.parametrize("cut", [20, 200])
def test_a_damaged_layer_is_named(tmp_path: Path, context: Path, root: Path, cut: int) -> None:
    layout = Layout(built(tmp_path, context, recipe_of(root)))
    for one in layout.get(layout.images()[0]["digest"])["layers"]:
        blob = layout.blob(one["digest"])
        blob.write_bytes(blob.read_bytes()[:cut])
    with pytest.raises(KopfkitError, match="cannot be read"):
        images.judge(layout.directory)


def test_a_layer_whose_compression_is_wrong_is_named(
    tmp_path: Path, context: Path, root: Path
) -> None:
    layout = Layout(built(tmp_path, context, recipe_of(root)))
    for one in layout.get(layout.images()[0]["digest"])["layers"]:
        layout.blob(one["digest"]).write_bytes(gzip.compress(b"")[:10] + b"\xff" * 100)
    with pytest.raises(KopfkitError, match="cannot be read"):
        images.judge(layout.directory)


@pytest.mark.parametrize(
    ("manifest", "config"),
    [
        ([], {}),
        ({"layers": []}, {}),
        ({"config": {}, "layers": []}, {}),
        ({"config": "none", "layers": []}, {}),
        (None, []),
        (None, {"config": {"Labels": []}}),
    ],
)
def test_an_image_that_is_none_is_named(tmp_path: Path, manifest: Any, config: Any) -> None:
    layout = Layout(tmp_path / "layout")
    layout.begin()
    if manifest is None:
        described = layout.put(config, "application/vnd.oci.image.config.v1+json")
        manifest = {"config": described, "layers": [{"size": 1}]}
    top = layout.put(manifest, "application/vnd.oci.image.manifest.v1+json")
    (layout.directory / "index.json").write_text(json.dumps({"manifests": [top]}))
    with pytest.raises(KopfkitError, match="has no manifest with a configuration and layers"):
        images.judge(layout.directory)


def test_a_configuration_without_labels_or_user_is_judged(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "layout")
    layout.begin()
    described = layout.put({}, "application/vnd.oci.image.config.v1+json")
    manifest = {"config": described, "layers": []}
    top = layout.put(manifest, "application/vnd.oci.image.manifest.v1+json")
    layout.finish([top], {})
    assert ("User", "user") in rules(layout.directory)
