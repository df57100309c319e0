"""`kopfkit manifests`, `bundle` and `catalog` as a person or a Makefile runs them."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import frozen
from kopfkit import cli, yamls

GENERATED = ("config", "bundle", "catalog", "bundle.Dockerfile", "catalog.Dockerfile")


def kopfkit(
    where: Path, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run the command in a checkout; in a process of its own where it has another environment."""
    if environment:
        return subprocess.run(
            [sys.executable, "-c", "from kopfkit.cli import main; main()", *arguments],
            cwd=where,
            env={**os.environ, **environment},
            capture_output=True,
            check=False,
        )
    out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
    with (
        contextlib.chdir(where),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        cli.main(list(arguments))
    code = ended.value.code or 0
    assert isinstance(code, int)
    told = [stream.buffer.getvalue() for stream in (out, err)]
    return subprocess.CompletedProcess(arguments, code, *told)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with what is written by hand and nothing generated."""
    frozen.write_sources(tmp_path / "checkout")
    return tmp_path / "checkout"


@pytest.fixture
def live_checkout(tmp_path: Path, root: Path) -> Path:
    """The same of the operator itself; published bundles are kept, not generated."""
    place = tmp_path / "live"
    generated = shutil.ignore_patterns("helloworld-operator")
    shutil.copytree(root / "catalog", place / "catalog", ignore=generated)
    shutil.copy(root / "pyproject.toml", place)
    return place


def contents(place: Path) -> dict[str, bytes]:
    files = [place / name for name in GENERATED if (place / name).is_file()]
    for name in GENERATED:
        files += [path for path in (place / name).rglob("*") if path.is_file()]
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "4711", "TZ": "Asia/Shanghai", "LC_ALL": "C.UTF-8"},
    ],
)
def test_the_committed_files_come_out_byte_for_byte_whatever_the_environment(
    live_checkout: Path, root: Path, environment: dict[str, str]
) -> None:
    for command in frozen.COMMANDS:
        done = kopfkit(live_checkout, *command, **environment)
        assert done.returncode == 0, done.stderr.decode()
    assert contents(live_checkout) == contents(root)


# Prints a digest of every file of every release; the order in which sets are walked, the clock's
# zone and the locale must not be in them.
DIGESTS = """
import hashlib, pathlib
from helloworld_operator.project import PROJECT
from kopfkit.packaging import historyfile, releases
from kopfkit.packaging.bundle import bundle_dockerfile, bundle_tree
from kopfkit.packaging.kustomize import config_tree
history = historyfile.parse(PROJECT, pathlib.Path(releases.NAME).read_text("utf-8"))
for release in history.releases:
    image = f"quay.io/me/op:v{release.version}"
    trees = {
        "config": config_tree(PROJECT, release, image),
        "bundle": bundle_tree(PROJECT, release, image, release.channels, "stable"),
        "docker": {"": bundle_dockerfile(PROJECT, release.channels, "stable")},
    }
    for name, tree in trees.items():
        for path, text in tree.items():
            print(release.version, name, path, hashlib.sha256(text.encode()).hexdigest())
"""


def test_every_release_comes_out_byte_for_byte_whatever_the_environment(checkout: Path) -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            cwd=checkout,
            env={**os.environ, **environment},
            capture_output=True,
            check=True,
        ).stdout
        for environment in (
            {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8"},
            {
                "PYTHONHASHSEED": "2",
                "TZ": "America/Anchorage",
                "LC_ALL": "POSIX",
                "PYTHONUTF8": "0",
            },
        )
    ]
    assert found[0] == found[1]
    assert found[0].count(b" bundle manifests/helloworld-operator.clusterserviceversion.yaml ") == 4


def test_a_release_can_be_generated_elsewhere_and_leaves_the_checkout_alone(
    checkout: Path, tmp_path: Path
) -> None:
    before = contents(checkout)
    done = kopfkit(
        checkout, "bundle", "generate", "--version", "0.1.0", "--output", str(tmp_path / "old")
    )
    assert done.returncode == 0, done.stderr.decode()
    assert contents(checkout) == before
    csv = tmp_path / "old/bundle/manifests/helloworld-operator.clusterserviceversion.yaml"
    assert yamls.read(csv)["metadata"]["name"] == "helloworld-operator.v0.1.0"
    assert (tmp_path / "old/bundle.Dockerfile").is_file()


def test_what_was_published_is_named_by_its_digest_unless_somebody_names_another(
    checkout: Path,
) -> None:
    operator, bundle = (
        f"quay.io/me/op{kind}@sha256:{digit * 64}" for kind, digit in (("", "a"), ("-bundle", "b"))
    )
    with (checkout / "catalog/releases.yaml").open("a") as history:
        history.write(f"    images:\n      operator: {operator}\n      bundle: {bundle}\n")
    csv = checkout / "bundle/manifests/helloworld-operator.clusterserviceversion.yaml"

    def annotated() -> object:
        return yamls.read(csv)["metadata"]["annotations"]["containerImage"]

    for command in frozen.COMMANDS:
        done = kopfkit(checkout, *command)
        assert done.returncode == 0, done.stderr.decode()
    assert annotated() == operator
    text = (checkout / "catalog/helloworld-operator/catalog.yaml").read_text()
    assert f"\nimage: {bundle}\n" in text
    assert f"containerImage: {operator}\n" in text
    assert (checkout / "config/default/kustomization.yaml").read_text().count(
        "digest: sha256:a"
    ) == 1
    kopfkit(checkout, "bundle", "generate", "--img", "quay.io/me/op:dev")
    assert annotated() == "quay.io/me/op:dev"


def test_check_is_silent_and_succeeds_when_nothing_differs(checkout: Path) -> None:
    for command in frozen.COMMANDS:
        kopfkit(checkout, *command)
        done = kopfkit(checkout, *command, "--check")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_check_shows_the_drift_fails_and_writes_nothing(checkout: Path) -> None:
    kopfkit(checkout, "manifests")
    drifted = checkout / "config/manager/manager.yaml"
    drifted.write_text(drifted.read_text().replace("replicas: 2", "replicas: 7"))
    before = contents(checkout)
    done = kopfkit(checkout, "manifests", "--check")
    assert done.returncode == 1
    assert b"-  replicas: 7\n+  replicas: 2" in done.stdout
    assert b"run: make manifests" in done.stderr
    assert contents(checkout) == before


def test_another_directory_gets_the_tree_with_another_image(checkout: Path) -> None:
    done = kopfkit(checkout, "manifests", "--img", "quay.io/me/op:dev", "--output", "build/config")
    assert done.returncode == 0, done.stderr.decode()
    text = (checkout / "build/config/default/kustomization.yaml").read_text()
    assert "newName: quay.io/me/op\n  newTag: dev\n" in text
    assert not (checkout / "config").exists()


def test_bad_input_is_one_message_and_nothing_is_written(checkout: Path) -> None:
    done = kopfkit(checkout, "bundle", "generate", "--version", "v0.1.0", "--img", "a b")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("error: bundle generate: 2 errors\n  - --version:")
    assert b"Traceback" not in done.stderr
    assert not (checkout / "bundle").exists()


def test_a_persons_file_with_a_generated_name_is_not_overwritten(checkout: Path) -> None:
    (checkout / "bundle.Dockerfile").write_text("FROM mine\n")
    done = kopfkit(checkout, "bundle", "generate")
    assert done.returncode == 1
    assert b"--overwrite" in done.stderr
    assert not (checkout / "bundle").exists()
    assert kopfkit(checkout, "bundle", "generate", "--overwrite").returncode == 0
    assert b"FROM scratch" in (checkout / "bundle.Dockerfile").read_bytes()


def test_a_missing_release_history_is_one_message(checkout: Path) -> None:
    (checkout / "catalog/releases.yaml").unlink()
    done = kopfkit(checkout, "catalog", "generate")
    assert done.returncode == 1
    assert b"releases.yaml: cannot be read" in done.stderr


def test_generating_does_not_import_the_cluster_tools(checkout: Path) -> None:
    script = (
        "import sys; from kopfkit.cli import kopfkit\n"
        "kopfkit.main(['bundle', 'generate'], standalone_mode=False)\n"
        "print([name for name in sys.modules if name.startswith(('kopfkit.cluster', 'kopfkit.host',"
        " 'kopfkit.image', 'kopfkit.olm', 'kopfkit.toolchain', 'rich',"
        " 'kubernetes', 'kopf.', 'aiohttp', 'cryptography', 'pytest'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=checkout, capture_output=True, check=True
    )
    assert done.stdout.splitlines()[-1] == b"[]"
