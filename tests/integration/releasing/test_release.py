"""`make release` in a checkout of its own: refused, made, checked, pushed, and made again.

Making one takes most of a minute, so the tests that need it share it. The registry is crane's. The
tests of what a release changes run in a copy of the checkout, which then has a newer release.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import pages
from kopfkit.errors import KopfkitError
from kopfkit.host import ports, process
from kopfkit.host.progress import Progress
from kopfkit.image import ociimages
from kopfkit.oci.layout import Layout
from kopfkit.releasing import publishing
from kopfkit.releasing.rules import git
from kopfkit.toolchain import toolchain

ROOT = Path(__file__).parents[3]
VERSION = "99.0.0"
# As docs/drills/release.md says: nothing is done by hand.
RELEASE, COMMIT = (
    re.sub(r"\d+[.]\d+[.]\d+", VERSION, line) for line in pages.lines("drills/release.md")
)
# Days after which nothing else is: no test may compare a release's day with today's.
DAY = "2031-03-04"
# What passes before the release is made.
CHECK = "test -f Makefile"
# What a release changes is what these look at: history, bundle, catalog, config, version.
PACKAGING = ("packaging", "releasing", "simulation/test_simulate_command.py", "insight")
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "build", "dist", "node_modules", "__pycache__", ".*_cache", ".hypothesis"
)


def kopfkit(where: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", "from kopfkit.cli import main; main()", *words],
        cwd=where,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def make(where: Path, target: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a target of the Makefile in the environment of these tests.

    Neither that environment is made anew, nor is everything verified again: the suite
    itself is that check.
    """
    environment = Path(sys.prefix)
    words = [f"{name}={value}" for name, value in variables.items()]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = ("-o", f"{environment}/.complete", "-o", "verify")
    return subprocess.run(
        ["make", *done, target, f"VENV={environment}", "OFFLINE=1", f"VERSION={VERSION}", *words],
        cwd=where,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    git(root, *author, "commit", "--quiet", "--message", message)


@dataclass(frozen=True)
class Released:
    """A checkout in which a release was made, and what the command said."""

    root: Path
    directory: Path
    base: str
    key: Path
    said: str


@dataclass(frozen=True)
class Tests:
    """Tests that run beside these, and what they print."""

    __test__ = False
    child: "subprocess.Popen[bytes]"
    output: Path


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("release") / "checkout"
    shutil.copytree(ROOT, root, ignore=_LEFT_OUT, symlinks=True)
    (root / "changelog.d").mkdir(exist_ok=True)
    (root / "changelog.d" / "something.md").write_text("Something is new.\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    commit(root, "Begin")
    # A soak that passed with these sources.
    soak = (sys.executable, "hack/soak.py")
    begun = process.run([*soak, "sources"], cwd=root).strip()
    process.run([*soak, "write", f"--sources={begun}", "--figure=walk=1 min"], cwd=root)
    commit(root, "Soak")
    return root


@pytest.fixture(scope="module")
def released(checkout: Path, registry: str) -> Released:
    base = f"{registry}/helloworld-operator"
    key = checkout.parent / "key"
    assert kopfkit(checkout, "release", "key", str(key)).returncode == 0
    # The page's words, with another version and what a test needs.
    target, version = shlex.split(RELEASE)[1:]
    assert version == f"VERSION={VERSION}"
    made = make(checkout, target, IMAGE_TAG_BASE=base, KEY=str(key), DATE=DAY, CHECK=CHECK)
    assert made.returncode == 0, made.stderr
    directory = checkout / "dist" / f"helloworld-operator-{VERSION}"
    return Released(checkout, directory, base, key, made.stdout)


@pytest.fixture(scope="module")
def next_tests(released: Released, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tests]:
    """The packaging tests in a checkout with the release; they run while other tests do."""
    place = tmp_path_factory.mktemp("next")
    root = place / "checkout"
    shutil.copytree(released.root, root, ignore=_LEFT_OUT, symlinks=True)
    tests = [f"tests/unit/{name}" for name in PACKAGING]
    code = os.pathsep.join(
        str(root / name) for name in ("operator", "kopfkit/src", "kopfkit-sdk/src")
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    with (
        (place / "output").open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=root, env={**kept, "PYTHONPATH": code}, stdout=output, stderr=output,
        ) as child,
    ):  # fmt: skip
        yield Tests(child, place / "output")
        child.kill()


def untouched(root: Path) -> bool:
    return not git(root, "status", "--porcelain") and not (root / "dist").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--version", "0.1.0"), "is in the history already"),
        (("--version", "0.0.1"), "nobody would be offered it"),
        (("--version", VERSION, "--channels", "nightly"), "nightly"),
        (("--version", VERSION, "--platform", "plan9/mips"), "is not supported"),
        (("--version", VERSION, "--key", "missing.pem"), "cannot be read"),
        # 0.1.0 has no webhook, and what comes stores another version.
        (("--version", VERSION, "--skip-range", f">=0.1.0 <{VERSION}"), "0.1.0"),
    ],
)
def test_a_refusal_has_a_reason_and_a_cure_and_leaves_no_trace(
    checkout: Path, words: tuple[str, ...], reason: str
) -> None:
    said = kopfkit(checkout, "release", "make", "--offline", *words)
    assert said.returncode == 1
    assert reason in said.stderr
    assert "hint:" in said.stderr
    assert "Traceback" not in said.stderr
    assert untouched(checkout)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"CHECK": "echo 3 failed; exit 1"}, "check 'echo 3 failed; exit 1': failed (exit code 1)"),
        ({"CHECK": "touch left"}, "has changes that no commit has (left)"),
        ({"CHECK": CHECK, "SOAK_RECORD": "docs/none.md"}, "docs/none.md: is missing"),
    ],
    ids=["tests fail", "a check that leaves something", "no soak"],
)
def test_what_did_not_pass_is_not_released(
    checkout: Path, variables: dict[str, str], reason: str
) -> None:
    said = make(checkout, "release", **variables)
    (checkout / "left").unlink(missing_ok=True)
    assert said.returncode != 0
    assert reason in said.stderr, said.stderr
    assert "hint:" in said.stderr
    assert "Traceback" not in said.stderr
    assert untouched(checkout)


