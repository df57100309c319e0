"""In which order webhooks are measured, and how a benchmark ends in time."""

import math
import time

from bench import conversion
from bench.measure import Sample


def order(turns, end):
    def work(peer):
        return Sample(peer, "convert", 1, {})

    return [each.operator for each in conversion._turns(["ours", "go"], turns, work, end)]


def test_webhooks_take_turns_so_that_neighbours_can_be_compared():
    assert order(3, math.inf) == ["ours", "go", "go", "ours", "ours", "go"]


def test_when_the_time_is_over_everything_is_still_measured_once():
    assert order(7, time.monotonic() - 1) == ["ours", "go"]
