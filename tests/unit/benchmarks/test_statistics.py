"""The figures of the benchmark: medians, intervals, and what counts as converged."""

import json

import pytest

from bench.audit import Request, parse
from bench.measure import Sample, last_needed
from bench.report import growth
from bench.statistics import interval, ratio


def test_the_median_of_one_value_is_that_value():
    found = interval([3.0])
    assert (found.median, found.low, found.high, found.count) == (3.0, 3.0, 3.0, 1)


def test_the_interval_of_two_values_is_their_range():
    found = interval([1.0, 3.0])
    assert (found.median, found.low, found.high) == (2.0, 1.0, 3.0)


def test_the_interval_encloses_the_median_and_one_outlier_does_not_move_it():
    found = interval([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 50.0])
    assert found.low <= found.median <= found.high
    assert found.median == 1.0
    assert found.high < 2


def test_the_same_values_give_the_same_interval():
    values = [1.0, 1.4, 0.7, 2.0, 1.1]
    assert interval(values, seed=7) == interval(values, seed=7)


def test_nothing_has_no_median():
    with pytest.raises(ValueError, match="no values"):
        interval([])


def test_a_ratio_is_taken_between_neighbours():
    # The machine was six times as slow in the second round, which no single run shows: the ratio
    # of the medians would be 2, that of the sums 0.73.
    found = ratio([1.0, 6.0, 5.0], [2.0, 12.0, 2.5])
    assert found is not None
    assert (found.median, found.low, found.high) == (0.5, 0.5, 2.0)


def test_pairs_that_were_measured_on_one_side_only_are_left_out():
    found = ratio([1.0, None, 4.0], [2.0, 3.0, None])
    assert found is not None
    assert (found.median, found.count) == (0.5, 1)


def test_there_is_no_ratio_to_nothing():
    assert ratio([1.0], [0.0]) is None
    assert ratio([1.0], []) is None


def _line(**other: object) -> bytes:
    event = {
        "user": {"username": "system:serviceaccount:benchmark:go1"},
        "verb": "patch",
        "objectRef": {
            "resource": "helloworlds",
            "subresource": "status",
            "namespace": "run-1",
            "name": "x",
        },
        "responseStatus": {"code": 200},
        "stageTimestamp": "2026-11-25T00:00:01.500000Z",
    }
    return json.dumps({**event, **other}).encode()


def test_a_line_of_the_audit_log_is_read_with_its_subresource_and_time():
    found = parse(_line())
    assert found == Request("go1", "patch", "helloworlds/status", "run-1", "x", found.at, 200)
    assert found.at % 60 == 1.5
    assert found.write


def test_requests_of_others_are_no_requests_of_an_operator():
    assert parse(_line(user={"username": "system:kube-controller-manager"})) is None
    assert parse(_line(user={"username": "system:serviceaccount:kube-system:go1"})) is None


def test_the_lease_does_not_count_as_a_write_and_a_read_is_none():
    lease = parse(_line(objectRef={"resource": "leases", "name": "x"}))
    read = parse(_line(verb="get"))
    assert lease is not None
    assert read is not None
    assert not lease.write
    assert not read.write


def _write(resource: str, name: str, at: float, code: int = 200) -> Request:
    return Request("ours", "patch", resource, "run-1", name, at, code)


def test_converged_is_the_last_first_write_and_later_ones_do_not_count():
    writes = [
        _write("deployments", "x", 1.0),
        _write("services", "x", 2.0),
        _write("helloworlds/status", "x", 3.0, code=409),
        _write("helloworlds/status", "x", 4.0),
        _write("helloworlds/status", "x", 9.0),
        _write("services", "stranger", 10.0),
    ]
    assert last_needed(writes, {"x"}) == 4.0


def test_growth_compares_the_smallest_with_the_largest_burst():
    samples = [
        Sample("ours", "converge", count, {"cpu_per_object": cpu})
        for count, cpu in ((100, 2.0), (100, 4.0), (100, 2.0), (1000, 3.0))
    ]
    assert growth(samples, ["ours", "go1"]) == [
        "ours: CPU per object from 100 to 1000 objects: 1.50 x"
    ]