def test_a_release_without_a_soak_is_told_of(checkout: Path) -> None:
    said = make(checkout, "release", SOAK_RECORD="none", CHECK="exit 1")
    assert "warning: SOAK_RECORD=none" in said.stderr
    assert "hack/soak.py" not in said.stderr
    assert "check 'exit 1': failed" in said.stderr
    assert untouched(checkout)


def test_a_checkout_with_changes_is_refused(checkout: Path) -> None:
    (checkout / "forgotten.txt").write_text("x")
    try:
        said = kopfkit(checkout, "release", "make", "--offline", "--version", VERSION)
    finally:
        (checkout / "forgotten.txt").unlink()
    assert said.returncode == 1
    assert "forgotten.txt" in said.stderr


def test_a_catalog_that_would_point_at_a_missing_image_is_refused(
    checkout: Path, registry: str
) -> None:
    history = checkout / "catalog" / "releases.yaml"
    before = history.read_text()
    image = f"{registry}/helloworld-operator-bundle@sha256:{'0' * 64}"
    entry = "    stored: v1alpha1\n"
    history.write_text(before.replace(entry, f"{entry}    images:\n      bundle: {image}\n", 1))
    try:
        said = kopfkit(checkout, "release", "make", "--version", VERSION)
    finally:
        history.write_text(before)
    assert said.returncode == 1
    assert f"{image} is not in its registry" in said.stderr
    assert untouched(checkout)


