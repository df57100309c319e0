"""The record of a soak (hack/soak.py) holds for the sources that it is about, and no others."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from kopfkit.errors import KopfkitError

DISTRIBUTION = """\
[project]
name = "{name}"
version = "{version}"
[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""
FILES = {
    "pyproject.toml": DISTRIBUTION.format(name="op", version="0.4.0", package="operator/op")
    + '[tool.uv.workspace]\nmembers = ["kit"]\n',
    "kit/pyproject.toml": DISTRIBUTION.format(name="kit", version="0.4.0", package="src/kit"),
    "operator/op/__init__.py": '__version__ = "0.4.0"\n',
    "operator/op/controller.py": "x = 1\n",
    "kit/src/kit/client.py": "y = 1\n",
    "requirements/operator.txt": "kopf==1.45\n",
    "tests/test_x.py": "",
    "docs/x.md": "",
}


@pytest.fixture(scope="session")
def soak(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("soak", root / "hack" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A workspace of two distributions, committed."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    author = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    for words in (["init"], ["add", "-A"], [*author, "commit", "--message", "Begin"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


@pytest.fixture
def record(soak: ModuleType, checkout: Path) -> Path:
    """The record of a soak of the checkout."""
    path = checkout / "docs" / "soak.md"
    soak.write(checkout, path, soak.sources(checkout), {"walk": "9 min 33 s"})
    return path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_record_holds_and_shows_its_figures(
    soak: ModuleType, checkout: Path, record: Path
) -> None:
    assert soak.check(checkout, record)["sources"] == soak.sources(checkout)
    text = record.read_text()
    assert "| walk | 9 min 33 s |\n" in text
    assert "`kit/src/kit`, `operator/op`, `requirements/operator.txt`" in text


def test_neither_documents_nor_tests_nor_a_release_make_it_stale(
    soak: ModuleType, checkout: Path, record: Path
) -> None:
    (checkout / "docs/x.md").write_text("Changed.\n")
    (checkout / "tests/test_x.py").write_text("import x\n")
    # What `kopfkit release make` changes in the sources.
    for name in ("pyproject.toml", "kit/pyproject.toml", "operator/op/__init__.py"):
        replace(checkout / name, '"0.4.0"', '"0.5.0"')
    soak.check(checkout, record)


@pytest.mark.parametrize(
    "name", ["operator/op/controller.py", "kit/src/kit/client.py", "requirements/operator.txt"]
)
def test_other_code_or_another_lock_makes_it_stale(
    soak: ModuleType, checkout: Path, record: Path, name: str
) -> None:
    with (checkout / name).open("a") as file:
        file.write("# changed\n")
    with pytest.raises(KopfkitError, match="is about other sources") as refused:
        soak.check(checkout, record)
    assert "Run make soak" in refused.value.hint
    assert "SOAK_RECORD=none" in refused.value.hint


def test_a_file_that_goes_or_gets_another_name_makes_it_stale(
    soak: ModuleType, checkout: Path, record: Path
) -> None:
    subprocess.run(
        ["git", "mv", "operator/op/controller.py", "operator/op/control.py"],
        cwd=checkout, check=True,
    )  # fmt: skip
    with pytest.raises(KopfkitError, match="is about other sources"):
        soak.check(checkout, record)


def test_what_changed_while_it_ran_gets_no_record(soak: ModuleType, checkout: Path) -> None:
    begun = soak.sources(checkout)
    replace(checkout / "operator/op/controller.py", "1", "2")
    record = checkout / "docs/soak.md"
    with pytest.raises(KopfkitError, match="began with"):
        soak.write(checkout, record, begun, {})
    assert not record.exists()


@pytest.mark.parametrize("text", ["", "# The last soak\n", "---\n[]\n---\n", "---\na: [\n---\n"])
def test_what_is_no_record_is_refused(soak: ModuleType, checkout: Path, text: str) -> None:
    record = checkout / "docs/soak.md"
    record.write_text(text)
    with pytest.raises(KopfkitError, match="is not a record"):
        soak.check(checkout, record)


def test_no_record_is_refused(soak: ModuleType, checkout: Path) -> None:
    with pytest.raises(KopfkitError, match="no soak has passed"):
        soak.check(checkout, checkout / "docs/soak.md")


def test_the_operators_own_packages_are_in_it(soak: ModuleType, root: Path) -> None:
    assert {"operator/helloworld_operator", "kopfkit/src/kopfkit"} <= set(soak.paths(root))
