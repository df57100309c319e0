"""`make mutants`: faults are put into a clone, one at a time, and it is told which test notices."""

import subprocess
import tempfile
from pathlib import Path

import pytest

import mutants
from clone import Clone, Refused
from kopfkit import yamls

ROOT = Path(__file__).parents[3]
PRODUCT = "def sign(number: int) -> int:\n    return (number > 0) - (number < 0)\n"
TESTS = """\
from thing import product

def test_numbers_have_a_sign():
    assert [product.sign(each) for each in (-2, 0, 2)] == [-1, 0, 1]
"""
FILE = "operator/thing/product.py"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of git with a product and its test, of which the test is not committed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    # The tests of the product need none, and loading them is most of a small run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    place = tmp_path / "checkout"
    (place / FILE).parent.mkdir(parents=True)
    (place / "tests").mkdir()
    (place / FILE).write_text(PRODUCT)
    commands = (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "-m", "x"],
    )
    for command in commands:
        subprocess.run(["git", "-C", str(place), *command], check=True)
    (place / "tests" / "test_product.py").write_text(TESTS)
    return place


def listed(checkout: Path, *entries: dict[str, object]) -> list[str]:
    """Arguments for a run of these entries."""
    common = {"file": FILE, "tests": ["tests/test_product.py"]}
    path = checkout.parent / "list.yaml"
    path.write_text(yamls.dump([{**common, **entry} for entry in entries]))
    return ["--checkout", str(checkout), "--list", str(path)]


NOTICED = {"id": "noticed", "old": "(number < 0)", "new": "(number < -9)"}
UNNOTICED = {"id": "unnoticed", "old": "(number > 0)", "new": "(number > 1)"}
HANGS = {"id": "hangs", "old": "    return", "new": "    while number: pass\n    return"}


def test_each_fault_is_told_with_the_test_that_notices_and_the_checkout_stays_as_it_is(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    output = checkout.parent / "table.md"
    known = {**UNNOTICED, "id": "known", "gap": "no test counts to 1"}
    words = listed(checkout, NOTICED, UNNOTICED, known)
    assert mutants.main([*words, "--output", str(output)]) == 1
    name = "tests/test_product.py::test_numbers_have_a_sign"
    assert f"| noticed | {FILE} | noticed | {name} |" in output.read_text()
    assert f"| unnoticed | {FILE} | unnoticed |  |" in output.read_text()
    assert f"| known | {FILE} | unnoticed | no test counts to 1 |" in output.read_text()
    assert "1 noticed, 2 unnoticed." in output.read_text()
    assert capsys.readouterr().err == "error: not noticed by their tests: unnoticed\n"
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_tests_that_hang_are_ended_and_told(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clone = Clone(checkout.parent / "clone", checkout)
    hangs = mutants.Mutant(**HANGS, file=FILE, tests=("tests/test_product.py",))
    result, _, _ = mutants.judge(clone, hangs, None, 2.0)
    assert result == "timeout"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"old": "number"}, "has its old text 3 times instead of once"),
        ({"file": "operator/thing/gone.py"}, "has its old text 0 times instead of once"),
        ({"new": ")"}, "its new text is no Python"),
        ({"tests": ["tests/test_gone.py::test_x"]}, "there is no tests/test_gone.py::test_x"),
    ],
)
def test_an_entry_that_no_longer_fits_is_named(
    checkout: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, object],
    why: str,
) -> None:
    assert mutants.main(listed(checkout, UNNOTICED, {**NOTICED, **changes})) == 2
    said = capsys.readouterr().err
    assert "entry noticed: " in said
    assert why in said


def test_tests_that_fail_with_nothing_broken_are_told_first(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "tests" / "test_product.py").write_text("def test_x():\n    assert False\n")
    assert mutants.main(listed(checkout, NOTICED)) == 2
    assert "do not pass with nothing broken" in capsys.readouterr().err


def test_entries_are_chosen_by_id_or_file(checkout: Path) -> None:
    path = Path(listed(checkout, NOTICED, UNNOTICED)[-1])
    assert [one.id for one in mutants.load(path, ["not*"])] == ["noticed"]
    assert len(mutants.load(path, ["operator/*"])) == 2
    with pytest.raises(Refused, match=r"no entry has an id or a file like x\*"):
        mutants.load(path, ["not*", "x*"])


def test_every_entry_of_the_list_fits_the_code() -> None:
    entries = mutants.load(ROOT / "tests/mutants.yaml")
    assert len(entries) >= 60
    for entry in entries:
        mutants.mutated(entry, ROOT)