def test_a_dry_run_shows_what_a_release_changes_in_the_checkout(
    checkout: Path, tmp_path: Path
) -> None:
    said = kopfkit(checkout, "release", "make", "--version", VERSION, "--date", DAY, "--dry-run")
    assert said.returncode == 0, said.stderr
    assert untouched(checkout)
    git(tmp_path, "clone", "--quiet", str(checkout), "copy")
    (tmp_path / "diff").write_text(said.stdout)
    git(tmp_path / "copy", "apply", str(tmp_path / "diff"))
    changed = {line[3:] for line in git(tmp_path / "copy", "status", "--porcelain").splitlines()}
    assert {"CHANGELOG.md", "pyproject.toml", "catalog/releases.yaml"} <= changed
    assert "changelog.d/something.md" in changed
    for words in (["manifests"], ["bundle", "generate"], ["catalog", "generate"]):
        checked = kopfkit(tmp_path / "copy", *words, "--check")
        assert checked.returncode == 0, checked.stdout


@pytest.mark.usefixtures("next_tests")
def test_a_release_brings_the_checkout_up_to_it_and_pushes_nothing(released: Released) -> None:
    assert "Nothing was pushed" in released.said
    assert ociimages.there(f"{released.base}:v{VERSION}") == ""
    changed = {line[3:] for line in git(released.root, "status", "--porcelain").splitlines()}
    assert {"CHANGELOG.md", "pyproject.toml", "catalog/releases.yaml"} <= changed
    assert "Something is new." in (released.root / "CHANGELOG.md").read_text()
    assert not (released.root / "changelog.d" / "something.md").exists()
    assert (released.root / "changelog.d" / "README.md").exists()
    assert f"appVersion: '{VERSION}'" in (released.root / "chart/Chart.yaml").read_text()
    generators = (["manifests"], ["bundle", "generate"], ["catalog", "generate"])
    for words in (*generators, ["chart", "generate"]):
        checked = kopfkit(released.root, *words, "--check")
        assert checked.returncode == 0, checked.stdout
    assert f"├── {VERSION} " in (released.root / "README.md").read_text("utf-8")
    process.run([sys.executable, "hack/released.py", "--check"], cwd=released.root)


def test_a_release_names_what_passed_before_and_its_day(released: Released) -> None:
    statement = json.loads((released.directory / "provenance.json").read_text())
    said = statement["predicate"]["buildDefinition"]["externalParameters"]
    soak, check = said["checks"]
    assert "hack/soak.py check docs/soak.md" in soak
    assert check == CHECK
    assert said["date"] == DAY


def test_a_release_names_its_images_by_digest(released: Released) -> None:
    csv = f"operators/helloworld-operator/{VERSION}/manifests/helloworld-operator"
    text = (
        released.directory / "community-operators" / f"{csv}.clusterserviceversion.yaml"
    ).read_text()
    digest = Layout(released.directory / "images" / "operator").digest()
    assert f"{released.base}@{digest}" in text
    assert f":v{VERSION}" not in text
    catalog = (released.root / "catalog" / "helloworld-operator" / "catalog.yaml").read_text()
    bundle = Layout(released.directory / "images" / "bundle").digest()
    assert f"{released.base}-bundle@{bundle}" in catalog


def test_a_release_is_verified_by_its_public_key_until_something_changes(
    released: Released, tmp_path: Path
) -> None:
    public = f"{released.key}.pub"
    said = kopfkit(released.root, "release", "verify", str(released.directory), "--key", public)
    assert said.returncode == 0, said.stderr
    copy = tmp_path / "copy"
    shutil.copytree(released.directory, copy)
    (copy / "NOTES.md").write_text("Nothing to see.\n")
    (copy / "sbom.cdx.json").unlink()
    (copy / "extra").write_text("x")
    layout = Layout(copy / "images" / "operator")
    layout.blob(layout.digest()).write_bytes(b"{}")
    said = kopfkit(released.root, "release", "verify", str(copy), "--key", public)
    assert said.returncode == 1
    for fault in ("NOTES.md: was changed", "sbom.cdx.json: is missing", "extra: is not in"):
        assert fault in said.stderr
    assert "images/operator: blob" in said.stderr


