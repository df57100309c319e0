"""What operator-sdk prints of a scorecard run becomes results."""

import json
from typing import Any

import pytest

from kopfkit.olm.scorecard import Result, _report, _results


def item(suite: str, test: str, *results: dict[str, Any]) -> dict[str, Any]:
    labels = {"suite": suite, "test": f"{test}-test"}
    return {"kind": "Test", "spec": {"labels": labels}, "status": {"results": list(results)}}


def test_each_result_has_its_suite_test_and_words() -> None:
    failed = {"name": "a", "state": "fail", "errors": ["e"], "suggestions": ["s"]}
    assert list(_results(item("olm", "a", failed))) == [Result("olm", "a", "fail", ["e"], ["s"])]


def test_a_test_that_says_nothing_is_an_error() -> None:
    (found,) = _results(item("olm", "a"))
    assert (found.test, found.state, found.errors) == ("a", "error", ["the test reported nothing"])


def test_the_report_is_found_among_the_log_lines() -> None:
    report = json.dumps({"kind": "TestList", "items": [item("olm", "a")]}, indent=2)
    text = f'time=now level=error msg="{{x}}"\n{report}\nError: more\n'
    assert _report(text)["kind"] == "TestList"
    with pytest.raises(ValueError, match="substring not found"):
        _report("nothing")
