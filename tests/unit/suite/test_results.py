"""What a test run tells at its end, and that no test is left out of it."""

from pathlib import Path

import pytest

import results
import suite
from parts import Outcome, Part

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_good" time="1.5"/>
<testcase classname="tests.a" name="test_bad" time="0.5"><failure message="no"/></testcase>
<testcase classname="tests.a" name="test_broken" time="0"><error message="no">x</error></testcase>
<testcase classname="tests.a" name="test_known" time="0"><skipped type="pytest.xfail"/></testcase>
<testcase name="tests.b" time="0"><skipped type="pytest.skip" message="no root"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def cases(tmp_path: Path) -> list[results.Case]:
    (tmp_path / "a.xml").write_text(JUNIT)
    return results.read(tmp_path / "a.xml")


def test_each_test_is_counted_once_and_an_expected_failure_has_run(
    cases: list[results.Case],
) -> None:
    assert results.closing(cases) == "2 passed, 2 failed, 1 skipped"
    assert results.slowest(cases)[0].endswith("1.5 s  tests.a::test_good")
    assert results.left_out(cases) == ["1 tests: no root"]
    assert results.failed(cases) == ["tests.a::test_bad", "  no", "tests.a::test_broken", "  no"]


def test_a_run_that_wrote_no_file_or_half_of_one_has_no_tests(tmp_path: Path) -> None:
    (tmp_path / "half.xml").write_text(JUNIT[:100])
    assert results.read(tmp_path / "half.xml") == results.read(tmp_path / "none.xml") == []


def test_the_table_names_what_failed_and_what_did_not_run(
    tmp_path: Path, cases: list[results.Case]
) -> None:
    outcomes = [
        Outcome(Part("unit", []), tmp_path / "unit.log", 1, 61.0, 7.0),
        Outcome(Part("e2e", []), tmp_path / "e2e.log"),
    ]
    _, unit, e2e = results.table(outcomes, {"unit": cases, "e2e": []})
    assert "1:01" in unit
    assert f"failed (exit 1), see {tmp_path / 'unit.log'}" in unit
    assert e2e.endswith("not run")


def test_of_a_failed_part_the_failures_are_shown_or_else_the_end(tmp_path: Path) -> None:
    outcome = Outcome(Part("unit", []), tmp_path / "unit.log", 1)
    outcome.log.write_text("dots\n==== FAILURES ====\nbecause\n")
    assert results.failures(outcome) == ["==== FAILURES ====", "because"]
    outcome.log.write_text("error: no Docker\n")
    assert results.failures(outcome) == ["error: no Docker"]


def test_times_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    for text in ("", "[]", '{"unit": "soon"}', "null"):
        (tmp_path / "times").write_text(text)
        assert results.last_times(tmp_path / "times") == {}
    (tmp_path / "times").write_text('{"unit": 61}')
    assert results.last_times(tmp_path / "times") == {"unit": 61.0}


def test_every_test_file_is_in_exactly_one_part_or_apart() -> None:
    found: list[Path] = []
    for part in suite.plan(suite.LAYERS):
        for argument in map(str, part.command):
            place = suite.ROOT / argument
            if argument.startswith("tests/"):
                assert place.exists(), f"{part.name} names {argument}"
                found += place.rglob("test_*.py") if place.is_dir() else [place]
    found += [suite.ROOT / path for path in suite.APART]
    assert sorted(found) == sorted((suite.ROOT / "tests").rglob("test_*.py"))