def test_the_bill_of_materials_lists_what_is_in_the_image(released: Released) -> None:
    listed = json.loads((released.directory / "sbom.cdx.json").read_text())["components"]
    names = {one["name"] for one in listed}
    assert {"kopf", "aiohttp", "kopfkit", "helloworld-operator"} <= names
    assert "pytest" not in names


def test_the_operators_image_passes_openshifts_checks(released: Released) -> None:
    images = released.directory / "images"
    done = kopfkit(released.root, "image", "validate", str(images / "operator"))
    assert done.returncode == 0, done.stdout


def test_a_release_is_pushed_as_it_is_and_a_second_push_finds_it_there(
    released: Released,
) -> None:
    first = publishing.push(released.directory, Progress())
    kinds = ("operator", "bundle", "catalog")
    digests = [Layout(released.directory / "images" / kind).digest() for kind in kinds]
    assert [one.partition("@")[2] for one in first] == digests
    assert [ociimages.there(one) for one in first] == digests
    assert publishing.push(released.directory, Progress()) == first


def test_a_tag_that_has_another_image_is_never_moved(released: Released, tmp_path: Path) -> None:
    publishing.push(released.directory, Progress())
    ociimages.crane(
        "push", str(released.directory / "images" / "bundle"), f"{released.base}-catalog:v{VERSION}"
    )
    with pytest.raises(KopfkitError, match="is in the registry as"):
        publishing.push(released.directory, Progress())
    ociimages.crane(
        "push",
        str(released.directory / "images" / "catalog"),
        f"{released.base}-catalog:v{VERSION}",
    )


def test_the_catalog_image_serves_with_the_cache_that_is_in_it(
    released: Released, tmp_path: Path
) -> None:
    layout = released.directory / "images" / "catalog"
    for descriptor in Layout(layout).get(Layout(layout).digest())["layers"][1:]:
        blob = Layout(layout).blob(descriptor["digest"])
        process.run(["tar", "--extract", "--same-permissions", "-zf", blob, "-C", tmp_path])
    port = ports.free(1)[0]
    words = [
        toolchain.pinned("opm"), "serve", tmp_path / "configs", "--pprof-addr=",
        f"--cache-dir={tmp_path / 'tmp' / 'cache'}", f"--port={port}",
        f"--termination-log={tmp_path / 'log'}",
    ]  # fmt: skip
    # opm ends at once where the cache is not the catalog's.
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        lines = []
        for line in child.stderr:
            lines.append(line)
            if "serving registry" in line:
                break
        child.terminate()
    assert "serving registry" in lines[-1], "".join(lines)
    assert not [line for line in lines if "rebuild" in line]


def test_the_same_release_made_again_has_the_same_images(released: Released) -> None:
    author = {"GIT_AUTHOR_NAME": "Somebody", "GIT_AUTHOR_EMAIL": "somebody@example.com"}
    committer = {name.replace("AUTHOR", "COMMITTER"): value for name, value in author.items()}
    words = ["bash", "-c", COMMIT]
    done = pages.run(words, released.root, {**os.environ, **author, **committer})
    assert done.returncode == 0, done.stdout
    before = {
        kind: Layout(released.directory / "images" / kind).digest()
        for kind in ("operator", "bundle", "catalog")
    }
    shutil.rmtree(released.directory)
    again = kopfkit(
        released.root, "release", "make", "--offline", "--version", VERSION,
        "--image-base", released.base,
    )  # fmt: skip
    assert again.returncode == 0, again.stderr
    assert "made again, the same images" in again.stdout
    for kind, digest in before.items():
        assert Layout(released.directory / "images" / kind).digest() == digest
    assert not git(released.root, "status", "--porcelain")


def test_the_packaging_tests_pass_with_the_next_release(next_tests: Tests) -> None:
    assert next_tests.child.wait(600) == 0, next_tests.output.read_text()
    assert " passed" in next_tests.output.read_text()
