"""The plan of the whole suite: a test is in one part, and a cluster has one operator at a time."""

from pathlib import Path

import suite


def _e2e(*clusters: str) -> list[suite.Part]:
    return [each for each in suite.plan(suite.LAYERS, clusters) if each.name in suite.E2E]


def _files(part: suite.Part) -> set[Path]:
    named = [suite.ROOT / str(word) for word in part.command if str(word).startswith("tests/")]
    return {
        file for path in named for file in (path.rglob("test_*.py") if path.is_dir() else [path])
    }


def test_each_e2e_test_is_in_one_part() -> None:
    first, second = map(_files, _e2e("a", "b"))
    assert first | second == set((suite.ROOT / "tests" / "e2e").rglob("test_*.py"))
    assert not first & second


def test_two_parts_use_one_cluster_only_one_after_the_other() -> None:
    first, second = _e2e("a", "b")
    assert (first.variables, second.variables) == ({suite.VARIABLE: "a"}, {suite.VARIABLE: "b"})
    assert (first.needs, second.needs) == (["cluster"], ["cluster-2"])
    first, second = _e2e("mine")
    assert first.variables == second.variables == {suite.VARIABLE: "mine"}
    assert first.needs == second.needs == ["cluster"]
    assert first.name in second.after
