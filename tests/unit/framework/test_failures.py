"""What is logged about reconciles that fail: each failure once, until it changes or is over."""

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets import budget
from kopfkit.controller.failures import Failures
from kopfkit.runtime.api.errors import Forbidden, Invalid, NotFound, NotLeading, Unavailable
from kopfkit.runtime.manager.store import Key, Store

KEY = ("ns", "a")


class Log(logging.Handler):
    """The records of a block."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []
        self._logger = logging.getLogger("kopfkit.controller.failures")

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def __enter__(self) -> "Log":
        self._level = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        self._logger.addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)

    def said(self, level: int) -> list[str]:
        """The messages of a level."""
        return [each.getMessage() for each in self.records if each.levelno == level]


def stored(generation: int, key: Key = KEY, version: int = 1) -> dict[str, Any]:
    namespace, name = key
    metadata = {"namespace": namespace, "name": name, "uid": "u", "generation": generation}
    return {"kind": "Teapot", "metadata": {**metadata, "resourceVersion": str(version)}}


def test_a_spec_that_is_refused_every_minute_is_one_line() -> None:
    store = Store()
    store.put(stored(1))
    failures = Failures("Teapot", store)
    with Log() as log:
        for delay in (0.2, 0.4, *[60.0] * 100):
            failures.failed(KEY, Invalid("spec.lid: Invalid value"), delay)

    assert log.said(logging.ERROR) == [
        "Reconcile failed, retrying in 0.2 s: spec.lid: Invalid value"
    ]
    assert len(log.said(logging.DEBUG)) == 101
    about = {(each.__dict__["kind"], each.__dict__["object"]) for each in log.records}
    assert about == {("Teapot", "ns/a")}


def test_an_object_that_goes_while_it_is_reconciled_is_no_error_and_keeps_its_generation() -> None:
    store = Store()
    store.put(stored(3))
    failures = Failures("Teapot", store)
    with Log() as log:
        failures.started(KEY, 0.0)
        store.drop(stored(3))
        failures.ended(KEY, 0.1, None, NotFound('namespaces "ns" not found'))
        failures.failed(KEY, NotFound('namespaces "ns" not found'), 0.2)

    (record,) = log.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == 'Object is gone: namespaces "ns" not found'
    assert (record.__dict__["object"], record.__dict__["generation"]) == ("ns/a", 3)


def test_every_line_names_the_generation() -> None:
    store = Store()
    store.put(stored(3))
    failures = Failures("Teapot", store)
    with Log() as log:
        for error in (NotLeading("no"), Invalid("a bad lid"), KeyError("lid"), None):
            failures.started(KEY, 0.0)
            failures.ended(KEY, 0.1, None, error)
            if error is not None:
                failures.failed(KEY, error, 0.2)

    assert [each.levelno for each in log.records] == [20, 40, 40, 20]
    assert {each.__dict__["generation"] for each in log.records} == {3}


def test_a_bug_is_one_traceback() -> None:
    failures = Failures("Teapot", Store())
    with Log() as log:
        for _ in range(3):
            failures.failed(KEY, KeyError("lid"), 1.0)

    (error,) = (each for each in log.records if each.levelno == logging.ERROR)
    assert error.exc_info is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("exceeded quota: q, used: pods=3", "exceeded quota: q, used: pods=4"),
        ("timeout after 10.2s", "timeout after 9.7s"),
        ('pods "a-5c9d8f7b6c-x2x4z" refused', 'pods "a-5c9d8f7b6c-x3x1z" refused'),
    ],
)
def test_other_numbers_make_no_other_failure(first: str, second: str) -> None:
    store = Store()
    store.put(stored(1))
    failures = Failures("Teapot", store)
    with Log() as log:
        failures.failed(KEY, Forbidden(first), 1.0)
        failures.failed(KEY, Forbidden(second), 1.0)

    assert len(log.said(logging.ERROR)) == 1


KEYS = st.sampled_from([("ns", "a"), ("ns", "b")])
ERRORS = st.sampled_from([Invalid("a bad lid"), Invalid("a bad spout"), Unavailable("no answer")])
STEPS = st.lists(st.tuples(KEYS, st.integers(1, 2), ERRORS | st.none()), max_size=40)


@given(STEPS)
@budget(ci=300, soak=5000)
def test_as_many_errors_are_logged_as_failures_began(steps: list[Any]) -> None:
    store, began = Store(), 0
    failures = Failures("Teapot", store)
    last: dict[Key, Any] = {}
    with Log() as log:
        for version, (key, generation, error) in enumerate(steps, start=1):
            store.put(stored(generation, key, version))
            if error is None:
                failures.ended(key, 0.1, None, None)
                last.pop(key, None)
            else:
                failures.failed(key, error, 1.0)
                began += last.get(key) != (generation, error)
                last[key] = (generation, error)

    assert len(log.said(logging.ERROR)) == began
